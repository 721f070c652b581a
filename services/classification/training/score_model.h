/*
 * The score of a model on texts whose labels are numbered apart from its own, some of which it may
 * not know.
 */
#ifndef CLASSIFICATION_TRAINING_SCORE_MODEL_H
#define CLASSIFICATION_TRAINING_SCORE_MODEL_H

#include "model/model.h"
#include "training/names.h"
#include "numeric/score.h"

/*
 * trials: right labels by their numbers in labels; guesses as the model numbers them, NAMES_NONE
 * where there is none. Guesses are renumbered and trials sorted, as by score_trials.
 */
void score_model(const struct model *model, const struct names *labels, struct trial *trials,
		 size_t count, double precision, struct score *score);

#endif
