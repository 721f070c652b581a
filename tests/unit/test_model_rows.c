/* Rows added up: in few labels and in many, few rows and many, without an overflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "model/model_rows.h"

static uint32_t next(void)
{
	static uint32_t random = 1;
	random = random * 1664525 + 1013904223;
	return random >> 8;
}

struct many {
	uint8_t *rows;
	struct hit *hits;
	uint32_t labels;
	size_t count;
};

/* full: all numbers and weights are as great as they can be. */
static struct many make(uint32_t labels, size_t count, bool full)
{
	size_t size = model_row_size(labels);
	struct many many = {malloc(count * size), calloc(count, sizeof(struct hit)), labels, count};
	for (size_t i = 0; i < count * size; i++)
		many.rows[i] = full ? UINT8_MAX : (uint8_t)next();
	for (size_t i = 0; i < count; i++) {
		many.hits[i].row = (const void *)(many.rows + (full ? i : next() % count) * size);
		many.hits[i].weight = (int32_t)(next() % (uint32_t)rows_weight_max(labels));
		if (full)
			many.hits[i].weight = rows_weight_max(labels);
	}
	return many;
}

static uint32_t number_of(const struct model_row *row, uint32_t label, uint32_t labels)
{
	if (labels <= MODEL_FEW)
		return row->number[label];
	return label % 2 ? row->number[label / 2] >> 4 : row->number[label / 2] & 15;
}

static void check(const struct many *many)
{
	float sums[MODEL_LABELS_MAX];
	rows_add(many->hits, many->count, many->labels, sums);
	for (uint32_t l = 0; l < many->labels; l++) {
		int64_t sum = 0;
		for (size_t i = 0; i < many->count; i++) {
			const struct hit *hit = &many->hits[i];
			uint32_t number = number_of(hit->row, l, many->labels);
			sum += (int64_t)hit->weight * number;
			assert_int_equal(row_tells(hit->row, l, many->labels),
					 (int32_t)number - hit->row->middle);
		}
		assert_true((float)sum >= sums[l] && (float)sum <= sums[l]);
	}
}

static void free_many(struct many *many)
{
	free(many->rows);
	free(many->hits);
}

static const uint32_t labels[] = {
    1, 2, 11, 12, 13, 28, 44, 52, MODEL_FEW, 61, 64, 114, 120, 121, 184, 185, MODEL_LABELS_MAX};

static void sums_are_right(void **state)
{
	static const size_t counts[] = {1, 2, 15, 16, 17, 100};
	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
			struct many many = make(labels[i], counts[k], false);
			check(&many);
			free_many(&many);
		}
	}
}

/* As many rows of the greatest numbers as weights of the greatest size may have. */
static void greatest_sums_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		size_t count = (size_t)(ROWS_WEIGHTS_MAX / rows_weight_max(labels[i]));
		struct many many = make(labels[i], count > 2000 ? 2000 : count, true);
		check(&many);
		free_many(&many);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_are_right),
	    cmocka_unit_test(greatest_sums_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
