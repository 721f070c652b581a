#include "domain/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#include "util/alloc.h"

#define MINUTE_MS   INT64_C(60000)
#define DAY_MINUTES 1440
#define HOUR_MS     (60 * MINUTE_MS)
#define DAY_MS      (DAY_MINUTES * MINUTE_MS)
/* A calendar without any working day is refused when it is loaded; no search looks further. */
#define PIECES_MOST 4000

#define STRETCHES_KNOWN 4

/* A time in which the clocks of a zone are not changed; empty when until is not after from. */
struct stretch {
	int64_t from_ms, until_ms, offset;
};

/* ICU's rules, and the last stretches it was asked about: deadlines keep falling into the same. */
struct zone {
	UCalendar *rules;
	struct stretch known[STRETCHES_KNOWN];
	size_t next;
};

int calendar_open_zone(struct calendar *calendar, const char *zone, struct err *err)
{
	UChar name[64], canonical[64];
	UErrorCode status = U_ZERO_ERROR;
	UBool known = false;
	u_strFromUTF8(name, 64, NULL, zone, -1, &status);
	ucal_getCanonicalTimeZoneID(name, -1, canonical, 64, &known, &status);
	if (U_FAILURE(status))
		return err_set(err, "there is no time zone \"%.40s\"", zone);
	struct zone *opened = x_calloc(1, sizeof(*opened));
	opened->rules = ucal_open(name, -1, "en", UCAL_GREGORIAN, &status);
	if (U_FAILURE(status)) {
		free(opened);
		return err_set(err, "time zone: %s", u_errorName(status));
	}
	calendar->zone = opened;
	return 0;
}

const char *calendar_zone_name(const struct calendar *calendar, char name[CALENDAR_ZONE_SIZE])
{
	const struct zone *zone = calendar->zone;
	UErrorCode status = U_ZERO_ERROR;
	UChar id[CALENDAR_ZONE_SIZE];
	int32_t size = ucal_getTimeZoneID(zone->rules, id, CALENDAR_ZONE_SIZE, &status);
	*name = '\0';
	if (U_SUCCESS(status))
		u_strToUTF8(name, CALENDAR_ZONE_SIZE, NULL, id, size, &status);
	name[CALENDAR_ZONE_SIZE - 1] = '\0';
	return name;
}

void calendar_close_zone(struct calendar *calendar)
{
	struct zone *zone = calendar->zone;
	if (!zone)
		return;
	ucal_close(zone->rules);
	free(zone);
	calendar->zone = NULL;
}

int calendar_span_parse(const char *text, struct calendar_span *span, struct err *err)
{
	static const struct {
		const char *name;
		enum calendar_unit unit;
	} units[] = {{"second", UNIT_SECONDS},
		     {"minute", UNIT_MINUTES},
		     {"hour", UNIT_HOURS},
		     {"day", UNIT_DAYS},
		     {"working hour", UNIT_WORKING_HOURS},
		     {"working day", UNIT_WORKING_DAYS}};
	int used = 0;
	if (sscanf(text, "%5d %n", &span->count, &used) == 1 && span->count > 0) {
		const char *unit = text + used;
		size_t len = strlen(unit);
		len -= len && unit[len - 1] == 's';
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
			if (strlen(units[i].name) == len &&
			    strncmp(units[i].name, unit, len) == 0) {
				span->unit = units[i].unit;
				return 0;
			}
		}
	}
	return err_set(err, "\"%.40s\" is no span such as \"2 working days\" or \"4 hours\"", text);
}

/* Days from the civil date (proleptic Gregorian), after Howard Hinnant's "chrono-Compatible
 * Low-Level Date Algorithms". */
static int32_t days_from_civil(int year, int month, int day)
{
	year -= month <= 2;
	int era = (year >= 0 ? year : year - 399) / 400;
	int yoe = year - era * 400;
	int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

int calendar_day_parse(const char *text, int32_t *day)
{
	static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, of_month, used = 0;
	/* sscanf alone would take signs and spaces */
	if (strspn(text, "-0123456789") != 10 || text[0] == '-')
		return -1;
	if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &of_month, &used) != 3 || text[used] ||
	    month < 1 || month > 12 || of_month < 1 || of_month > lengths[month - 1])
		return -1;
	if (month == 2 && of_month == 29 && (year % 4 || (year % 100 == 0 && year % 400)))
		return -1;
	*day = days_from_civil(year, month, of_month);
	return 0;
}

int calendar_hours_parse(const char *text, struct calendar_hours *hours)
{
	int h1, m1, h2, m2, used = 0;
	*hours = (struct calendar_hours){0, 0};
	if (strcmp(text, "closed") == 0)
		return 0;
	if (sscanf(text, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &used) != 4 || text[used] ||
	    h1 < 0 || h1 > 23 || m1 < 0 || m1 > 59 || h2 < 0 || h2 > 24 || m2 < 0 || m2 > 59)
		return -1;
	hours->from = h1 * 60 + m1;
	hours->to = h2 * 60 + m2;
	return hours->from < hours->to && hours->to <= DAY_MINUTES ? 0 : -1;
}

