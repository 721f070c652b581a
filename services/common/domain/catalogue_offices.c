/* Who works where and when: calendars, areas, levels, agencies, offices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "domain/catalogue_load.h"

/* ---- calendars ------------------------------------------------------------------------------ */

static void read_week(struct load *load, struct yaml_at map, struct calendar *calendar)
{
	static const char *const days[] = {"monday", "tuesday",  "wednesday", "thursday",
					   "friday", "saturday", "sunday"};
	struct yaml_at week = yaml_member(map, "hours");
	bool works = false;
	for (size_t i = 0; i < 7; i++) {
		const char *text = yaml_text(&load->reader, week, days[i], true);
		if (calendar_hours_parse(text, &calendar->week[i]))
			yaml_complain(&load->reader, week, "%s: expected 08:30-17:00 or closed",
				      days[i]);
		works |= calendar->week[i].from < calendar->week[i].to;
	}
	if (!works)
		yaml_complain(&load->reader, map, "a calendar needs a working day");
}

static void read_holidays(struct load *load, struct yaml_at map, struct calendar *calendar)
{
	struct yaml_at list = yaml_member(map, "holidays");
	size_t count = yaml_count(&load->reader, list);
	if (count > CALENDAR_HOLIDAYS_MAX)
		yaml_complain(&load->reader, list, "more than %d holidays", CALENDAR_HOLIDAYS_MAX);
	for (size_t i = 0; i < count && !load->reader.failed; i++) {
		struct yaml_at item = yaml_item(list, i);
		const char *text = yaml_scalar(item);
		if (!text ||
		    calendar_day_parse(text, &calendar->holidays[calendar->holiday_count++]))
			yaml_complain(&load->reader, item, "expected a day such as 2026-04-03");
	}
}

static void read_calendars(struct load *load)
{
	static const char *const members[] = {"code", "zone", "hours", "holidays", NULL};
	struct catalogue *c = load->catalogue;
	struct err why;
	LOAD_MAKE(load, "calendars", c->calendars, c->calendar_count);
	for (size_t i = 0; i < items.count; i++) {
		struct calendar *calendar = &c->calendars[i];
		yaml_only(&load->reader, items.list[i], members);
		calendar->code = LOAD_CODE(load, items.list[i], c->calendars, i);
		const char *zone = yaml_text(&load->reader, items.list[i], "zone", true);
		if (!load->reader.failed && calendar_open_zone(calendar, zone, &why))
			yaml_complain(&load->reader, items.list[i], "%s", why.text);
		read_week(load, items.list[i], calendar);
		read_holidays(load, items.list[i], calendar);
	}
}

/* ---- areas ---------------------------------------------------------------------------------- */

static void read_ring(struct load *load, struct yaml_at map, struct catalogue_area *area)
{
	struct yaml_at list = yaml_member(map, "polygon");
	size_t count = yaml_count(&load->reader, list);
	if (!count)
		return;
	double *ring = arena_take(load->reader.arena, (2 * count + 2) * sizeof(*ring));
	for (size_t i = 0; i < count; i++) {
		struct yaml_at point = yaml_item(list, i);
		if (yaml_count(&load->reader, point) != 2) {
			yaml_complain(&load->reader, point, "expected [longitude, latitude]");
			return;
		}
		for (size_t k = 0; k < 2; k++) {
			const char *text = yaml_scalar(yaml_item(point, k));
			char *end = NULL;
			ring[2 * i + k] = text ? strtod(text, &end) : 1000;
			/* so written that NaN is refused too */
			if (!end || *end || !(fabs(ring[2 * i + k]) <= (k ? 90 : 180)))
				yaml_complain(&load->reader, point, "is no place on earth");
		}
	}
	if (count < 3)
		yaml_complain(&load->reader, list, "a polygon needs three corners");
	ring[2 * count] = ring[0];
	ring[2 * count + 1] = ring[1];
	area->ring = ring;
	area->points = count + 1;
}

static void read_areas(struct load *load)
{
	static const char *const members[] = {"code", "name", "parent", "polygon", NULL};
	struct catalogue *c = load->catalogue;
	LOAD_MAKE(load, "areas", c->areas, c->area_count);
	for (size_t i = 0; i < items.count; i++) {
		struct catalogue_area *area = &c->areas[i];
		yaml_only(&load->reader, items.list[i], members);
		area->code = LOAD_CODE(load, items.list[i], c->areas, i);
		area->name = load_texts(load, items.list[i], "name", true);
		/* a parent stands before its children, so there is no circle */
		area->parent = LOAD_REF(load, items.list[i], "parent", c->areas, i, false);
		area->depth = area->parent ? area->parent->depth + 1 : 0;
		read_ring(load, items.list[i], area);
	}
}

/* ---- levels, agencies, offices -------------------------------------------------------------- */

/* How long a citizen may be asked where a level does not say. */
static const struct calendar_span REPLY_WITHIN = {UNIT_DAYS, 14};
static const struct calendar_span SILENCE_OF = {UNIT_DAYS, 28};

