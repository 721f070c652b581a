#include "model/model_rows.h"

#include "numeric/processor.h"

/*
 * What a piece of the rows adds up to goes to the labels' sums: numbers of it, from the one at
 * begin on. The row's head counts as numbers too, which are nobody's.
 */
static void put_sums(const float *sum, uint32_t begin, uint32_t numbers, uint32_t head,
		     uint32_t labels, float *sums)
{
	uint32_t from = begin < head ? head - begin : 0, left = head + labels - begin;
	uint32_t end = left < numbers ? left : numbers;
	memcpy(sums + begin + from - head, sum + from, (end - from) * sizeof(*sums));
}

/* ---- a byte for every label ------------------------------------------------------------------ */

#define QUADS (MODEL_PIECE / sizeof(uint32_t))
#define BYTES 4 /* in a quad */

typedef uint32_t quads __attribute__((vector_size(MODEL_PIECE)));

/* Of one piece of all rows: the bytes of four labels in 32 bits, taken apart by shifts. */
ANY_PROCESSOR
static void add_piece(const struct hit *hits, size_t count, uint32_t at, float *sum)
{
	quads a = {0}, b = {0}, c = {0}, d = {0};
	for (size_t i = 0; i < count; i++) {
		uint32_t weight = (uint32_t)hits[i].weight;
		quads quad;
		memcpy(&quad, (const uint8_t *)hits[i].row + at, sizeof(quad));
		a += (quad & 255) * weight;
		b += (quad >> 8 & 255) * weight;
		c += (quad >> 16 & 255) * weight;
		d += (quad >> 24) * weight;
	}
	for (uint32_t q = 0; q < QUADS; q++) {
		sum[q * BYTES] = (float)(int32_t)a[q];
		sum[q * BYTES + 1] = (float)(int32_t)b[q];
		sum[q * BYTES + 2] = (float)(int32_t)c[q];
		sum[q * BYTES + 3] = (float)(int32_t)d[q];
	}
}

static void add_bytes(const struct hit *hits, size_t count, uint32_t labels, float *sums)
{
	const uint32_t head = sizeof(struct model_row);
	for (uint32_t begin = 0; begin < head + labels; begin += MODEL_PIECE) {
		float sum[MODEL_PIECE];
		add_piece(hits, count, begin, sum);
		put_sums(sum, begin, MODEL_PIECE, head, labels, sums);
	}
}

/* ---- half a byte for every label ------------------------------------------------------------- */

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
		put_sums(sum, begin, HALVES * WORDS, head, labels, sums);
	}
}

void rows_add(const struct hit *hits, size_t count, uint32_t labels, float *sums)
{
	if (labels <= MODEL_FEW)
		add_bytes(hits, count, labels, sums);
	else
		add_halves(hits, count, labels, sums);
}
