/* Token buckets of many keys in a fixed memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/rate_limit.h"

#define SECOND INT64_C(1000000)
#define MIX(i) ((uint64_t)(i)*0x9E3779B97F4A7C15u + 1)

/* How many of tries are let through at this time. */
static int pass(struct rate_limit *limit, uint64_t key, int64_t now_us, int tries)
{
	int passed = 0;
	for (int i = 0; i < tries; i++) {
		if (rate_limit_wait_us(limit, key, now_us))
			continue;
		rate_limit_take(limit, key, now_us);
		passed++;
	}
	return passed;
}

static void a_burst_then_the_rate(void **state)
{
	struct rate_limit *limit = rate_limit_new(60, 5);
	(void)state;
	assert_true(rate_limit_is_fresh(limit, 7, 0));
	assert_int_equal(pass(limit, 7, 0, 100), 5);
	assert_false(rate_limit_is_fresh(limit, 7, 0));
	assert_int_equal(rate_limit_wait_us(limit, 7, 0), SECOND);
	assert_int_equal(rate_limit_wait_us(limit, 7, SECOND / 2), SECOND / 2);
	assert_int_equal(pass(limit, 7, SECOND, 100), 1);
	assert_int_equal(pass(limit, 7, 3 * SECOND, 100), 2);
	assert_true(rate_limit_is_fresh(limit, 7, 8 * SECOND));
	assert_int_equal(pass(limit, 7, 1000 * SECOND, 100), 5); /* no more than the burst */
	rate_limit_free(&limit);
	assert_null(limit);
}

static void keys_do_not_disturb_each_other(void **state)
{
	struct rate_limit *limit = rate_limit_new(60, 3);
	(void)state;
	for (uint64_t key = 1; key <= 1000; key++)
		assert_int_equal(pass(limit, MIX(key), 0, 10), 3);
	for (uint64_t key = 1; key <= 1000; key++)
		assert_int_equal(pass(limit, MIX(key), 0, 10), 0);
	rate_limit_free(&limit);
}

static void what_is_taken_beyond_does_not_add_up(void **state)
{
	struct rate_limit *limit = rate_limit_new(60, 3);
	(void)state;
	for (int i = 0; i < 1000; i++)
		rate_limit_take(limit, 7, 0);
	assert_int_equal(rate_limit_wait_us(limit, 7, 0), SECOND);
	rate_limit_free(&limit);
}

static void a_flood_of_keys_does_not_free_the_worst(void **state)
{
	struct rate_limit *limit = rate_limit_new(60, 100);
	(void)state;
	assert_int_equal(pass(limit, 7, 0, 1000), 100);
	for (uint64_t key = 1; key < 1000000; key++)
		rate_limit_take(limit, MIX(key), 0);
	assert_int_equal(pass(limit, 7, 0, 1000), 0);
	rate_limit_free(&limit);
}

static void zero_is_no_limit(void **state)
{
	struct rate_limit *limit = rate_limit_new(0, 0);
	(void)state;
	assert_int_equal(pass(limit, 7, 0, 1000), 1000);
	assert_true(rate_limit_is_fresh(limit, 7, 0));
	rate_limit_free(&limit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_burst_then_the_rate),
	    cmocka_unit_test(keys_do_not_disturb_each_other),
	    cmocka_unit_test(what_is_taken_beyond_does_not_add_up),
	    cmocka_unit_test(a_flood_of_keys_does_not_free_the_worst),
	    cmocka_unit_test(zero_is_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
