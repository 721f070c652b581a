/* Scores against values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "score.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void near(double found, double wanted)
{
	assert_true(found > wanted - 1e-9 && found < wanted + 1e-9);
}

/* Three labels; label 2 is only ever guessed, so it does not count for the mean. */
static void worked_out_by_hand(void **state)
{
	struct trial trials[] = {
	    {0, 0, 0.5f, true},  {0, 0, 1.0f, false}, {1, 0, 0.75f, false},
	    {1, 1, 0.25f, true}, {1, 2, 0.5f, false},
	};
	struct score score;
	(void)state;
	score_trials(trials, COUNT(trials), 3, 0.95, &score);
	assert_int_equal(score.count, 5);
	near(score.accuracy, 3 / 5.0);
	/* F1 of 0: 2*2/(2+3); of 1: 2*1/(3+1) */
	near(score.macro_f1, (4 / 5.0 + 2 / 4.0) / 2);
	/* bins: {1.0: right}, {0.75: wrong}, {0.5: right, 0.5: wrong}, {0.25: right} */
	near(score.ece, (0 + 0.75 + 0 + 0.75) / 5);
	near(score.abstained, 2 / 5.0);
	near(score.precision, 1 / 3.0);
	near(score.coverage, 1 / 5.0);
	near(score.threshold, 1.0);
}

/* The greatest share, also when the precision was not met in between; equal ones stay together. */
static void coverage_takes_ties_together(void **state)
{
	struct trial trials[] = {
	    {0, 1, 0.9f, false}, {0, 0, 0.8f, false}, {0, 0, 0.7f, false},
	    {0, 0, 0.6f, false}, {0, 0, 0.5f, false}, {0, 1, 0.5f, false},
	};
	struct score score;
	(void)state;
	score_trials(trials, COUNT(trials), 2, 0.75, &score);
	near(score.coverage, 4 / 6.0);
	near(score.threshold, (double)0.6f);
	score_trials(trials, COUNT(trials), 2, 0.7, &score);
	near(score.coverage, 4 / 6.0); /* five of six would do, were the last two not one */
	score_trials(trials, COUNT(trials), 2, 0.9, &score);
	near(score.coverage, 0);
	assert_true(score.threshold > 1);
}

static void nothing_is_no_fault(void **state)
{
	struct score score;
	(void)state;
	score_trials(NULL, 0, 0, 0.95, &score);
	near(score.accuracy + score.macro_f1 + score.ece + score.coverage + score.precision, 0);
}

static void test_profile(void **state)
{
	(void)state;
	const struct trial trials[] = {
	    {0, 0, 0.05f, true}, {1, 2, 0.95f, false}, {2, 2, 1.0f, false}, {1, 0, 0.5f, false}};
	struct profile profile;
	score_profile(trials, 4, 3, &profile);
	assert_true(fabsf(profile.label_share[0] - 0.5f) < 1e-6f);
	assert_true(profile.label_share[1] <= 0);
	assert_true(fabsf(profile.label_share[2] - 0.5f) < 1e-6f);
	assert_true(fabsf(profile.confidence_share[0] - 0.25f) < 1e-6f);
	assert_true(fabsf(profile.confidence_share[5] - 0.25f) < 1e-6f);
	assert_true(fabsf(profile.confidence_share[9] - 0.5f) < 1e-6f);
	assert_true(fabsf(profile.confidence - 0.625f) < 1e-6f);
	free(profile.label_share);
	score_profile(NULL, 0, 3, &profile);
	assert_true(profile.label_share[0] <= 0 && profile.confidence <= 0);
	free(profile.label_share);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(worked_out_by_hand),
	    cmocka_unit_test(coverage_takes_ties_together),
	    cmocka_unit_test(nothing_is_no_fault),
	    cmocka_unit_test(test_profile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
