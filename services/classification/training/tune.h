/* What each set of texts wants of the learner, found by learning from some and trying on the
 * others. */
#ifndef CLASSIFICATION_TRAINING_TUNE_H
#define CLASSIFICATION_TRAINING_TUNE_H

#include <stdbool.h>

#include "training/calibrate.h"
#include "training/corpus.h"
#include "training/learn.h"

struct tuned {
	struct recipe recipe;
	struct held held;  /* scores of texts by machines that had not learned from them */
	float least_known; /* of a text's features: hardly one of the texts held aside has fewer */
};

/* say is told what is being done. Deterministic. */
void tune(const struct corpus *corpus, void (*say)(const char *what), struct tuned *tuned);
void tuned_free(struct tuned *tuned);

/* Whether another recipe is worth the change, tried on so many texts like the best so far. Pure. */
bool tune_is_gain(struct merit best, struct merit other, size_t texts);

#endif
