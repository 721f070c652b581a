#include "learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model_file.h"
#include "processor.h"
#include "util/alloc.h"

#define ROUNDS     25    /* over all texts, at most */
#define TOLERANCE  0.1f  /* of the projected gradient: then it is done */
#define LANES      8     /* labels are padded to a multiple of it: the processor's vectors */
#define LEAST_MOVE 1e-4f /* what is less is not worth the way */
#define LEAST_SEEN 2     /* a feature of one text alone is chance */
#define COST_MOST  16.0f /* bounds what balance can do */

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

static void tell_heft(const struct corpus *corpus, const struct tally *tally, size_t count,
		      float focus, float *heft)
{
	for (uint32_t f = 0; f < corpus->features; f++) {
		if (tally->seen[f] < LEAST_SEEN)
			continue;
		double rare = log((1 + (double)count) / (1 + (double)tally->seen[f])) + 1;
		double parts = pow(fmax(tally->parts[f], 1e-6), 0.5 * (double)focus);
		/* as it will be kept */
		heft[f] = model_heft(model_heft_step((float)(rare * parts)));
	}
}

float *learn_worth(const struct corpus *corpus, const uint32_t *rows, size_t count)
{
	struct tally tally;
	float *worth = x_calloc(corpus->features + 1, sizeof(*worth));
	tally_texts(corpus, rows, count, &tally);
	for (uint32_t f = 0; f < corpus->features; f++)
		worth[f] = (float)(tally.seen[f] * tally.parts[f]);
	tally_free(&tally);
	return worth;
}

/* ---- dual coordinate descent ------------------------------------------------------------------
 */

struct row {
	uint32_t *feature;
	float *value;
	size_t count, room;
};

static float voices_of(uint32_t count)
{
	return count == 1 ? 1 : model_voices(count);
}

static void read_row(const struct corpus *corpus, const float *heft, uint32_t text, struct row *row)
{
	float sum = 0;
	size_t most = corpus->start[text + 1] - corpus->start[text];
	if (most > row->room) {
		row->room = most;
		row->feature = x_realloc(row->feature, most, sizeof(*row->feature));
		row->value = x_realloc(row->value, most, sizeof(*row->value));
	}
	row->count = 0;
	for (uint64_t e = corpus->start[text]; e < corpus->start[text + 1]; e++) {
		uint32_t feature = ENTRY_FEATURE(corpus->entry[e]);
		float value = heft[feature] * voices_of(ENTRY_COUNT(corpus->entry[e]));
		row->feature[row->count] = feature;
		row->value[row->count] = value;
		row->count += value > 0;
		sum += value * value;
	}
	float by = sum > 0 ? 1 / sqrtf(sum) : 0;
	for (size_t i = 0; i < row->count; i++)
		row->value[i] *= by;
}

ANY_PROCESSOR
static void add_up(const struct learned *learned, const struct row *row, float *restrict scores)
{
	uint32_t lanes = learned->lanes;
	memset(scores, 0, lanes * sizeof(*scores));
	for (size_t i = 0; i < row->count; i++) {
		const float *restrict weight = learned->weight + (size_t)row->feature[i] * lanes;
		float value = row->value[i];
		if (i + 8 < row->count)
			__builtin_prefetch(learned->weight + (size_t)row->feature[i + 8] * lanes);
		for (uint32_t l = 0; l < lanes; l++)
			scores[l] += value * weight[l];
	}
}

/* One text's step for all labels: change holds how far to move along it; returns the greatest. */
ANY_PROCESSOR
static float step(const float *scores, float *dual, const float *cost, uint32_t labels,
		  uint32_t label, float *change)
{
	float greatest = 0;
	for (uint32_t l = 0; l < labels; l++) {
		float side = l == label ? 1.0f : -1.0f;
		float ridge = 0.5f / (l == label ? cost[l] : cost[labels]);
		float gradient = side * scores[l] - 1 + ridge * dual[l];
		float fresh = fmaxf(dual[l] - gradient / (1 + ridge), 0);
		change[l] = (fresh - dual[l]) * side;
		dual[l] = fresh;
		greatest = fmaxf(greatest, fabsf(change[l]) * (1 + ridge));
	}
	return greatest;
}

