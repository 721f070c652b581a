/*
 * NAME      redress-desk - work on cases from the command line
 * SYNOPSIS  redress-desk [--config FILE] due OFFICE
 *           redress-desk [--config FILE] show NUMBER
 *           redress-desk [--config FILE] VERB NUMBER [WORD] --officer ID --based-on VERSION
 *
 * due lists the open cases of an office, the most urgent deadline first; show prints a case with
 * its texts. A VERB sends one command to routing and prints what came of it. VERSION is the version
 * of the case that the officer saw (show prints it): when the case has changed since, the command
 * is refused and nothing happens. Texts (of answer, ask and comment) are read from standard input,
 * and travel sealed with the case's key.
 *
 * Reads the record with desk.key, which opens every text: whoever runs this is trusted with it, and
 * with the officer's name that it is given.
 *
 * EXIT      0 done; 1 could not be done; 2 usage; 3 refused, with the reason; 4 sent, but routing
 *           has not answered in time
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case_file.h"
#include "client/kafka.h"
#include "client/key_file.h"
#include "command_line.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "order.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define TEXT_MAX ((size_t)64 * 1024)
#define DUE_MAX  200

static const struct setting desk_settings[] = {
    {"desk.wait", SETTING_DURATION, "10s", 0, 600000, "how long to wait for routing's answer"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static const char usage[] =
    "usage: redress-desk [--config FILE] due OFFICE\n"
    "       redress-desk [--config FILE] show NUMBER\n"
    "       redress-desk [--config FILE] VERB NUMBER [WORD] --officer ID --based-on VERSION\n"
    "\n"
    "  assign NUMBER OFFICE       give the case to an office\n"
    "  accept NUMBER              take it up\n"
    "  correct NUMBER CATEGORY    say what it is about\n"
    "  ask NUMBER                 ask the citizen (text on standard input)\n"
    "  answer NUMBER              answer it (text on standard input)\n"
    "  comment NUMBER [--public]  note something (text on standard input)\n"
    "  close NUMBER               close an answered case\n";

struct desk {
	struct settings *settings;
	struct postgres *postgres;
	struct unsealer *unsealer;
	struct arena *arena;
};

/* What the command line asks for. */
struct request {
	const struct verb *verb;
	uint64_t number;
	const char *word;
	const char *officer;
	uint32_t based_on;
	bool is_public;
};

/* ---- the verbs ------------------------------------------------------------------------------ */

