/*
 * Reads the catalogue's files and checks them as a whole: every complaint names file and line.
 */
#include <stdlib.h>

#include "domain/catalogue_load.h"
#include "domain/catalogue_private.h"
#include "domain/language_tag.h"
#include "util/alloc.h"

static void read_nation(struct load *load)
{
	struct catalogue *c = load->catalogue;
	c->nation = c->emergency_phone = c->helpline_phone = "";
	for (size_t i = 0; i < load->count; i++) {
		struct yaml_at root = {&load->trees[i],
				       yaml_document_get_root_node(&load->trees[i].document)};
		struct yaml_at nation = yaml_member(root, "nation");
		if (!nation.node)
			continue;
		c->nation = yaml_text(&load->reader, nation, "name", false);
		c->emergency_phone = yaml_text(&load->reader, nation, "emergency_phone", false);
		c->helpline_phone = yaml_text(&load->reader, nation, "helpline_phone", false);
		c->calendar =
		    LOAD_REF(load, nation, "calendar", c->calendars, c->calendar_count, true);
		c->triage = LOAD_REF(load, nation, "triage", c->offices, c->office_count, true);
		c->level = LOAD_REF(load, nation, "level", c->levels, c->level_count, true);
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
		if (!nation.node)
			continue;
		char tag[LANGUAGE_TAG_SIZE];
		const char *language = yaml_text(&load->reader, nation, "default_language", true);
		if (*language && !language_tag_read(language, tag))
			yaml_complain(&load->reader, yaml_member(nation, "default_language"),
				      "default_language: \"%s\" is no language", language);
		else if (*language)
			load->catalogue->default_language = arena_strdup(load->reader.arena, tag);
	}
}

/* The code of a retired item: {office: CODE, ...}, or of another kind. */
static bool read_retired_code(struct load *load, struct yaml_at map,
			      struct catalogue_retired *retired)
{
	static const struct {
		const char *name;
		enum catalogue_codes what;
	} kinds[] = {{"area", CODES_AREAS},
		     {"office", CODES_OFFICES},
		     {"service", CODES_SERVICES},
		     {"category", CODES_CATEGORIES}};
	size_t found = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!yaml_member(map, kinds[i].name).node)
			continue;
		retired->what = kinds[i].what;
		retired->code = yaml_text(&load->reader, map, kinds[i].name, true);
		found++;
	}
	if (found != 1)
		yaml_complain(&load->reader, map, "expected area, office, service or category");
	return found == 1;
}

static bool is_there(const struct catalogue *c, const struct catalogue_retired *retired)
{
	switch (retired->what) {
	case CODES_AREAS:
		return LOAD_FIND(c->areas, c->area_count, retired->code);
	case CODES_OFFICES:
		return LOAD_FIND(c->offices, c->office_count, retired->code);
	case CODES_SERVICES:
		return LOAD_FIND(c->services, c->service_count, retired->code);
	default:
		return LOAD_FIND(c->categories, c->category_count, retired->code);
	}
}

static void read_retired(struct load *load)
{
	static const char *const members[] = {"area", "office",    "service", "category",
					      "name", "successor", NULL};
	struct catalogue *c = load->catalogue;
	LOAD_MAKE(load, "retired", c->retired, c->retired_count);
	for (size_t i = 0; i < items.count && !load->reader.failed; i++) {
		struct catalogue_retired *retired = &c->retired[i];
		yaml_only(&load->reader, items.list[i], members);
		if (!read_retired_code(load, items.list[i], retired))
			return;
		retired->name = load_texts(load, items.list[i], "name", true);
		retired->successor = LOAD_REF(load, items.list[i], "successor", c->offices,
					      c->office_count, retired->what == CODES_OFFICES);
		if (is_there(c, retired))
			yaml_complain(&load->reader, items.list[i],
				      "\"%.40s\" is retired and in the catalogue as well",
				      retired->code);
	}
}

static int open_tree(struct load *load, const struct catalogue_file *file)
{
	if (load->count == LOAD_FILES_MAX)
		return err_set(load->reader.err, "more than %d catalogue files", LOAD_FILES_MAX);
	if (yaml_tree_read(&load->trees[load->count], file->name, file->text, file->size,
			   load->reader.err))
		return -1;
	load->count++;
	return 0;
}

static void read_all(struct load *load)
{
	read_default_language(load);
	load_offices(load);
	load_services(load);
	read_nation(load);
	read_retired(load);
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
		yaml_tree_free(&load->trees[i]);
	if (load->reader.failed)
		catalogue_free(&catalogue);
	else
		catalogue_index(catalogue);
	free(load);
	return catalogue;
}
