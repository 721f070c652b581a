/*
 * NAME      redress-erase - make a person's data unreadable, for ever
 * SYNOPSIS  redress-erase [--config FILE] NUMBER --reason TEXT [--by NAME]
 *           redress-erase [--config FILE] list
 *
 * Destroys the keys of a case, and of every other number under which the same was submitted: the
 * rows of case_keys and the vault's entries in Redis. What is left, everywhere, is sealed with keys
 * that are gone. Events, ledger and proofs stay as they are and stay valid. It is recorded, with
 * the reason and by whom, in a table that cannot be changed (list prints it). The reason must not
 * name the person.
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
#include "command_line.h"
#include "domain/case_number.h"
#include "domain/hot_key.h"
#include "domain/pipeline.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define NUMBERS_MAX 100
#define REASON_MAX  1000

static const char usage[] =
    "usage: redress-erase [--config FILE] NUMBER --reason TEXT [--by NAME]\n"
    "       redress-erase [--config FILE] list\n"
    "Destroys the keys of a case, so that nobody can read the person's data any more.\n";

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

static void refuse(void)
{
	fprintf(stderr, "%s", usage);
	exit(2);
}

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

static void erase_vault(struct eraser *eraser)
{
	struct err err;
	int32_t partitions;
	char key[HOT_KEY_SIZE];
	struct redis *redis = redis_new(eraser->settings, &err);
	if (!redis || kafka_partition_count(eraser->settings, TOPIC_RECEIVED, &partitions, &err))
		fatal("nothing was erased: %s", err.text);
	for (size_t i = 0; i < eraser->count; i++) {
		uint64_t number = (uint64_t)eraser->numbers[i];
		int32_t partition = case_number_partition(number, partitions);
		size_t len = hot_key_vault(key, partition, number);
		const struct redis_arg args[] = {REDIS_ARG("DEL"), {key, len}};
		redis_queue(redis, args, 2);
	}
	if (redis_run_all_ok(redis, &err))
		fatal("nothing is recorded, run it again: %s", err.text);
	redis_free(&redis);
}

static size_t erase_keys(struct eraser *eraser)
{
	struct postgres_param numbers =
	    postgres_int8_array(eraser->arena, eraser->numbers, eraser->count);
	struct postgres_result *result =
	    ask(eraser, "DELETE FROM case_keys WHERE number = ANY ($1)", &numbers, 1);
	size_t erased = postgres_affected(result);
	postgres_result_free(&result);
	/* made of the text's words, though nobody can read them without classification's key */
	result = ask(eraser, "DELETE FROM signatures WHERE number = ANY ($1)", &numbers, 1);
	postgres_result_free(&result);
	return erased;
}

/* The first time counts. */
static bool put_on_record(struct eraser *eraser, const struct request *request)
{
	const struct postgres_param params[] = {
	    postgres_int8_array(eraser->arena, eraser->numbers, eraser->count),
	    postgres_text(request->by), postgres_text(request->reason)};
	struct postgres_result *result =
	    ask(eraser,
		"INSERT INTO erasures (number, erased_by, reason) SELECT n, $2, $3"
		" FROM unnest($1::bigint[]) AS n ON CONFLICT DO NOTHING",
		params, 3);
	size_t recorded = postgres_affected(result);
	postgres_result_free(&result);
	return recorded > 0;
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

static void erase(struct eraser *eraser, const struct request *request)
{
	struct err err;
	find_numbers(eraser, request->number);
	/* Redis first: what is on record as erased must be erased everywhere */
	erase_vault(eraser);
	if (postgres_exec(eraser->postgres, "BEGIN", &err))
		fatal("nothing is recorded, run it again: %s", err.text);
	size_t keys = erase_keys(eraser);
	bool first = put_on_record(eraser, request);
	if (postgres_exec(eraser->postgres, "COMMIT", &err))
		fatal("nothing is recorded, run it again: %s", err.text);
	if (first)
		printf("Erased: the keys of %zu grievances, the vault's entries.\n", keys);
	else
		printf("It had been erased before.\n");
	say_until_when(TOPIC_RECEIVED, eraser->received_ms);
	say_until_when(TOPIC_RECEIVED TOPIC_DEAD_SUFFIX, last_letter_ms(eraser));
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
		printf("%s  %s  by %s: %s\n", number,
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

static void check_text(const char *what, const char *text)
{
	size_t size = text ? strlen(text) : 0;
	if (size && size <= REASON_MAX && text_is_utf8(text, size) && !strpbrk(text, "\r\n"))
		return;
	fprintf(stderr, "redress-erase: %s must be given, on one line of at most %d bytes\n", what,
		REASON_MAX);
	exit(2);
}

static struct request read_request(int argc, char **argv, int first)
{
	struct request request = {.by = myself()};
	if (!case_number_parse(argv[first], &request.number)) {
		fprintf(stderr, "redress-erase: %s is no case number\n", argv[first]);
		exit(2);
	}
	for (int i = first + 1; i < argc; i += 2) {
		if (i + 1 == argc)
			refuse();
		if (strcmp(argv[i], "--reason") == 0)
			request.reason = argv[i + 1];
		else if (strcmp(argv[i], "--by") == 0)
			request.by = argv[i + 1];
		else
			refuse();
	}
	check_text("--reason", request.reason);
	check_text("--by", request.by);
	return request;
}

int main(int argc, char **argv)
{
	static const struct setting *const tables[] = {postgres_settings, redis_settings,
						       kafka_settings, NULL};
	struct eraser eraser = {0};
	struct request request = {0};
	int first;
	log_setup("erase", LOG_LEVEL_INFO, false);
	eraser.settings = command_line(argc, argv, usage, tables, &first);
	if (first == argc)
		refuse();
	bool listing = first + 1 == argc && strcmp(argv[first], "list") == 0;
	if (!listing)
		request = read_request(argc, argv, first);
	eraser.postgres = postgres_new(eraser.settings, "redress-erase");
	eraser.arena = arena_new();
	if (listing)
		list(&eraser);
	else
		erase(&eraser, &request);
	arena_free(&eraser.arena);
	postgres_free(&eraser.postgres);
	settings_free(&eraser.settings);
	return 0;
}