ANY_PROCESSOR
static void move(struct learned *learned, const struct row *row, const float *restrict change)
{
	uint32_t lanes = learned->lanes;
	for (size_t i = 0; i < row->count; i++) {
		float *restrict weight = learned->weight + (size_t)row->feature[i] * lanes;
		float value = row->value[i];
		for (uint32_t l = 0; l < lanes; l++)
			weight[l] += value * change[l];
	}
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static void descend(struct learned *learned, const struct corpus *corpus, const uint32_t *rows,
		    size_t count, const float *cost)
{
	uint32_t lanes = learned->lanes;
	uint64_t state = UINT64_C(88172645463325252);
	struct row row = {0};
	float *scores = x_calloc(2 * lanes, sizeof(*scores)), *change = scores + lanes, worst = 1;
	float *dual = x_calloc(count * lanes, sizeof(*dual));
	uint32_t *order = x_calloc(count + 1, sizeof(*order));
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	for (int round = 0; round < ROUNDS && worst > TOLERANCE; round++) {
		worst = 0;
		for (size_t i = 0; i < count; i++) {
			size_t other = i + next_random(&state) % (count - i);
			uint32_t at = order[other];
			order[other] = order[i];
			order[i] = at;
			read_row(corpus, learned->heft, rows[at], &row);
			if (!row.count)
				continue;
			add_up(learned, &row, scores);
			float moved = step(scores, dual + (size_t)at * lanes, cost, learned->labels,
					   corpus->label[rows[at]], change);
			worst = fmaxf(worst, moved);
			if (moved > LEAST_MOVE)
				move(learned, &row, change);
		}
	}
	free(order);
	free(dual);
	free(scores);
	free(row.feature);
	free(row.value);
}

struct learned *learn(const struct corpus *corpus, const uint32_t *rows, size_t count,
		      const struct recipe *recipe)
{
	uint32_t labels = corpus->labels.count;
	struct learned *learned = x_calloc(1, sizeof(*learned));
	struct tally tally;
	float *cost = x_calloc(labels + 1, sizeof(*cost));
	learned->labels = labels;
	learned->lanes = (labels + LANES - 1) / LANES * LANES;
	learned->heft = x_calloc(corpus->features + 1, sizeof(*learned->heft));
	learned->weight =
	    x_calloc((size_t)(corpus->features + 1) * learned->lanes, sizeof(*learned->weight));
	tally_texts(corpus, rows, count, &tally);
	tell_heft(corpus, &tally, count, recipe->focus, learned->heft);
	for (uint32_t l = 0; l < labels; l++) {
		float rare =
		    (float)count / (float)labels / (float)(tally.texts[l] ? tally.texts[l] : 1);
		float by = powf(rare, recipe->balance);
		cost[l] = recipe->cost * fminf(fmaxf(by, 1 / COST_MOST), COST_MOST);
	}
	cost[labels] = recipe->cost; /* of a text of another label */
	descend(learned, corpus, rows, count, cost);
	free(cost);
	tally_free(&tally);
	return learned;
}

void learned_free(struct learned **learned)
{
	if (!*learned)
		return;
	free((*learned)->heft);
	free((*learned)->weight);
	free(*learned);
	*learned = NULL;
}

uint32_t learned_scores(const struct learned *learned, const struct corpus *corpus, uint32_t text,
			float *scores)
{
	struct row row = {0};
	read_row(corpus, learned->heft, text, &row);
	add_up(learned, &row, scores);
	free(row.feature);
	free(row.value);
	return (uint32_t)row.count;
}
