/*
 * What the model looks at: words, pairs of neighbouring words, and n-grams of characters (inside
 * words with their borders; across the whole run in scripts without spaces). Each is a 64-bit hash;
 * equal ones are counted once with their number. Pure.
 */
#ifndef CLASSIFICATION_TEXT_FEATURE_H
#define CLASSIFICATION_TEXT_FEATURE_H

#include <stddef.h>
#include <stdint.h>

#include "text/fold.h"

/* More than a folded text can have: four n-grams begin at a point, and a token takes two of them.
 */
#define FEATURES_MAX ((size_t)FOLD_POINTS_MAX * 6)

/* The lowest bit of a hash tells the two blocks apart. */
enum feature_block { FEATURE_WORD, FEATURE_CHAR };
#define FEATURE_BLOCK(hash) ((hash)&1)

/* The features of one text. Reused from text to text; a zeroed one is empty. */
struct features {
	uint64_t *hash;
	uint32_t *count_of; /* how often each occurs */
	size_t count;
	/* every occurrence, token by token: which feature, a word's own one first; and where in
	 * seen the token's end */
	uint32_t *seen, *token_end;
	size_t token_count;
	uint32_t *slots, slot_base; /* these find equal ones */
	size_t slot_mask;
	struct hit *hits; /* these four: room for model_judge */
	float *speaks, *by_token;
	uint32_t *first_with;
};

void features_free(struct features *features);
void features_of(const struct folded *folded, struct features *features);

#endif
