/*
 * Which language a text is in. Most scripts belong to one language, or to few that a small table of
 * weights for character n-grams tells apart; docs/classification.md has how it was chosen and
 * measured. Pure, but for reading the file, which redress-train-language makes.
 */
#ifndef CLASSIFICATION_TEXT_LANGUAGE_H
#define CLASSIFICATION_TEXT_LANGUAGE_H

#include <stddef.h>

#include "text/language_gram.h"
#include "util/err.h"

#define LANGUAGE_CODE_SIZE 12

struct language;

struct language *language_load(const char *file, struct err *err) MUST_CHECK;
void language_free(struct language **language); /* accepts NULL, sets NULL */

struct language_guess {
	/* BCP 47, owned by the language: "de"; "hi-Latn" for Hindi in Latin letters; "" when it
	 * cannot be known. */
	const char *code;
	float confidence; /* probability that code is right; 0 when it is "" */
};

/*
 * Of the letters most of the text is written in; case, spaces, digits and signs count for nothing.
 * What is no UTF-8 separates. Of a long text the beginning decides. In two steps: reading asks the
 * memory for what the guess looks at, which has come when something else is done between them.
 */
struct language_reading {
	enum script script; /* that most of the text is written in */
	float share;        /* of the letters in it */
	size_t count;
	uint32_t row[LANGUAGE_GRAMS_MAX]; /* of the table */
};

void language_read(const struct language *language, const char *text, size_t size,
		   struct language_reading *reading);
struct language_guess language_guess(const struct language *language,
				     const struct language_reading *reading);

#endif
