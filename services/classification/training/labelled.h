/* Files of labelled texts, line by line, and other names for their labels. */
#ifndef CLASSIFICATION_TRAINING_LABELLED_H
#define CLASSIFICATION_TRAINING_LABELLED_H

#include <stddef.h>

#include "util/err.h"

struct json_lines;
struct label_map;

/* Lines of label, tab, category; empty ones and those that begin with # are passed over. */
struct label_map *label_map_load(const char *file, struct err *err) MUST_CHECK;
void label_map_free(struct label_map **map);
/* NULL: it is not in the map. */
const char *label_map_find(const struct label_map *map, const char *label);

/* label: not empty, at most 200 bytes. language may be NULL. -1: the text cannot be used, why in
 * err, which then names the line as well. */
typedef int labelled_text(void *context, const char *text, size_t size, const char *label,
			  const char *language, struct err *err);

/*
 * Gives each text to take. JSON lines, or label, tab, text where the name ends in .tsv; - is
 * standard input. map may be NULL. -1: the file or a line is wrong; err names it.
 */
int labelled_read(const char *file, const struct label_map *map, labelled_text *take, void *context,
		  struct err *err) MUST_CHECK;
/* The same of JSON lines that are open already. */
int labelled_read_json(struct json_lines *lines, const struct label_map *map, labelled_text *take,
		       void *context, struct err *err) MUST_CHECK;

#endif
