#include "numeric/softmax.h"

#include <string.h>

#include "numeric/processor.h"

#define LEAST -87.0f /* e to the power of less is hardly a number any more */

typedef float lane __attribute__((vector_size(SOFTMAX_LANES * sizeof(float))));
typedef uint32_t bits __attribute__((vector_size(SOFTMAX_LANES * sizeof(uint32_t))));

/* e^x for x of at most 0: 2^n times a polynomial in the rest, which is at most half of ln 2. */
static inline void raise(lane *power)
{
	const float rounding = 12582912.0f; /* 1.5 * 2^23: adding it leaves a whole number below */
	bits small = (bits)(*power < LEAST);
	lane x = (lane)((~small & (bits)*power) | (small & (bits)(LEAST + (lane){0})));
	lane shifted = x * 1.44269504f + rounding, n = shifted - rounding;
	lane r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
	lane p = 1.9875691500e-4f * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1.0f;
	*power = (lane)((bits)p + ((bits)shifted << 23));
}

ANY_PROCESSOR
void softmax_powers(float *score, uint32_t count, float top, float times)
{
	for (uint32_t i = 0; i < count; i += SOFTMAX_LANES) {
		lane x;
		memcpy(&x, score + i, sizeof(x));
		x = (x - top) * times;
		raise(&x);
		memcpy(score + i, &x, sizeof(x));
	}
}

ANY_PROCESSOR
float softmax_sum(const float *power, uint32_t count)
{
	lane parts = {0}, some;
	float sum = 0;
	uint32_t i = 0;
	for (; i + SOFTMAX_LANES <= count; i += SOFTMAX_LANES) {
		memcpy(&some, power + i, sizeof(some));
		parts += some;
	}
	for (uint32_t k = 0; k < SOFTMAX_LANES; k++)
		sum += parts[k];
	for (; i < count; i++)
		sum += power[i];
	return sum;
}
