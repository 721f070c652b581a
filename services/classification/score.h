/*
 * How good a classifier was on texts whose label is known: the arithmetic, apart from the texts.
 * Pure.
 */
#ifndef CLASSIFICATION_SCORE_H
#define CLASSIFICATION_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One text. Labels are numbers below the count given to score_trials. */
struct trial {
	uint32_t label; /* the right one */
	uint32_t guess; /* the best guess, also when it abstained */
	float confidence;
	bool abstained;
};

#define SCORE_STEPS 10 /* of confidence, each a tenth wide */

struct score {
	size_t count;
	double accuracy; /* of the best guess, abstained or not */
	double macro_f1; /* mean over the labels that are the right one somewhere */
	double ece;      /* expected calibration error, 15 bins of equal width */
	double
	    coverage; /* the greatest share, surest first, of which the wanted precision is right */
	double threshold; /* the least confidence in that share; above 1 when there is none */
	double abstained; /* share */
	double precision; /* of those it did not abstain from */
};

/* Sorts the trials by confidence. precision: wanted for coverage, 0..1. */
void score_trials(struct trial *trials, size_t count, uint32_t labels, double precision,
		  struct score *score);

/* What the best guesses look like as a whole: of each label, of each step of confidence, their
 * mean. */
struct profile {
	float *label_share; /* labels of them; free() it */
	float confidence_share[SCORE_STEPS];
	float confidence;
};

void score_profile(const struct trial *trials, size_t count, uint32_t labels,
		   struct profile *profile);

#endif
