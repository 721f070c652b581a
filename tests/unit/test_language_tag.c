/* Language tags: tables/language_tag.eval. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/language_tag.h"
#include "table.h"

static int cases, failed;

static void expect(int line, const char *got, const char *expected)
{
	cases++;
	if (strcmp(*got ? got : "-", expected) == 0)
		return;
	print_error("line %d: got \"%s\"\n", line, got);
	failed++;
}

static const char *at(const void *list, size_t i)
{
	return ((const char *const *)list)[i];
}

static void look_up(int line, const char *preferences, char *rest)
{
	const char *list[16];
	size_t count = 0;
	char *there = table_part(&rest, '|');
	for (char *one; (one = strsep(&there, " "));)
		list[count++] = one;
	int found = language_lookup(preferences, at, list, count);
	expect(line, found < 0 ? "" : list[found], table_part(&rest, '|'));
}

static void try_line(void *self, int line, char *text)
{
	char *rest = text, tag[LANGUAGE_TAG_SIZE], preferences[LANGUAGE_PREFERENCES_SIZE];
	const char *what = table_part(&rest, '|'), *given = table_part(&rest, '|');
	(void)self;
	if (strcmp(what, "tag") == 0) {
		bool good = language_tag_read(given, tag);
		assert_int_equal(good, *tag != '\0');
		expect(line, tag, table_part(&rest, '|'));
	} else if (strcmp(what, "accept") == 0) {
		expect(line, language_preferences(given, preferences), table_part(&rest, '|'));
	} else {
		look_up(line, given, rest);
	}
}

static void each_line_of_the_table(void **state)
{
	(void)state;
	table_lines("language_tag.eval", try_line, NULL);
	assert_true(cases > 60);
	assert_int_equal(failed, 0);
}

static void what_does_not_fit_is_left_out(void **state)
{
	char long_header[5000] = "", preferences[LANGUAGE_PREFERENCES_SIZE];
	(void)state;
	assert_string_equal(language_preferences(NULL, preferences), "");
	assert_string_equal(language_preferences("", preferences), "");
	for (int i = 0; i < 60; i++)
		strcat(long_header, "de-DE-1996,");
	assert_true(strlen(language_preferences(long_header, preferences)) <
		    LANGUAGE_PREFERENCES_SIZE);
	assert_string_equal(preferences + strlen(preferences) - 10, "de-DE-1996");
	for (int i = 0; i < 60; i++)
		strcat(long_header, "de-DE-1996,");
	assert_string_equal(language_preferences(long_header, preferences), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_line_of_the_table),
	    cmocka_unit_test(what_does_not_fit_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
