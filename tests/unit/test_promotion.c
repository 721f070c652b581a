/* When a model is promoted: the sign test against known values, and each way of being refused. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "judging/promotion.h"

static const struct promotion_rule rule = {.least_cases = 100, .chance = 0.01};

static void near(double value, double wanted)
{
	if (fabs(value - wanted) > 1e-9 + wanted * 1e-9)
		fail_msg("%.12f is not %.12f", value, wanted);
}

static void test_sign_test(void **state)
{
	(void)state;
	near(sign_test(0, 0), 1);
	near(sign_test(1, 0), 0.5);
	near(sign_test(0, 1), 1);
	near(sign_test(5, 0), 1.0 / 32);
	near(sign_test(8, 2), 56.0 / 1024); /* 45 + 10 + 1 ways of 2^10 */
	near(sign_test(3, 3), 42.0 / 64);
	/* large numbers neither overflow nor take for ever */
	assert_true(sign_test(501000, 499000) > 0.02 && sign_test(501000, 499000) < 0.025);
	assert_true(sign_test(600000, 400000) < 1e-300);
}

static const struct judged right = {true, true}, unsure_right = {true, false},
			   wrong = {false, true}, unsure = {false, false};

static void add(struct comparison *comparison, unsigned times, struct judged serving,
		struct judged shadow)
{
	while (times--)
		comparison_add(comparison, serving, shadow);
}

static enum promotion decide(const struct comparison *comparison)
{
	return promotion_decide(comparison, &rule).promotion;
}

static void test_counts(void **state)
{
	(void)state;
	struct comparison comparison = {0};
	add(&comparison, 1, right, unsure_right);
	add(&comparison, 2, wrong, right);
	add(&comparison, 4, unsure, wrong);
	add(&comparison, 8, right, unsure);
	assert_int_equal(comparison.cases, 15);
	assert_int_equal(comparison.serving_right, 9);
	assert_int_equal(comparison.shadow_right, 3);
	assert_int_equal(comparison.only_shadow_right, 2);
	assert_int_equal(comparison.only_serving_right, 8);
	assert_int_equal(comparison.serving_answered, 11);
	assert_int_equal(comparison.shadow_answered, 6);
	assert_int_equal(comparison.serving_wrong, 2);
	assert_int_equal(comparison.only_serving_wrong, 2);
	assert_int_equal(comparison.only_shadow_wrong, 4);
}

static void test_better_is_promoted(void **state)
{
	(void)state;
	struct comparison comparison = {0};
	add(&comparison, 80, right, right);
	add(&comparison, 2, right, unsure);
	add(&comparison, 18, unsure, right);
	assert_int_equal(decide(&comparison), PROMOTION_BETTER);
}

static void test_too_few_cases(void **state)
{
	(void)state;
	struct comparison comparison = {0};
	add(&comparison, 99, wrong, right);
	assert_int_equal(decide(&comparison), PROMOTION_TOO_FEW);
	add(&comparison, 1, wrong, right);
	assert_int_equal(decide(&comparison), PROMOTION_BETTER);
}

static void test_the_same_and_worse_are_not_promoted(void **state)
{
	(void)state;
	struct comparison same = {0}, worse = {0};
	add(&same, 1000, right, right);
	assert_int_equal(decide(&same), PROMOTION_NO_BETTER);
	add(&worse, 80, right, right);
	add(&worse, 20, right, wrong);
	assert_int_equal(decide(&worse), PROMOTION_NO_BETTER);
}

/* Six more of ten is what chance does; the same share of a hundred is not. */
static void test_a_lead_that_chance_can_make(void **state)
{
	(void)state;
	struct comparison comparison = {0};
	add(&comparison, 100, right, right);
	add(&comparison, 8, unsure, right);
	add(&comparison, 2, right, unsure);
	assert_int_equal(decide(&comparison), PROMOTION_NO_BETTER);
	add(&comparison, 72, unsure, right);
	add(&comparison, 18, right, unsure);
	assert_int_equal(decide(&comparison), PROMOTION_BETTER);
}

/* Right more often, but only because it never says that it does not know. */
static void test_more_wrong_answers_are_not_promoted(void **state)
{
	(void)state;
	struct comparison comparison = {0};
	add(&comparison, 50, right, right);
	add(&comparison, 30, unsure, right);
	add(&comparison, 20, unsure, wrong);
	assert_int_equal(decide(&comparison), PROMOTION_CARELESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sign_test),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_better_is_promoted),
	    cmocka_unit_test(test_too_few_cases),
	    cmocka_unit_test(test_the_same_and_worse_are_not_promoted),
	    cmocka_unit_test(test_a_lead_that_chance_can_make),
	    cmocka_unit_test(test_more_wrong_answers_are_not_promoted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
