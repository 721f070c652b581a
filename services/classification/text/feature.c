#include "text/feature.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

#define SLOTS_MAX     ((size_t)FOLD_POINTS_MAX * 16)
#define SLOTS_LEAST   4096
#define SLOTS_A_POINT 16
#define PRIME         UINT64_C(0x9E3779B97F4A7C15)

enum { GRAM_LEAST = 2, GRAM_MOST = 5, DENSE_MOST = 3, RUN_MOST = 4 };
enum { KIND_WORD = 1, KIND_PAIR, KIND_CHAR };

/* What a hash is built with, point by point: cheap, and good for what is of one piece. */
static inline uint64_t roll(uint64_t hash, uint64_t point)
{
	return (hash + point) * PRIME;
}

/* For what is put together of hashes: makes each bit depend on all. */
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
	free(features->token_end);
	free(features->slots);
	free(features->hits);
	free(features->speaks);
	free(features->by_token);
	free(features->first_with);
	*features = (struct features){0};
}

static void make_room(struct features *features)
{
	features->hash = x_calloc(FEATURES_MAX + GRAM_MOST, sizeof(*features->hash));
	features->count_of = x_calloc(FEATURES_MAX, sizeof(*features->count_of));
	features->seen = x_calloc(FEATURES_MAX, sizeof(*features->seen));
	features->token_end = x_calloc(FOLD_POINTS_MAX, sizeof(*features->token_end));
	features->slots = x_calloc(SLOTS_MAX, sizeof(*features->slots));
	features->speaks = x_calloc(FEATURES_MAX, sizeof(*features->speaks));
	features->by_token = x_calloc(FOLD_POINTS_MAX, sizeof(*features->by_token));
	features->first_with = x_calloc(FEATURES_MAX, sizeof(*features->first_with));
}

/* Slots enough that two features seldom want the same. What is left in them of earlier texts is
 * below the base, and so they need not be emptied. */
static void start(struct features *features, const struct folded *folded)
{
	size_t want = SLOTS_LEAST;
	if (!features->hash)
		make_room(features);
	while (want < folded->count * SLOTS_A_POINT && want < SLOTS_MAX)
		want *= 2;
	features->slot_mask = want - 1;
	if (features->slot_base > UINT32_MAX - 2 * FEATURES_MAX) {
		memset(features->slots, 0, SLOTS_MAX * sizeof(*features->slots));
		features->slot_base = 0;
	}
	features->slot_base++;
}

/*
 * The hashes of all n-grams of min to max points between from and to; returns where they end. Also
 * of those that go beyond, which the next ones are written over: there is no branch to guess.
 */
static inline uint64_t *put_grams(uint64_t *restrict to, const uint32_t *restrict points,
				  size_t from, size_t end, size_t min, size_t max)
{
	for (size_t i = from; i < end; i++) {
		size_t most = end - i < max ? end - i : max;
		uint64_t hash = KIND_CHAR;
		for (size_t n = 1; n < min; n++)
			hash = roll(hash, points[i + n - 1]);
		for (size_t n = min; n <= max; n++) {
			hash = roll(hash, points[i + n - 1]);
			to[n - min] = (hash & ~UINT64_C(1)) | FEATURE_CHAR;
		}
		to += most < min ? 0 : most - min + 1;
	}
	return to;
}

static uint64_t hash_word(const uint32_t *points, size_t len)
{
	uint64_t hash = KIND_WORD;
	for (size_t i = 0; i < len; i++)
		hash = roll(hash, points[i]);
	return mix(hash);
}

static inline uint64_t word_feature(uint64_t raw)
{
	return (mix(raw) & ~UINT64_C(1)) | FEATURE_WORD;
}

/* One token's features, each as often as it occurs. A run is not a word, and parts its neighbours.
 */
static uint64_t *put_token(uint64_t *to, const uint32_t *points, const struct token *token,
			   uint64_t *previous)
{
	size_t from = token->start, end = from + token->len;
	if (token->kind == TOKEN_RUN) {
		*previous = 0;
		return put_grams(to, points, from, end, 1, RUN_MOST);
	}
	uint64_t word = hash_word(points + from, token->len);
	*to++ = word_feature(word);
	if (*previous)
		*to++ = word_feature(roll(*previous, KIND_PAIR) + word);
	*previous = word;
	if (token->kind == TOKEN_DENSE)
		return put_grams(to, points, from - 1, end + 1, 1, DENSE_MOST);
	return put_grams(to, points, from - 1, end + 1, GRAM_LEAST, GRAM_MOST);
}

/* Equal ones become one that is counted. A slot holds the base and the feature. The hashes are put
 * together in their own place. */
static void count_equal(struct features *features, size_t occurrences)
{
	uint64_t *hash = features->hash;
	uint32_t *count_of = features->count_of, *seen = features->seen, *slots = features->slots;
	uint32_t count = 0, feature, base = features->slot_base;
	size_t mask = features->slot_mask;
	for (size_t i = 0; i < occurrences; i++) {
		uint64_t one = hash[i];
		size_t at = (one >> 40) & mask;
		while ((feature = slots[at] - base) < count && hash[feature] != one)
			at = (at + 1) & mask;
		if (feature < count) {
			seen[i] = feature;
			count_of[feature]++;
			continue;
		}
		slots[at] = base + count;
		seen[i] = count;
		count_of[count] = 1;
		hash[count++] = one;
	}
	features->count = count;
	features->slot_base += count;
}

void features_of(const struct folded *folded, struct features *features)
{
	uint64_t previous = 0;
	start(features, folded);
	uint64_t *to = features->hash;
	for (size_t i = 0; i < folded->token_count; i++) {
		to = put_token(to, folded->points, &folded->tokens[i], &previous);
		features->token_end[i] = (uint32_t)(to - features->hash);
	}
	features->token_count = folded->token_count;
	count_equal(features, (size_t)(to - features->hash));
}
