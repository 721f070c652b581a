/*
 * The rows of a text's features, added up: in whole numbers, whose sums are the same in whichever
 * order and with whichever instructions they are made. Pure.
 */
#ifndef CLASSIFICATION_MODEL_MODEL_ROWS_H
#define CLASSIFICATION_MODEL_MODEL_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "model/model_file.h"

/* A feature of the text that the model knows. */
struct hit {
	const struct model_row *row;
	float value;      /* of the feature, times its row's scale */
	int32_t weight;   /* the same in whole numbers, 0..rows_weight_max */
	uint32_t feature; /* of the text */
};

/* Sixteen numbers of half a byte times it fit into 16 bits. */
static inline int32_t rows_weight_max(uint32_t labels)
{
	return labels <= MODEL_FEW ? INT16_MAX : UINT8_MAX;
}

/* All weights of a text together, before they are rounded: no label's sum is too large then. */
#define ROWS_WEIGHTS_MAX (INT32_MAX / UINT8_MAX - (int32_t)FEATURES_MAX)

/* For each of so many labels the sum of weight times number over the hits. */
void rows_add(const struct hit *hits, size_t count, uint32_t labels, float *sums);

/* What the row says of a label more than of the middle one. */
static inline int32_t row_tells(const struct model_row *row, uint32_t label, uint32_t labels)
{
	if (labels <= MODEL_FEW)
		return row->number[label] - row->middle;
	return (row->number[label / 2] >> label % 2 * 4 & 15) - row->middle;
}

#endif
