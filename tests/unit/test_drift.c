/* The sliding window of answers, against sums made by hand. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "judging/drift.h"

static const float even[CONFIDENCE_STEPS] = {0.1f, 0.1f, 0.1f, 0.1f, 0.1f,
					     0.1f, 0.1f, 0.1f, 0.1f, 0.1f};
static const float halves[2] = {0.5f, 0.5f};
static const struct drift_reference reference = {halves, even};

static void near(double value, double wanted, double by)
{
	if (fabs(value - wanted) > by)
		fail_msg("%f is not %f", value, wanted);
}

static void test_nothing_yet(void **state)
{
	(void)state;
	struct drift *drift = drift_new(100, 2);
	struct drift_figures figures = drift_figures(drift, &reference);
	assert_int_equal(figures.answers, 0);
	near(figures.label_psi + figures.confidence_psi + figures.abstained, 0, 0);
	drift_free(&drift);
	assert_null(drift);
}

static void test_the_same_as_the_reference_is_no_drift(void **state)
{
	(void)state;
	struct drift *drift = drift_new(1000, 2);
	for (unsigned i = 0; i < 1000; i++)
		drift_add(drift, i % 2, (float)(i % 10) / 10 + 0.05f, i % 4 == 0);
	struct drift_figures figures = drift_figures(drift, &reference);
	assert_int_equal(figures.answers, 1000);
	near(figures.abstained, 0.25, 1e-9);
	near(figures.confidence, 0.5, 1e-4);
	near(figures.label_psi, 0, 1e-6);
	near(figures.confidence_psi, 0, 1e-6);
	drift_free(&drift);
}

/* 0.8 and 0.2 where 0.5 and 0.5 were: (0.3) ln 1.6 + (-0.3) ln 0.4 */
static void test_a_shift_has_its_known_index(void **state)
{
	(void)state;
	struct drift *drift = drift_new(1000, 2);
	for (unsigned i = 0; i < 1000; i++)
		drift_add(drift, i % 5 == 0, 0.5f, false);
	struct drift_figures figures = drift_figures(drift, &reference);
	near(figures.label_psi, 0.3 * log(1.6) - 0.3 * log(0.4), 1e-6);
	/* all in one bin of ten: a category that was common and is gone counts, but is finite */
	near(figures.confidence_psi, 0.9 * log(10) - 9 * 0.0999 * log(0.001), 1e-4);
	drift_free(&drift);
}

/* What left the window counts no more, to the last digit. */
static void test_the_window_slides(void **state)
{
	(void)state;
	struct drift *drift = drift_new(100, 2);
	for (unsigned i = 0; i < 12345; i++)
		drift_add(drift, 0, 0.93f, true);
	for (unsigned i = 0; i < 100; i++)
		drift_add(drift, i % 2, 0.25f, false);
	struct drift_figures figures = drift_figures(drift, &reference);
	assert_int_equal(figures.answers, 100);
	near(figures.abstained, 0, 0);
	near(figures.confidence, 0.25, 1e-4);
	near(figures.label_psi, 0, 1e-6);
	drift_free(&drift);
}

/* Texts of which nothing is known are no guesses; confidences out of range are taken as its ends.
 */
static void test_what_is_out_of_range(void **state)
{
	(void)state;
	struct drift *drift = drift_new(100, 2);
	for (unsigned i = 0; i < 50; i++) {
		drift_add(drift, i % 2, 7, false);
		drift_add(drift, i % 2 ? DRIFT_NOTHING : 2, -1, true);
	}
	struct drift_figures figures = drift_figures(drift, &reference);
	near(figures.label_psi, 0, 1e-6);
	near(figures.confidence, 0.5, 1e-6);
	near(figures.abstained, 0.5, 1e-9);
	drift_free(&drift);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_yet),
	    cmocka_unit_test(test_the_same_as_the_reference_is_no_drift),
	    cmocka_unit_test(test_a_shift_has_its_known_index),
	    cmocka_unit_test(test_the_window_slides),
	    cmocka_unit_test(test_what_is_out_of_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
