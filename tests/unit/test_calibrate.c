/* Confidences of scores whose true probabilities are known, because the test draws by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "training/calibrate.h"
#include "numeric/random.h"
#include "numeric/score.h"

enum { LABELS = 4, LANES = 8, TEXTS = 4000 };

static uint64_t random_state;

static double chance(void)
{
	return (double)(random_next(&random_state) >> 11) / 9007199254740992.0;
}

/* Labels drawn from softmax(sharpness * score): what a calibration must find out. */
static struct held draw(double sharpness, double spread, uint64_t seed)
{
	struct held held = {.labels = LABELS, .lanes = LANES, .texts = TEXTS};
	held.score = calloc((size_t)TEXTS * LANES, sizeof(*held.score));
	held.label = calloc(TEXTS, sizeof(*held.label));
	random_state = seed;
	for (size_t t = 0; t < TEXTS; t++) {
		double sum = 0, at = 0;
		float *score = held.score + t * LANES;
		for (int l = 0; l < LABELS; l++) {
			score[l] = (float)(spread * (chance() - 0.5));
			sum += exp(sharpness * (double)score[l]);
		}
		double drawn = chance() * sum;
		for (uint32_t l = 0; l < LABELS; l++) {
			at += exp(sharpness * (double)score[l]);
			if (drawn < at) {
				held.label[t] = l;
				break;
			}
		}
	}
	return held;
}

static const uint32_t services[LABELS] = {0, 0, 2, 3};

static struct score scores_of(const struct held *held, const struct calibration *calibration)
{
	static struct trial trials[TEXTS];
	float scratch[LABELS];
	struct score score;
	for (size_t t = 0; t < held->texts; t++) {
		struct estimate found = calibrated(calibration, held->score + t * held->lanes,
						   services, LABELS, scratch);
		trials[t] = (struct trial){held->label[t], found.label, found.confidence,
					   found.confidence < calibration->threshold[found.label]};
	}
	score_trials(trials, held->texts, LABELS, 0.9, &score);
	return score;
}

/* Too sharp or too blunt a machine: on texts it was not fitted on, it promises what it keeps. */
static void confidence_is_true(void **state)
{
	static const double sharpness[] = {2, 6, 20};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct calibration calibration;
		struct held held = draw(sharpness[i], 1.5, 1 + i),
			    others = draw(sharpness[i], 1.5, 77);
		calibrate(&held, services, 0.9, &calibration);
		struct score score = scores_of(&others, &calibration);
		assert_true(score.ece < 0.03);
		calibration_free(&calibration);
		held_free(&held);
		held_free(&others);
	}
}

static void answers_are_as_right_as_wanted(void **state)
{
	struct calibration calibration;
	struct held held = draw(6, 1.5, 5), others = draw(6, 1.5, 99);
	(void)state;
	calibrate(&held, services, 0.9, &calibration);
	struct score score = scores_of(&others, &calibration);
	assert_true(score.accuracy < 0.8);
	assert_true(score.precision > 0.87);
	assert_true(score.abstained > 0.1 && score.abstained < 0.95);
	calibration_free(&calibration);
	held_free(&held);
	held_free(&others);
}

static void service_is_at_least_as_sure(void **state)
{
	struct calibration calibration;
	struct held held = draw(6, 1.5, 5);
	float scratch[LABELS];
	(void)state;
	calibrate(&held, services, 0.9, &calibration);
	for (size_t t = 0; t < held.texts; t++) {
		struct estimate found =
		    calibrated(&calibration, held.score + t * LANES, services, LABELS, scratch);
		assert_true(found.service_confidence >= found.confidence);
		assert_true(found.service_confidence < 1.00001f);
		if (found.label >= 2)
			assert_true(found.service_confidence == found.confidence);
	}
	calibration_free(&calibration);
	held_free(&held);
}

/* One label in fifty, always a little too low: help for it costs next to nothing elsewhere. */
static void rare_labels_are_helped(void **state)
{
	struct held held = {.labels = 2, .lanes = LANES, .texts = 1000};
	(void)state;
	held.score = calloc(1000 * LANES, sizeof(*held.score));
	held.label = calloc(1000, sizeof(*held.label));
	for (size_t t = 0; t < 1000; t++) {
		held.label[t] = t % 50 == 0;
		held.score[t * LANES] = held.label[t] ? 0.05f : 1;
		held.score[t * LANES + 1] = held.label[t] ? 0 : -1;
	}
	struct merit merit = calibrate_merit(&held);
	assert_true(merit.accuracy > 0.999 && merit.macro_f1 > 0.999);
	held_free(&held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(confidence_is_true),
	    cmocka_unit_test(answers_are_as_right_as_wanted),
	    cmocka_unit_test(service_is_at_least_as_sure),
	    cmocka_unit_test(rare_labels_are_helped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
