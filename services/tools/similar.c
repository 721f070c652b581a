/*
 * NAME      redress-similar - cases that tell the same matter as this one
 * SYNOPSIS  redress-similar [--config FILE] NUMBER [LEAST]
 *           redress-similar [--config FILE] suspected
 *
 * Looks the case's signature up in the record and prints the cases whose signature is most like it:
 * number, likeness in percent, when it was opened, how many metres away it is (- when one of them
 * has no place), category, office, status. LEAST is the least likeness, 30 unless told otherwise:
 * at that, of a thousand pairs of unrelated cases of one kind less than one is shown. Nothing is
 * merged by itself.
 *
 * suspected prints the last cases that carry the flag of suspected abuse or spam, for a person to
 * look at.
 *
 * EXIT      0; 1 there is no such case or no signature of it; 2 usage
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/postgres.h"
#include "command_line.h"
#include "domain/case_number.h"
#include "util/log.h"

#define LEAST          30
#define SIGNATURE_SIZE 32

static const char usage[] =
    "usage: redress-similar [--config FILE] NUMBER [LEAST]\n"
    "       redress-similar [--config FILE] suspected\n"
    "Prints the cases whose texts are like that of case NUMBER, at least LEAST percent\n"
    "(30 unless told otherwise), or the last ones that are suspected of abuse.\n";

static const char like_sql[] =
    "SELECT l.number, (100 * l.equal + 16) / 32,"
    " to_char(c.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " coalesce(round(6371000 * 2 * asin(sqrt(least(1, sin(radians(g.lat - t.lat) / 2) ^ 2"
    " + cos(radians(g.lat)) * cos(radians(t.lat)) * sin(radians(g.lon - t.lon) / 2) ^ 2))))::text,"
    " '-'), c.category, c.office, c.status"
    " FROM cases_like($1, $2) l JOIN cases c ON c.number = l.number"
    " JOIN grievances g ON g.number = l.number JOIN grievances t ON t.number = $1"
    " ORDER BY l.equal DESC, l.number DESC LIMIT 100";

static const char suspected_sql[] =
    "SELECT s.number, 100, to_char(c.opened_at AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " '-', c.category, c.office, c.status"
    " FROM signatures s JOIN cases c ON c.number = s.number WHERE s.suspected_abuse"
    " ORDER BY s.at DESC, s.number DESC LIMIT 100";

struct finder {
	struct postgres *postgres;
	struct arena *arena;
};

static struct postgres_result *ask(struct finder *finder, const char *sql,
				   const struct postgres_param *params, size_t count)
{
	struct err err;
	struct postgres_result *result;
	if (postgres_query(finder->postgres, sql, params, count, &result, &err))
		fatal("%s", err.text);
	return result;
}

static void print(struct postgres_result *rows)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	for (size_t i = 0; i < postgres_rows(rows); i++) {
		case_number_format((uint64_t)postgres_get_int(rows, i, 0), number);
		printf("%s\t%" PRId64, number, postgres_get_int(rows, i, 1));
		for (int column = 2; column < 7; column++) {
			const char *text = postgres_get_text(rows, i, column);
			printf("\t%s", *text ? text : "-");
		}
		printf("\n");
	}
	postgres_result_free(&rows);
}

/* Why there is nothing to compare, to standard error; false when there is. */
static bool cannot_compare(struct finder *finder, const struct postgres_param *number,
			   const char *written)
{
	struct postgres_result *rows =
	    ask(finder, "SELECT length(signature) FROM signatures WHERE number = $1", number, 1);
	bool known = postgres_rows(rows), signed_too = known && postgres_get_int(rows, 0, 0) > 0;
	postgres_result_free(&rows);
	if (!known)
		fprintf(stderr,
			"redress-similar: the record has no signature of %s: no such case, not"
			" archived yet, or erased\n",
			written);
	else if (!signed_too)
		fprintf(stderr, "redress-similar: the text of %s is too short to be compared\n",
			written);
	return !signed_too;
}

static int find_like(struct finder *finder, const char *written, int64_t least)
{
	uint64_t number;
	if (!case_number_parse(written, &number)) {
		fprintf(stderr, "redress-similar: %s is no case number\n", written);
		return 2;
	}
	int32_t equal = (int32_t)((least * SIGNATURE_SIZE + 99) / 100);
	const struct postgres_param params[] = {postgres_int8(finder->arena, (int64_t)number),
						postgres_int4(finder->arena, equal)};
	if (cannot_compare(finder, params, written))
		return 1;
	/* what came last is in a list yet: merged now, so that nobody has to look through it again
	 */
	struct postgres_result *merged =
	    ask(finder, "SELECT gin_clean_pending_list('signatures_bands')", NULL, 0);
	postgres_result_free(&merged);
	print(ask(finder, like_sql, params, 2));
	return 0;
}

static void refuse(void)
{
	fprintf(stderr, "%s", usage);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct setting *const tables[] = {postgres_settings, NULL};
	int first, status = 0;
	int64_t least = LEAST;
	char *end = NULL;
	log_setup("similar", LOG_LEVEL_INFO, false);
	struct settings *settings = command_line(argc, argv, usage, tables, &first);
	if (first + 1 != argc && first + 2 != argc)
		refuse();
	bool suspected = strcmp(argv[first], "suspected") == 0;
	if (first + 2 == argc) {
		least = strtol(argv[first + 1], &end, 10);
		if (suspected || *end || end == argv[first + 1] || least < 1 || least > 100)
			refuse();
	}
	struct finder finder = {.postgres = postgres_new(settings, "redress-similar"),
				.arena = arena_new()};
	if (suspected)
		print(ask(&finder, suspected_sql, NULL, 0));
	else
		status = find_like(&finder, argv[first], least);
	arena_free(&finder.arena);
	postgres_free(&finder.postgres);
	settings_free(&settings);
	return status;
}
