/*
 * What people read: one YAML file a language (deploy/texts/en.yaml), nested names with a message
 * (domain/message.h) at each end. Checked as a whole when loaded: every language has the keys of
 * the reference, each with the same arguments and the plural forms of its own language. Immutable
 * afterwards, and used from any thread.
 */
#ifndef DOMAIN_TEXTS_H
#define DOMAIN_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/message.h"

#define TEXTS_KEY_MAX       80
#define TEXTS_REFERENCE     "en" /* its keys are those of all */
#define TEXTS_LANGUAGES_MAX 64

struct texts_file {
	const char *name; /* "pt-BR.yaml": the language, and .yaml */
	const char *text;
	size_t size;
};

struct texts;
struct texts_language;

/* NULL: err names file, line and what is wrong. */
struct texts *texts_parse(const struct texts_file *files, size_t count, struct err *err) MUST_CHECK;
void texts_free(struct texts **texts); /* accepts NULL, sets NULL */

/* The tags of the languages there are, sorted; NULL-ended. */
const char *const *texts_tags(const struct texts *texts);
/* By its tag, exactly; the reference when there is no such language. */
const struct texts_language *texts_language(const struct texts *texts, const char *tag);
/* The one that fits the preferences (domain/language_tag.h) best, else the reference. */
const struct texts_language *texts_for(const struct texts *texts, const char *preferences);
/* "ltr" or "rtl": its text "direction". */
const char *texts_direction(const struct texts_language *language);

bool texts_has(const struct texts_language *language, const char *key);
/* false: there is no such key; nothing is written. */
bool texts_write(const struct texts_language *language, const char *key,
		 const struct message_values *values, struct buffer *out);

#endif
