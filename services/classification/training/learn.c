#include "training/learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "training/lsa.h"
#include "numeric/processor.h"
#include "numeric/random.h"
#include "util/alloc.h"
#include "training/vector.h"

#define ROUNDS     25    /* over all texts, at most */
#define TOLERANCE  0.1f  /* of the projected gradient: then it is done */
#define LANES      8     /* labels are padded to a multiple of it: the processor's vectors */
#define LEAST_MOVE 1e-4f /* what is less is not worth the way */
#define COST_MOST  16.0f /* bounds what balance can do */

ANY_PROCESSOR
static void add_up(const struct learned *learned, const struct vector *vector,
		   float *restrict scores)
{
	uint32_t lanes = learned->lanes;
	memset(scores, 0, lanes * sizeof(*scores));
	for (size_t i = 0; i < vector->count; i++) {
		const float *restrict weight = learned->weight + (size_t)vector->feature[i] * lanes;
		float value = vector->value[i];
		if (i + 8 < vector->count)
			__builtin_prefetch(learned->weight +
					   (size_t)vector->feature[i + 8] * lanes);
		for (uint32_t l = 0; l < lanes; l++)
			scores[l] += value * weight[l];
	}
}

/*
 * One text's step for all labels: change holds how far to move along its vector, of which square is
 * the squared length; returns the greatest.
 */
ANY_PROCESSOR
static float step(const float *scores, float square, float *dual, const float *cost,
		  uint32_t labels, uint32_t label, float *change)
{
	float greatest = 0;
	for (uint32_t l = 0; l < labels; l++) {
		float side = l == label ? 1.0f : -1.0f;
		float ridge = 0.5f / (l == label ? cost[l] : cost[labels]);
		float gradient = side * scores[l] - 1 + ridge * dual[l];
		float fresh = fmaxf(dual[l] - gradient / (square + ridge), 0);
		change[l] = (fresh - dual[l]) * side;
		dual[l] = fresh;
		greatest = fmaxf(greatest, fabsf(change[l]) * (square + ridge));
	}
	return greatest;
}

ANY_PROCESSOR
static void move(struct learned *learned, const struct vector *vector, const float *restrict change)
{
	uint32_t lanes = learned->lanes;
	for (size_t i = 0; i < vector->count; i++) {
		float *restrict weight = learned->weight + (size_t)vector->feature[i] * lanes;
		float value = vector->value[i];
		for (uint32_t l = 0; l < lanes; l++)
			weight[l] += value * change[l];
	}
}

/* ---- texts with their places along the common directions ------------------------------------- */

struct placed {
	const struct texts *texts;
	const struct lsa *lsa; /* NULL: none */
	float depth, scale;
};

/* So that the vectors have length 1 in the mean, and cost means the same. */
static float scale_for(const struct placed *placed)
{
	double sum = 0;
	size_t count = placed->texts->count;
	for (size_t i = 0; placed->lsa && i < count * LSA_DIRECTIONS; i++)
		sum += (double)placed->lsa->place[i] * (double)placed->lsa->place[i];
	double added = (double)placed->depth * (double)placed->depth * sum;
	return (float)(1 / sqrt(1 + added / (double)count));
}

/* The places follow the features, as if they were some; returns the squared length. */
static float read_text(const struct placed *placed, const float *heft, size_t at,
		       struct vector *vector)
{
	float square = 0;
	const struct corpus *corpus = placed->texts->corpus;
	vector_read(corpus, heft, placed->texts->rows[at], vector);
	for (uint32_t k = 0; placed->lsa && vector->count && k < LSA_DIRECTIONS; k++)
		vector_add(vector, corpus->features + k,
			   placed->depth * placed->lsa->place[at * LSA_DIRECTIONS + k]);
	for (size_t i = 0; i < vector->count; i++) {
		vector->value[i] *= placed->scale;
		square += vector->value[i] * vector->value[i];
	}
	return square;
}

