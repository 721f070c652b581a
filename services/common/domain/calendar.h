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
#define CALENDAR_ZONE_SIZE 64
/* The zone's IANA name into name; returns name. */
const char *calendar_zone_name(const struct calendar *calendar, char name[CALENDAR_ZONE_SIZE]);

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
 * When the span after from_ms ends. Seconds to days are elapsed time, a day being 24 hours,
 * whatever the clocks on the wall do. Working hours are elapsed time too, counted while the clock
 * on the wall shows working hours. Working days end with the last working hour of their day; the
 * day it began on does not count.
 */
int64_t calendar_after(const struct calendar *calendar, int64_t from_ms, struct calendar_span span);

/* When so much working time has passed; from_ms itself for none. */
int64_t calendar_after_working(const struct calendar *calendar, int64_t from_ms,
			       int64_t working_ms);
/* The working time from one moment to another; 0 when that is none later. */
int64_t calendar_working_between(const struct calendar *calendar, int64_t from_ms, int64_t to_ms);

#endif
