/*
 * Reads the catalogue's files and checks them as a whole: every complaint names file and line.
 */
#include "domain/catalogue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "domain/catalogue_private.h"
#include "domain/yaml_tree.h"
#include "util/alloc.h"

#define FILES_MAX 64

/* ---- reading -------------------------------------------------------------------------------- */

struct load {
	struct yaml_reader reader;
	struct catalogue *catalogue;
	struct yaml_tree trees[FILES_MAX];
	size_t count;
};

/* All items of the lists of this name in all files, one after the other. */
struct items {
	struct yaml_at *list;
	size_t count;
};

static struct items collect(struct load *load, const char *name)
{
	struct items items = {NULL, 0};
	for (size_t i = 0; i < load->count; i++) {
		struct yaml_at root = {&load->trees[i],
				       yaml_document_get_root_node(&load->trees[i].document)};
		struct yaml_at list = yaml_member(root, name);
		size_t more = yaml_count(&load->reader, list);
		struct yaml_at *grown =
		    arena_take(load->reader.arena, (items.count + more) * sizeof(*grown));
		if (items.count)
			memcpy(grown, items.list, items.count * sizeof(*grown));
		for (size_t k = 0; k < more; k++)
			grown[items.count++] = yaml_item(list, k);
		items.list = grown;
	}
	return items;
}

static struct catalogue_texts read_texts(struct load *load, struct yaml_at map, const char *name,
					 bool required)
{
	struct catalogue_texts texts = {NULL, 0};
	struct yaml_at at = yaml_member(map, name), value;
	const char *language;
	size_t count = 0;
	while (yaml_pair(at, count, &language, &value))
		count++;
	struct catalogue_text *list = arena_take(load->reader.arena, (count + 1) * sizeof(*list));
	texts.texts = list;
	if (yaml_scalar(at))
		list[texts.count++] =
		    (struct catalogue_text){load->catalogue->default_language,
					    arena_strdup(load->reader.arena, yaml_scalar(at))};
	for (size_t i = 0; yaml_pair(at, i, &language, &value); i++) {
		if (!yaml_scalar(value))
			yaml_complain(&load->reader, value, "%s: expected a text", name);
		else
			list[texts.count++] = (struct catalogue_text){
			    arena_strdup(load->reader.arena, language),
			    arena_strdup(load->reader.arena, yaml_scalar(value))};
	}
	if (required && !texts.count)
		yaml_complain(&load->reader, map, "%s is missing", name);
	return texts;
}

/* The element of an array of structs that begin with their code. */
static void *by_code(const void *array, size_t count, size_t size, const char *code)
{
	const char *at = array;
	for (size_t i = 0; i < count; i++, at += size) {
		if (strcmp(*(const char *const *)at, code) == 0)
			return (void *)(uintptr_t)at;
	}
	return NULL;
}

#define FIND(array, count, code) by_code((array), (count), sizeof(*(array)), (code))

static const char *read_code(struct load *load, struct yaml_at map, const void *before,
			     size_t count, size_t size)
{
	const char *code = yaml_text(&load->reader, map, "code", true);
	if (strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(code))
		yaml_complain(&load->reader, map,
			      "code \"%.40s\": only small letters, digits, . _ -", code);
	if (by_code(before, count, size, code))
		yaml_complain(&load->reader, map, "code \"%.40s\" is there twice", code);
	return code;
}

#define CODE(load, map, array, i) read_code((load), (map), (array), (i), sizeof(*(array)))

/* What the member names, or a complaint. */
static void *read_ref(struct load *load, struct yaml_at map, const char *name, const void *array,
		      size_t count, size_t size, bool required)
{
	const char *code = yaml_text(&load->reader, map, name, required);
	void *found = *code ? by_code(array, count, size, code) : NULL;
	if (*code && !found)
		yaml_complain(&load->reader, yaml_member(map, name), "there is no %s \"%.40s\"",
			      name, code);
	return found;
}