#define BODY(type, member, which)                                                                  \
	Redress__##type *body = arena_take(arena, sizeof(*body));                                  \
	*body = (Redress__##type)which;                                                            \
	command->member = body

static void fill_assign(struct arena *arena, Redress__Command *command,
			const struct request *request, ProtobufCBinaryData text)
{
	(void)text;
	BODY(Assign, assign, REDRESS__ASSIGN__INIT);
	body->office = (char *)(uintptr_t)request->word;
}

static void fill_accept(struct arena *arena, Redress__Command *command,
			const struct request *request, ProtobufCBinaryData text)
{
	(void)request;
	(void)text;
	BODY(Accept, accept, REDRESS__ACCEPT__INIT);
}

static void fill_correct(struct arena *arena, Redress__Command *command,
			 const struct request *request, ProtobufCBinaryData text)
{
	(void)text;
	BODY(Correct, correct, REDRESS__CORRECT__INIT);
	body->category = (char *)(uintptr_t)request->word;
}

static void fill_ask(struct arena *arena, Redress__Command *command, const struct request *request,
		     ProtobufCBinaryData text)
{
	(void)request;
	BODY(Ask, ask, REDRESS__ASK__INIT);
	body->sealed_text = text;
}

static void fill_answer(struct arena *arena, Redress__Command *command,
			const struct request *request, ProtobufCBinaryData text)
{
	(void)request;
	BODY(AnswerCase, answer, REDRESS__ANSWER_CASE__INIT);
	body->sealed_text = text;
}

static void fill_comment(struct arena *arena, Redress__Command *command,
			 const struct request *request, ProtobufCBinaryData text)
{
	BODY(Comment, comment, REDRESS__COMMENT__INIT);
	body->sealed_text = text;
	body->public_ = request->is_public;
}

static void fill_close(struct arena *arena, Redress__Command *command,
		       const struct request *request, ProtobufCBinaryData text)
{
	(void)request;
	(void)text;
	BODY(Close, close, REDRESS__CLOSE__INIT);
}

static const struct verb {
	const char *name;
	Redress__Command__BodyCase body;
	const char *word; /* what the word after the number is; NULL: there is none */
	bool has_text;
	void (*fill)(struct arena *arena, Redress__Command *command, const struct request *request,
		     ProtobufCBinaryData sealed_text);
} verbs[] = {
    /* clang-format off */
	{"assign",  REDRESS__COMMAND__BODY_ASSIGN,  "OFFICE",   false, fill_assign},
	{"accept",  REDRESS__COMMAND__BODY_ACCEPT,  NULL,       false, fill_accept},
	{"correct", REDRESS__COMMAND__BODY_CORRECT, "CATEGORY", false, fill_correct},
	{"ask",     REDRESS__COMMAND__BODY_ASK,     NULL,       true,  fill_ask},
	{"answer",  REDRESS__COMMAND__BODY_ANSWER,  NULL,       true,  fill_answer},
	{"comment", REDRESS__COMMAND__BODY_COMMENT, NULL,       true,  fill_comment},
	{"close",   REDRESS__COMMAND__BODY_CLOSE,   NULL,       false, fill_close},
    /* clang-format on */
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* ---- the command line ------------------------------------------------------------------------ */

static void die_of_usage(const char *what)
{
	fprintf(stderr, "redress-desk: %s\n\n%s", what, usage);
	exit(2);
}

static uint64_t parse_number(const char *text)
{
	uint64_t number;
	if (!case_number_parse(text, &number))
		die_of_usage("this is no case number: a digit is missing or wrong");
	return number;
}

static uint32_t parse_version(const char *text)
{
	char *end;
	errno = 0;
	unsigned long version = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || version < 1 || version > UINT32_MAX)
		die_of_usage("--based-on wants the version that show prints");
	return (uint32_t)version;
}

/* words: VERB NUMBER [WORD] and the options, in any order. */
static struct request parse_request(int count, char **words, const struct verb *verb)
{
	static const struct option options[] = {{"officer", required_argument, NULL, 'o'},
						{"based-on", required_argument, NULL, 'b'},
						{"public", no_argument, NULL, 'p'},
						{NULL, 0, NULL, 0}};
	struct request request = {.verb = verb};
	optind = 0;
	for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
		if (option == 'o')
			request.officer = optarg;
		else if (option == 'b')
			request.based_on = parse_version(optarg);
		else if (option == 'p' && verb->body == REDRESS__COMMAND__BODY_COMMENT)
			request.is_public = true;
		else
			die_of_usage("this option does not go with this verb");
	}
	if (count - optind != (verb->word ? 2 : 1))
		die_of_usage(verb->word ? "this verb wants a number and one word more"
					: "this verb wants a number and no more");
	request.number = parse_number(words[optind]);
	request.word = words[optind + 1];
	if (!request.based_on)
		die_of_usage(
		    "--based-on VERSION is missing: which version of the case did you see?");
	if (text_is_empty(request.officer) || strlen(request.officer) > 100)
		die_of_usage("--officer ID is missing or too long");
	if (!text_is_utf8(request.officer, strlen(request.officer)) ||
	    (request.word && !text_is_utf8(request.word, strlen(request.word))))
		die_of_usage("what was written is not UTF-8");
	return request;
}

/* ---- doing it -------------------------------------------------------------------------------- */

static struct case_file read_case(struct desk *desk, uint64_t number)
{
	struct err err;
	struct case_file file;
	if (case_file_read(desk->postgres, desk->unsealer, desk->arena, number, &file, &err))
		fatal("%s", err.text);
	return file;
}

static ProtobufCBinaryData read_text(struct desk *desk, uint64_t number)
{
	uint8_t nonce[SEAL_NONCE_SIZE];
	char *text = arena_take(desk->arena, TEXT_MAX + 1);
	struct case_file file = read_case(desk, number);
	size_t size = fread(text, 1, TEXT_MAX + 1, stdin);
	while (size && strchr("\r\n \t", text[size - 1]))
		size--;
	if (!file.text)
		fatal("the case's key was erased: no text can be sealed for it");
	if (!size || size > TEXT_MAX || !text_is_utf8(text, size) || memchr(text, '\0', size))
		fatal("the text on standard input is empty, longer than %zu bytes, or not UTF-8",
		      TEXT_MAX);
	randombytes_buf(nonce, sizeof(nonce));
	struct seal_bytes sealed =
	    seal_close(desk->arena, file.text_key, number, SEAL_CASEWORK, nonce, text, size);
	sodium_memzero(file.text_key, sizeof(file.text_key));
	sodium_memzero(text, size);
	return (ProtobufCBinaryData){sealed.len, sealed.data};
}

