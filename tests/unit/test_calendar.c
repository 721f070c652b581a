/* Working time: tables/calendar.eval, and how spans, days and hours are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nation.h"

static int cases, failed;

static const struct calendar *calendar_of(const struct catalogue *catalogue, const char *code)
{
	for (size_t i = 0; i < catalogue->calendar_count; i++) {
		if (strcmp(catalogue->calendars[i].code, code) == 0)
			return &catalogue->calendars[i];
	}
	fail_msg("no calendar %s", code);
	return NULL;
}

/* The moment of a local time: found by trying every offset there is in Lisbon. */
static int64_t moment_of(const struct calendar *calendar, const char *text)
{
	int32_t day;
	int hour, minute;
	char date[11] = "";
	snprintf(date, sizeof(date), "%.10s", text);
	assert_int_equal(calendar_day_parse(date, &day), 0);
	assert_int_equal(sscanf(text + 10, "%d:%d", &hour, &minute), 2);
	for (int offset = 0; offset <= 60; offset += 60) {
		int64_t ms = ((int64_t)day * 1440 + hour * 60 + minute - offset) * 60000;
		struct calendar_local local = calendar_local(calendar, ms);
		if (local.day == day && local.minute == hour * 60 + minute)
			return ms;
	}
	fail_msg("there is no such moment: %s", text);
	return 0;
}

static void try_span(void *self, int line, char *text)
{
	char *rest = text;
	struct err err;
	struct calendar_span span;
	const struct calendar *calendar = calendar_of(self, table_part(&rest, '|'));
	int64_t from = moment_of(calendar, table_part(&rest, '|'));
	assert_int_equal(calendar_span_parse(table_part(&rest, '|'), &span, &err), 0);
	int64_t expected = moment_of(calendar, table_part(&rest, '|'));
	int64_t got = calendar_after(calendar, from, span) / 60000 * 60000;
	cases++;
	if (got != expected) {
		struct calendar_local local = calendar_local(calendar, got);
		print_error("line %d: got day %d (%+lld), %02d:%02d\n", line, local.day,
			    (long long)(got - expected) / 86400000, local.minute / 60,
			    local.minute % 60);
		failed++;
	}
}

static void spans_end_when_they_should(void **state)
{
	table_lines("calendar.eval", try_span, *state);
	assert_true(cases > 20);
	assert_int_equal(failed, 0);
}

/* Whatever the span, more of it is never sooner, and it never ends outside of working time. */
static void more_is_never_sooner(void **state)
{
	const struct calendar *calendar = calendar_of(*state, "national");
	const int64_t from = moment_of(calendar, "2026-03-25 11:17");
	for (int unit = UNIT_SECONDS; unit <= UNIT_WORKING_DAYS; unit++) {
		int64_t last = from;
		for (int count = 1; count < 300; count++) {
			struct calendar_span span = {(enum calendar_unit)unit, count};
			int64_t end = calendar_after(calendar, from, span);
			assert_true(end > last || (unit == UNIT_WORKING_DAYS && end >= last));
			last = end;
			if (unit >= UNIT_WORKING_HOURS)
				assert_true(calendar_is_working_day(
				    calendar, calendar_local(calendar, end - 1).day));
		}
	}
}

static void what_is_no_span(void **state)
{
	static const char *const bad[] = {
	    "",         "days",    "0 days",  "-1 day",           "1 week",
	    "1.5 days", "1 dayss", "one day", "1 working minute", "99999999 days x"};
	struct calendar_span span;
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(calendar_span_parse(bad[i], &span, &err), -1);
	assert_int_equal(calendar_span_parse("1 working day", &span, &err), 0);
	assert_int_equal(span.unit, UNIT_WORKING_DAYS);
	assert_int_equal(calendar_span_parse("30 seconds", &span, &err), 0);
	assert_int_equal(span.unit, UNIT_SECONDS);
	assert_int_equal(span.count, 30);
}

static void days_and_hours(void **state)
{
	static const char *const bad_days[] = {"2026-02-30", "2026-13-01", "2026-00-10", "26-1-1x",
					       "",           "2026-04-31", "2025-02-29", "-504-2-5",
					       "2026- 4-03", "2026-4-3",   "+026-04-03"};
	static const char *const bad_hours[] = {"",
						"9",
						"25:00-26:00",
						"10:00-09:00",
						"10:00-10:00",
						"10:60-11:00",
						"10:00-24:01",
						"10:00-11:00 "};
	struct calendar_hours hours;
	int32_t day;
	(void)state;
	assert_int_equal(calendar_day_parse("1970-01-01", &day), 0);
	assert_int_equal(day, 0);
	assert_int_equal(calendar_day_parse("2024-02-29", &day), 0);
	assert_int_equal(day, 19782);
	for (size_t i = 0; i < sizeof(bad_days) / sizeof(*bad_days); i++)
		assert_int_equal(calendar_day_parse(bad_days[i], &day), -1);
	for (size_t i = 0; i < sizeof(bad_hours) / sizeof(*bad_hours); i++)
		assert_int_equal(calendar_hours_parse(bad_hours[i], &hours), -1);
	assert_int_equal(calendar_hours_parse("00:00-24:00", &hours), 0);
	assert_int_equal(hours.to, 1440);
	assert_int_equal(calendar_hours_parse("closed", &hours), 0);
	assert_int_equal(hours.from, hours.to);
}

