#include "text/abuse.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "util/alloc.h"

#define LINKS_MANY     4
#define WORDS_LEAST    16 /* fewer are not called a repetition */
#define STRETCH_LEAST  24 /* times the same letter in a row */
#define LETTERS_NEEDED 3  /* a text of so many characters should hold a letter */

enum { KIND_ABUSE, KIND_SPAM };

static const char *const kinds[] = {"abuse", "spam", NULL};

struct abuse {
	struct phrases *phrases;
};

struct abuse *abuse_load(const char *file, const struct fold_table *table, struct err *err)
{
	struct phrases *phrases = phrases_load(file, "abuse.file", kinds, table, err);
	if (!phrases)
		return NULL;
	struct abuse *abuse = x_calloc(1, sizeof(*abuse));
	abuse->phrases = phrases;
	return abuse;
}

void abuse_free(struct abuse **abuse)
{
	if (!*abuse)
		return;
	phrases_free(&(*abuse)->phrases);
	free(*abuse);
	*abuse = NULL;
}

/* Beyond ASCII everything but spaces counts as one. */
static bool is_letter(UChar32 c)
{
	if (c >= 0x80)
		return !u_isUWhiteSpace(c);
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c < 0;
}

static size_t count_links(const char *text, size_t size)
{
	size_t count = 0;
	const char *end = text + size;
	for (const char *at = text; (at = memchr(at, '/', (size_t)(end - at))); at++) {
		if (at > text && at[-1] == ':' && at + 1 < end && at[1] == '/')
			count++;
	}
	return count;
}

static bool has_letter(const char *text, size_t size)
{
	size_t characters = 0; /* but for spaces */
	for (size_t i = 0; i < size;) {
		UChar32 c;
		U8_NEXT((const uint8_t *)text, i, size, c);
		if (is_letter(c))
			return true;
		characters += !u_isUWhiteSpace(c);
	}
	return characters < LETTERS_NEEDED;
}

static bool tokens_equal(const struct folded *folded, const struct token *a, const struct token *b)
{
	return a->len == b->len && memcmp(folded->points + a->start, folded->points + b->start,
					  a->len * sizeof(*folded->points)) == 0;
}

/* Three quarters of the words are the same one: it then wins a vote of each against the last. */
static bool one_word_repeats(const struct folded *folded)
{
	const struct token *winner = folded->tokens;
	size_t votes = 0, count = 0;
	if (folded->token_count < WORDS_LEAST)
		return false;
	for (size_t i = 0; i < folded->token_count; i++) {
		const struct token *token = &folded->tokens[i];
		if (!votes)
			winner = token;
		if (tokens_equal(folded, token, winner))
			votes++;
		else
			votes--;
	}
	for (size_t i = 0; i < folded->token_count; i++)
		count += tokens_equal(folded, &folded->tokens[i], winner);
	return count * 4 >= folded->token_count * 3;
}

static bool one_letter_stretches(const struct folded *folded)
{
	size_t row = 1;
	for (size_t i = 1; i < folded->count; i++) {
		row = folded->points[i] == folded->points[i - 1] && folded->points[i] != ' '
			  ? row + 1
			  : 1;
		if (row == STRETCH_LEAST)
			return true;
	}
	return false;
}

void abuse_of(const struct abuse *abuse, const char *text, size_t size, const struct folded *folded,
	      struct terms *why)
{
	struct phrase_hit hits[PHRASES_HITS];
	struct terms spam = {.count = 0};
	size_t links = count_links(text, size), count = phrases_find(abuse->phrases, folded, hits);
	*why = (struct terms){.count = 0};
	for (size_t i = 0; i < count; i++)
		terms_add(hits[i].kind == KIND_ABUSE ? why : &spam, hits[i].phrase);
	if (spam.count >= 2 || (spam.count && links)) {
		for (size_t i = 0; i < spam.count; i++)
			terms_add(why, spam.term[i]);
	}
	if (links >= LINKS_MANY)
		terms_add(why, "many links");
	if (!has_letter(text, size))
		terms_add(why, "no letters");
	if (one_word_repeats(folded))
		terms_add(why, "one word repeated");
	if (one_letter_stretches(folded))
		terms_add(why, "one letter repeated");
}
