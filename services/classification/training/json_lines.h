/*
 * JSON lines from a stream, one object a line: what redress-classify and redress-train read. A line
 * that is not what was asked for ends the reading with an error that names it.
 */
#ifndef CLASSIFICATION_TRAINING_JSON_LINES_H
#define CLASSIFICATION_TRAINING_JSON_LINES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "util/err.h"

#define JSON_LINE_MAX (1024 * 1024) /* bytes of one line */
#define JSON_TEXT_MAX (256 * 1024)  /* bytes of one text */

struct json_lines;

/*
 * Reads from the open descriptor, which stays the caller's. name: for errors, kept. before_wait,
 * when not NULL, is called before every read that may block, so that a program in a conversation
 * can flush what it has to say.
 */
struct json_lines *json_lines_new(int descriptor, const char *name, void (*before_wait)(void));
void json_lines_free(struct json_lines **lines);

/* Shows on standard error how far the reading is, a few times a second. Ends with a final line. */
void json_lines_show_progress(struct json_lines *lines);

/*
 * *object: the next line's object, the caller's; NULL at the end. -1: the line cannot be read or is
 * no JSON object; err names it.
 */
int json_lines_next(struct json_lines *lines, json_t **object, struct err *err) MUST_CHECK;
const char *json_lines_name(const struct json_lines *lines); /* for errors, as given */
size_t json_lines_number(const struct json_lines *lines);    /* of the line last read, from 1 */

/*
 * *value: the member's text, owned by object; NULL when it is absent or null and need not be there.
 * -1: it is missing, no string, longer than JSON_TEXT_MAX or has a NUL in it; err names line and
 * member.
 */
int json_lines_string(const struct json_lines *lines, const json_t *object, const char *member,
		      bool needed, const char **value, struct err *err) MUST_CHECK;

#endif
