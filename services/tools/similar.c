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

#include "domain/case_number.h"
#include "record/similar.h"
#include "util/log.h"
#include "util/program.h"
#include "util/visible_text.h"

#define LEAST 30

struct finder {
	struct postgres *postgres;
	struct arena *arena;
};

static void print(struct finder *finder, const struct similar_cases *found)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	for (size_t i = 0; i < found->count; i++) {
		const struct similar_case *one = &found->list[i];
		const char *const texts[] = {one->opened_at, one->metres, one->category,
					     one->office, one->status};
		case_number_format(one->number, number);
		printf("%s\t%" PRId64, number, one->percent);
		for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
			printf("\t%s", *texts[k] ? visible_line(finder->arena, texts[k]) : "-");
		printf("\n");
	}
	if (found->count == SIMILAR_MAX)
		log_info(0, "these are the first %d: there may be more", SIMILAR_MAX);
}

static void find_like(struct finder *finder, const char *written, int64_t least)
{
	struct err err;
	uint64_t number;
	enum similar_text text;
	struct similar_cases found;
	if (!case_number_parse(written, &number))
		program_refuse("%s: is no case number", written);
	if (similar_text(finder->postgres, finder->arena, number, &text, &err))
		fatal("%s", err.text);
	if (text == SIMILAR_SHORT)
		fatal("%s: has a text that is too short to be compared", written);
	if (text != SIMILAR_THERE)
		fatal("%s: has no signature in the record: no such case, not archived yet, or "
		      "erased",
		      written);
	if (similar_find(finder->postgres, finder->arena, number, least, &found, &err))
		fatal("%s", err.text);
	print(finder, &found);
}

static void find_suspected(struct finder *finder)
{
	struct err err;
	struct similar_cases found;
	if (similar_suspected(finder->postgres, finder->arena, &found, &err))
		fatal("%s", err.text);
	print(finder, &found);
}

static int64_t read_least(const struct program_call *call)
{
	char *end;
	if (call->count < 2)
		return LEAST;
	long least = strtol(call->words[1], &end, 10);
	if (*end || end == call->words[1] || least < 1 || least > 100)
		program_refuse("LEAST: %s: is no number from 1 to 100", call->words[1]);
	return least;
}

enum { LIKE, SUSPECTED };
static const struct program_command commands[] = {
    [LIKE] = {"NUMBER [LEAST]",
	      "Prints the cases whose texts are like that of case NUMBER, at least LEAST percent"
	      " (30).",
	      false},
    [SUSPECTED] = {"suspected", "Prints the last cases that are suspected of abuse.", false},
    {NULL, NULL, false},
};
static const struct setting *const tables[] = {postgres_bulk_settings, NULL};
static const struct program program = {.name = "similar",
				       .summary = "cases that tell the same matter",
				       .commands = commands,
				       .settings = tables};

int main(int argc, char **argv)
{
	struct program_call call = program_begin(argc, argv, &program);
	int64_t least = call.command == LIKE ? read_least(&call) : 0;
	struct finder finder = {.postgres = postgres_new_bulk(call.settings, "redress-similar"),
				.arena = arena_new()};
	if (call.command == LIKE)
		find_like(&finder, call.words[0], least);
	else
		find_suspected(&finder);
	arena_free(&finder.arena);
	postgres_free(&finder.postgres);
	program_end(&call);
	return 0;
}
