#include "training/calibrate.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/score.h"
#include "util/alloc.h"

#define SHARPEST       64.0
#define RELIEF_STEPS   16 /* see choose_relief */
#define RELIEF_STEP    0.05
#define ACCURACY_SPENT 0.001 /* may be lost for the sake of rare labels */
#define LEAST_SAID     0.5f /* what is more likely wrong than right is not said, whatever its label */
#define PRIOR_ANSWERS  8.0 /* a label's own record counts as much after so many answers */

void held_free(struct held *held)
{
	free(held->score);
	free(held->label);
	*held = (struct held){0};
}

/* ---- the softmax ----------------------------------------------------------------------------- */

static uint32_t best_of(const struct calibration *calibration, const float *score, uint32_t labels)
{
	uint32_t best = 0;
	for (uint32_t l = 1; l < labels; l++) {
		if (score[l] + calibration->bias[l] > score[best] + calibration->bias[best])
			best = l;
	}
	return best;
}

/* The log-loss of the right labels at this sharpness. */
static double loss_at(const struct held *held, const float *bias, double sharpness)
{
	double loss = 0;
	for (size_t t = 0; t < held->texts; t++) {
		const float *score = held->score + t * held->lanes;
		double top = -INFINITY, sum = 0;
		for (uint32_t l = 0; l < held->labels; l++)
			top = fmax(top, (double)(score[l] + bias[l]));
		for (uint32_t l = 0; l < held->labels; l++)
			sum += exp(sharpness * ((double)(score[l] + bias[l]) - top));
		uint32_t right = held->label[t];
		loss += log(sum) - sharpness * ((double)(score[right] + bias[right]) - top);
	}
	return loss;
}

/* Golden section on the logarithm: the loss has one valley. */
static double fit_sharpness(const struct held *held, const float *bias)
{
	const double golden = 0.6180339887;
	double low = 0, high = log(SHARPEST);
	double a = high - golden * (high - low), b = low + golden * (high - low);
	double at_a = loss_at(held, bias, exp(a)), at_b = loss_at(held, bias, exp(b));
	for (int i = 0; i < 20; i++) {
		if (at_a < at_b) {
			high = b;
			b = a;
			at_b = at_a;
			at_a = loss_at(held, bias, exp(a = high - golden * (high - low)));
		} else {
			low = a;
			a = b;
			at_a = at_b;
			at_b = loss_at(held, bias, exp(b = low + golden * (high - low)));
		}
	}
	return exp((low + high) / 2);
}

/* ---- rare labels ----------------------------------------------------------------------------- */

static struct merit merit_of(const struct held *held, const struct calibration *calibration)
{
	struct tally *tally = x_calloc(held->labels, sizeof(*tally));
	size_t right = 0;
	for (size_t t = 0; t < held->texts; t++) {
		uint32_t best = best_of(calibration, held->score + t * held->lanes, held->labels);
		tally_add(tally, held->label[t], best);
		right += best == held->label[t];
	}
	struct merit merit = {score_share(right, held->texts), tally_macro_f1(tally, held->labels)};
	free(tally);
	return merit;
}

static void set_relief(const struct held *held, const size_t *there, double relief,
		       struct calibration *calibration)
{
	for (uint32_t l = 0; l < held->labels; l++) {
		double share = ((double)there[l] + 1) / (double)(held->texts + held->labels);
		calibration->bias[l] = (float)(-relief * log(share)) / calibration->sharpness;
	}
}

/*
 * A machine that is mostly right about frequent labels neglects the rare ones. Each is helped by a
 * power of how rare it is, the power being the one that does accuracy and macro-F1 together most
 * good.
 */
static void choose_relief(const struct held *held, struct calibration *calibration)
{
	double first = 0, best = -1, chosen = 0;
	size_t *there = x_calloc(held->labels, sizeof(*there));
	for (size_t t = 0; t < held->texts; t++)
		there[held->label[t]]++;
	for (int step = 0; step <= RELIEF_STEPS; step++) {
		double relief = step * RELIEF_STEP;
		set_relief(held, there, relief, calibration);
		struct merit merit = merit_of(held, calibration);
		if (!step)
			first = merit.accuracy;
		if (merit.accuracy + merit.macro_f1 > best &&
		    merit.accuracy >= first - ACCURACY_SPENT) {
			best = merit.accuracy + merit.macro_f1;
			chosen = relief;
		}
	}
	set_relief(held, there, chosen, calibration);
	free(there);
}

/* ---- the best guess -------------------------------------------------------------------------- */

/* The probabilities of all labels into p; gives back the best label and the logit of its share. */
static uint32_t soften(const struct calibration *calibration, const float *score, uint32_t labels,
		       float *p, float *logit)
{
	uint32_t best = best_of(calibration, score, labels);
	float top = score[best] + calibration->bias[best], others = 0;
	for (uint32_t l = 0; l < labels; l++) {
		p[l] = expf(calibration->sharpness * (score[l] + calibration->bias[l] - top));
		others += l == best ? 0 : p[l];
	}
	for (uint32_t l = 0; l < labels; l++)
		p[l] /= 1 + others;
	*logit = -logf(fmaxf(others, 1e-9f));
	return best;
}

