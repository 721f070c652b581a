#include "training/lsa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/processor.h"
#include "numeric/random.h"
#include "util/alloc.h"

#define N           LSA_DIRECTIONS
#define ROUNDS      4
#define TEXTS_EACH  3     /* a direction more for so many texts */
#define LEAST_PIVOT 1e-10 /* share of the greatest: less is none */

/* ---- products with the matrix of the texts' vectors ------------------------------------------ */

static inline void add_times(float *restrict to, const float *restrict from, float by, size_t count)
{
	for (size_t k = 0; k < count; k++)
		to[k] += by * from[k];
}

/* Each feature's direction is the sum of its texts' places. */
ANY_PROCESSOR
static void to_directions(const struct texts *texts, const float *heft, struct lsa *lsa,
			  struct vector *vector)
{
	memset(lsa->direction, 0, (size_t)lsa->features * N * sizeof(*lsa->direction));
	for (size_t i = 0; i < texts->count; i++) {
		vector_read(texts->corpus, heft, texts->rows[i], vector);
		for (size_t e = 0; e < vector->count; e++)
			add_times(lsa->direction + (size_t)vector->feature[e] * N,
				  lsa->place + i * N, vector->value[e], N);
	}
}

/* Each text's place is the sum of its features' directions. */
ANY_PROCESSOR
static void to_places(const struct texts *texts, const float *heft, const struct lsa *lsa,
		      float *place, struct vector *vector)
{
	memset(place, 0, texts->count * N * sizeof(*place));
	for (size_t i = 0; i < texts->count; i++) {
		vector_read(texts->corpus, heft, texts->rows[i], vector);
		for (size_t e = 0; e < vector->count; e++)
			add_times(place + i * N, lsa->direction + (size_t)vector->feature[e] * N,
				  vector->value[e], N);
	}
}

/* ---- right angles and length 1 --------------------------------------------------------------- */

/* root: all products of a's columns with b's, of which there are count rows. */
ANY_PROCESSOR
static void multiply(const float *a, const float *b, size_t count, double *root)
{
	memset(root, 0, (size_t)N * N * sizeof(*root));
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < N; k++) {
			double by = (double)a[i * N + k];
			for (size_t m = 0; m < N; m++)
				root[k * N + m] += by * (double)b[i * N + m];
		}
	}
}

/* In place: the lower factor of a symmetric matrix. A pivot of 0 marks a direction that is none. */
static void factor(double *root)
{
	double greatest = 0;
	for (size_t k = 0; k < N; k++)
		greatest = fmax(greatest, root[k * N + k]);
	for (size_t k = 0; k < N; k++) {
		for (size_t m = 0; m <= k; m++) {
			double sum = root[k * N + m];
			for (size_t j = 0; j < m; j++)
				sum -= root[k * N + j] * root[m * N + j];
			if (m < k)
				root[k * N + m] = root[m * N + m] > 0 ? sum / root[m * N + m] : 0;
			else
				root[k * N + k] = sum > LEAST_PIVOT * greatest ? sqrt(sum) : 0;
		}
	}
}

/* Each row becomes root^-1 times itself: columns that had root's product are rectangular now. */
static void straighten(float *rows, size_t count, const double *root)
{
	for (size_t i = 0; i < count; i++) {
		double straight[N];
		for (size_t k = 0; k < N; k++) {
			double sum = (double)rows[i * N + k], pivot = root[k * N + k];
			for (size_t m = 0; m < k; m++)
				sum -= root[k * N + m] * straight[m];
			straight[k] = pivot > 0 ? sum / pivot : 0;
		}
		for (size_t k = 0; k < N; k++)
			rows[i * N + k] = (float)straight[k];
	}
}

/* ---- the directions -------------------------------------------------------------------------- */

static void start_anywhere(struct lsa *lsa)
{
	uint64_t state = RANDOM_START;
	size_t directions = lsa->texts / TEXTS_EACH < N ? lsa->texts / TEXTS_EACH : N;
	for (size_t i = 0; i < lsa->texts; i++) {
		for (size_t k = 0; k < directions; k++)
			lsa->place[i * N + k] = random_next(&state) >> 63 ? 1 : -1;
	}
}

struct lsa *lsa_new(const struct texts *texts, const float *heft)
{
	size_t count = texts->count, features = texts->corpus->features;
	struct vector vector = {0};
	struct lsa *lsa = x_calloc(1, sizeof(*lsa));
	lsa->texts = count;
	lsa->features = texts->corpus->features;
	lsa->place = x_calloc((count + 1) * N, sizeof(*lsa->place));
	lsa->direction = x_calloc((features + 1) * N, sizeof(*lsa->direction));
	lsa->root = x_calloc((size_t)N * N, sizeof(*lsa->root));
	float *next = x_calloc((count + 1) * N, sizeof(*next));
	start_anywhere(lsa);
	for (int round = 0; round < ROUNDS; round++) {
		to_directions(texts, heft, lsa, &vector);
		to_places(texts, heft, lsa, next, &vector);
		float *last = lsa->place;
		lsa->place = next;
		next = last;
		multiply(round + 1 < ROUNDS ? lsa->place : next, lsa->place, count, lsa->root);
		factor(lsa->root);
		straighten(lsa->place, count, lsa->root);
	}
	free(next);
	vector_free(&vector);
	return lsa;
}

void lsa_free(struct lsa **lsa)
{
	if (!*lsa)
		return;
	free((*lsa)->place);
	free((*lsa)->direction);
	free((*lsa)->root);
	free(*lsa);
	*lsa = NULL;
}

/* The directions' weights become root'^-1 times themselves: those of the crooked ones. */
static void bend(const double *root, float *direction_weight, uint32_t lanes)
{
	for (size_t k = N; k-- > 0;) {
		float *weight = direction_weight + k * lanes;
		float pivot = (float)root[k * N + k];
		for (size_t m = k + 1; m < N; m++)
			add_times(weight, direction_weight + m * lanes, -(float)root[m * N + k],
				  lanes);
		for (uint32_t l = 0; l < lanes; l++)
			weight[l] = pivot > 0 ? weight[l] / pivot : 0;
	}
}

ANY_PROCESSOR
void lsa_unfold(const struct lsa *lsa, float *direction_weight, uint32_t lanes, float *weight)
{
	bend(lsa->root, direction_weight, lanes);
	for (size_t f = 0; f < lsa->features; f++) {
		for (size_t k = 0; k < N; k++) {
			float along = lsa->direction[f * N + k];
			if (along < 0 || along > 0)
				add_times(weight + f * lanes, direction_weight + k * lanes, along,
					  lanes);
		}
	}
}
