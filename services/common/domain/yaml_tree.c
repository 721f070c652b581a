#include "domain/yaml_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

int yaml_tree_read(struct yaml_tree *tree, const char *name, const char *text, size_t size,
		   struct err *err)
{
	yaml_parser_t parser;
	tree->name = name;
	if (!yaml_parser_initialize(&parser))
		return err_set(err, "libyaml: out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	int ok = yaml_parser_load(&parser, &tree->document);
	if (!ok)
		err_set(err, "%s:%zu: %s", name, parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "is no YAML");
	yaml_parser_delete(&parser);
	return ok ? 0 : -1;
}

void yaml_tree_free(struct yaml_tree *tree)
{
	yaml_document_delete(&tree->document);
}

struct yaml_at yaml_root(struct yaml_tree *tree)
{
	return (struct yaml_at){tree, yaml_document_get_root_node(&tree->document)};
}

void yaml_complain(struct yaml_reader *reader, struct yaml_at at, const char *format, ...)
{
	char what[160];
	va_list args;
	if (reader->failed)
		return;
	va_start(args, format);
	text_vformat(what, sizeof(what), format, args);
	va_end(args);
	reader->failed = true;
	err_set(reader->err, "%s:%zu: %s", at.tree ? at.tree->name : "catalogue",
		at.node ? at.node->start_mark.line + 1 : 1, what);
}

const char *yaml_scalar(struct yaml_at at)
{
	return at.node && at.node->type == YAML_SCALAR_NODE
		   ? (const char *)at.node->data.scalar.value
		   : NULL;
}

bool yaml_pair(struct yaml_at map, size_t index, const char **name, struct yaml_at *value)
{
	if (!map.node || map.node->type != YAML_MAPPING_NODE)
		return false;
	yaml_node_pair_t *pair = map.node->data.mapping.pairs.start + index;
	if (pair >= map.node->data.mapping.pairs.top)
		return false;
	struct yaml_at key = {map.tree, yaml_document_get_node(&map.tree->document, pair->key)};
	*name = yaml_scalar(key) ? yaml_scalar(key) : "";
	*value =
	    (struct yaml_at){map.tree, yaml_document_get_node(&map.tree->document, pair->value)};
	return true;
}

struct yaml_at yaml_member(struct yaml_at map, const char *name)
{
	const char *found;
	struct yaml_at value;
	for (size_t i = 0; yaml_pair(map, i, &found, &value); i++) {
		if (strcmp(found, name) == 0)
			return value;
	}
	return (struct yaml_at){map.tree, NULL};
}

size_t yaml_count(struct yaml_reader *reader, struct yaml_at list)
{
	if (!list.node)
		return 0;
	if (list.node->type != YAML_SEQUENCE_NODE) {
		yaml_complain(reader, list, "expected a list");
		return 0;
	}
	return (size_t)(list.node->data.sequence.items.top - list.node->data.sequence.items.start);
}

struct yaml_at yaml_item(struct yaml_at list, size_t index)
{
	yaml_node_item_t item = list.node->data.sequence.items.start[index];
	return (struct yaml_at){list.tree, yaml_document_get_node(&list.tree->document, item)};
}

const char *yaml_text(struct yaml_reader *reader, struct yaml_at map, const char *name,
		      bool required)
{
	struct yaml_at value = yaml_member(map, name);
	const char *text = yaml_scalar(value);
	if (value.node && !text)
		yaml_complain(reader, value, "%s: expected a text", name);
	else if (required && (!text || !*text))
		yaml_complain(reader, map, "%s is missing", name);
	return arena_strdup(reader->arena, text ? text : "");
}

bool yaml_yes(struct yaml_reader *reader, struct yaml_at map, const char *name)
{
	const char *text = yaml_text(reader, map, name, false);
	if (*text && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		yaml_complain(reader, yaml_member(map, name), "%s: must be yes or no", name);
	return strcmp(text, "yes") == 0;
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

void yaml_only(struct yaml_reader *reader, struct yaml_at map, const char *const *names)
{
	const char *name;
	struct yaml_at value;
	if (!map.node || map.node->type != YAML_MAPPING_NODE)
		yaml_complain(reader, map, "expected name: value pairs");
	for (size_t i = 0; yaml_pair(map, i, &name, &value); i++) {
		if (!is_listed(names, name))
			yaml_complain(reader, value, "unknown member \"%.40s\"", name);
	}
}
