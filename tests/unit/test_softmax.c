/* Powers of e and their sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "numeric/softmax.h"

static void powers_are_those_of_e(void **state)
{
	float score[8 * SOFTMAX_LANES];
	const uint32_t count = sizeof(score) / sizeof(score[0]);
	(void)state;
	for (int step = 0; step < 400; step++) {
		for (uint32_t i = 0; i < count; i++)
			score[i] = 3 - (float)(step * (int)count + (int)i) * 0.0017f;
		softmax_powers(score, count, 3, 2);
		for (uint32_t i = 0; i < count; i++) {
			double x = -2 * (double)((float)(step * (int)count + (int)i) * 0.0017f);
			double wanted = exp(x);
			assert_true(fabs((double)score[i] - wanted) < 2e-5 * wanted + 1e-37);
		}
	}
}

static void ends_are_right(void **state)
{
	float score[SOFTMAX_LANES] = {5, -INFINITY, -1e30f, 4.9999995f};
	(void)state;
	softmax_powers(score, 4, 5, 1);
	assert_true(score[0] >= 1 && score[0] <= 1);
	assert_true(score[1] >= 0 && score[1] < 1e-37f);
	assert_true(score[2] >= 0 && score[2] < 1e-37f);
	assert_true(score[3] > 0.999f && score[3] <= 1);
}

static void sums_all(void **state)
{
	float power[3 * SOFTMAX_LANES + 5];
	const uint32_t count = sizeof(power) / sizeof(power[0]);
	(void)state;
	for (uint32_t i = 0; i < count; i++)
		power[i] = (float)(i + 1);
	for (uint32_t n = 0; n <= count; n++) {
		float wanted = (float)(n * (n + 1) / 2), sum = softmax_sum(power, n);
		assert_true(sum >= wanted && sum <= wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(powers_are_those_of_e),
	    cmocka_unit_test(ends_are_right),
	    cmocka_unit_test(sums_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
