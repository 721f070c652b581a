#include "text/language.h"

#include <math.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "text/language_gram.h"
#include "text/language_table.h"
#include "numeric/processor.h"
#include "numeric/softmax.h"
#include "util/alloc.h"
#include "util/text.h"

#define FILE_MAX     (16 * 1024 * 1024)
#define BITS_MAX     18
#define CACHE_LINE   64
#define COLDEST      1e-6f /* the least temperature that makes sense */
#define SOLE_SURE    0.99f /* a script of one language; some others are written in it by few */
#define SHARE_ENOUGH 0.8f  /* of the letters in the script that decides */

struct group {
	struct language_group_facts facts;
	char (*code)[LANGUAGE_CODE_SIZE];
	float *bias;
	uint8_t *rows;
};

struct language {
	struct script_table *scripts;
	struct group groups[SCRIPT_GROUPS]; /* no labels: there is none for the script */
};

/* ---- the file ------------------------------------------------------------------------------- */

struct cursor {
	const char *at;
	size_t left;
};

/* false: the file is shorter than it says. */
static bool take(struct cursor *cursor, void *to, size_t size)
{
	if (size > cursor->left)
		return false;
	memcpy(to, cursor->at, size);
	cursor->at += size;
	cursor->left -= size;
	return true;
}

static bool facts_are_sound(const struct language_group_facts *facts)
{
	if (facts->script == SCRIPT_NONE || facts->script >= SCRIPT_GROUPS || !facts->labels ||
	    facts->labels > LANGUAGE_LABELS_MAX || facts->bits < 4 || facts->bits > BITS_MAX ||
	    facts->stride < facts->labels || facts->stride % LANGUAGE_STRIDE ||
	    facts->stride > LANGUAGE_LABELS_MAX)
		return false;
	if (!isfinite(facts->scale) || !isfinite(facts->threshold))
		return false;
	for (int i = 0; i < LANGUAGE_LENGTHS; i++) {
		if (!isfinite(facts->temperature[i]) || facts->temperature[i] < COLDEST)
			return false;
	}
	return true;
}

static bool read_group(struct cursor *cursor, struct language *language)
{
	struct language_group_facts facts;
	if (!take(cursor, &facts, sizeof(facts)) || !facts_are_sound(&facts))
		return false;
	struct group *group = &language->groups[facts.script];
	if (group->facts.labels)
		return false;
	size_t size = (size_t)facts.stride << facts.bits;
	group->facts = facts;
	group->code = x_calloc(facts.labels, sizeof(*group->code));
	group->bias = x_calloc(facts.stride, sizeof(*group->bias));
	if (size > cursor->left)
		return false;
	group->rows = aligned_alloc(CACHE_LINE, (size + LANGUAGE_AT_ONCE + CACHE_LINE - 1) /
						    CACHE_LINE * CACHE_LINE);
	if (!group->rows || !take(cursor, group->code, facts.labels * sizeof(*group->code)) ||
	    !take(cursor, group->bias, facts.stride * sizeof(*group->bias)) ||
	    !take(cursor, group->rows, size))
		return false;
	for (uint32_t i = 0; i < facts.labels; i++) {
		if (!memchr(group->code[i], '\0', LANGUAGE_CODE_SIZE) || !isfinite(group->bias[i]))
			return false;
	}
	return true;
}

static bool read_groups(struct language *language, const char *data, size_t size)
{
	uint8_t checksum[LANGUAGE_CHECKSUM_SIZE];
	char magic[8];
	uint32_t groups;
	if (size < sizeof(checksum))
		return false;
	struct cursor cursor = {data, size - sizeof(checksum)};
	crypto_generichash(checksum, sizeof(checksum), (const uint8_t *)data, cursor.left, NULL, 0);
	if (memcmp(checksum, data + cursor.left, sizeof(checksum)) != 0)
		return false;
	if (!take(&cursor, magic, 8) || memcmp(magic, LANGUAGE_MAGIC, 8) != 0 ||
	    !take(&cursor, &groups, sizeof(groups)))
		return false;
	for (uint32_t i = 0; i < groups; i++) {
		if (!read_group(&cursor, language))
			return false;
	}
	return cursor.left == 0;
}

struct language *language_load(const char *file, struct err *err)
{
	char reason[160];
	size_t size;
	char *data = text_read_file(file, FILE_MAX, &size, reason);
	if (!data) {
		err_set(err, "language.file: %s", reason);
		return NULL;
	}
	struct language *language = x_calloc(1, sizeof(*language));
	language->scripts = script_table_new();
	if (!read_groups(language, data, size)) {
		err_set(err, "language.file: %s is damaged or no table of languages", file);
		language_free(&language);
	}
	free(data);
	return language;
}

