/*
 * NAME      redress-erase - make a person's data unreadable, for ever
 * SYNOPSIS  redress-erase [--config FILE] NUMBER --reason TEXT [--by NAME]
 *           redress-erase [--config FILE] list
 *
 * Destroys the keys of a case, and of every other number under which the same was submitted: the
 * rows of case_keys and the cached contacts in Redis. What is left, everywhere, is sealed with keys
 * that are gone. Events, ledger and proofs stay as they are and stay valid. It is recorded, with
 * the reason and by whom, in a table that cannot be changed (list prints it). The reason must not
 * name the person. Then the case is ended, so that no clock and no list asks anybody for an answer
 * to what nobody can read.
 *
 * The topics by which the grievance came in hold a wrapped key until their retention has passed;
 * the command says until when. Backups hold keys as long as they are kept: after restoring one,
 * erase again what list had (keep its output apart from the backups).
 *
 * EXIT      0 done, also when it had been done before; 1 could not be done: run it again; 2 usage
 */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/kafka.h"
#include "client/postgres.h"
#include "client/redis.h"
#include "command_client.h"
#include "client/redis_key.h"
#include "domain/case_number.h"
#include "domain/message_fault.h"
#include "domain/pipeline.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/program.h"
#include "util/text.h"
#include "util/visible_text.h"

#define NUMBERS_MAX 100
#define REASON_MAX  1000
#define TRIES       10 /* somebody else may work on the case at the same time */

struct request {
	uint64_t number;
	const char *reason, *by;
};

struct eraser {
	struct settings *settings;
	struct postgres *postgres;
	struct arena *arena;
	int64_t numbers[NUMBERS_MAX]; /* the case and its aliases */
	size_t count;
	int64_t received_ms; /* the latest */
};

static struct postgres_result *ask(struct eraser *eraser, const char *sql,
				   const struct postgres_param *params, size_t count)
{
	struct err err;
	struct postgres_result *result;
	if (postgres_query(eraser->postgres, sql, params, count, &result, &err))
		fatal("nothing is recorded, run it again: %s", err.text);
	return result;
}

/* ---- what there is to erase ----------------------------------------------------------------- */

/* The case that lives on, when the number only leads to it, and every number that leads there. */
static void find_numbers(struct eraser *eraser, uint64_t number)
{
	struct postgres_param param = postgres_int8(eraser->arena, (int64_t)number);
	struct postgres_result *rows =
	    ask(eraser,
		"SELECT g.number, (extract(epoch FROM g.received_at) * 1000)::bigint"
		" FROM cases c JOIN cases o ON o.number = COALESCE(c.alias_of, c.number)"
		" OR o.alias_of = COALESCE(c.alias_of, c.number)"
		" JOIN grievances g ON g.number = o.number WHERE c.number = $1 ORDER BY 1",
		&param, 1);
	eraser->count = postgres_rows(rows);
	if (!eraser->count)
		fatal("the record has no such case (yet): nothing was erased");
	if (eraser->count > NUMBERS_MAX)
		fatal("there are %zu numbers of this case, more than %d: nothing was erased",
		      eraser->count, NUMBERS_MAX);
	for (size_t i = 0; i < eraser->count; i++) {
		int64_t received_ms = postgres_get_int(rows, i, 1);
		eraser->numbers[i] = postgres_get_int(rows, i, 0);
		if (received_ms > eraser->received_ms)
			eraser->received_ms = received_ms;
	}
	postgres_result_free(&rows);
}

/* ---- erasing -------------------------------------------------------------------------------- */

static void erase_cached_contact(struct eraser *eraser)
{
	struct err err;
	int32_t partitions;
	char key[REDIS_KEY_SIZE];
	struct redis *redis = redis_new(eraser->settings, &err);
	if (!redis || kafka_partition_count(eraser->settings, TOPIC_RECEIVED, &partitions, &err))
		fatal("nothing was erased: %s", err.text);
	for (size_t i = 0; i < eraser->count; i++) {
		uint64_t number = (uint64_t)eraser->numbers[i];
		int32_t partition = case_number_partition(number, partitions);
		size_t len = redis_key_contact(key, partition, number);
		const struct redis_arg args[] = {REDIS_ARG("DEL"), {key, len}};
		redis_queue(redis, args, 2);
	}
	if (redis_run_all_ok(redis, &err))
		fatal("nothing is recorded, run it again: %s", err.text);
	redis_free(&redis);
}

