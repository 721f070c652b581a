/*
 * Whether what comes in still looks like what the model was made for: the last answers (a sliding
 * window) against those that the model gave to texts held aside from its training. Pure.
 */
#ifndef CLASSIFICATION_JUDGING_DRIFT_H
#define CLASSIFICATION_JUDGING_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "numeric/confidence.h"

#define DRIFT_NOTHING UINT32_MAX /* for a label: nothing in the text is known */

struct drift;

/* window: answers looked back on; labels: how many the model has. */
struct drift *drift_new(size_t window, uint32_t labels);
void drift_free(struct drift **drift);

/* One answer: its best guess, right or not, and whether it was left to a person. */
void drift_add(struct drift *drift, uint32_t label, float confidence, bool abstained);

/* The model's answers to the texts held aside. */
struct drift_reference {
	const float *label_share;      /* of each label among best guesses; sums to 1 */
	const float *confidence_share; /* of each bin */
};

struct drift_figures {
	size_t answers;    /* in the window */
	double abstained;  /* share left to a person */
	double confidence; /* mean of the best guesses' */
	double label_psi;  /* population stability index against the reference; 0: the same */
	double confidence_psi;
};

/* All zero when the window is empty. */
struct drift_figures drift_figures(const struct drift *drift,
				   const struct drift_reference *reference);

#endif
