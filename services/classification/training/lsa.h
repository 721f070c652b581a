/*
 * Latent semantic analysis: the directions along which the texts' vectors lie most, found by
 * subspace iteration (Halko, Martinsson, Tropp 2011, "Finding structure with randomness",
 * algorithm 4.4). Words that occur beside the same others lie along the same directions, so what
 * is learned of one holds for the others. Pure and deterministic.
 */
#ifndef CLASSIFICATION_TRAINING_LSA_H
#define CLASSIFICATION_TRAINING_LSA_H

#include "training/vector.h"

#define LSA_DIRECTIONS 96 /* at most: a third of the texts where they are few */

/* More would take more than 200 MB: the caller does without. */
#define LSA_FEATURES_MAX 500000

struct lsa {
	size_t texts;
	uint32_t features;
	float *place;     /* texts * LSA_DIRECTIONS: where each text lies along the directions */
	float *direction; /* features * LSA_DIRECTIONS, before they are made rectangular and of
			     length 1 */
	double *root;     /* the lower Cholesky factor that makes them so */
};

/* Of these texts, as vector_read gives them with this heft. */
struct lsa *lsa_new(const struct texts *texts, const float *heft);
void lsa_free(struct lsa **lsa);

/*
 * Adds to each feature's weight what the directions' weights (LSA_DIRECTIONS * lanes) say of it, so
 * that the sum over a text's features is that over its places. direction_weight is changed.
 */
void lsa_unfold(const struct lsa *lsa, float *direction_weight, uint32_t lanes, float *weight);

#endif
