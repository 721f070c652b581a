/* Scores against values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/random.h"
#include "numeric/score.h"

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
	/* p(1-p) in each: 0, 0.1875, 0.25 twice, 0.1875 */
	near(score.ece_by_chance, sqrt(2 / M_PI) * (sqrt(0.1875) + sqrt(0.5) + sqrt(0.1875)) / 5);
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
	near(score.ece_by_chance, 0);
}

/* ---- calibration error by chance ------------------------------------------------------------- */

static uint64_t random_state = RANDOM_START;

static double drawn(void)
{
	return (double)(random_next(&random_state) >> 11) / 9007199254740992.0;
}

/* Of confidences as a classifier has them, mostly high. */
static void draw_confidences(struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++)
		trials[i].confidence = (float)(1 - 0.9 * drawn() * drawn());
}

/* Each is as often right as it is sure. */
static double mean_error(struct trial *trials, size_t count, int rounds)
{
	struct score score;
	double sum = 0;
	for (int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++)
			trials[i].guess = drawn() >= (double)trials[i].confidence;
		score_trials(trials, count, 2, 0.95, &score);
		sum += score.ece;
	}
	return sum / rounds;
}

/* The more texts, the less: as the root of their number. */
static void error_by_chance_is_what_true_confidences_have(void **state)
{
	static const size_t counts[] = {200, 800, 3200};
	static struct trial trials[3200];
	struct score score;
	double before = 1;
	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		draw_confidences(trials, counts[i]);
		double found = mean_error(trials, counts[i], 300);
		score_trials(trials, counts[i], 2, 0.95, &score);
		if (fabs(score.ece_by_chance / found - 1) > 0.04)
			fail_msg("of %zu: %f, not %f", counts[i], score.ece_by_chance, found);
		assert_true(found < 0.6 * before);
		before = found;
	}
}

/* ---- the table ------------------------------------------------------------------------------- */

static void the_table_names_what_was_wanted(void **state)
{
	struct score score = {.accuracy = 0.5, .ece_by_chance = 0.0123, .threshold = 2};
	char *table;
	size_t size;
	FILE *out = open_memstream(&table, &size);
	(void)state;
	score_print(out, &score, 0.999);
	score.threshold = 0.75;
	score_print(out, &score, 0.95);
	fclose(out);
	assert_non_null(strstr(table, "accuracy                           0.5000\n"));
	assert_non_null(strstr(table, "calibration error by chance        0.0123\n"));
	assert_non_null(strstr(table, "coverage at 99.9 % precision       0.0000\n"
				      "  above confidence                      -\n"));
	assert_non_null(strstr(table, "coverage at 95 % precision         0.0000\n"
				      "  above confidence                 0.7500\n"));
	free(table);
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
	const struct trial silent[] = {{0, UINT32_MAX, 0, true}, {1, 1, 0.9f, false}};
	score_profile(silent, 2, 3, &profile);
	assert_true(profile.label_share[0] <= 0 && profile.label_share[1] >= 1);
	assert_true(fabsf(profile.confidence_share[0] - 0.5f) < 1e-6f);
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
	    cmocka_unit_test(error_by_chance_is_what_true_confidences_have),
	    cmocka_unit_test(the_table_names_what_was_wanted),
	    cmocka_unit_test(test_profile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