void language_free(struct language **language)
{
	if (!*language)
		return;
	for (size_t i = 0; i < SCRIPT_GROUPS; i++) {
		free((*language)->groups[i].code);
		free((*language)->groups[i].bias);
		free((*language)->groups[i].rows);
	}
	script_table_free(&(*language)->scripts);
	free(*language);
	*language = NULL;
}

/* ---- what a text is in ----------------------------------------------------------------------- */

typedef uint16_t words __attribute__((vector_size(LANGUAGE_AT_ONCE / 2)));

#define ROWS_AT_ONCE 256 /* whose 8-bit weights add up to 16 bits */

static inline void tell_apart(const words *both, const words *upper, int32_t zeros, int32_t *sums)
{
	words lower = *both - (*upper << 8);
	for (uint32_t l = 0; l < LANGUAGE_AT_ONCE / 2; l++)
		sums[l] += (l % 2 ? (*upper)[l / 2] : lower[l / 2]) - zeros;
}

/*
 * LANGUAGE_AT_ONCE columns of the rows. In a word of two weights the upper one is added up alone
 * and with the lower one, modulo 2^16: what is left without it is the lower one's sum.
 */
ANY_PROCESSOR
static void add_rows(const uint8_t *rows, uint32_t stride, const uint32_t *row, size_t count,
		     int32_t *sums)
{
	words left = {0}, left_upper = {0}, right = {0}, right_upper = {0}, word;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *weights = rows + (size_t)row[i] * stride;
		memcpy(&word, weights, sizeof(word));
		left += word;
		left_upper += word >> 8;
		memcpy(&word, weights + sizeof(word), sizeof(word));
		right += word;
		right_upper += word >> 8;
	}
	int32_t zeros = LANGUAGE_ZERO * (int32_t)count;
	tell_apart(&left, &left_upper, zeros, sums);
	tell_apart(&right, &right_upper, zeros, sums + LANGUAGE_AT_ONCE / 2);
}

void language_sum(const uint8_t *rows, uint32_t stride, const uint32_t *row, size_t count,
		  int32_t sums[LANGUAGE_SUMS])
{
	memset(sums, 0, LANGUAGE_SUMS * sizeof(*sums));
	for (size_t from = 0; from < count; from += ROWS_AT_ONCE) {
		size_t some = count - from < ROWS_AT_ONCE ? count - from : ROWS_AT_ONCE;
		for (uint32_t at = 0; at < stride; at += LANGUAGE_AT_ONCE)
			add_rows(rows + at, stride, row + from, some, sums + at);
	}
}

static struct language_guess guess(const struct group *group, const uint32_t *row, size_t count)
{
	uint32_t best = 0;
	int32_t sums[LANGUAGE_SUMS];
	float score[LANGUAGE_LABELS_MAX];
	const struct language_group_facts *facts = &group->facts;
	language_sum(group->rows, facts->stride, row, count, sums);
	float times = facts->scale / sqrtf((float)(count ? count : 1));
	for (uint32_t l = 0; l < facts->stride; l++)
		score[l] = group->bias[l] + times * (float)sums[l];
	for (uint32_t l = 1; l < facts->labels; l++)
		best = score[l] > score[best] ? l : best;
	softmax_powers(score, facts->labels, score[best],
		       1 / facts->temperature[language_length(count)]);
	struct language_guess guess = {group->code[best], 1 / softmax_sum(score, facts->labels)};
	if (guess.confidence < facts->threshold || strcmp(guess.code, LANGUAGE_OTHER) == 0)
		return (struct language_guess){"", 0};
	return guess;
}

void language_read(const struct language *language, const char *text, size_t size,
		   struct language_reading *reading)
{
	struct letters letters;
	letters_of(language->scripts, text, size, &letters);
	reading->script = letters_script(&letters, &reading->share);
	reading->count = 0;
	if (reading->script >= SCRIPT_GROUPS)
		return;
	const struct group *group = &language->groups[reading->script];
	if (!group->facts.labels)
		return;
	reading->count = letters_grams(&letters, reading->script, group->facts.bits, reading->row);
	for (size_t i = 0; i < reading->count; i++)
		__builtin_prefetch(group->rows + (size_t)reading->row[i] * group->facts.stride);
}

struct language_guess language_guess(const struct language *language,
				     const struct language_reading *reading)
{
	struct language_guess found = {"", 0};
	if (reading->script >= SCRIPT_GROUPS)
		found = (struct language_guess){script_sole_language(reading->script), SOLE_SURE};
	else if (language->groups[reading->script].facts.labels)
		found = guess(&language->groups[reading->script], reading->row, reading->count);
	if (!*found.code)
		found.confidence = 0;
	if (reading->share < SHARE_ENOUGH)
		found.confidence *= reading->share / SHARE_ENOUGH;
	return found;
}
