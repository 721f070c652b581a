/* What open cases use of a catalogue that is to be replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "in_use.h"
#include "nation.h"

#define RETIRED                                                                                    \
	"\nretired:\n"                                                                             \
	"- {office: old-office, name: {en: Old, de: Alt}, successor: roads-head}\n"                \
	"- {category: roads.old, name: Old roads}\n"                                               \
	"- {area: far, name: Far away}\n"

static struct catalogue *with(const char *more)
{
	struct err err = {""};
	char *text = table_text("nation.yaml");
	char *whole = malloc(strlen(text) + strlen(more) + 1);
	strcpy(whole, text);
	strcat(whole, more);
	struct catalogue *made = nation_parse(whole, &err);
	if (!made)
		print_error("%s\n", err.text);
	free(whole);
	free(text);
	return made;
}

static Redress__CaseState of(const char *office, const char *category)
{
	Redress__CaseState state = REDRESS__CASE_STATE__INIT;
	state.status = REDRESS__STATUS__ASSIGNED;
	state.office = (char *)(uintptr_t)office;
	state.category = (char *)(uintptr_t)category;
	return state;
}

static void what_is_gone_is_named_and_counted(void **fixture)
{
	struct err err = {""};
	struct catalogue *before = with(RETIRED);
	struct in_use in_use = {.before = before, .now = *fixture};
	Redress__CaseState first = of("old-office", "roads.old"), second = of("old-office", ""),
			   over = of("old-office", ""), fine = of("roads-head", "roads.pothole"),
			   unknown = of("never-was", "");
	over.status = REDRESS__STATUS__CLOSED;
	assert_true(in_use_is_needed(&in_use));
	assert_int_equal(in_use_tell(&in_use, &err), 0);
	in_use_look(&in_use, &first);
	in_use_look(&in_use, &second);
	in_use_look(&in_use, &over);
	in_use_look(&in_use, &fine);
	in_use_look(&in_use, &unknown);
	assert_int_equal(in_use.cases, 2);
	assert_int_equal(in_use_tell(&in_use, &err), -1);
	assert_non_null(strstr(err.text, "office old-office (2), category roads.old (1)"));
	in_use_free(&in_use);
	catalogue_free(&before);
}

static void what_is_retired_may_go(void **fixture)
{
	struct catalogue *now = with(RETIRED);
	struct in_use in_use = {.before = *fixture, .now = now};
	assert_false(in_use_is_needed(&in_use));
	/* at the start everything unknown counts */
	struct in_use start = {.before = NULL, .now = now};
	Redress__CaseState known = of("old-office", "roads.old"), unknown = of("never-was", "");
	assert_true(in_use_is_needed(&start));
	in_use_look(&start, &known);
	assert_int_equal(start.cases, 0);
	in_use_look(&start, &unknown);
	assert_int_equal(start.cases, 1);
	in_use_free(&start);
	catalogue_free(&now);
}

static void what_is_retired_keeps_its_name_and_has_a_successor(void **fixture)
{
	(void)fixture;
	struct catalogue *now = with(RETIRED);
	assert_string_equal(catalogue_text(catalogue_name(now, CODES_OFFICES, "old-office"), "de"),
			    "Alt");
	assert_string_equal(catalogue_text(catalogue_name(now, CODES_AREAS, "far"), "en"),
			    "Far away");
	assert_non_null(catalogue_name(now, CODES_OFFICES, "roads-head"));
	assert_null(catalogue_name(now, CODES_OFFICES, "never-was"));
	assert_null(catalogue_name(now, CODES_CATEGORIES, "old-office"));
	assert_string_equal(catalogue_acting_office(now, "old-office")->code, "roads-head");
	assert_string_equal(catalogue_acting_office(now, "roads-head")->code, "roads-head");
	assert_null(catalogue_acting_office(now, "never-was"));
	assert_null(catalogue_office(now, "old-office"));
	catalogue_free(&now);
}

static void mistakes_are_named(void **fixture)
{
	static const struct {
		const char *item, *why;
	} cases[] = {
	    {"{name: Old}", "expected area, office, service or category"},
	    {"{office: a, area: b, name: Old}", "expected area, office, service or category"},
	    {"{office: old, name: Old}", "successor is missing"},
	    {"{office: old, name: Old, successor: nobody}", "there is no successor \"nobody\""},
	    {"{office: roads-head, name: Old, successor: roads-head}",
	     "\"roads-head\" is retired and in the catalogue as well"},
	    {"{category: roads.old}", "name is missing"},
	};
	(void)fixture;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = {""};
		char *text = table_text("nation.yaml"), *whole = malloc(strlen(text) + 300);
		sprintf(whole, "%s\nretired:\n- %s\n", text, cases[i].item);
		assert_null(nation_parse(whole, &err));
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s: %s", cases[i].item, err.text);
		free(whole);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_gone_is_named_and_counted),
	    cmocka_unit_test(what_is_retired_may_go),
	    cmocka_unit_test(what_is_retired_keeps_its_name_and_has_a_successor),
	    cmocka_unit_test(mistakes_are_named),
	};
	return cmocka_run_group_tests(tests, nation_load, nation_drop);
}
