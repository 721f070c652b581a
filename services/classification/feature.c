#include "feature.h"

#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

#define SEEN_MAX  ((size_t)FEATURES_MAX * 2)
#define SLOTS_MAX ((size_t)FEATURES_MAX * 2)
#define PRIME     UINT64_C(0x9E3779B97F4A7C15)

enum { GRAM_LEAST = 2, GRAM_MOST = 5, DENSE_MOST = 3, RUN_MOST = 4 };
enum { KIND_WORD = 1, KIND_PAIR, KIND_CHAR };

/* What a hash is built with, point by point: cheap, so only its upper bits are good. */
static inline uint64_t roll(uint64_t hash, uint64_t point)
{
	return (hash + point) * PRIME;
}

/* Makes all its bits good. */
static inline uint64_t mix(uint64_t hash)
{
	hash ^= hash >> 29;
	hash *= UINT64_C(0xD6E8FEB86659FD93);
	return hash ^ hash >> 32;
}

void features_free(struct features *features)
{
	free(features->hash);
	free(features->count_of);
	free(features->seen);
	free(features->seen_token);
	free(features->slots);
	free(features->hits);
	free(features->speaks);
	free(features->by_token);
	*features = (struct features){0};
}

static void start(struct features *features, const struct folded *folded)
{
	size_t want = 256;
	if (!features->hash) {
		features->hash = x_calloc(FEATURES_MAX, sizeof(*features->hash));
		features->count_of = x_calloc(FEATURES_MAX, sizeof(*features->count_of));
		features->seen = x_calloc(SEEN_MAX, sizeof(*features->seen));
		features->seen_token = x_calloc(SEEN_MAX, sizeof(*features->seen_token));
		features->slots = x_calloc(SLOTS_MAX, sizeof(*features->slots));
		features->speaks = x_calloc(FEATURES_MAX, sizeof(*features->speaks));
		features->by_token = x_calloc(FOLD_POINTS_MAX, sizeof(*features->by_token));
	}
	while (want < folded->count * 6 && want < SLOTS_MAX)
		want *= 2;
	features->slot_mask = want - 1;
	memset(features->slots, 0, want * sizeof(*features->slots));
	features->count = features->seen_count = 0;
	features->token_count = folded->token_count;
}

/* A slot holds the upper half of the hash and, below, the feature + 1: one look tells whether it is
 * it. */
static inline void add(struct features *features, uint64_t raw, enum feature_block block,
		       uint32_t token)
{
	uint64_t hash = (mix(raw) & ~UINT64_C(1)) | block;
	size_t at = (hash >> 8) & features->slot_mask;
	uint64_t *slots = features->slots;
	while (slots[at] && (slots[at] ^ hash) >> 32)
		at = (at + 1) & features->slot_mask;
	if (!slots[at]) {
		if (features->count == FEATURES_MAX)
			return;
		features->hash[features->count] = hash;
		features->count_of[features->count] = 0;
		slots[at] = (hash >> 32 << 32) | ++features->count;
	}
	uint32_t index = (uint32_t)slots[at] - 1;
	if (features->seen_count == SEEN_MAX)
		return;
	features->count_of[index]++;
	features->seen[features->seen_count] = index;
	features->seen_token[features->seen_count++] = token;
}

/* All n-grams of min to max points between from and to. */
static void add_grams(struct features *features, const uint32_t *points, size_t from, size_t to,
		      size_t min, size_t max, uint32_t token)
{
	for (size_t i = from; i < to; i++) {
		size_t end = i + max < to ? i + max : to, n = 1;
		uint64_t hash = KIND_CHAR;
		for (size_t k = i; k < end; k++, n++) {
			hash = roll(hash, points[k]);
			if (n >= min)
				add(features, hash, FEATURE_CHAR, token);
		}
	}
}

static uint64_t hash_word(const uint32_t *points, size_t len)
{
	uint64_t hash = KIND_WORD;
	for (size_t i = 0; i < len; i++)
		hash = roll(hash, points[i]);
	return hash;
}

/* Words and pairs; a run is not a word, and parts its neighbours. */
static void add_words(struct features *features, const struct folded *folded)
{
	uint64_t previous = 0;
	for (uint32_t i = 0; i < folded->token_count; i++) {
		const struct token *token = &folded->tokens[i];
		uint64_t word = 0;
		if (token->kind != TOKEN_RUN) {
			word = mix(hash_word(folded->points + token->start, token->len));
			add(features, word, FEATURE_WORD, i);
			if (previous)
				add(features, roll(previous, KIND_PAIR) + word, FEATURE_WORD, i);
		}
		previous = word;
	}
}

void features_of(const struct folded *folded, struct features *features)
{
	start(features, folded);
	add_words(features, folded);
	for (uint32_t i = 0; i < folded->token_count; i++) {
		const struct token *token = &folded->tokens[i];
		size_t from = token->start, to = from + token->len;
		if (token->kind == TOKEN_RUN)
			add_grams(features, folded->points, from, to, 1, RUN_MOST, i);
		else if (token->kind == TOKEN_DENSE)
			add_grams(features, folded->points, from - 1, to + 1, 1, DENSE_MOST, i);
		else
			add_grams(features, folded->points, from - 1, to + 1, GRAM_LEAST, GRAM_MOST,
				  i);
	}
}
