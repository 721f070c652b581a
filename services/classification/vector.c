#include "vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model_file.h"
#include "util/alloc.h"

#define LEAST_SEEN 2 /* a feature of one text alone is chance */

/* ---- how much each feature counts ------------------------------------------------------------ */

struct tally {
	uint32_t *seen;  /* texts that have the feature */
	uint32_t *texts; /* of each label */
	double *parts;   /* how well each feature parts the labels */
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
		double ratio = log_ratio(0, seen, tally->texts[l], (double)count);
		sum += (double)tally->texts[l] / (double)count * ratio * ratio;
	}
	return sum;
}

static void count_seen(const struct corpus *corpus, const uint32_t *rows, size_t count,
		       struct tally *tally)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t text = rows[i];
		tally->texts[corpus->label[text]]++;
		for (uint64_t e = corpus->start[text]; e < corpus->start[text + 1]; e++)
			tally->seen[ENTRY_FEATURE(corpus->entry[e])]++;
	}
}

/* As if the feature were in no text of any label; the same for all that are seen as often. */
static void start_parts(const struct corpus *corpus, size_t count, struct tally *tally)
{
	double *of_seen = x_calloc(count + 1, sizeof(*of_seen));
	for (uint32_t f = 0; f < corpus->features; f++) {
		double *parts = &of_seen[tally->seen[f]];
		if (*parts <= 0)
			*parts = sum_of_parts(corpus->labels.count, tally, tally->seen[f], count);
		tally->parts[f] = *parts;
	}
	free(of_seen);
}

/* The features of the label's texts, counted in in[]; then the parts are put right. */
static void count_label(const struct corpus *corpus, const uint32_t *rows, size_t count,
			uint32_t label, size_t all, uint32_t *in, struct tally *tally)
{
	double inside = tally->texts[label], share = inside / (double)all;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < count; i++) {
			for (uint64_t e = corpus->start[rows[i]]; e < corpus->start[rows[i] + 1];
			     e++) {
				uint32_t f = ENTRY_FEATURE(corpus->entry[e]);
				if (pass == 0) {
					in[f]++;
				} else if (in[f]) {
					double seen = tally->seen[f];
					double with = log_ratio(in[f], seen, inside, (double)all);
					double without = log_ratio(0, seen, inside, (double)all);
					tally->parts[f] +=
					    share * (with * with - without * without);
					in[f] = 0;
				}
			}
		}
	}
}

static uint32_t *by_label(const struct corpus *corpus, const uint32_t *rows, size_t count,
			  const struct tally *tally, size_t *first)
{
	uint32_t *sorted = x_calloc(count + 1, sizeof(*sorted));
	first[0] = 0;
	for (uint32_t l = 0; l < corpus->labels.count; l++)
		first[l + 1] = first[l] + tally->texts[l];
	size_t *next = x_memdup(first, (corpus->labels.count + 1) * sizeof(*first));
	for (size_t i = 0; i < count; i++)
		sorted[next[corpus->label[rows[i]]]++] = rows[i];
	free(next);
	return sorted;
}

static void tell_parts(const struct corpus *corpus, const uint32_t *rows, size_t count,
		       struct tally *tally)
{
	size_t *first = x_calloc(corpus->labels.count + 1, sizeof(*first));
	uint32_t *sorted = by_label(corpus, rows, count, tally, first);
	uint32_t *in = x_calloc(corpus->features + 1, sizeof(*in));
	start_parts(corpus, count, tally);
	for (uint32_t l = 0; l < corpus->labels.count; l++)
		count_label(corpus, sorted + first[l], first[l + 1] - first[l], l, count, in,
			    tally);
	free(in);
	free(sorted);
	free(first);
}

static void tally_texts(const struct corpus *corpus, const uint32_t *rows, size_t count,
			struct tally *tally)
{
	tally->seen = x_calloc(corpus->features + 1, sizeof(*tally->seen));
	tally->texts = x_calloc(corpus->labels.count + 1, sizeof(*tally->texts));
	tally->parts = x_calloc(corpus->features + 1, sizeof(*tally->parts));
	count_seen(corpus, rows, count, tally);
	tell_parts(corpus, rows, count, tally);
}

static void tally_free(struct tally *tally)
{
	free(tally->seen);
	free(tally->texts);
	free(tally->parts);
}

float *vector_heft(const struct corpus *corpus, const uint32_t *rows, size_t count, float focus)
{
	struct tally tally;
	float *heft = x_calloc(corpus->features + 1, sizeof(*heft));
	tally_texts(corpus, rows, count, &tally);
	for (uint32_t f = 0; f < corpus->features; f++) {
		if (tally.seen[f] < LEAST_SEEN)
			continue;
		double rare = log((1 + (double)count) / (1 + (double)tally.seen[f])) + 1;
		double parts = pow(fmax(tally.parts[f], 1e-6), 0.5 * (double)focus);
		/* as it will be kept */
		heft[f] = model_heft(model_heft_step((float)(rare * parts)));
	}
	tally_free(&tally);
	return heft;
}

float *vector_worth(const struct corpus *corpus, const uint32_t *rows, size_t count)
{
	struct tally tally;
	float *worth = x_calloc(corpus->features + 1, sizeof(*worth));
	tally_texts(corpus, rows, count, &tally);
	for (uint32_t f = 0; f < corpus->features; f++)
		worth[f] = (float)(tally.seen[f] * tally.parts[f]);
	tally_free(&tally);
	return worth;
}

/* ---- a text ------------------------------------------------------------------------------------
 */

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