static void read_steps(struct load *load, struct yaml_at map, struct catalogue_level *level)
{
	static const char *const names[] = {"office", "parent", "head"};
	struct yaml_at list = yaml_member(map, "escalation");
	size_t count = yaml_count(&load->reader, list);
	if (!count || count > CATALOGUE_STEPS) {
		yaml_complain(&load->reader, map, "escalation: expected 1 to %d steps",
			      CATALOGUE_STEPS);
		return;
	}
	for (level->step_count = 0; level->step_count < count; level->step_count++) {
		struct yaml_at item = yaml_item(list, level->step_count);
		struct catalogue_step *step = &level->steps[level->step_count];
		const char *tell = yaml_text(&load->reader, item, "tell", true);
		size_t which = 0;
		while (which < 3 && strcmp(names[which], tell) != 0)
			which++;
		if (which == 3)
			yaml_complain(&load->reader, item, "tell: office, parent or head");
		step->tell = (enum catalogue_tell)which;
		step->within = load_span(load, item, "within");
	}
}

static struct calendar_span load_span_or(struct load *load, struct yaml_at at, const char *name,
					 struct calendar_span usual)
{
	return yaml_member(at, name).node ? load_span(load, at, name) : usual;
}

static void read_levels(struct load *load)
{
	static const char *const urgencies[] = {"routine", "high", "emergency"};
	static const char *const members[] = {"code",  "answer",  "escalation",
					      "reply", "silence", NULL};
	struct catalogue *c = load->catalogue;
	LOAD_MAKE(load, "levels", c->levels, c->level_count);
	for (size_t i = 0; i < items.count; i++) {
		struct catalogue_level *level = &c->levels[i];
		yaml_only(&load->reader, items.list[i], members);
		level->code = LOAD_CODE(load, items.list[i], c->levels, i);
		for (size_t u = 0; u < CATALOGUE_URGENCIES; u++)
			level->answer[u] =
			    load_span(load, yaml_member(items.list[i], "answer"), urgencies[u]);
		read_steps(load, items.list[i], level);
		level->reply = load_span_or(load, items.list[i], "reply", REPLY_WITHIN);
		level->silence = load_span_or(load, items.list[i], "silence", SILENCE_OF);
	}
}

static struct items read_agencies(struct load *load)
{
	static const char *const members[] = {"code", "name", "head", NULL};
	struct catalogue *c = load->catalogue;
	LOAD_MAKE(load, "agencies", c->agencies, c->agency_count);
	for (size_t i = 0; i < items.count; i++) {
		yaml_only(&load->reader, items.list[i], members);
		c->agencies[i].code = LOAD_CODE(load, items.list[i], c->agencies, i);
		c->agencies[i].name = load_texts(load, items.list[i], "name", true);
	}
	return items;
}

static void read_office_areas(struct load *load, struct yaml_at map,
			      struct catalogue_office *office)
{
	struct catalogue *c = load->catalogue;
	struct yaml_at list = yaml_member(map, "areas");
	size_t count = yaml_count(&load->reader, list);
	if (count > CATALOGUE_OFFICE_AREAS)
		yaml_complain(&load->reader, list, "more than %d areas", CATALOGUE_OFFICE_AREAS);
	for (size_t i = 0; i < count && !load->reader.failed; i++) {
		const char *code = yaml_scalar(yaml_item(list, i));
		const struct catalogue_area *area =
		    code ? LOAD_FIND(c->areas, c->area_count, code) : NULL;
		if (!area)
			yaml_complain(&load->reader, yaml_item(list, i), "there is no such area");
		office->areas[office->area_count++] = area;
	}
}

static void read_offices(struct load *load)
{
	static const char *const members[] = {"code",  "name",    "agency", "parent", "calendar",
					      "email", "webhook", "areas",  "triage", NULL};
	struct catalogue *c = load->catalogue;
	LOAD_MAKE(load, "offices", c->offices, c->office_count);
	for (size_t i = 0; i < items.count; i++) {
		struct yaml_at map = items.list[i];
		struct catalogue_office *office = &c->offices[i];
		yaml_only(&load->reader, map, members);
		office->code = LOAD_CODE(load, map, c->offices, i);
		office->name = load_texts(load, map, "name", true);
		office->agency = LOAD_REF(load, map, "agency", c->agencies, c->agency_count, true);
		office->parent = LOAD_REF(load, map, "parent", c->offices, i, false);
		office->calendar =
		    LOAD_REF(load, map, "calendar", c->calendars, c->calendar_count, true);
		office->email = yaml_text(&load->reader, map, "email", false);
		office->webhook = yaml_text(&load->reader, map, "webhook", false);
		office->triage = yaml_yes(&load->reader, map, "triage");
		if (!*office->email && !*office->webhook)
			yaml_complain(&load->reader, map,
				      "office %.40s cannot be reached: give email or webhook",
				      office->code);
		read_office_areas(load, map, office);
	}
}

static void read_heads(struct load *load, struct items agencies)
{
	struct catalogue *c = load->catalogue;
	for (size_t i = 0; i < agencies.count; i++) {
		const struct catalogue_office *head =
		    LOAD_REF(load, agencies.list[i], "head", c->offices, c->office_count, true);
		if (head && head->agency != &c->agencies[i])
			yaml_complain(&load->reader, agencies.list[i],
				      "head: office %.40s is of another agency", head->code);
		c->agencies[i].head = head;
	}
}

void load_offices(struct load *load)
{
	read_calendars(load);
	read_areas(load);
	read_levels(load);
	struct items agencies = read_agencies(load);
	read_offices(load);
	read_heads(load, agencies);
}
