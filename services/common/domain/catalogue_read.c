/*
 * Reads the catalogue's files and checks them as a whole: every complaint names file and line.
 */
#include <stdlib.h>

#include "domain/catalogue_load.h"
#include "domain/catalogue_private.h"
#include "util/alloc.h"

static void read_nation(struct load *load)
{
	struct catalogue *c = load->catalogue;
	for (size_t i = 0; i < load->count; i++) {
		struct yaml_at root = {&load->trees[i],
				       yaml_document_get_root_node(&load->trees[i].document)};
		struct yaml_at nation = yaml_member(root, "nation");
		if (!nation.node)
			continue;
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
		if (nation.node)
			load->catalogue->default_language =
			    yaml_text(&load->reader, nation, "default_language", true);
	}
}

static int open_tree(struct load *load, const struct catalogue_file *file)
{
	yaml_parser_t parser;
	struct yaml_tree *tree = &load->trees[load->count];
	if (load->count == LOAD_FILES_MAX)
		return err_set(load->reader.err, "more than %d catalogue files", LOAD_FILES_MAX);
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
	load_offices(load);
	load_services(load);
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
