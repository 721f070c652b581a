/*
 * Working calendars: a time zone, hours for each weekday, holidays. All arithmetic is on numbers:
 * the zone's changes of offset are taken from ICU once, when the calendar is made, so deadlines are
 * the same in every process and any thread whatever TZ says.
 */
#ifndef DOMAIN_CALENDAR_H
#define DOMAIN_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"

enum { CALENDAR_WEEKDAYS = 7, CALENDAR_PERIODS = 4 }; /* monday is 0 */

/* Minutes of the local day, end not included; in order, not touching. */
struct calendar_hours {
	struct {
		int from, to;
	} periods[CALENDAR_PERIODS];
	size_t count;
};

/* From this moment on, local time is UTC + offset. */
struct calendar_change {
	int64_t at_ms;
	int64_t offset_ms;
};

/* Days are counted from 1970-01-01. */
struct calendar {
	const char *code;
	const char *zone; /* IANA name */
	struct calendar_hours week[CALENDAR_WEEKDAYS];
	const int32_t *holidays; /* single days, ascending */
	size_t holiday_count;
	const int *yearly; /* month * 100 + day of every year, ascending */
	size_t yearly_count;
	const struct calendar_change *changes; /* ascending; the first holds from the beginning */
	size_t change_count;
};

struct calendar_span {
	enum { SPAN_HOURS, SPAN_DAYS, SPAN_WORKING_HOURS, SPAN_WORKING_DAYS } unit;
	int count;
};

struct calendar_local {
	int32_t day;
	int minute;   /* of the day, 0..1439 */
	int weekday;  /* monday is 0 */
	bool working; /* a day with working hours and no holiday */
};

/* Fills zone and changes. -1: there is no such zone. */
int calendar_set_zone(struct calendar *calendar, struct arena *arena, const char *zone,
		      struct err *err) MUST_CHECK;

/* "2 working days", "4 hours", "1 working hour", "10 days". -1: is none, err says what is one. */
int calendar_span_parse(const char *text, struct calendar_span *span, struct err *err) MUST_CHECK;
/* "2026-04-03". -1: no such day. */
int calendar_day_parse(const char *text, int32_t *day);
/* "08:30-12:00 13:00-17:00"; "" is no hours. */
int calendar_hours_parse(const char *text, struct calendar_hours *hours,
			 struct err *err) MUST_CHECK;
/* "22:00-06:00": may go over midnight. Minutes of the day; to 1440 is midnight. */
int calendar_period_parse(const char *text, int *from, int *to);

struct calendar_local calendar_local(const struct calendar *calendar, int64_t ms);
bool calendar_is_working_day(const struct calendar *calendar, int32_t day);

/*
 * The moment a span after from_ms ends. Working hours run only within the working hours. Working
 * days end with the last working hour of the day; the day it began does not count.
 */
int64_t calendar_after(const struct calendar *calendar, int64_t from_ms, struct calendar_span span);

#endif
