/*
 * Text of others made safe for where people read it: terminals and log lines. Whatever a terminal
 * obeys or nobody can see is written out, as in <U+202E>: control characters (C0 but line end and
 * tab, DEL, C1), bidirectional embeddings, overrides and isolates, line and paragraph separators,
 * characters without width, tags, noncharacters. What spelling needs is kept: U+200C, U+200D
 * (Persian, Indic, emoji) and the marks of direction U+200E, U+200F, U+061C. Pure but for
 * visible_printf().
 */
#ifndef UTIL_VISIBLE_TEXT_H
#define UTIL_VISIBLE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/arena.h"
#include "util/buffer.h"

/* Whether the code point may be shown as it is; line end and tab may not. */
bool visible_is_safe(uint32_t code);

/*
 * Adds size bytes of text. lines: line ends and tabs stay, else they are written out as well, so
 * that the text stays one cell of one line. Bytes that are no UTF-8 become <0xFF>.
 */
void visible_add(struct buffer *out, const char *text, size_t size, bool lines);

const char *visible_lines(struct arena *arena, const char *text);
const char *visible_line(struct arena *arena, const char *text); /* one cell of one line */

/* printf() for what goes to a person: the whole line is made safe, its line ends and tabs stay. */
void visible_printf(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
