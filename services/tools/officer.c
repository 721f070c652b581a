/*
 * NAME      redress-officer - work on cases from the command line
 * SYNOPSIS  redress-officer [--config FILE] due OFFICE
 *           redress-officer [--config FILE] show NUMBER
 *           redress-officer [--config FILE] VERB NUMBER [WORD] --officer ID --based-on VERSION
 *
 * due lists the cases of an office whose clock runs, the earliest deadline first, to the last one;
 * show prints a case with everything that was collected. A VERB sends one command to routing and
 * prints what came of it. VERSION is the version of the case that the officer saw (show prints it):
 * when the case has changed since, the command is refused and nothing happens. Texts (of answer,
 * ask and comment) are read from standard input, and travel sealed with the case's key.
 *
 * Reads the record with officer.key, which opens every text: whoever runs this is trusted with it,
 * and with the officer's name that it is given.
 *
 * EXIT      0 done; 1 could not be done; 2 usage; 3 refused, with the reason; 4 sent, but routing
 *           has not answered in time
 */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case_print.h"
#include "client/catalogue_folder.h"
#include "client/kafka.h"
#include "client/key_file.h"
#include "client/texts_folder.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "domain/language_tag.h"
#include "domain/message_fault.h"
#include "domain/reason.h"
#include "command_client.h"
#include "officer_key.h"
#include "record/queue.h"
#include "record/record.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/program.h"
#include "util/text.h"
#include "util/visible_text.h"

#define TEXT_MAX    ((size_t)64 * 1024)
#define DUE_AT_ONCE 500

struct officer {
	struct settings *settings;
	struct postgres *postgres;
	struct unsealer *unsealer;
	struct texts *texts;
	struct catalogue *catalogue;
	char language[LANGUAGE_TAG_SIZE]; /* of the terminal; "": none is said */
	struct arena *arena;
};

enum { DUE, SHOW, ASSIGN, ACCEPT, CORRECT, ASK, ANSWER, COMMENT, CLOSE };

/* What the command line asks for. */
struct request {
	const struct verb *verb;
	uint64_t number;
	const char *word;
	const char *officer;
	uint32_t based_on;
	bool is_public;
	Redress__Outcome outcome; /* of an answer */
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
	BODY(AnswerCase, answer, REDRESS__ANSWER_CASE__INIT);
	body->sealed_text = text;
	body->outcome = request->outcome;
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
	Redress__Command__BodyCase body;
	bool has_text;
	void (*fill)(struct arena *arena, Redress__Command *command, const struct request *request,
		     ProtobufCBinaryData sealed_text);
} verbs[] = {
    /* clang-format off */
	[ASSIGN] =  {REDRESS__COMMAND__BODY_ASSIGN,  false, fill_assign},
	[ACCEPT] =  {REDRESS__COMMAND__BODY_ACCEPT,  false, fill_accept},
	[CORRECT] = {REDRESS__COMMAND__BODY_CORRECT, false, fill_correct},
	[ASK] =     {REDRESS__COMMAND__BODY_ASK,     true,  fill_ask},
	[ANSWER] =  {REDRESS__COMMAND__BODY_ANSWER,  true,  fill_answer},
	[COMMENT] = {REDRESS__COMMAND__BODY_COMMENT, true,  fill_comment},
	[CLOSE] =   {REDRESS__COMMAND__BODY_CLOSE,   false, fill_close},
    /* clang-format on */
};

/* ---- the command line ------------------------------------------------------------------------ */

static uint64_t parse_number(const char *text)
{
	uint64_t number;
	if (!case_number_parse(text, &number))
		program_refuse("%s: is no case number: a digit is missing or wrong", text);
	return number;
}

static uint32_t parse_version(const char *text)
{
	char *end;
	errno = 0;
	unsigned long version = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || version < 1 || version > UINT32_MAX)
		program_refuse("--based-on: %s: is no version as show prints it", text);
	return (uint32_t)version;
}

static Redress__Outcome parse_outcome(const char *code)
{
	Redress__Outcome outcome = case_outcome(code);
	if (outcome == REDRESS__OUTCOME__NO_OUTCOME)
		program_refuse("--outcome: %s: must be solved, partly_solved, explained, declined, "
			       "not_admissible, sent_elsewhere or no_reply",
			       code);
	return outcome;
}

