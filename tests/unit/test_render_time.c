/* How people are told times: tables/render_time.eval. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "domain/render_time.h"
#include "table.h"

static int cases, failed;

static int64_t utc(const char *text)
{
	struct tm tm = {0};
	assert_non_null(strptime(text, "%Y-%m-%dT%H:%M", &tm));
	return (int64_t)timegm(&tm) * 1000;
}

static void try_line(void *self, int line, char *text)
{
	char *rest = text, told[TOLD_TIME_SIZE];
	struct err err;
	struct calendar calendar = {.code = "c"};
	assert_int_equal(calendar_open_zone(&calendar, table_part(&rest, '|'), &err), 0);
	const char *language = table_part(&rest, '|');
	int64_t now = utc(table_part(&rest, '|')), due = utc(table_part(&rest, '|'));
	bool exact = strcmp(table_part(&rest, '|'), "yes") == 0;
	const char *expected = table_part(&rest, '|');
	render_due(self, &calendar, language, now, due, exact, told);
	cases++;
	if (strcmp(told, expected) != 0) {
		print_error("line %d: got \"%s\"\n", line, told);
		failed++;
	}
	calendar_close_zone(&calendar);
}

static void times_are_told(void **state)
{
	struct render_times *times = render_times_new();
	(void)state;
	table_lines("render_time.eval", try_line, times);
	assert_true(cases > 10);
	assert_int_equal(failed, 0);
	render_times_free(&times);
	assert_null(times);
}

static void nothing_is_due_and_no_such_language(void **state)
{
	char told[TOLD_TIME_SIZE];
	struct err err;
	struct calendar calendar = {.code = "c"};
	struct render_times *times = render_times_new();
	(void)state;
	assert_int_equal(calendar_open_zone(&calendar, "Europe/Lisbon", &err), 0);
	assert_string_equal(render_due(times, &calendar, "en", 1, 0, true, told), "");
	assert_string_equal(
	    render_due(times, &calendar, "", 0, utc("2026-12-01T12:00"), false, told),
	    "1 December 2026");
	calendar_close_zone(&calendar);
	render_times_free(&times);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_told),
	    cmocka_unit_test(nothing_is_due_and_no_such_language),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
