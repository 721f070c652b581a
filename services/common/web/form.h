/* What an HTML form sends: application/x-www-form-urlencoded (WHATWG URL, section 5.1). Pure. */
#ifndef WEB_FORM_H
#define WEB_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

#define FORM_FIELDS_MAX 200

struct form_field {
	const char *name, *value; /* decoded, UTF-8, without NUL */
};

struct form {
	struct form_field *fields; /* in the order of the page */
	size_t count;
};

/* false: no such form, or one with too many fields. Everything is in the arena. */
bool form_parse(struct arena *arena, const char *body, size_t size, struct form *form);
/* The first of that name; NULL: there is none. */
const char *form_value(const struct form *form, const char *name);

#endif