/* Of due and show no more than what they are about. */
static struct request read_request(const struct program_call *call)
{
	if (call->command == DUE)
		return (struct request){.word = call->words[0]};
	if (call->command == SHOW)
		return (struct request){.number = parse_number(call->words[0])};
	struct request request = {
	    .verb = &verbs[call->command],
	    .number = parse_number(call->words[0]),
	    .word = call->words[1],
	    .officer = program_option(call, "officer"),
	    .based_on = parse_version(program_option(call, "based-on")),
	    .is_public = program_option(call, "public") != NULL,
	};
	if (call->command == ANSWER)
		request.outcome = parse_outcome(program_option(call, "outcome"));
	if (text_is_empty(request.officer) || strlen(request.officer) > MESSAGE_ACTOR_MOST ||
	    !text_is_utf8(request.officer, strlen(request.officer)))
		program_refuse("--officer: must be UTF-8 of 1 to %d bytes", MESSAGE_ACTOR_MOST);
	return request;
}

/* ---- doing it -------------------------------------------------------------------------------- */

static struct case_file read_case(struct officer *officer, uint64_t number)
{
	struct err err;
	struct case_file file;
	if (case_file_read(officer->postgres, officer->unsealer, officer->arena, number, &file,
			   &err))
		fatal("%s", err.text);
	return file;
}

static ProtobufCBinaryData read_text(struct officer *officer, uint64_t number)
{
	uint8_t nonce[SEAL_NONCE_SIZE];
	char *text = arena_take(officer->arena, TEXT_MAX + 1);
	struct case_file file = read_case(officer, number);
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
	    seal_close(officer->arena, file.text_key, number, SEAL_CASEWORK, nonce, text, size);
	sodium_memzero(file.text_key, sizeof(file.text_key));
	sodium_memzero(text, size);
	return (ProtobufCBinaryData){sealed.len, sealed.data};
}

/* By LC_ALL, LC_MESSAGES or LANG, the first that is given (POSIX, 8.2). */
static void read_language(char *tag)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	const char *locale = NULL;
	char cut[LANGUAGE_TAG_SIZE];
	for (size_t i = 0; i < 3 && text_is_empty(locale); i++)
		locale = getenv(names[i]);
	snprintf(cut, sizeof(cut), "%.*s", (int)strcspn(locale ? locale : "", "_.@"),
		 locale ? locale : "");
	language_tag_read(cut, tag);
}

static void print_refusal(const struct officer *officer, const Redress__Refused *refused)
{
	struct buffer sentence = {0};
	reason_write(texts_for(officer->texts, officer->language), REASON_REFUSAL, refused->reason,
		     &sentence);
	visible_printf(stderr, "refused: %s (the case is at version %u, %s)\n", sentence.data,
		       refused->current_version, case_status_name(refused->current_status));
	buffer_free(&sentence);
}

static void print_event(const struct officer *officer, const Redress__CaseEvent *event)
{
	if (!event->version) {
		print_refusal(officer, event->refused);
		return;
	}
	visible_printf(stdout, "version %u: %s, %s", event->version, event_kind(event),
		       case_status_name(event->status));
	if (event->body_case == REDRESS__CASE_EVENT__BODY_ASSIGNED)
		visible_printf(stdout, ", office %s", event->assigned->office);
	printf("\n");
}

static int print_result(const struct officer *officer, const struct command_result *result)
{
	if (result->outcome == COMMAND_UNKNOWN) {
		log_info(0, "sent, but routing has not answered yet");
		return 4;
	}
	for (size_t i = 0; i < result->count; i++)
		print_event(officer, result->events[i]);
	return result->outcome == COMMAND_DONE ? 0 : 3;
}

/* Whoever holds officer.key acts for whichever office has the case. */
static char *office_of(struct officer *officer, uint64_t number)
{
	struct case_file file = read_case(officer, number);
	sodium_memzero(file.text_key, sizeof(file.text_key));
	return file.state->office;
}

static int give_order(struct officer *officer, const struct request *request)
{
	struct err err;
	struct command_result result;
	ProtobufCBinaryData text = {0, NULL};
	Redress__Command command = REDRESS__COMMAND__INIT;
	Redress__Actor actor = REDRESS__ACTOR__INIT;
	if (request->verb->has_text)
		text = read_text(officer, request->number);
	actor.kind = REDRESS__ACTOR__KIND__OFFICER;
	actor.id = (char *)(uintptr_t)request->officer;
	actor.office = office_of(officer, request->number);
	command.number = request->number;
	command.based_on = request->based_on;
	command.actor = &actor;
	command.at_ms = clock_now_ms();
	command.body_case = request->verb->body;
	request->verb->fill(officer->arena, &command, request, text);
	if (command_client_send(officer->settings, officer->arena, &command, &result, &err))
		fatal("%s", err.text);
	return print_result(officer, &result);
}

