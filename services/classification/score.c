#include "score.h"

#include <math.h>
#include <stdlib.h>

#include "util/alloc.h"

#define BINS 15

static int surest_first(const void *a, const void *b)
{
	const struct trial *x = a, *y = b;
	return (x->confidence < y->confidence) - (x->confidence > y->confidence);
}

static double share(size_t part, size_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static double macro_f1(const struct trial *trials, size_t count, uint32_t labels)
{
	struct tally {
		size_t right, guessed, there;
	} *tally = x_calloc(labels + 1, sizeof(*tally));
	double sum = 0;
	size_t present = 0;
	for (size_t i = 0; i < count; i++) {
		tally[trials[i].label].there++;
		tally[trials[i].guess].guessed++;
		tally[trials[i].label].right += trials[i].label == trials[i].guess;
	}
	for (uint32_t l = 0; l < labels; l++) {
		present += tally[l].there > 0;
		if (tally[l].there)
			sum += share(2 * tally[l].right, tally[l].there + tally[l].guessed);
	}
	free(tally);
	return present ? sum / (double)present : 0;
}

static double calibration_error(const struct trial *trials, size_t count)
{
	struct {
		size_t count, right;
		double confidence;
	} bins[BINS] = {0};
	double error = 0;
	for (size_t i = 0; i < count; i++) {
		int bin = (int)(trials[i].confidence * BINS);
		bin = bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
		bins[bin].count++;
		bins[bin].right += trials[i].label == trials[i].guess;
		bins[bin].confidence += (double)trials[i].confidence;
	}
	for (int b = 0; b < BINS; b++)
		error += fabs((double)bins[b].right - bins[b].confidence);
	return count ? error / (double)count : 0;
}

/* Texts of equal confidence are taken together: no threshold can part them. */
static void find_coverage(const struct trial *trials, size_t count, double precision,
			  struct score *score)
{
	size_t right = 0;
	score->coverage = 0;
	score->threshold = 2;
	for (size_t i = 0; i < count; i++) {
		right += trials[i].label == trials[i].guess;
		if (i + 1 < count && trials[i + 1].confidence == trials[i].confidence)
			continue;
		if ((double)right >= precision * (double)(i + 1)) {
			score->coverage = share(i + 1, count);
			score->threshold = (double)trials[i].confidence;
		}
	}
}

void score_trials(struct trial *trials, size_t count, uint32_t labels, double precision,
		  struct score *score)
{
	size_t right = 0, kept = 0, kept_right = 0;
	if (count)
		qsort(trials, count, sizeof(*trials), surest_first);
	for (size_t i = 0; i < count; i++) {
		bool one = trials[i].label == trials[i].guess;
		right += one;
		kept += !trials[i].abstained;
		kept_right += one && !trials[i].abstained;
	}
	*score = (struct score){
	    .count = count,
	    .accuracy = share(right, count),
	    .macro_f1 = macro_f1(trials, count, labels),
	    .ece = calibration_error(trials, count),
	    .abstained = share(count - kept, count),
	    .precision = share(kept_right, kept),
	};
	find_coverage(trials, count, precision, score);
}

void score_profile(const struct trial *trials, size_t count, uint32_t labels,
		   struct profile *profile)
{
	float each = 1 / (float)(count ? count : 1);
	*profile = (struct profile){.label_share = x_calloc(labels, sizeof(float))};
	for (size_t i = 0; i < count; i++) {
		float sure = fminf(fmaxf(trials[i].confidence, 0), 1);
		size_t step = (size_t)(sure * SCORE_STEPS);
		profile->label_share[trials[i].guess] += each;
		profile->confidence_share[step < SCORE_STEPS ? step : SCORE_STEPS - 1] += each;
		profile->confidence += sure * each;
	}
}
