#include "training/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_file.h"
#include "util/alloc.h"

/* ---- how much each feature counts ------------------------------------------------------------ */

struct tally {
	uint32_t *seen;   /* texts that have the feature */
	uint32_t *inside; /* texts of each label */
	double *parts;    /* how well each feature parts the labels */
};

/* The log of how much likelier the feature is inside the label than outside. */
static double log_ratio(double in, double seen, double inside, double all)
{
	return log((in + 0.5) / (inside + 1)) - log((seen - in + 0.5) / (all - inside + 1));
}

static double sum_of_parts(uint32_t labels, const struct tally *tally, double seen, size_t count)
{
	double sum = 0;
	for (uint32_t l = 0; l < labels; l++) {
		double ratio = log_ratio(0, seen, tally->inside[l], (double)count);
		sum += (double)tally->inside[l] / (double)count * ratio * ratio;
	}
	return sum;
}

static void count_seen(const struct texts *texts, struct tally *tally)
{
	const struct corpus *corpus = texts->corpus;
	for (size_t i = 0; i < texts->count; i++) {
		uint32_t text = texts->rows[i];
		tally->inside[corpus->label[text]]++;
		for (uint64_t e = corpus->start[text]; e < corpus->start[text + 1]; e++)
			tally->seen[ENTRY_FEATURE(corpus->entry[e])]++;
	}
}

/* As if the feature were in no text of any label; the same for all that are seen as often. */
static void start_parts(const struct texts *texts, struct tally *tally)
{
	const struct corpus *corpus = texts->corpus;
	double *of_seen = x_calloc(texts->count + 1, sizeof(*of_seen));
	for (uint32_t f = 0; f < corpus->features; f++) {
		double *parts = &of_seen[tally->seen[f]];
		if (*parts <= 0)
			*parts =
			    sum_of_parts(corpus->labels.count, tally, tally->seen[f], texts->count);
		tally->parts[f] = *parts;
	}
	free(of_seen);
}

/* How often each feature is in these texts. */
static void count_in(const struct texts *texts, uint32_t *in)
{
	const struct corpus *corpus = texts->corpus;
	for (size_t i = 0; i < texts->count; i++) {
		uint32_t text = texts->rows[i];
		for (uint64_t e = corpus->start[text]; e < corpus->start[text + 1]; e++)
			in[ENTRY_FEATURE(corpus->entry[e])]++;
	}
}

/* Puts the parts right of the features that are in the label's texts; in[] is all 0, and is again.
 */
static void add_label(const struct texts *of_label, double all, uint32_t *in, struct tally *tally)
{
	const struct corpus *corpus = of_label->corpus;
	double inside = (double)of_label->count, share = inside / all;
	count_in(of_label, in);
	for (size_t i = 0; i < of_label->count; i++) {
		uint32_t text = of_label->rows[i];
		for (uint64_t e = corpus->start[text]; e < corpus->start[text + 1]; e++) {
			uint32_t f = ENTRY_FEATURE(corpus->entry[e]);
			if (!in[f])
				continue;
			double with = log_ratio(in[f], tally->seen[f], inside, all);
			double without = log_ratio(0, tally->seen[f], inside, all);
			tally->parts[f] += share * (with * with - without * without);
			in[f] = 0;
		}
	}
}

/* The texts label after label; first: of each label, and one more, where its texts begin. */
static uint32_t *by_label(const struct texts *texts, const struct tally *tally, size_t *first)
{
	uint32_t *sorted = x_calloc(texts->count + 1, sizeof(*sorted));
	uint32_t labels = texts->corpus->labels.count;
	first[0] = 0;
	for (uint32_t l = 0; l < labels; l++)
		first[l + 1] = first[l] + tally->inside[l];
	size_t *next = x_memdup(first, (labels + 1) * sizeof(*first));
	for (size_t i = 0; i < texts->count; i++)
		sorted[next[texts->corpus->label[texts->rows[i]]]++] = texts->rows[i];
	free(next);
	return sorted;
}