static int show(struct officer *officer, uint64_t number)
{
	struct case_file file = read_case(officer, number);
	case_print(&file, officer->catalogue, officer->language, officer->arena, stdout);
	sodium_memzero(file.text_key, sizeof(file.text_key));
	return 0;
}

static void print_due(const struct queue_row *row)
{
	char number[CASE_NUMBER_TEXT_SIZE], time[CLOCK_RFC3339_SIZE];
	case_number_format(row->number, number);
	visible_printf(stdout, "%s  version %-3u %s  %-11s %s\n", number, row->version,
		       clock_rfc3339(row->deadline_ms, time), row->status, row->category);
}

/* Page by page, to the end of the list. */
static int due(struct officer *officer, const char *office)
{
	struct err err;
	size_t count;
	struct queue_place place = {0, 0};
	struct queue_row rows[DUE_AT_ONCE];
	if (!catalogue_office(officer->catalogue, office))
		program_refuse("%s: the catalogue has no such office", office);
	do {
		if (queue_due(officer->postgres, officer->arena, office, &place, rows, DUE_AT_ONCE,
			      &count, &err))
			fatal("%s", err.text);
		for (size_t i = 0; i < count; i++)
			print_due(&rows[i]);
		arena_reset(officer->arena);
	} while (count == DUE_AT_ONCE);
	return 0;
}

static int run(struct officer *officer, size_t command, const struct request *request)
{
	if (command == SHOW)
		return show(officer, request->number);
	if (command == DUE)
		return due(officer, request->word);
	return give_order(officer, request);
}

#define WHO " --officer ID --based-on VERSION"
static const struct program_command commands[] = {
    [DUE] = {"due OFFICE", "Lists its open cases, the earliest deadline first.", false},
    [SHOW] = {"show NUMBER", "Prints a case with everything that was collected.", false},
    [ASSIGN] = {"assign NUMBER OFFICE" WHO, "Gives the case to an office.", false},
    [ACCEPT] = {"accept NUMBER" WHO, "Takes it up.", false},
    [CORRECT] = {"correct NUMBER CATEGORY" WHO, "Says what it is about.", false},
    [ASK] = {"ask NUMBER" WHO, "Asks the citizen (text on standard input).", false},
    [ANSWER] = {"answer NUMBER --outcome OUTCOME" WHO, "Answers it (text on standard input).",
		false},
    [COMMENT] = {"comment NUMBER" WHO " [--public]", "Notes something (text on standard input).",
		 false},
    [CLOSE] = {"close NUMBER" WHO, "Closes an answered case.", false},
    {NULL, NULL, false},
};
static const struct program_option options[] = {
    {"officer", "ID", "who gives the command"},
    {"based-on", "VERSION", "of the case, as show printed it: when it has changed nothing is done"},
    {"outcome", "OUTCOME",
     "what the answer comes to: solved, partly_solved, explained, declined, not_admissible, "
     "sent_elsewhere or no_reply"},
    {"public", NULL, "the citizen may read the note"},
    {NULL, NULL, NULL},
};
static const struct setting *const tables[] = {kafka_settings,
					       postgres_bulk_settings,
					       key_file_settings,
					       texts_settings,
					       catalogue_settings,
					       command_client_settings,
					       NULL};
static const struct program program = {
    .name = "officer",
    .summary = "work on cases from the command line",
    .commands = commands,
    .options = options,
    .settings = tables,
    .notes =
	"Exit status: 0 done; 1 could not be done; 2 usage; 3 refused, with the reason; 4 sent,\n"
	"but routing has not answered in time.\n",
};

int main(int argc, char **argv)
{
	struct err err;
	struct program_call call = program_begin(argc, argv, &program);
	struct request request = read_request(&call);
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	struct officer officer = {
	    .settings = call.settings,
	    .postgres = record_open_bulk(call.settings, "redress-officer"),
	    .unsealer = officer_key_open(settings_str(call.settings, "keys.folder")),
	    .texts = texts_load(call.settings, &err),
	    .arena = arena_new(),
	};
	if (!officer.texts || !(officer.catalogue = catalogue_load(call.settings, &err)))
		fatal("%s", err.text);
	read_language(officer.language);
	int result = run(&officer, call.command, &request);
	arena_free(&officer.arena);
	catalogue_free(&officer.catalogue);
	texts_free(&officer.texts);
	unsealer_free(&officer.unsealer);
	postgres_free(&officer.postgres);
	program_end(&call);
	return result;
}
