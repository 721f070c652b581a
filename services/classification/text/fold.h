/*
 * Text as the classifier reads it: NFKC and case folded through ICU, spelling variants that people
 * use for one another made equal, cut into words. Scripts written without spaces (Thai, Chinese,
 * Japanese, ...) give runs instead, which spaces inside them do not break. Pure.
 */
#ifndef CLASSIFICATION_TEXT_FOLD_H
#define CLASSIFICATION_TEXT_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Beyond so many code points a text is not read further: it has long said what it is about. */
#define FOLD_POINTS_MAX 16384
#define FOLD_SPARE      8 /* points behind the last that may be read */

struct fold_table; /* what ICU says of each character, made once */

/* Ends the process when ICU lacks its data. */
struct fold_table *fold_table_new(void);
void fold_table_free(struct fold_table **table);

enum token_kind {
	TOKEN_WORD,  /* of an alphabet */
	TOKEN_DENSE, /* a word whose characters are syllables (Korean) */
	TOKEN_RUN,   /* of a script without spaces */
};

struct token {
	uint32_t start, len; /* in points */
	enum token_kind kind;
};

/* A text, folded. Reused from text to text; a zeroed one is empty. */
struct folded {
	uint32_t
	    *points; /* tokens, with one space before each and one at the end; FOLD_SPARE more */
	size_t count;
	struct token *tokens;
	size_t token_count;
	uint16_t *utf16; /* room for ICU */
	bool latin;      /* some letter is of the Latin script */
	uint32_t letters;
};

void folded_free(struct folded *folded);
/* Bytes that are no UTF-8 are read as separators. */
void fold(const struct fold_table *table, const char *text, size_t size, struct folded *folded);

/* Writes token as UTF-8, cut to what fits into size with a NUL; returns the length. */
size_t fold_token_text(const struct folded *folded, const struct token *token, char *text,
		       size_t size);

#endif
