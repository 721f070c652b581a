#include "numeric/score.h"

#include <math.h>
#include <stdlib.h>

#include "util/alloc.h"

#define BINS 15

static int surest_first(const void *a, const void *b)
{
	const struct trial *x = a, *y = b;
	return (x->confidence < y->confidence) - (x->confidence > y->confidence);
}

double score_share(size_t part, size_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* ---- macro-F1 -------------------------------------------------------------------------------- */

void tally_add(struct tally *tally, uint32_t label, uint32_t guess)
{
	tally[label].there++;
	tally[guess].guessed++;
	tally[label].right += label == guess;
}

double tally_macro_f1(const struct tally *tally, uint32_t labels)
{
	double sum = 0;
	size_t present = 0;
	for (uint32_t l = 0; l < labels; l++) {
		present += tally[l].there > 0;
		if (tally[l].there)
			sum += score_share(2 * tally[l].right, tally[l].there + tally[l].guessed);
	}
	return present ? sum / (double)present : 0;
}

static double macro_f1(const struct trial *trials, size_t count, uint32_t labels)
{
	struct tally *tally = x_calloc(labels + 1, sizeof(*tally));
	for (size_t i = 0; i < count; i++)
		tally_add(tally, trials[i].label, trials[i].guess);
	double f1 = tally_macro_f1(tally, labels);
	free(tally);
	return f1;
}

/* ---- calibration error ----------------------------------------------------------------------- */

/* Of the trials in it, sums. */
struct bin {
	size_t right;
	double confidence, variance; /* of right, were the confidences true */
};

static void fill_bins(const struct trial *trials, size_t count, struct bin bins[BINS])
{
	for (size_t i = 0; i < count; i++) {
		double sure = (double)trials[i].confidence;
		int bin = (int)(trials[i].confidence * BINS);
		bin = bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
		bins[bin].right += trials[i].label == trials[i].guess;
		bins[bin].confidence += sure;
		bins[bin].variance += sure * (1 - sure);
	}
}

static double calibration_error(const struct bin bins[BINS], size_t count)
{
	double error = 0;
	for (int b = 0; b < BINS; b++)
		error += fabs((double)bins[b].right - bins[b].confidence);
	return count ? error / (double)count : 0;
}

/* A normal variable is off its mean by the root of 2 / pi times its variance, in the mean. */
static double error_by_chance(const struct bin bins[BINS], size_t count)
{
	double error = 0;
	for (int b = 0; b < BINS; b++)
		error += sqrt(M_2_PI * fmax(bins[b].variance, 0));
	return count ? error / (double)count : 0;
}

/* ---- all together ---------------------------------------------------------------------------- */

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
			score->coverage = score_share(i + 1, count);
			score->threshold = (double)trials[i].confidence;
		}
	}
}

void score_trials(struct trial *trials, size_t count, uint32_t labels, double precision,
		  struct score *score)
{
	size_t right = 0, kept = 0, kept_right = 0;
	struct bin bins[BINS] = {0};
	if (count)
		qsort(trials, count, sizeof(*trials), surest_first);
	for (size_t i = 0; i < count; i++) {
		bool one = trials[i].label == trials[i].guess;
		right += one;
		kept += !trials[i].abstained;
		kept_right += one && !trials[i].abstained;
	}
	fill_bins(trials, count, bins);
	*score = (struct score){
	    .count = count,
	    .accuracy = score_share(right, count),
	    .macro_f1 = macro_f1(trials, count, labels),
	    .ece = calibration_error(bins, count),
	    .ece_by_chance = error_by_chance(bins, count),
	    .abstained = score_share(count - kept, count),
	    .precision = score_share(kept_right, kept),
	};
	find_coverage(trials, count, precision, score);
}

void score_print_row(FILE *out, const char *what, double value)
{
	fprintf(out, "%-30s %10.4f\n", what, value);
}

void score_print(FILE *out, const struct score *score, double precision)
{
	char coverage[48];
	snprintf(coverage, sizeof(coverage), "coverage at %.3g %% precision", 100 * precision);
	score_print_row(out, "accuracy", score->accuracy);
	score_print_row(out, "macro-F1", score->macro_f1);
	score_print_row(out, "calibration error (15 bins)", score->ece);
	score_print_row(out, "calibration error by chance", score->ece_by_chance);
	score_print_row(out, coverage, score->coverage);
	if (score->threshold <= 1)
		score_print_row(out, "  above confidence", score->threshold);
	else
		fprintf(out, "%-30s %10s\n", "  above confidence", "-");
	score_print_row(out, "abstained", score->abstained);
	score_print_row(out, "precision of what was answered", score->precision);
}

void score_profile(const struct trial *trials, size_t count, uint32_t labels,
		   struct profile *profile)
{
	size_t guesses = 0;
	for (size_t i = 0; i < count; i++)
		guesses += trials[i].guess < labels;
	float each = 1 / (float)(count ? count : 1);
	float each_guess = 1 / (float)(guesses ? guesses : 1);
	*profile = (struct profile){.label_share = x_calloc(labels, sizeof(float))};
	for (size_t i = 0; i < count; i++) {
		float sure = fminf(fmaxf(trials[i].confidence, 0), 1);
		size_t step = (size_t)(sure * CONFIDENCE_STEPS);
		if (trials[i].guess < labels)
			profile->label_share[trials[i].guess] += each_guess;
		profile->confidence_share[step < CONFIDENCE_STEPS ? step : CONFIDENCE_STEPS - 1] +=
		    each;
		profile->confidence += sure * each;
	}
}
