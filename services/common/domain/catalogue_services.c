/* What can be asked for: services with their questions, and categories. */
#include <string.h>

#include "domain/catalogue_load.h"

static int read_urgency(struct load *load, struct yaml_at map)
{
	static const char *const names[CATALOGUE_URGENCIES] = {"routine", "high", "emergency"};
	const char *name = yaml_text(&load->reader, map, "urgency", false);
	for (int i = 0; i < CATALOGUE_URGENCIES; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	if (*name)
		yaml_complain(&load->reader, map, "urgency: routine, high or emergency");
	return 0;
}

static void read_values(struct load *load, struct yaml_at map, struct catalogue_question *question)
{
	struct yaml_at list = yaml_member(map, "values");
	size_t count = yaml_count(&load->reader, list);
	struct catalogue_value *values =
	    arena_zero(load->reader.arena, (count + 1) * sizeof(*values));
	for (size_t i = 0; i < count; i++) {
		values[i].code = LOAD_CODE(load, yaml_item(list, i), values, i);
		values[i].name = load_texts(load, yaml_item(list, i), "name", true);
		values[i].urgency = read_urgency(load, yaml_item(list, i));
		if (values[i].urgency && !question->routing)
			yaml_complain(&load->reader, yaml_item(list, i),
				      "urgency: only of questions with routing: yes");
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
		questions[i].code = LOAD_CODE(load, item, questions, i);
		questions[i].text = load_texts(load, item, "text", true);
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
	static const char *const members[] = {"code",      "name",   "description",
					      "questions", "agency", "level",
					      "urgency",   "public", NULL};
	struct catalogue *c = load->catalogue;
	LOAD_MAKE(load, "services", c->services, c->service_count);
	for (size_t i = 0; i < items.count; i++) {
		yaml_only(&load->reader, items.list[i], members);
		c->services[i].code = LOAD_CODE(load, items.list[i], c->services, i);
		c->services[i].name = load_texts(load, items.list[i], "name", true);
		c->services[i].description = load_texts(load, items.list[i], "description", false);
		c->services[i].agency =
		    LOAD_REF(load, items.list[i], "agency", c->agencies, c->agency_count, false);
		c->services[i].level =
		    LOAD_REF(load, items.list[i], "level", c->levels, c->level_count, false);
		c->services[i].urgency = read_urgency(load, items.list[i]);
		c->services[i].is_public = yaml_yes(&load->reader, items.list[i], "public");
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
		service = LOAD_FIND(
		    c->services, c->service_count,
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
	static const char *const members[] = {"code",    "agency",    "level", "name",
					      "urgency", "by_person", NULL};
	struct catalogue *c = load->catalogue;
	LOAD_MAKE(load, "categories", c->categories, c->category_count);
	for (size_t i = 0; i < items.count; i++) {
		struct yaml_at map = items.list[i];
		struct catalogue_category *category = &c->categories[i];
		yaml_only(&load->reader, map, members);
		category->code = LOAD_CODE(load, map, c->categories, i);
		category->name = load_texts(load, map, "name", true);
		category->service = service_of(load, map, category->code);
		category->agency =
		    LOAD_REF(load, map, "agency", c->agencies, c->agency_count, true);
		category->level = LOAD_REF(load, map, "level", c->levels, c->level_count, true);
		category->urgency = read_urgency(load, map);
		category->by_person = yaml_yes(&load->reader, map, "by_person");
	}
}

void load_services(struct load *load)
{
	read_services(load);
	read_categories(load);
}
