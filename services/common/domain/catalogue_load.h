/*
 * What the readers of the catalogue's parts share: the files of one loading, and ways to read an
 * item that complain with file and line. Complaints go to load->reader; the first one stays.
 */
#ifndef DOMAIN_CATALOGUE_LOAD_H
#define DOMAIN_CATALOGUE_LOAD_H

#include "domain/catalogue.h"
#include "domain/yaml_tree.h"

#define LOAD_FILES_MAX 64

struct load {
	struct yaml_reader reader;
	struct catalogue *catalogue;
	struct yaml_tree trees[LOAD_FILES_MAX];
	size_t count;
};

/* All items of the lists of this name in all files, one after the other. */
struct items {
	struct yaml_at *list;
	size_t count;
};

struct items load_items(struct load *load, const char *name);
struct catalogue_texts load_texts(struct load *load, struct yaml_at map, const char *name,
				  bool required);
struct calendar_span load_span(struct load *load, struct yaml_at map, const char *name);

/* In arrays of structs that begin with their code; through the macros below. */
void *load_find(const void *array, size_t count, size_t size, const char *code);
const char *load_code(struct load *load, struct yaml_at map, const void *before, size_t count,
		      size_t size);
void *load_ref(struct load *load, struct yaml_at map, const char *name, const void *array,
	       size_t count, size_t size, bool required);

/* The element with this code, or NULL. */
#define LOAD_FIND(array, count, code) load_find((array), (count), sizeof(*(array)), (code))
/* The code of an item, which none of the i elements before it has. */
#define LOAD_CODE(load, map, array, i) load_code((load), (map), (array), (i), sizeof(*(array)))
/* The element that a member names, or a complaint. */
#define LOAD_REF(load, map, name, array, count, required)                                          \
	load_ref((load), (map), (name), (array), (count), sizeof(*(array)), (required))
/* Takes the items of a list and room for as many of ours. */
#define LOAD_MAKE(load, name, array, number)                                                       \
	struct items items = load_items((load), (name));                                           \
	(array) = arena_zero((load)->reader.arena, (items.count + 1) * sizeof(*(array)));          \
	(number) = items.count

/* The parts. Each fills its arrays of the catalogue; the second refers to the first. */
void load_offices(struct load *load);  /* calendars, areas, levels, agencies, offices */
void load_services(struct load *load); /* services, categories */

#endif
