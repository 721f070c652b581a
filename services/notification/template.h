/* What recipients are told: deploy/templates/LANGUAGE.txt. Pure, but for reading the folder. */
#ifndef NOTIFICATION_TEMPLATE_H
#define NOTIFICATION_TEMPLATE_H

#include <stdbool.h>

#include "util/arena.h"
#include "util/err.h"

struct templates;

struct templates *templates_load(const char *folder, struct err *err) MUST_CHECK;
void templates_free(struct templates **templates);

struct fact {
	const char *name, *value;
};

struct told {
	const char *subject, *body;
};

/* Is there this kind in English, in which everybody can be told? */
bool template_exists(const void *templates, const char *kind);

/* In the language, else its base language, else English. facts: NULL-name-ended. NULL subject:
 * there is no template of this kind, so nobody is told. */
struct told template_fill(const struct templates *templates, struct arena *arena,
			  const char *language, const char *kind, const struct fact *facts);

#endif