/* In the record: what can be read no more, and that it was erased. Of a case that was erased before
 * the first time counts. */
static void erase_record(struct eraser *eraser, const struct request *request, int64_t *keys,
			 int64_t *recorded)
{
	const struct postgres_param params[] = {
	    postgres_int8_array(eraser->arena, eraser->numbers, eraser->count),
	    postgres_text(request->by), postgres_text(request->reason)};
	struct postgres_result *row =
	    ask(eraser, "SELECT keys, recorded FROM erase_keys($1, $2, $3)", params, 3);
	*keys = postgres_get_int(row, 0, 0);
	*recorded = postgres_get_int(row, 0, 1);
	postgres_result_free(&row);
}

/* When the last of them became a letter that Kafka may still have whole; 0: none did. In the record
 * letters are without keys, under the number as it is written. */
static int64_t last_letter_ms(struct eraser *eraser)
{
	int64_t last_ms = 0;
	char written[CASE_NUMBER_TEXT_SIZE];
	for (size_t i = 0; i < eraser->count; i++) {
		case_number_format((uint64_t)eraser->numbers[i], written);
		struct postgres_param param = postgres_bytes(written, strlen(written));
		struct postgres_result *row =
		    ask(eraser,
			"SELECT (extract(epoch FROM COALESCE(max(at), 'epoch')) * 1000)::bigint"
			" FROM dead_letters WHERE topic = '" TOPIC_RECEIVED "'"
			" AND position($1::bytea IN body) > 0",
			&param, 1);
		int64_t at_ms = postgres_get_int(row, 0, 0);
		if (at_ms > last_ms)
			last_ms = at_ms;
		postgres_result_free(&row);
	}
	return last_ms;
}

static void say_until_when(const char *topic, int64_t since_ms)
{
	char until[CLOCK_RFC3339_SIZE];
	int64_t until_ms = since_ms + pipeline_topic(topic)->retention_ms;
	if (since_ms && until_ms > clock_now_ms())
		printf("Until %s Kafka's %s may still hold a wrapped key: who has that topic and a"
		       " role's key can read the data until then.\n",
		       clock_rfc3339(until_ms, until), topic);
}

/* ---- ending the case ------------------------------------------------------------------------- */

/* The case, among its numbers; whether routing may still know it, and at which version. */
static bool is_to_end(struct eraser *eraser, Redress__Command *command)
{
	struct postgres_param numbers =
	    postgres_int8_array(eraser->arena, eraser->numbers, eraser->count);
	struct postgres_result *row = ask(eraser,
					  "SELECT number, version FROM cases"
					  " WHERE number = ANY($1) AND alias_of IS NULL"
					  " AND status NOT IN ('erased', 'merged')",
					  &numbers, 1);
	bool found = postgres_rows(row) > 0;
	if (found) {
		command->number = (uint64_t)postgres_get_int(row, 0, 0);
		command->based_on = (uint32_t)postgres_get_int(row, 0, 1);
	}
	postgres_result_free(&row);
	return found;
}

/* Routing forgets cases that ended long ago: these ask nobody for anything. */
static bool has_ended(const Redress__Refused *refused)
{
	return refused->current_status == REDRESS__STATUS__ERASED ||
	       refused->current_status == REDRESS__STATUS__STATUS_NONE;
}

static void end_case(struct eraser *eraser, const struct request *request)
{
	struct err err;
	struct command_result result;
	Redress__Command command = REDRESS__COMMAND__INIT;
	Redress__Actor actor = REDRESS__ACTOR__INIT;
	Redress__Erase body = REDRESS__ERASE__INIT;
	body.reason = (char *)(uintptr_t) "request";
	actor.kind = REDRESS__ACTOR__KIND__OPERATOR;
	actor.id = (char *)(uintptr_t)request->by;
	command.actor = &actor;
	command.body_case = REDRESS__COMMAND__BODY_ERASE;
	command.erase = &body;
	if (!is_to_end(eraser, &command))
		return;
	for (int i = 0; i < TRIES; i++) {
		command.at_ms = clock_now_ms();
		if (command_client_send(eraser->settings, eraser->arena, &command, &result, &err))
			fatal("the keys are gone, but the case is still open, run it again: %s",
			      err.text);
		if (result.outcome == COMMAND_UNKNOWN)
			break;
		if (result.outcome == COMMAND_DONE || has_ended(result.events[0]->refused)) {
			printf("The case is ended.\n");
			return;
		}
		command.based_on = result.events[0]->refused->current_version;
	}
	fatal("the keys are gone, but routing has not ended the case yet: run it again");
}

