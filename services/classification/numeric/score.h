/*
 * How good a classifier was on texts whose label is known: the arithmetic, apart from the texts.
 * Pure, but for writing the table.
 */
#ifndef CLASSIFICATION_NUMERIC_SCORE_H
#define CLASSIFICATION_NUMERIC_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "numeric/confidence.h"

/* One text. Labels are numbers below the count given to score_trials. */
struct trial {
	uint32_t label; /* the right one */
	uint32_t guess; /* the best guess, also when it abstained */
	float confidence;
	bool abstained;
};

struct score {
	size_t count;
	double accuracy; /* of the best guess, abstained or not */
	double macro_f1; /* mean over the labels that are the right one somewhere */
	double ece;      /* expected calibration error, 15 bins of equal width */
	/* What ece would be in the mean on texts of these confidences, were each of them exactly
	 * true; by the normal approximation to how many are right in a bin. */
	double ece_by_chance;
	/* the greatest share, surest first, of which the wanted precision is right */
	double coverage;
	double threshold; /* the least confidence in that share; above 1 when there is none */
	double abstained; /* share */
	double precision; /* of those it did not abstain from */
};

/* Sorts the trials by confidence. precision: wanted for coverage, 0..1. */
void score_trials(struct trial *trials, size_t count, uint32_t labels, double precision,
		  struct score *score);

/* A table, but for count; precision: as given to score_trials. */
void score_print(FILE *out, const struct score *score, double precision);
/* One more row of it. */
void score_print_row(FILE *out, const char *what, double value);

/* 0 of nothing. */
double score_share(size_t part, size_t whole);

/* Of one label: how often it was right, guessed, and both. */
struct tally {
	size_t there, guessed, right;
};

/* tally: of all labels, by number. */
void tally_add(struct tally *tally, uint32_t label, uint32_t guess);
/* The mean over the labels that are there. */
double tally_macro_f1(const struct tally *tally, uint32_t labels);

/* What the best guesses look like as a whole: of each label, of each step of confidence, their
 * mean. */
struct profile {
	float *label_share; /* labels of them; free() it */
	float confidence_share[CONFIDENCE_STEPS];
	float confidence;
};

/* A guess that is no number below labels is none at all. */
void score_profile(const struct trial *trials, size_t count, uint32_t labels,
		   struct profile *profile);

#endif
