#include "model_rows.h"

#include "processor.h"

typedef uint8_t bytes __attribute__((vector_size(MODEL_LANES)));
typedef int32_t lane __attribute__((vector_size(MODEL_LANES * sizeof(int32_t))));

/* Rows with a byte for every label. */
ANY_PROCESSOR
static void add_bytes(const struct hit *hits, size_t count, uint32_t labels, float *sums)
{
	for (uint32_t at = 0; at < labels; at += MODEL_LANES) {
		lane sum = {0};
		for (size_t i = 0; i < count; i++) {
			bytes number;
			memcpy(&number, hits[i].row->number + at, sizeof(number));
			sum += hits[i].weight * __builtin_convertvector(number, lane);
		}
		for (uint32_t l = 0; l < MODEL_LANES && at + l < labels; l++)
			sums[at + l] = (float)sum[l];
	}
}

#define WORDS   (MODEL_CHUNK / sizeof(uint16_t))
#define HALVES  4  /* of bytes in a word */
#define AT_ONCE 16 /* rows whose numbers times their weights add up to 16 bits */

typedef uint16_t words __attribute__((vector_size(MODEL_CHUNK)));

/* Adds one chunk of so few rows up: sum[k] is of the k-th half bytes of all words. */
static inline void add_chunk(const struct hit *hits, size_t count, size_t at, words sum[HALVES])
{
	words a = {0}, b = {0}, c = {0}, d = {0};
	for (size_t i = 0; i < count; i++) {
		uint16_t weight = (uint16_t)hits[i].weight;
		words word;
		memcpy(&word, (const uint8_t *)hits[i].row + at, sizeof(word));
		a += (word & 15) * weight;
		b += (word >> 4 & 15) * weight;
		c += (word >> 8 & 15) * weight;
		d += (word >> 12) * weight;
	}
	sum[0] = a;
	sum[1] = b;
	sum[2] = c;
	sum[3] = d;
}

/* Apart from what makes the sums, which then are kept in registers. */
__attribute__((noinline)) static void put_in_order(int32_t whole[HALVES][WORDS], float *sum)
{
	for (uint32_t w = 0; w < WORDS; w++) {
		for (uint32_t k = 0; k < HALVES; k++)
			sum[w * HALVES + k] = (float)whole[k][w];
	}
}

/* Rows with half a byte for every label. */
ANY_PROCESSOR
static void add_halves(const struct hit *hits, size_t count, uint32_t labels, float *sums)
{
	const uint32_t head = sizeof(struct model_row) * 2, all = model_row_size(labels) * 2;
	for (uint32_t begin = 0; begin < all; begin += HALVES * WORDS) {
		int32_t whole[HALVES][WORDS] = {0};
		for (size_t from = 0; from < count; from += AT_ONCE) {
			words part[HALVES];
			add_chunk(hits + from, count - from < AT_ONCE ? count - from : AT_ONCE,
				  begin / 2, part);
			for (uint32_t k = 0; k < HALVES; k++) {
				for (uint32_t w = 0; w < WORDS; w++)
					whole[k][w] += part[k][w];
			}
		}
		float sum[WORDS * HALVES];
		put_in_order(whole, sum);
		uint32_t from = begin < head ? head - begin : 0, left = head + labels - begin;
		uint32_t end = left < HALVES * WORDS ? left : HALVES * WORDS;
		memcpy(sums + begin + from - head, sum + from, (end - from) * sizeof(*sums));
	}
}

void rows_add(const struct hit *hits, size_t count, uint32_t labels, float *sums)
{
	if (labels <= MODEL_FEW)
		add_bytes(hits, count, labels, sums);
	else
		add_halves(hits, count, labels, sums);
}
