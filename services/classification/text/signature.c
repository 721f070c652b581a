#include "text/signature.h"

#include <sodium.h>
#include <string.h>

#include "numeric/processor.h"

#define STEM        5   /* letters of a word that count: endings do not */
#define STEM_DENSE  2   /* syllables */
#define GRAM        4   /* letters, where there are no spaces between words */
#define GRAM_HAN    2   /* ideographs */
#define SHORT       3   /* words of so many letters are in every text */
#define WORDS_LEAST 4   /* fewer different ones say too little */
#define WORDS_MAX   512 /* read of a text */

_Static_assert(crypto_shorthash_KEYBYTES == SIGNATURE_KEY_SIZE, "SipHash takes the key");

struct words {
	uint32_t hash[WORDS_MAX];
	size_t count;
	const uint8_t *key;
};

static void add(struct words *words, const uint32_t *points, size_t count)
{
	uint8_t hash[crypto_shorthash_BYTES];
	if (words->count == WORDS_MAX)
		return;
	crypto_shorthash(hash, (const uint8_t *)points, count * sizeof(*points), words->key);
	memcpy(&words->hash[words->count++], hash, sizeof(*words->hash));
}

static bool is_han(uint32_t point)
{
	return point >= 0x3400 && point < 0xA000;
}

static void add_run(struct words *words, const uint32_t *points, size_t length)
{
	size_t gram = is_han(points[0]) ? GRAM_HAN : GRAM;
	if (length < gram)
		add(words, points, length);
	for (size_t i = 0; i + gram <= length; i++)
		add(words, points + i, gram);
}

static void collect(struct words *words, const struct folded *text, size_t longer_than)
{
	words->count = 0;
	for (size_t i = 0; i < text->token_count; i++) {
		const struct token *token = &text->tokens[i];
		const uint32_t *points = text->points + token->start;
		if (token->kind == TOKEN_RUN)
			add_run(words, points, token->len);
		else if (token->kind == TOKEN_DENSE)
			add(words, points, token->len < STEM_DENSE ? token->len : STEM_DENSE);
		else if (token->len > longer_than)
			add(words, points, token->len < STEM ? token->len : STEM);
	}
}

static bool are_enough(const struct words *words)
{
	uint32_t seen[WORDS_LEAST];
	size_t count = 0;
	for (size_t i = 0; i < words->count && count < WORDS_LEAST; i++) {
		size_t known = 0;
		while (known < count && seen[known] != words->hash[i])
			known++;
		if (known == count)
			seen[count++] = words->hash[i];
	}
	return count == WORDS_LEAST;
}

/* Odd, so that each is a permutation of the hashes; unlike its neighbours. */
static uint32_t factor(uint32_t k)
{
	uint32_t factor = (k + 1) * 0x9E3779B9u;
	factor = (factor ^ factor >> 16) * 0x85EBCA6Bu;
	factor = (factor ^ factor >> 13) * 0xC2B2AE35u;
	return (factor ^ factor >> 16) | 1;
}

/* Of each permutation the least that a word becomes. */
ANY_PROCESSOR
static void find_least(const struct words *words, uint32_t least[SIGNATURE_SIZE])
{
	uint32_t times[SIGNATURE_SIZE];
	for (uint32_t k = 0; k < SIGNATURE_SIZE; k++) {
		least[k] = UINT32_MAX;
		times[k] = factor(k);
	}
	for (size_t i = 0; i < words->count; i++) {
		uint32_t word = words->hash[i] ^ words->hash[i] >> 15;
		for (uint32_t k = 0; k < SIGNATURE_SIZE; k++) {
			uint32_t value = word * times[k];
			least[k] = value < least[k] ? value : least[k];
		}
	}
}

bool signature_of(const struct folded *text, const uint8_t key[SIGNATURE_KEY_SIZE],
		  uint8_t signature[SIGNATURE_SIZE])
{
	struct words words;
	uint32_t least[SIGNATURE_SIZE];
	words.key = key;
	collect(&words, text, SHORT);
	if (!are_enough(&words))
		collect(&words, text, 0);
	if (!are_enough(&words))
		return false;
	find_least(&words, least);
	for (uint32_t k = 0; k < SIGNATURE_SIZE; k++) /* its high bits are all near zero */
		signature[k] = (uint8_t)(least[k] ^ least[k] >> 8 ^ least[k] >> 16);
	return true;
}