static void descend(struct learned *learned, const struct placed *placed, const float *cost)
{
	const struct texts *texts = placed->texts;
	uint32_t lanes = learned->lanes;
	size_t count = texts->count;
	uint64_t state = RANDOM_START;
	struct vector vector = {0};
	float *scores = x_calloc(2 * lanes, sizeof(*scores)), *change = scores + lanes, worst = 1;
	float *dual = x_calloc(count * lanes, sizeof(*dual));
	uint32_t *order = x_calloc(count + 1, sizeof(*order));
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	for (int round = 0; round < ROUNDS && worst > TOLERANCE; round++) {
		worst = 0;
		for (size_t i = 0; i < count; i++) {
			size_t other = i + random_next(&state) % (count - i);
			uint32_t at = order[other];
			order[other] = order[i];
			order[i] = at;
			float square = read_text(placed, learned->heft, at, &vector);
			if (!vector.count)
				continue;
			add_up(learned, &vector, scores);
			float moved =
			    step(scores, square, dual + (size_t)at * lanes, cost, learned->labels,
				 texts->corpus->label[texts->rows[at]], change);
			worst = fmaxf(worst, moved);
			if (moved > LEAST_MOVE)
				move(learned, &vector, change);
		}
	}
	free(order);
	free(dual);
	free(scores);
	vector_free(&vector);
}

/* The directions' weights go over to the features: what is judged has features alone. */
static void unfold(struct learned *learned, const struct placed *placed)
{
	size_t features = placed->texts->corpus->features, lanes = learned->lanes;
	float *directions = learned->weight + features * lanes;
	for (size_t i = 0; i < LSA_DIRECTIONS * lanes; i++)
		directions[i] *= placed->depth;
	lsa_unfold(placed->lsa, directions, learned->lanes, learned->weight);
	for (size_t i = 0; i < features * lanes; i++)
		learned->weight[i] *= placed->scale;
}

/* The last is of a text of another label. */
static float *cost_of_labels(const struct texts *texts, uint32_t labels,
			     const struct recipe *recipe)
{
	float *cost = x_calloc(labels + 1, sizeof(*cost));
	uint32_t *there = x_calloc(labels + 1, sizeof(*there));
	for (size_t i = 0; i < texts->count; i++)
		there[texts->corpus->label[texts->rows[i]]]++;
	for (uint32_t l = 0; l < labels; l++) {
		float rare = (float)texts->count / (float)labels / (float)(there[l] ? there[l] : 1);
		float by = powf(rare, recipe->balance);
		cost[l] = recipe->cost * fminf(fmaxf(by, 1 / COST_MOST), COST_MOST);
	}
	cost[labels] = recipe->cost;
	free(there);
	return cost;
}

struct learned *learn(const struct texts *texts, const struct recipe *recipe)
{
	const struct corpus *corpus = texts->corpus;
	struct learned *learned = x_calloc(1, sizeof(*learned));
	learned->labels = corpus->labels.count;
	learned->lanes = (learned->labels + LANES - 1) / LANES * LANES;
	learned->heft = vector_heft(texts, recipe->focus);
	learned->weight = x_calloc(((size_t)corpus->features + LSA_DIRECTIONS) * learned->lanes,
				   sizeof(*learned->weight));
	struct lsa *lsa = recipe->depth > 0 ? lsa_new(texts, learned->heft) : NULL;
	struct placed placed = {.texts = texts, .lsa = lsa, .depth = recipe->depth};
	placed.scale = scale_for(&placed);
	float *cost = cost_of_labels(texts, learned->labels, recipe);
	descend(learned, &placed, cost);
	if (lsa)
		unfold(learned, &placed);
	lsa_free(&lsa);
	free(cost);
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
	struct vector vector = {0};
	vector_read(corpus, learned->heft, text, &vector);
	add_up(learned, &vector, scores);
	uint32_t known = (uint32_t)vector.count;
	vector_free(&vector);
	return known;
}
