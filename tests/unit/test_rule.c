/* Routing rules: tables/routing.rules decides tables/routing.eval; tables/routing.errors is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nation.h"
#include "rule.h"
#include "util/arena.h"

struct bench {
	const struct catalogue *catalogue;
	struct rules *rules;
	struct arena *arena;
	int cases, failed;
};

static const char *const days[] = {"monday", "tuesday",  "wednesday", "thursday",
				   "friday", "saturday", "sunday"};

static void set_time(struct rule_facts *facts, const char *value)
{
	int hour, minute;
	for (int i = 0; i < 7; i++) {
		if (strncmp(value, days[i], strlen(days[i])) == 0) {
			facts->at.weekday = i;
			value += strlen(days[i]) + 1;
		}
	}
	assert_int_equal(sscanf(value, "%d:%d", &hour, &minute), 2);
	facts->at.minute = hour * 60 + minute;
}

static void set_answer(struct bench *bench, struct rule_facts *facts, char *value)
{
	Redress__Answer *answer = arena_take(bench->arena, sizeof(*answer));
	Redress__Answer **list = arena_take(bench->arena, sizeof(*list));
	redress__answer__init(answer);
	answer->code = strsep(&value, ":");
	answer->value = value;
	list[0] = answer;
	facts->answers = list;
	facts->answer_count = 1;
}

static void set_fact(struct bench *bench, struct rule_facts *facts, char *name, char *value)
{
	static const char *const urgencies[] = {"routine", "high", "emergency"};
	if (strcmp(name, "category") == 0) {
		facts->category = catalogue_category(bench->catalogue, value);
		assert_non_null(facts->category);
		facts->service = facts->category->service;
	} else if (strcmp(name, "service") == 0) {
		facts->service = catalogue_service(bench->catalogue, value);
	} else if (strcmp(name, "area") == 0) {
		facts->area = catalogue_area(bench->catalogue, value);
	} else if (strcmp(name, "language") == 0) {
		facts->language = value;
	} else if (strcmp(name, "channel") == 0) {
		facts->channel = value;
	} else if (strcmp(name, "confidence") == 0) {
		facts->confidence = strtof(value, NULL);
	} else if (strcmp(name, "answer") == 0) {
		set_answer(bench, facts, value);
	} else if (strcmp(name, "at") == 0) {
		set_time(facts, value);
	} else {
		assert_string_equal(name, "urgency");
		while (strcmp(urgencies[facts->urgency], value) != 0)
			facts->urgency++;
	}
}

static void decide_one(void *self, int line, char *text)
{
	struct bench *bench = self;
	struct rule_facts facts = {
	    .language = "", .channel = "web", .confidence = 0.9f, .at = {.minute = 600}};
	char got[300], *rest = text, *given = table_part(&rest, '|'), *word;
	while ((word = strsep(&given, " "))) {
		char *name = strsep(&word, "=");
		if (*name)
			set_fact(bench, &facts, name, word);
	}
	struct rule_outcome outcome = rules_decide(bench->rules, &facts);
	snprintf(got, sizeof(got), "none");
	if (outcome.rule && outcome.office)
		snprintf(got, sizeof(got), "%s -> %s", outcome.rule, outcome.office->code);
	else if (outcome.rule && outcome.agency)
		snprintf(got, sizeof(got), "%s -> agency %s", outcome.rule, outcome.agency->code);
	else if (outcome.rule)
		snprintf(got, sizeof(got), "%s -> \"%s\"", outcome.rule, outcome.reason);
	bench->cases++;
	if (strcmp(got, table_part(&rest, '\n')) != 0) {
		print_error("line %d: got %s\n", line, got);
		bench->failed++;
	}
}

static void rules_decide_what_they_say(void **state)
{
	struct err err = {""};
	char *text = table_text("routing.rules");
	struct bench bench = {.catalogue = *state, .arena = arena_new()};
	bench.rules = rules_parse(*state, text, &err);
	assert_string_equal(err.text, "");
	table_lines("routing.eval", decide_one, &bench);
	rules_free(&bench.rules);
	arena_free(&bench.arena);
	free(text);
	assert_true(bench.cases > 25);
	assert_int_equal(bench.failed, 0);
}

static void refuse_one(void *self, int line, char *text)
{
	struct bench *bench = self;
	struct err err = {""};
	char expected[300], *bar = strrchr(text, '|');
	*bar = '\0';
	snprintf(expected, sizeof(expected), "routing.rules line 1: %s", bar + 2);
	struct rules *rules = rules_parse(bench->catalogue, text, &err);
	bench->cases++;
	if (rules || strcmp(err.text, expected) != 0) {
		print_error("line %d: got %s\n", line, rules ? "rules" : err.text);
		bench->failed++;
	}
	rules_free(&rules);
}

static void mistakes_are_named(void **state)
{
	struct bench bench = {.catalogue = *state};
	table_lines("routing.errors", refuse_one, &bench);
	assert_true(bench.cases > 20);
	assert_int_equal(bench.failed, 0);
}

static void the_line_is_named_and_names_are_unique(void **state)
{
	struct err err;
	assert_null(rules_parse(*state,
				"# first\n\nrule a: service water -> office water-head\n"
				"rule a: service roads -> office water-head\n",
				&err));
	assert_string_equal(err.text, "routing.rules line 4: a rule a was there before");
	struct rules *none = rules_parse(*state, "", &err);
	assert_non_null(none);
	rules_free(&none);
	rules_free(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rules_decide_what_they_say),
	    cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(the_line_is_named_and_names_are_unique),
	};
	return cmocka_run_group_tests(tests, nation_load, nation_drop);
}
