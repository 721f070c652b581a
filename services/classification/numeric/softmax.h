/*
 * Scores made into shares of one whole. Pure, and the same to the bit on every processor, which the
 * library's exponential function is not.
 */
#ifndef CLASSIFICATION_NUMERIC_SOFTMAX_H
#define CLASSIFICATION_NUMERIC_SOFTMAX_H

#include <stdint.h>

#define SOFTMAX_LANES 8

/*
 * Each score becomes e^(times * (score - top)); top is the greatest of them, times at least 0.
 * There must be room for a multiple of SOFTMAX_LANES, of which what is beyond count is written as
 * well.
 */
void softmax_powers(float *score, uint32_t count, float top, float times);

/* The sum of so many, always in the same order. */
float softmax_sum(const float *power, uint32_t count);

#endif