#define REF(load, map, name, array, count, required)                                               \
	read_ref((load), (map), (name), (array), (count), sizeof(*(array)), (required))

/* Takes the items of a list and room for as many of ours. */
#define MAKE(load, name, array, number)                                                            \
	struct items items = collect((load), (name));                                              \
	(array) = arena_zero((load)->reader.arena, (items.count + 1) * sizeof(*(array)));          \
	(number) = items.count

static struct calendar_span read_span(struct load *load, struct yaml_at map, const char *name)
{
	struct calendar_span span = {UNIT_DAYS, 1};
	struct err why;
	const char *text = yaml_text(&load->reader, map, name, true);
	if (!load->reader.failed && calendar_span_parse(text, &span, &why))
		yaml_complain(&load->reader, yaml_member(map, name), "%s", why.text);
	return span;
}

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
	MAKE(load, "calendars", c->calendars, c->calendar_count);
	for (size_t i = 0; i < items.count; i++) {
		struct calendar *calendar = &c->calendars[i];
		yaml_only(&load->reader, items.list[i], members);
		calendar->code = CODE(load, items.list[i], c->calendars, i);
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
	MAKE(load, "areas", c->areas, c->area_count);
	for (size_t i = 0; i < items.count; i++) {
		struct catalogue_area *area = &c->areas[i];
		yaml_only(&load->reader, items.list[i], members);
		area->code = CODE(load, items.list[i], c->areas, i);
		area->name = read_texts(load, items.list[i], "name", true);
		/* a parent stands before its children, so there is no circle */
		area->parent = REF(load, items.list[i], "parent", c->areas, i, false);
		area->depth = area->parent ? area->parent->depth + 1 : 0;
		read_ring(load, items.list[i], area);
	}
}

/* ---- levels, agencies, offices -------------------------------------------------------------- */

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
		step->within = read_span(load, item, "within");
	}
}

static void read_levels(struct load *load)
{
	static const char *const urgencies[] = {"routine", "high", "emergency"};
	static const char *const members[] = {"code", "answer", "escalation", NULL};
	struct catalogue *c = load->catalogue;
	MAKE(load, "levels", c->levels, c->level_count);
	for (size_t i = 0; i < items.count; i++) {
		struct catalogue_level *level = &c->levels[i];
		yaml_only(&load->reader, items.list[i], members);
		level->code = CODE(load, items.list[i], c->levels, i);
		for (size_t u = 0; u < CATALOGUE_URGENCIES; u++)
			level->answer[u] =
			    read_span(load, yaml_member(items.list[i], "answer"), urgencies[u]);
		read_steps(load, items.list[i], level);
	}
}