static void weekdays_and_local_days(void **state)
{
	const struct calendar *calendar = calendar_of(*state, "national");
	struct calendar_local local = calendar_local(calendar, 0);
	assert_int_equal(local.weekday, 3);
	/* Lisbon was an hour ahead of UTC in 1970 */
	assert_int_equal(local.minute, 60);
	assert_int_equal(calendar_local(calendar, -INT64_C(86400000)).day, -1);
	/* a minute before midnight UTC in summer is the next day there */
	assert_int_equal(calendar_local(calendar, INT64_C(1782863940000)).day, 20635);
	assert_int_equal(calendar_local(calendar, INT64_C(1782863940000)).minute, 59);
}

/* ---- elapsed time, also where the clocks are changed ---------------------------------------- */

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)

/* Weeks with a change of clocks: at night, at midnight, by half an hour, by a whole day. */
static const struct {
	const char *zone, *from;
} changes[] = {
    {"Europe/Lisbon", "2026-03-26"},       {"Europe/Lisbon", "2026-10-22"},
    {"Atlantic/Azores", "2026-03-26"},     {"Atlantic/Azores", "2026-10-22"},
    {"Australia/Lord_Howe", "2026-04-02"}, {"Australia/Lord_Howe", "2026-10-01"},
    {"America/Sao_Paulo", "2018-02-15"},   {"America/Sao_Paulo", "2018-11-01"},
    {"America/St_Johns", "2006-04-01"},    {"America/St_Johns", "2006-10-27"},
    {"Africa/Cairo", "2026-04-22"},        {"Africa/Cairo", "2026-10-28"},
    {"Pacific/Apia", "2011-12-27"},        {"America/New_York", "2026-12-29"},
};

static const char *const opening[] = {"00:00-24:00", "08:30-17:00", "00:30-01:15",
				      "22:00-24:00", "02:10-02:20", "00:00-00:01"};

static struct calendar calendar_in(const char *zone, const char *hours)
{
	struct err err;
	struct calendar calendar = {.code = "test"};
	assert_int_equal(calendar_open_zone(&calendar, zone, &err), 0);
	for (int day = 0; day < 7; day++)
		assert_int_equal(calendar_hours_parse(hours, &calendar.week[day]), 0);
	return calendar;
}

static bool clock_shows_working_time(const struct calendar *calendar, int64_t ms)
{
	struct calendar_local local = calendar_local(calendar, ms);
	const struct calendar_hours *hours = &calendar->week[local.weekday];
	return calendar_is_working_day(calendar, local.day) && local.minute >= hours->from &&
	       local.minute < hours->to;
}

/* Minute by minute over a week: what has passed is what the clock on the wall showed. */
static void check_week(const struct calendar *calendar, int64_t from)
{
	int64_t worked = 0;
	for (int64_t ms = from; ms < from + 7 * 24 * HOUR; ms += MINUTE) {
		assert_int_equal(calendar_working_between(calendar, from, ms), worked);
		if (!clock_shows_working_time(calendar, ms))
			continue;
		worked += MINUTE;
		assert_int_equal(calendar_after_working(calendar, from, worked), ms + MINUTE);
		assert_int_equal(calendar_after_working(calendar, from, worked - 1),
				 ms + MINUTE - 1);
	}
	assert_true(worked > 0);
}

static void working_time_is_elapsed_time(void **state)
{
	int32_t day;
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		assert_int_equal(calendar_day_parse(changes[i].from, &day), 0);
		for (size_t k = 0; k < sizeof(opening) / sizeof(*opening); k++) {
			struct calendar calendar = calendar_in(changes[i].zone, opening[k]);
			if (k == 1)
				calendar.holidays[calendar.holiday_count++] = day + 3;
			check_week(&calendar, day * 24 * HOUR + 17 * MINUTE);
			calendar_close_zone(&calendar);
		}
	}
}

/* Four working hours of an office that never sleeps are four hours, and a day is 24 of them. */
static void a_span_is_as_long_as_it_says(void **state)
{
	static const struct calendar_span hours = {UNIT_WORKING_HOURS, 4}, days = {UNIT_DAYS, 1};
	int32_t day;
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct calendar calendar = calendar_in(changes[i].zone, "00:00-24:00");
		assert_int_equal(calendar_day_parse(changes[i].from, &day), 0);
		for (int64_t ms = day * 24 * HOUR; ms < (day + 7) * 24 * HOUR; ms += 7 * MINUTE) {
			assert_int_equal(calendar_after(&calendar, ms, hours), ms + 4 * HOUR);
			assert_int_equal(calendar_after(&calendar, ms, days), ms + 24 * HOUR);
		}
		calendar_close_zone(&calendar);
	}
}

/* Each working day ends when its hours do, later for each day more. */
static void working_days_end_with_their_hours(void **state)
{
	int32_t day;
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct calendar calendar = calendar_in(changes[i].zone, "08:30-17:00");
		assert_int_equal(calendar_day_parse(changes[i].from, &day), 0);
		int64_t from = day * 24 * HOUR, last = from;
		for (int count = 1; count < 7; count++) {
			struct calendar_span span = {UNIT_WORKING_DAYS, count};
			int64_t end = calendar_after(&calendar, from, span);
			assert_true(end > last);
			assert_int_equal(calendar_local(&calendar, end).minute, 17 * 60);
			last = end;
		}
		calendar_close_zone(&calendar);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spans_end_when_they_should),
	    cmocka_unit_test(more_is_never_sooner),
	    cmocka_unit_test(what_is_no_span),
	    cmocka_unit_test(days_and_hours),
	    cmocka_unit_test(weekdays_and_local_days),
	    cmocka_unit_test(working_time_is_elapsed_time),
	    cmocka_unit_test(a_span_is_as_long_as_it_says),
	    cmocka_unit_test(working_days_end_with_their_hours),
	};
	return cmocka_run_group_tests(tests, nation_load, nation_drop);
}
