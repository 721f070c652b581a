/*
 * What the language of a text is told by: its letters by script, and the rows of the table that
 * their n-grams hash to. Shared by the identifier and its trainer, so that both see the same. Pure.
 */
#ifndef CLASSIFICATION_TEXT_LANGUAGE_GRAM_H
#define CLASSIFICATION_TEXT_LANGUAGE_GRAM_H

#include <stddef.h>
#include <stdint.h>

#define LANGUAGE_LETTERS_MAX 300                            /* read of a text */
#define LANGUAGE_GRAMS_MAX   (6 * LANGUAGE_LETTERS_MAX + 8) /* 8: see letters_grams */

/* Scripts that several languages share, each with a table of its own; then all others. */
enum script {
	SCRIPT_NONE, /* no letter */
	SCRIPT_LATIN,
	SCRIPT_CYRILLIC,
	SCRIPT_ARABIC,
	SCRIPT_DEVANAGARI,
	SCRIPT_HAN,
	SCRIPT_GROUPS, /* from here on of one language: script_sole_language */
	SCRIPTS_MAX = 48
};

struct script_table; /* script and lower case of each character, made once from ICU */

struct script_table *script_table_new(void);
void script_table_free(struct script_table **table);
const char *script_sole_language(enum script script); /* "": of none that is known */

/* The letters of a text in lower case; LETTER_BREAK between words. */
#define LETTER_BREAK 0
#define LETTER_GAP   1 /* made by the trainer: a break that is no border of a word */
#define LETTERS_ROOM (2 * LANGUAGE_LETTERS_MAX + 4)
struct letters {
	uint16_t letter[LETTERS_ROOM];
	uint8_t script[LETTERS_ROOM];
	size_t count;
	uint32_t weight[SCRIPTS_MAX]; /* letters of each script */
};

void letters_of(const struct script_table *table, const char *text, size_t size,
		struct letters *letters);
/* The script that most is written in, and its share of all letters, 0..1; SCRIPT_NONE: there is no
 * letter. */
enum script letters_script(const struct letters *letters, float *share);
/* The rows, of 1 << bits, of all n-grams in that script; returns how many. */
size_t letters_grams(const struct letters *letters, enum script script, unsigned bits,
		     uint32_t rows[LANGUAGE_GRAMS_MAX]);

#endif