static struct items read_agencies(struct load *load)
{
	static const char *const members[] = {"code", "name", "head", NULL};
	struct catalogue *c = load->catalogue;
	MAKE(load, "agencies", c->agencies, c->agency_count);
	for (size_t i = 0; i < items.count; i++) {
		yaml_only(&load->reader, items.list[i], members);
		c->agencies[i].code = CODE(load, items.list[i], c->agencies, i);
		c->agencies[i].name = read_texts(load, items.list[i], "name", true);
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
		    code ? FIND(c->areas, c->area_count, code) : NULL;
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
	MAKE(load, "offices", c->offices, c->office_count);
	for (size_t i = 0; i < items.count; i++) {
		struct yaml_at map = items.list[i];
		struct catalogue_office *office = &c->offices[i];
		yaml_only(&load->reader, map, members);
		office->code = CODE(load, map, c->offices, i);
		office->name = read_texts(load, map, "name", true);
		office->agency = REF(load, map, "agency", c->agencies, c->agency_count, true);
		office->parent = REF(load, map, "parent", c->offices, i, false);
		office->calendar =
		    REF(load, map, "calendar", c->calendars, c->calendar_count, true);
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
		    REF(load, agencies.list[i], "head", c->offices, c->office_count, true);
		if (head && head->agency != &c->agencies[i])
			yaml_complain(&load->reader, agencies.list[i],
				      "head: office %.40s is of another agency", head->code);
		c->agencies[i].head = head;
	}
}

/* ---- services and categories ---------------------------------------------------------------- */

static void read_values(struct load *load, struct yaml_at map, struct catalogue_question *question)
{
	struct yaml_at list = yaml_member(map, "values");
	size_t count = yaml_count(&load->reader, list);
	struct catalogue_value *values =
	    arena_zero(load->reader.arena, (count + 1) * sizeof(*values));
	for (size_t i = 0; i < count; i++) {
		values[i].code = CODE(load, yaml_item(list, i), values, i);
		values[i].name = read_texts(load, yaml_item(list, i), "name", true);
	}
	question->values = values;
	question->value_count = count;
	bool is_list = question->datatype == DATATYPE_SINGLEVALUELIST ||
		       question->datatype == DATATYPE_MULTIVALUELIST;
	if (is_list != (count > 0))
		yaml_complain(&load->reader, map, "values: for value lists, and only for them");
	if (question->routing && !is_list)
		yaml_complain(&load->reader, map, "routing: only for value lists");
}

static enum catalogue_datatype read_datatype(struct load *load, struct yaml_at map)
{
	static const char *const names[] = {"string", "number",          "datetime",
					    "text",   "singlevaluelist", "multivaluelist"};
	const char *name = yaml_text(&load->reader, map, "datatype", true);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], name) == 0)
			return (enum catalogue_datatype)i;
	}
	yaml_complain(&load->reader, map, "datatype: \"%.40s\" is none of Open311's", name);
	return DATATYPE_STRING;
}

static void read_questions(struct load *load, struct yaml_at map, struct catalogue_service *service)
{
	struct yaml_at list = yaml_member(map, "questions");
	size_t count = yaml_count(&load->reader, list);
	struct catalogue_question *questions =
	    arena_zero(load->reader.arena, (count + 1) * sizeof(*questions));
	for (size_t i = 0; i < count; i++) {
		struct yaml_at item = yaml_item(list, i);
		questions[i].code = CODE(load, item, questions, i);
		questions[i].text = read_texts(load, item, "text", true);
		questions[i].datatype = read_datatype(load, item);
		questions[i].required = yaml_yes(&load->reader, item, "required");
		questions[i].routing = yaml_yes(&load->reader, item, "routing");
		read_values(load, item, &questions[i]);
	}
	service->questions = questions;
	service->question_count = count;
}

static void read_services(struct load *load)
{
	static const char *const members[] = {"code", "name", "description", "questions", NULL};
	struct catalogue *c = load->catalogue;
	MAKE(load, "services", c->services, c->service_count);
	for (size_t i = 0; i < items.count; i++) {
		yaml_only(&load->reader, items.list[i], members);
		c->services[i].code = CODE(load, items.list[i], c->services, i);
		c->services[i].name = read_texts(load, items.list[i], "name", true);
		c->services[i].description = read_texts(load, items.list[i], "description", false);
		read_questions(load, items.list[i], &c->services[i]);
	}
}

static const struct catalogue_service *service_of(struct load *load, struct yaml_at map,
						  const char *category)
{
	const struct catalogue *c = load->catalogue;
	const char *dot = strchr(category, '.');
	const struct catalogue_service *service = NULL;
	if (dot)
		service =
		    FIND(c->services, c->service_count,
			 arena_strndup(load->reader.arena, category, (size_t)(dot - category)));
	if (!service)
		yaml_complain(&load->reader, map,
			      "category %.40s: expected service.topic with a "
			      "service that there is",
			      category);
	return service;
}