static void print_event(const Redress__CaseEvent *event)
{
	if (!event->version) {
		fprintf(stderr, "refused: %s (the case is at version %u, %s)\n",
			event->refused->reason, event->refused->current_version,
			case_status_name(event->refused->current_status));
		return;
	}
	printf("version %u: %s, %s", event->version, case_event_kind(event),
	       case_status_name(event->status));
	if (event->body_case == REDRESS__CASE_EVENT__BODY_ASSIGNED)
		printf(", office %s", event->assigned->office);
	printf("\n");
}

static int print_result(const struct order_result *result)
{
	if (result->outcome == ORDER_UNKNOWN) {
		fprintf(stderr, "sent, but routing has not answered yet\n");
		return 4;
	}
	for (size_t i = 0; i < result->count; i++)
		print_event(result->events[i]);
	return result->outcome == ORDER_DONE ? 0 : 3;
}

static int give_order(struct desk *desk, const struct request *request)
{
	struct err err;
	struct order_result result;
	ProtobufCBinaryData text = {0, NULL};
	Redress__Command command = REDRESS__COMMAND__INIT;
	Redress__Actor actor = REDRESS__ACTOR__INIT;
	if (request->verb->has_text)
		text = read_text(desk, request->number);
	actor.kind = REDRESS__ACTOR__KIND__OFFICER;
	actor.id = (char *)(uintptr_t)request->officer;
	command.number = request->number;
	command.based_on = request->based_on;
	command.actor = &actor;
	command.at_ms = clock_now_ms();
	command.body_case = request->verb->body;
	request->verb->fill(desk->arena, &command, request, text);
	if (order_send(desk->settings, desk->arena, &command,
		       settings_int(desk->settings, "desk.wait"), &result, &err))
		fatal("%s", err.text);
	return print_result(&result);
}

static int show(struct desk *desk, uint64_t number)
{
	struct case_file file = read_case(desk, number);
	case_file_print(&file, desk->arena, stdout);
	sodium_memzero(file.text_key, sizeof(file.text_key));
	return 0;
}

static int due(struct desk *desk, const char *office)
{
	struct err err;
	struct postgres_result *rows;
	char number[CASE_NUMBER_TEXT_SIZE], time[CLOCK_RFC3339_SIZE];
	const struct postgres_param params[] = {postgres_text(office),
						postgres_int4(desk->arena, DUE_MAX)};
	if (postgres_query(desk->postgres,
			   "SELECT number, version, (extract(epoch FROM deadline) * 1000)::bigint,"
			   " status, category FROM cases WHERE office = $1 AND deadline IS NOT NULL"
			   " ORDER BY deadline, number LIMIT $2",
			   params, 2, &rows, &err))
		fatal("%s", err.text);
	for (size_t i = 0; i < postgres_rows(rows); i++) {
		case_number_format((uint64_t)postgres_get_int(rows, i, 0), number);
		printf("%s  version %-3" PRId64 " %s  %-11s %s\n", number,
		       postgres_get_int(rows, i, 1),
		       clock_rfc3339(postgres_get_int(rows, i, 2), time),
		       postgres_get_text(rows, i, 3), postgres_get_text(rows, i, 4));
	}
	if (postgres_rows(rows) == DUE_MAX)
		fprintf(stderr, "the first %d\n", DUE_MAX);
	postgres_result_free(&rows);
	return 0;
}

static int run(struct desk *desk, int count, char **words)
{
	const struct verb *verb = count ? find_verb(words[0]) : NULL;
	if (verb) {
		struct request request = parse_request(count, words, verb);
		return give_order(desk, &request);
	}
	if (count == 2 && strcmp(words[0], "show") == 0)
		return show(desk, parse_number(words[1]));
	if (count == 2 && strcmp(words[0], "due") == 0)
		return due(desk, words[1]);
	fprintf(stderr, "%s", usage);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct setting *const tables[] = {kafka_settings, postgres_settings,
						       key_file_settings, desk_settings, NULL};
	int first;
	log_setup("desk", LOG_LEVEL_INFO, false);
	struct settings *settings = command_line(argc, argv, usage, tables, &first);
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	struct desk desk = {
	    .settings = settings,
	    .postgres = postgres_new(settings, "redress-desk"),
	    .unsealer = case_file_desk(settings_str(settings, "keys.folder")),
	    .arena = arena_new(),
	};
	int result = run(&desk, argc - first, argv + first);
	arena_free(&desk.arena);
	unsealer_free(&desk.unsealer);
	postgres_free(&desk.postgres);
	settings_free(&settings);
	return result;
}