struct estimate calibrated(const struct calibration *calibration, const float *score,
			   const uint32_t *service, uint32_t labels, float *scratch)
{
	float logit, in_service = 0;
	struct estimate estimate = {.label = soften(calibration, score, labels, scratch, &logit)};
	float best = scratch[estimate.label];
	estimate.confidence = 1 / (1 + expf(-(calibration->tilt * logit + calibration->shift)));
	for (uint32_t l = 0; l < labels; l++) {
		if (l != estimate.label && service[l] == service[estimate.label])
			in_service += scratch[l];
	}
	float rest = best < 1 ? (1 - estimate.confidence) / (1 - best) : 0;
	estimate.service_confidence = estimate.confidence + in_service * rest;
	return estimate;
}

struct point {
	double x; /* logit */
	bool right;
};

/* Logistic regression of being right on the logit, by Newton's method with a weak pull to 1 and 0.
 */
static void fit_logit(const struct point *point, size_t count, struct calibration *calibration)
{
	double tilt = 1, shift = 0;
	for (int i = 0; i < 30; i++) {
		double g0 = 2 * shift, g1 = 2 * (tilt - 1), h00 = 2, h01 = 0, h11 = 2;
		for (size_t k = 0; k < count; k++) {
			double p = 1 / (1 + exp(-(tilt * point[k].x + shift)));
			double w = p * (1 - p) + 1e-6, off = p - point[k].right;
			g0 += off;
			g1 += off * point[k].x;
			h00 += w;
			h01 += w * point[k].x;
			h11 += w * point[k].x * point[k].x;
		}
		double det = h00 * h11 - h01 * h01;
		shift -= (g0 * h11 - g1 * h01) / det;
		tilt -= (g1 * h00 - g0 * h01) / det;
	}
	calibration->tilt = (float)fmax(tilt, 0.05);
	calibration->shift = (float)shift;
}

static void fit_best(const struct held *held, struct calibration *calibration)
{
	float *p = x_calloc(held->labels, sizeof(*p)), logit;
	struct point *point = x_calloc(held->texts + 1, sizeof(*point));
	for (size_t t = 0; t < held->texts; t++) {
		uint32_t best =
		    soften(calibration, held->score + t * held->lanes, held->labels, p, &logit);
		point[t] = (struct point){(double)logit, best == held->label[t]};
	}
	fit_logit(point, held->texts, calibration);
	free(point);
	free(p);
}

/* ---- thresholds ------------------------------------------------------------------------------ */

struct answer {
	uint32_t group;
	float confidence;
	bool right;
};

static int by_group_surest_first(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->confidence < y->confidence) - (x->confidence > y->confidence);
}

/*
 * The least confidence down to which the answers are as often right as wanted. What the confidences
 * promise stands in for answers that a rare label does not have.
 */
static float least_confidence(const struct answer *answer, size_t count, double wanted)
{
	double right = 0, promised = 0;
	float least = 2;
	for (size_t i = 0; i < count; i++) {
		double made = (double)(i + 1);
		right += answer[i].right;
		promised += (double)answer[i].confidence;
		double likely = (right + PRIOR_ANSWERS * promised / made) / (made + PRIOR_ANSWERS);
		if (likely >= wanted)
			least = answer[i].confidence;
	}
	return fmaxf(least, LEAST_SAID);
}

static void set_thresholds(const struct held *held, const uint32_t *service, double precision,
			   struct calibration *calibration)
{
	struct answer *topic = x_calloc(held->texts + 1, sizeof(*topic));
	struct answer *whole = x_calloc(held->texts + 1, sizeof(*whole));
	float *scratch = x_calloc(held->labels, sizeof(*scratch));
	for (size_t t = 0; t < held->texts; t++) {
		uint32_t right = held->label[t];
		struct estimate found = calibrated(calibration, held->score + t * held->lanes,
						   service, held->labels, scratch);
		topic[t] = (struct answer){found.label, found.confidence, found.label == right};
		whole[t] = (struct answer){0, found.service_confidence,
					   service[found.label] == service[right]};
	}
	qsort(topic, held->texts, sizeof(*topic), by_group_surest_first);
	qsort(whole, held->texts, sizeof(*whole), by_group_surest_first);
	for (uint32_t l = 0; l < held->labels; l++)
		calibration->threshold[l] = (float)precision; /* nothing known but the promise */
	for (size_t i = 0, end; i < held->texts; i = end) {
		for (end = i; end < held->texts && topic[end].group == topic[i].group;)
			end++;
		calibration->threshold[topic[i].group] =
		    least_confidence(topic + i, end - i, precision);
	}
	calibration->service_threshold = least_confidence(whole, held->texts, precision);
	free(scratch);
	free(whole);
	free(topic);
}

static void start(const struct held *held, struct calibration *calibration)
{
	*calibration = (struct calibration){.tilt = 1};
	calibration->bias = x_calloc(held->labels, sizeof(*calibration->bias));
	calibration->threshold = x_calloc(held->labels, sizeof(*calibration->threshold));
	calibration->sharpness = (float)fit_sharpness(held, calibration->bias);
	choose_relief(held, calibration);
}

struct merit calibrate_merit(const struct held *held)
{
	struct calibration calibration;
	start(held, &calibration);
	struct merit merit = merit_of(held, &calibration);
	calibration_free(&calibration);
	return merit;
}

void calibrate(const struct held *held, const uint32_t *service, double precision,
	       struct calibration *calibration)
{
	start(held, calibration);
	calibration->sharpness = (float)fit_sharpness(held, calibration->bias);
	fit_best(held, calibration);
	set_thresholds(held, service, precision, calibration);
}

void calibration_free(struct calibration *calibration)
{
	free(calibration->bias);
	free(calibration->threshold);
	*calibration = (struct calibration){0};
}