static void read_categories(struct load *load)
{
	static const char *const members[] = {"code", "agency", "level", "name", NULL};
	struct catalogue *c = load->catalogue;
	MAKE(load, "categories", c->categories, c->category_count);
	for (size_t i = 0; i < items.count; i++) {
		struct yaml_at map = items.list[i];
		struct catalogue_category *category = &c->categories[i];
		yaml_only(&load->reader, map, members);
		category->code = CODE(load, map, c->categories, i);
		category->name = read_texts(load, map, "name", true);
		category->service = service_of(load, map, category->code);
		category->agency = REF(load, map, "agency", c->agencies, c->agency_count, true);
		category->level = REF(load, map, "level", c->levels, c->level_count, true);
	}
}

static void read_nation(struct load *load)
{
	struct catalogue *c = load->catalogue;
	for (size_t i = 0; i < load->count; i++) {
		struct yaml_at root = {&load->trees[i],
				       yaml_document_get_root_node(&load->trees[i].document)};
		struct yaml_at nation = yaml_member(root, "nation");
		if (!nation.node)
			continue;
		c->calendar = REF(load, nation, "calendar", c->calendars, c->calendar_count, true);
		c->triage = REF(load, nation, "triage", c->offices, c->office_count, true);
		c->level = REF(load, nation, "level", c->levels, c->level_count, true);
		if (c->triage && !c->triage->triage)
			yaml_complain(&load->reader, nation,
				      "triage: that office is not marked triage");
	}
	if (!c->triage && !load->reader.failed) {
		load->reader.failed = true;
		err_set(load->reader.err,
			"catalogue: nation: calendar, triage and level are missing");
	}
}

static void read_default_language(struct load *load)
{
	load->catalogue->default_language = "en";
	for (size_t i = 0; i < load->count; i++) {
		struct yaml_at root = {&load->trees[i],
				       yaml_document_get_root_node(&load->trees[i].document)};
		struct yaml_at nation = yaml_member(root, "nation");
		if (nation.node)
			load->catalogue->default_language =
			    yaml_text(&load->reader, nation, "default_language", true);
	}
}

static int open_tree(struct load *load, const struct catalogue_file *file)
{
	yaml_parser_t parser;
	struct yaml_tree *tree = &load->trees[load->count];
	if (load->count == FILES_MAX)
		return err_set(load->reader.err, "more than %d catalogue files", FILES_MAX);
	tree->name = file->name;
	if (!yaml_parser_initialize(&parser))
		return err_set(load->reader.err, "libyaml: out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)file->text, file->size);
	int ok = yaml_parser_load(&parser, &tree->document);
	if (ok)
		load->count++;
	else
		err_set(load->reader.err, "%s:%zu: %s", file->name, parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "is no YAML");
	yaml_parser_delete(&parser);
	return ok ? 0 : -1;
}

static void read_all(struct load *load)
{
	read_default_language(load);
	read_calendars(load);
	read_areas(load);
	read_levels(load);
	struct items agencies = read_agencies(load);
	read_offices(load);
	read_heads(load, agencies);
	read_services(load);
	read_categories(load);
	read_nation(load);
}

struct catalogue *catalogue_parse(const struct catalogue_file *files, size_t count, struct err *err)
{
	struct load *load = x_calloc(1, sizeof(*load));
	struct catalogue *catalogue = x_calloc(1, sizeof(*catalogue));
	catalogue->arena = arena_new();
	load->catalogue = catalogue;
	load->reader = (struct yaml_reader){catalogue->arena, err, false};
	for (size_t i = 0; i < count && !load->reader.failed; i++)
		load->reader.failed = open_tree(load, &files[i]) != 0;
	if (!load->reader.failed)
		read_all(load);
	for (size_t i = 0; i < load->count; i++)
		yaml_document_delete(&load->trees[i].document);
	if (load->reader.failed)
		catalogue_free(&catalogue);
	else
		catalogue_index(catalogue);
	free(load);
	return catalogue;
}