static void erase(struct eraser *eraser, const struct request *request)
{
	int64_t keys, recorded;
	find_numbers(eraser, request->number);
	/* Redis first: what is on record as erased must be erased everywhere */
	erase_cached_contact(eraser);
	erase_record(eraser, request, &keys, &recorded);
	if (recorded)
		printf("Erased: the keys of %" PRId64 " grievances, the cached contacts.\n", keys);
	else
		printf("It had been erased before.\n");
	say_until_when(TOPIC_RECEIVED, eraser->received_ms);
	say_until_when(TOPIC_RECEIVED TOPIC_DEAD_SUFFIX, last_letter_ms(eraser));
	end_case(eraser, request);
}

static void list(struct eraser *eraser)
{
	char number[CASE_NUMBER_TEXT_SIZE], at[CLOCK_RFC3339_SIZE];
	struct postgres_result *rows =
	    ask(eraser,
		"SELECT number, (extract(epoch FROM at) * 1000)::bigint, erased_by, reason"
		" FROM erasures ORDER BY at, number",
		NULL, 0);
	for (size_t i = 0; i < postgres_rows(rows); i++) {
		case_number_format((uint64_t)postgres_get_int(rows, i, 0), number);
		visible_printf(stdout, "%s  %s  by %s: %s\n", number,
			       clock_rfc3339(postgres_get_int(rows, i, 1), at),
			       postgres_get_text(rows, i, 2), postgres_get_text(rows, i, 3));
	}
	postgres_result_free(&rows);
}

/* ---- the command line ----------------------------------------------------------------------- */

static const char *myself(void)
{
	const char *before_sudo = getenv("SUDO_USER");
	const struct passwd *entry = getpwuid(getuid());
	return before_sudo ? before_sudo : entry ? entry->pw_name : "unknown";
}

static void check_text(const char *what, const char *text, size_t most)
{
	size_t size = text ? strlen(text) : 0;
	if (size && size <= most && text_is_utf8(text, size) && !strpbrk(text, "\r\n"))
		return;
	program_refuse("%s: must be one line of 1 to %zu bytes", what, most);
}

static struct request read_request(const struct program_call *call)
{
	const char *by = program_option(call, "by");
	struct request request = {.reason = program_option(call, "reason"),
				  .by = by ? by : myself()};
	if (!case_number_parse(call->words[0], &request.number))
		program_refuse("%s: is no case number", call->words[0]);
	check_text("--reason", request.reason, REASON_MAX);
	check_text("--by", request.by, MESSAGE_ACTOR_MOST);
	return request;
}

enum { ERASE, LIST };
static const struct program_command commands[] = {
    [ERASE] = {"NUMBER --reason TEXT [--by NAME]",
	       "Destroys the keys of a case, so that nobody can read the person's data any more.",
	       false},
    [LIST] = {"list", "Lists what was erased.", false},
    {NULL, NULL, false},
};
static const struct program_option options[] = {
    {"reason", "TEXT", "is recorded; it must not name the person"},
    {"by", "NAME", "who decided it; the user who runs this unless it is given"},
    {NULL, NULL, NULL},
};
static const struct setting *const tables[] = {postgres_bulk_settings, redis_settings,
					       kafka_settings, command_client_settings, NULL};
static const struct program program = {.name = "erase",
				       .summary = "make a person's data unreadable, for ever",
				       .commands = commands,
				       .options = options,
				       .settings = tables};

int main(int argc, char **argv)
{
	struct request request = {0};
	struct program_call call = program_begin(argc, argv, &program);
	if (call.command == ERASE)
		request = read_request(&call);
	struct eraser eraser = {
	    .settings = call.settings,
	    .postgres = postgres_new_bulk(call.settings, "redress-erase"),
	    .arena = arena_new(),
	};
	if (call.command == LIST)
		list(&eraser);
	else
		erase(&eraser, &request);
	arena_free(&eraser.arena);
	postgres_free(&eraser.postgres);
	program_end(&call);
	return 0;
}