/* What ICU says of one moment holds from the change of clocks before it to the one after. */
static struct stretch look_up(UCalendar *rules, int64_t ms)
{
	UErrorCode status = U_ZERO_ERROR;
	UDate change;
	struct stretch found = {INT64_MIN, INT64_MAX, 0};
	ucal_setMillis(rules, (UDate)ms, &status);
	found.offset =
	    ucal_get(rules, UCAL_ZONE_OFFSET, &status) + ucal_get(rules, UCAL_DST_OFFSET, &status);
	if (ucal_getTimeZoneTransitionDate(rules, UCAL_TZ_TRANSITION_PREVIOUS_INCLUSIVE, &change,
					   &status))
		found.from_ms = (int64_t)change;
	if (ucal_getTimeZoneTransitionDate(rules, UCAL_TZ_TRANSITION_NEXT, &change, &status))
		found.until_ms = (int64_t)change;
	return found;
}

static const struct stretch *stretch_at(const struct calendar *calendar, int64_t ms)
{
	struct zone *zone = calendar->zone;
	for (size_t i = 0; i < STRETCHES_KNOWN; i++) {
		const struct stretch *known = &zone->known[i];
		if (ms >= known->from_ms && ms < known->until_ms)
			return known;
	}
	struct stretch *next = &zone->known[zone->next++ % STRETCHES_KNOWN];
	*next = look_up(zone->rules, ms);
	return next;
}

static int weekday(int32_t day)
{
	return (int)(((int64_t)day + 3) % 7 + 7) % 7; /* 1970-01-01 was a thursday */
}

struct calendar_local calendar_local(const struct calendar *calendar, int64_t ms)
{
	int64_t local = ms + stretch_at(calendar, ms)->offset;
	int32_t day = (int32_t)(local / DAY_MS - (local % DAY_MS < 0));
	return (struct calendar_local){day, (int)((local - day * DAY_MS) / MINUTE_MS),
				       weekday(day)};
}

bool calendar_is_working_day(const struct calendar *calendar, int32_t day)
{
	const struct calendar_hours *hours = &calendar->week[weekday(day)];
	for (size_t i = 0; i < calendar->holiday_count; i++) {
		if (calendar->holidays[i] == day)
			return false;
	}
	return hours->from < hours->to;
}

/* ---- working time --------------------------------------------------------------------------- */

/* From a moment to the end of its local day or to the next change of clocks, whichever is sooner:
 * within it, local time runs as time does. Working time is its part from open until close. */
struct piece {
	int32_t day;
	int64_t open_ms, close_ms, until_ms;
};

static int64_t between(int64_t low, int64_t ms, int64_t high)
{
	return ms < low ? low : ms > high ? high : ms;
}

static struct piece piece_at(const struct calendar *calendar, int64_t ms)
{
	const struct stretch *stretch = stretch_at(calendar, ms);
	int32_t day = calendar_local(calendar, ms).day;
	const struct calendar_hours *hours = &calendar->week[weekday(day)];
	int64_t midnight = day * DAY_MS - stretch->offset;
	struct piece piece = {day, 0, 0, between(ms, midnight + DAY_MS, stretch->until_ms)};
	piece.open_ms = between(ms, midnight + hours->from * MINUTE_MS, piece.until_ms);
	piece.close_ms = between(ms, midnight + hours->to * MINUTE_MS, piece.until_ms);
	if (!calendar_is_working_day(calendar, day))
		piece.close_ms = piece.open_ms;
	return piece;
}

/* Of the last day itself its last piece counts: its clocks may be changed within working hours. */
static int64_t after_working_days(const struct calendar *calendar, int64_t from_ms, int count)
{
	struct piece piece = piece_at(calendar, from_ms);
	int32_t day = piece.day;
	int64_t end_ms = from_ms;
	for (int searched = 0; searched < PIECES_MOST; searched++) {
		piece = piece_at(calendar, piece.until_ms);
		if (piece.day > day) {
			if (!count)
				break;
			day = piece.day;
			count -= calendar_is_working_day(calendar, day);
			end_ms = piece.close_ms;
		} else if (!count && piece.close_ms > piece.open_ms) {
			end_ms = piece.close_ms;
		}
	}
	return end_ms;
}

int64_t calendar_after_working(const struct calendar *calendar, int64_t from_ms, int64_t left_ms)
{
	for (int searched = 0; left_ms > 0 && searched < PIECES_MOST; searched++) {
		struct piece piece = piece_at(calendar, from_ms);
		int64_t has_ms = piece.close_ms - piece.open_ms;
		if (left_ms <= has_ms)
			return piece.open_ms + left_ms;
		left_ms -= has_ms;
		from_ms = piece.until_ms;
	}
	return from_ms;
}

int64_t calendar_working_between(const struct calendar *calendar, int64_t from_ms, int64_t to_ms)
{
	int64_t sum_ms = 0;
	for (int searched = 0; from_ms < to_ms && searched < PIECES_MOST; searched++) {
		struct piece piece = piece_at(calendar, from_ms);
		if (piece.open_ms < to_ms)
			sum_ms += between(piece.open_ms, to_ms, piece.close_ms) - piece.open_ms;
		from_ms = piece.until_ms;
	}
	return sum_ms;
}

int64_t calendar_after(const struct calendar *calendar, int64_t from_ms, struct calendar_span span)
{
	switch (span.unit) {
	case UNIT_SECONDS:
		return from_ms + span.count * INT64_C(1000);
	case UNIT_MINUTES:
		return from_ms + span.count * MINUTE_MS;
	case UNIT_HOURS:
		return from_ms + span.count * HOUR_MS;
	case UNIT_DAYS:
		return from_ms + span.count * DAY_MS;
	case UNIT_WORKING_HOURS:
		return calendar_after_working(calendar, from_ms, span.count * HOUR_MS);
	case UNIT_WORKING_DAYS:
		return after_working_days(calendar, from_ms, span.count);
	}
	return from_ms;
}
