/* Texts of citizens in one form (ICU). Pure. */
#ifndef DOMAIN_TEXT_FORM_H
#define DOMAIN_TEXT_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

/*
 * Without white space at its ends, in Unicode's normal form C, with \n for every line end. text
 * must be UTF-8 (it is returned as it is otherwise). The result is text itself or in the arena.
 */
const char *text_normal(struct arena *arena, const char *text);

size_t text_characters(const char *text); /* code points of UTF-8 */

/*
 * A control character (U+0001 to U+001F, U+007F) other than, if lines, \n and \t. Those from U+0080
 * on are let through: text that was decoded wrongly on its way is full of them, and is still a
 * grievance.
 */
bool text_has_control(const char *text, bool lines);

#endif
