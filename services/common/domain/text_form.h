/* Texts of citizens in one form (ICU). Pure. */
#ifndef DOMAIN_TEXT_FORM_H
#define DOMAIN_TEXT_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

/*
 * Marks one after the other that a text may have: the bound of Unicode's Stream-Safe Text Format
 * (UAX 15, 13). No language writes nearly as many, and putting them in order costs the square of
 * their number.
 */
#define TEXT_MARKS_MAX 30

/*
 * One form of what people write:
 * - no white space at the ends; \n for every line end (\r\n, \r, U+2028, U+2029)
 * - C1 controls are read as Windows-1252, where they come from, as browsers do; five stand for
 *   nothing there and go
 * - embeddings, overrides and isolates of direction end where their line ends, so that they turn
 *   nothing that a page or message puts beside the text; what closes nothing goes
 * - Unicode's normal form C, unless the text has more marks than text_marks() allows
 * text must be UTF-8. The same when it is done again. The result is text itself or in the arena.
 */
const char *text_normal(struct arena *arena, const char *text);

size_t text_characters(const char *text); /* code points of UTF-8 */
size_t text_marks(const char *text);      /* the longest run of combining marks */

/* A control character, C1 too, other than, if lines, \n and \t. */
bool text_has_control(const char *text, bool lines);

/*
 * Whether anything can be seen: a letter, digit, sign or symbol that is neither blank nor one that
 * Unicode has displays ignore (U+200B, U+00AD, U+3164, tags).
 */
bool text_has_content(const char *text);

/* Unicode's white space, and what displays ignore (Default_Ignorable_Code_Point). */
bool text_is_space(uint32_t code);
bool text_is_ignorable(uint32_t code);

#endif
