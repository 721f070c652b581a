/*
 * JSON of outside (RFC 8259), read strictly into an arena: UTF-8 only, no name twice in an object,
 * no U+0000, nothing after the value. Numbers keep the text they were written with, since an
 * identifier may be one and no double holds every identifier. The cost is linear in the size: depth
 * and counts are bounded. Pure.
 */
#ifndef UTIL_JSON_READ_H
#define UTIL_JSON_READ_H

#include <stddef.h>

#include "util/arena.h"

#define JSON_READ_DEPTH   16   /* arrays and objects in each other */
#define JSON_READ_MEMBERS 100  /* of one object */
#define JSON_READ_VALUES  1000 /* of the whole text */

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_FALSE,
	JSON_KIND_TRUE,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};

struct json_node {
	enum json_kind kind;
	const char *name;              /* of a member, else NULL */
	const char *text;              /* of a string, without escapes; of a number, as written */
	const struct json_node *first; /* of the members or elements, in their order */
	const struct json_node *next;
	size_t count; /* of members or elements */
};

enum json_fault_kind {
	JSON_FAULT_SYNTAX,
	JSON_FAULT_ENCODING, /* no UTF-8 */
	JSON_FAULT_REPEATED, /* a name that was there before */
	JSON_FAULT_BOUNDS,   /* too deep, or too much */
};

struct json_fault {
	enum json_fault_kind kind;
	size_t line, column; /* from 1, in bytes; where reading ended */
};

/* NULL: fault says why. */
const struct json_node *json_read(struct arena *arena, const char *text, size_t size,
				  struct json_fault *fault);

#endif
