#include "training/score_model.h"

#include <stdlib.h>

#include "util/alloc.h"

/* As the texts' labels are; what no text has, and no guess at all, is one more. */
static void renumber_guesses(const struct model *model, const struct names *labels,
			     struct trial *trials, size_t count)
{
	uint32_t *number = x_calloc(model_labels(model), sizeof(*number));
	for (uint32_t l = 0; l < model_labels(model); l++) {
		uint32_t found = names_find(labels, model_label(model, l));
		number[l] = found == NAMES_NONE ? labels->count : found;
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t *guess = &trials[i].guess;
		*guess = *guess == NAMES_NONE ? labels->count : number[*guess];
	}
	free(number);
}

void score_model(const struct model *model, const struct names *labels, struct trial *trials,
		 size_t count, double precision, struct score *score)
{
	renumber_guesses(model, labels, trials, count);
	score_trials(trials, count, labels->count + 1, precision, score);
}
