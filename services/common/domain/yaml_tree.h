/*
 * A YAML file as a tree, read by libyaml; for the loaders of the catalogue and the
 * texts. Complaints name the file
 * and the line. The first complaint stays; later calls do nothing, so callers check once at the
 * end.
 */
#ifndef DOMAIN_YAML_TREE_H
#define DOMAIN_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "util/arena.h"
#include "util/err.h"

struct yaml_tree {
	const char *name;
	yaml_document_t document;
};

/* name is kept, text is not. -1: it is no YAML; nothing is to be freed. */
int yaml_tree_read(struct yaml_tree *tree, const char *name, const char *text, size_t size,
		   struct err *err) MUST_CHECK;
void yaml_tree_free(struct yaml_tree *tree);

/* A place in a tree; node NULL: nothing there. */
struct yaml_at {
	struct yaml_tree *tree;
	yaml_node_t *node;
};

struct yaml_reader {
	struct arena *arena;
	struct err *err;
	bool failed;
};

void yaml_complain(struct yaml_reader *reader, struct yaml_at at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct yaml_at yaml_root(struct yaml_tree *tree);
struct yaml_at yaml_member(struct yaml_at map, const char *name);
/* Items of a list (0 for nothing there; a complaint for anything else). */
size_t yaml_count(struct yaml_reader *reader, struct yaml_at list);
struct yaml_at yaml_item(struct yaml_at list, size_t index);
/* The text of a scalar, in the arena; "" (and a complaint when required) when it is missing. */
const char *yaml_text(struct yaml_reader *reader, struct yaml_at map, const char *name,
		      bool required);
bool yaml_yes(struct yaml_reader *reader, struct yaml_at map, const char *name);
/* Complains of members whose name is not in the NULL-ended list. */
void yaml_only(struct yaml_reader *reader, struct yaml_at map, const char *const *names);
/* The members of a map, one after the other; false at the end. */
bool yaml_pair(struct yaml_at map, size_t index, const char **name, struct yaml_at *value);
const char *yaml_scalar(struct yaml_at at); /* or NULL */

#endif
