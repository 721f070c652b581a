/*
 * Words and phrases of a file, found in a folded text in one pass. A line of the file is a kind, a
 * tab and a phrase; a * at its end stands for any ending. Compared as texts are folded: case, signs
 * and spaces between words count for nothing. In scripts without spaces a phrase is found anywhere,
 * in Korean with any ending; such a phrase has two letters at least. Pure, but for reading the
 * file.
 */
#ifndef CLASSIFICATION_TEXT_PHRASES_H
#define CLASSIFICATION_TEXT_PHRASES_H

#include <stddef.h>
#include <stdint.h>

#include "text/fold.h"
#include "util/err.h"

#define PHRASES_HITS 512
#define TERMS_MOST   4

struct phrases;

/*
 * kinds: their names, NULL-ended; a phrase's kind is its index there. setting: names the file in
 * err.
 */
struct phrases *phrases_load(const char *file, const char *setting, const char *const *kinds,
			     const struct fold_table *table, struct err *err) MUST_CHECK;
void phrases_free(struct phrases **phrases); /* accepts NULL, sets NULL */

struct phrase_hit {
	int kind;
	const char *phrase;  /* as in the file, without its *; lives as long as the phrases */
	uint32_t start, end; /* in the text's points */
};

/* In the order of the text; at most PHRASES_HITS, what follows is not looked at. */
size_t phrases_find(const struct phrases *phrases, const struct folded *text,
		    struct phrase_hit hits[PHRASES_HITS]);

/* Terms that decided, each once, the first few of them. The strings are not copied. */
struct terms {
	const char *term[TERMS_MOST];
	size_t count;
};

/* term: compared by its address. */
void terms_add(struct terms *terms, const char *term);

#endif