static void tell_parts(const struct texts *texts, struct tally *tally)
{
	const struct corpus *corpus = texts->corpus;
	size_t *first = x_calloc(corpus->labels.count + 1, sizeof(*first));
	uint32_t *sorted = by_label(texts, tally, first);
	uint32_t *in = x_calloc(corpus->features + 1, sizeof(*in));
	start_parts(texts, tally);
	for (uint32_t l = 0; l < corpus->labels.count; l++) {
		struct texts of_label = {corpus, sorted + first[l], first[l + 1] - first[l]};
		add_label(&of_label, (double)texts->count, in, tally);
	}
	free(in);
	free(sorted);
	free(first);
}

static struct tally tally_texts(const struct texts *texts)
{
	size_t features = texts->corpus->features, labels = texts->corpus->labels.count;
	struct tally tally = {
	    .seen = x_calloc(features + 1, sizeof(*tally.seen)),
	    .inside = x_calloc(labels + 1, sizeof(*tally.inside)),
	    .parts = x_calloc(features + 1, sizeof(*tally.parts)),
	};
	count_seen(texts, &tally);
	tell_parts(texts, &tally);
	return tally;
}

static void tally_free(struct tally *tally)
{
	free(tally->seen);
	free(tally->inside);
	free(tally->parts);
}

float *vector_heft(const struct texts *texts, float focus)
{
	uint32_t features = texts->corpus->features;
	struct tally tally = tally_texts(texts);
	float *heft = x_calloc(features + 1, sizeof(*heft));
	for (uint32_t f = 0; f < features; f++) {
		if (tally.seen[f] < CORPUS_LEAST_SEEN)
			continue;
		double rare = log((1 + (double)texts->count) / (1 + (double)tally.seen[f])) + 1;
		double parts = pow(fmax(tally.parts[f], 1e-6), 0.5 * (double)focus);
		/* as it will be kept */
		heft[f] = model_heft(model_heft_step((float)(rare * parts)));
	}
	tally_free(&tally);
	return heft;
}

float *vector_worth(const struct texts *texts)
{
	uint32_t features = texts->corpus->features;
	struct tally tally = tally_texts(texts);
	float *worth = x_calloc(features + 1, sizeof(*worth));
	for (uint32_t f = 0; f < features; f++)
		worth[f] = (float)(tally.seen[f] * tally.parts[f]);
	tally_free(&tally);
	return worth;
}

/* ---- a text ---------------------------------------------------------------------------------- */

/* Nearly all occur once: without the logarithm then. */
static float voices_of(uint32_t count)
{
	return count == 1 ? 1 : model_voices(count);
}

static void make_room(struct vector *vector, size_t most)
{
	if (most <= vector->room)
		return;
	vector->room = most + most / 2;
	vector->feature = x_realloc(vector->feature, vector->room, sizeof(*vector->feature));
	vector->value = x_realloc(vector->value, vector->room, sizeof(*vector->value));
}

void vector_add(struct vector *vector, uint32_t feature, float value)
{
	make_room(vector, vector->count + 1);
	vector->feature[vector->count] = feature;
	vector->value[vector->count++] = value;
}

void vector_read(const struct corpus *corpus, const float *heft, uint32_t text,
		 struct vector *vector)
{
	float sum = 0;
	make_room(vector, corpus->start[text + 1] - corpus->start[text]);
	vector->count = 0;
	for (uint64_t e = corpus->start[text]; e < corpus->start[text + 1]; e++) {
		uint32_t feature = ENTRY_FEATURE(corpus->entry[e]);
		float value = heft[feature] * voices_of(ENTRY_COUNT(corpus->entry[e]));
		vector->feature[vector->count] = feature;
		vector->value[vector->count] = value;
		vector->count += value > 0;
		sum += value * value;
	}
	float by = sum > 0 ? 1 / sqrtf(sum) : 0;
	for (size_t i = 0; i < vector->count; i++)
		vector->value[i] *= by;
}

void vector_free(struct vector *vector)
{
	free(vector->feature);
	free(vector->value);
	*vector = (struct vector){0};
}
