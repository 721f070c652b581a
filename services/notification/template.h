/*
 * What recipients are told: deploy/templates/LANGUAGE.txt. Pure, but for reading the folder. What
 * is loaded is complete: every language has every kind, and nothing is left to be filled in.
 */
#ifndef NOTIFICATION_TEMPLATE_H
#define NOTIFICATION_TEMPLATE_H

#include <stdbool.h>

#include "util/arena.h"
#include "util/err.h"

struct templates;

/* kinds: NULL-ended, what every language must have and nothing else. A kind that ends in "*" is
 * written without it and wraps another: its {subject} and {body}. NULL, and err says file, line and
 * what is wrong. */
struct templates *templates_load(const char *folder, const char *const *kinds,
				 struct err *err) MUST_CHECK;
void templates_free(struct templates **templates);

struct fact {
	const char *name, *value;
};

struct rendered {
	const char *subject, *body;
};

/* The language that fits the preferences (domain/language_tag.h) best, else English. */
const char *templates_language(const struct templates *templates, const char *preferences);

/* language: one that templates_language gave. wrapper: NULL, or the kind to put around. facts:
 * NULL-name-ended. */
struct rendered template_render(const struct templates *templates, struct arena *arena,
				const char *language, const char *kind, const char *wrapper,
				const struct fact *facts);

#endif
