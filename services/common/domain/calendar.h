/*
 * Working calendars: a time zone, working hours for each weekday, holidays. Deadlines are counted
 * in working time, so a weekend or a holiday never eats into an office's time to answer.
 */
#ifndef DOMAIN_CALENDAR_H
#define DOMAIN_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define CALENDAR_HOLIDAYS_MAX 200

struct calendar_hours {
	int from, to; /* minutes of the local day; equal: no working day */
};

struct calendar {
	const char *code;
	void *zone;                              /* ICU's; one thread at a time */
	struct calendar_hours week[7];           /* monday is 0 */
	int32_t holidays[CALENDAR_HOLIDAYS_MAX]; /* days since 1970-01-01 */
	size_t holiday_count;
};

enum calendar_unit {
	UNIT_SECONDS,
	UNIT_MINUTES,
	UNIT_HOURS,
	UNIT_DAYS,
	UNIT_WORKING_HOURS,
	UNIT_WORKING_DAYS
};

struct calendar_span {
	enum calendar_unit unit;
	int count; /* 1.. */
};

/* IANA name ("Europe/Lisbon"). -1: ICU does not know it. */
int calendar_open_zone(struct calendar *calendar, const char *zone, struct err *err) MUST_CHECK;
void calendar_close_zone(struct calendar *calendar);

/* "2 working days", "4 hours", "1 working hour", "10 days", "90 seconds", "15 minutes". */
int calendar_span_parse(const char *text, struct calendar_span *span, struct err *err) MUST_CHECK;
/* "2026-04-03" */
int calendar_day_parse(const char *text, int32_t *day);
/* "08:30-17:00" or "closed". */
int calendar_hours_parse(const char *text, struct calendar_hours *hours);

struct calendar_local {
	int32_t day; /* since 1970-01-01 */
	int minute;  /* of the day */
	int weekday; /* monday is 0 */
};
struct calendar_local calendar_local(const struct calendar *calendar, int64_t ms);
bool calendar_is_working_day(const struct calendar *calendar, int32_t day);

/*
 * When the span after from_ms ends. Working hours run only within working hours. Working days end
 * with the last working hour of their day; the day it began on does not count.
 */
int64_t calendar_after(const struct calendar *calendar, int64_t from_ms, struct calendar_span span);

#endif
