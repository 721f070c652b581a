/* The file that redress-train-language writes and language.c reads: numbers as on this machine. */
#ifndef CLASSIFICATION_TEXT_LANGUAGE_TABLE_H
#define CLASSIFICATION_TEXT_LANGUAGE_TABLE_H

#include <stdint.h>

#include "text/language.h"

#define LANGUAGE_MAGIC         "RDRSLNG2"
#define LANGUAGE_CHECKSUM_SIZE 16 /* BLAKE2b of all before it, at the end of the file */
#define LANGUAGE_LABELS_MAX    96
#define LANGUAGE_STRIDE        16 /* a row's length is a multiple of it */
#define LANGUAGE_AT_ONCE       64 /* weights that are read at once, even if a row has fewer */
#define LANGUAGE_SUMS          (2 * LANGUAGE_AT_ONCE) /* for LANGUAGE_LABELS_MAX so read */
#define LANGUAGE_LENGTHS       5
#define LANGUAGE_ZERO          128
#define LANGUAGE_OTHER         "-" /* the label of languages that are in no table */

/* After the magic and the number of groups, for each: this, the labels' codes (LANGUAGE_CODE_SIZE
 * bytes each), the biases (stride floats), the rows (1 << bits times stride weights, each with
 * LANGUAGE_ZERO added: sums of numbers that are never negative take the fewest instructions). */
struct language_group_facts {
	uint32_t script, labels, bits, stride;
	float scale;                         /* of the 8-bit weights */
	float threshold;                     /* below this confidence nothing is said */
	float temperature[LANGUAGE_LENGTHS]; /* divides the scores, by the length of the text */
};

/* Which temperature: by the number of n-grams. */
static inline int language_length(size_t grams)
{
	return grams < 20 ? 0 : grams < 40 ? 1 : grams < 80 ? 2 : grams < 200 ? 3 : 4;
}

/* The sum of the weights of the rows, for each label. A label's score, not yet divided by a
 * temperature, is bias + scale * sum / sqrt(count). Behind the rows there are LANGUAGE_AT_ONCE
 * bytes that may be read. */
void language_sum(const uint8_t *rows, uint32_t stride, const uint32_t *row, size_t count,
		  int32_t sums[LANGUAGE_SUMS]);

#endif
