#include "judging/drift.h"

#include <math.h>
#include <stdlib.h>

#include "util/alloc.h"

#define SURE        65535  /* a confidence of 1 */
#define SHARE_LEAST 0.0001 /* a share of nothing would make any difference infinite */

struct answer {
	uint32_t label : 31;
	uint32_t abstained : 1;
	uint16_t confidence; /* of SURE */
};

#define NO_LABEL (DRIFT_NOTHING >> 1)

struct drift {
	struct answer *answers; /* a ring */
	size_t window, count, next;
	uint32_t labels;
	uint32_t *of_label, of_bin[CONFIDENCE_STEPS];
	uint64_t guesses, abstained, confidence; /* sums over the window */
};

struct drift *drift_new(size_t window, uint32_t labels)
{
	struct drift *drift = x_calloc(1, sizeof(*drift));
	drift->window = window;
	drift->labels = labels;
	drift->answers = x_calloc(window, sizeof(*drift->answers));
	drift->of_label = x_calloc(labels + 1, sizeof(*drift->of_label));
	return drift;
}

void drift_free(struct drift **drift)
{
	if (!*drift)
		return;
	free((*drift)->answers);
	free((*drift)->of_label);
	free(*drift);
	*drift = NULL;
}

/* by: 1 or -1 */
static void count(struct drift *drift, const struct answer *answer, int by)
{
	size_t bin = (size_t)answer->confidence * CONFIDENCE_STEPS / (SURE + 1);
	drift->abstained += (uint64_t)(by * (int)answer->abstained);
	drift->confidence += (uint64_t)(by * (int)answer->confidence);
	drift->of_bin[bin] += (uint32_t)by;
	if (answer->label >= drift->labels)
		return;
	drift->guesses += (uint64_t)by;
	drift->of_label[answer->label] += (uint32_t)by;
}

void drift_add(struct drift *drift, uint32_t label, float confidence, bool abstained)
{
	struct answer *slot = &drift->answers[drift->next];
	float within = confidence > 0 ? fminf(confidence, 1) : 0;
	if (drift->count == drift->window)
		count(drift, slot, -1);
	else
		drift->count++;
	*slot = (struct answer){label < drift->labels ? label : NO_LABEL, abstained,
				(uint16_t)lroundf(within * SURE)};
	count(drift, slot, 1);
	drift->next = (drift->next + 1) % drift->window;
}

/* Sum of (now - then) ln(now / then). */
static double psi(const uint32_t *counts, uint64_t total, const float *then, size_t bins)
{
	double sum = 0;
	for (size_t i = 0; i < bins && total; i++) {
		double now = fmax((double)counts[i] / (double)total, SHARE_LEAST);
		double was = fmax((double)then[i], SHARE_LEAST);
		sum += (now - was) * log(now / was);
	}
	return sum;
}

struct drift_figures drift_figures(const struct drift *drift,
				   const struct drift_reference *reference)
{
	struct drift_figures figures = {.answers = drift->count};
	if (!drift->count)
		return figures;
	figures.abstained = (double)drift->abstained / (double)drift->count;
	figures.confidence = (double)drift->confidence / SURE / (double)drift->count;
	figures.label_psi =
	    psi(drift->of_label, drift->guesses, reference->label_share, drift->labels);
	figures.confidence_psi =
	    psi(drift->of_bin, drift->count, reference->confidence_share, CONFIDENCE_STEPS);
	return figures;
}
