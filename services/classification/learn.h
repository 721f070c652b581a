/*
 * The learner: one-against-the-rest linear machines with squared hinge loss, by dual coordinate
 * descent (Hsieh et al. 2008), for all labels at once so that a text's features are read once for
 * all of them. Pure and deterministic.
 */
#ifndef CLASSIFICATION_LEARN_H
#define CLASSIFICATION_LEARN_H

#include "corpus.h"

struct recipe {
	float focus; /* how much a feature counts that parts the labels well: exponent, 0 not at all
		      */
	float cost;  /* of a text on the wrong side: C */
	float balance; /* how much more it counts for rare labels: exponent, 0 not at all */
	float depth;   /* how much the texts' common directions (lsa.h) count, 0 not at all */
};

struct learned {
	uint32_t labels, lanes; /* lanes: labels, padded */
	float *heft;            /* of each feature in a text's norm; 0: unknown */
	float *weight;          /* features * lanes */
};

/* rows: numbers of the texts to learn from. */
struct learned *learn(const struct corpus *corpus, const uint32_t *rows, size_t count,
		      const struct recipe *recipe);
void learned_free(struct learned **learned);

/* scores: of the text, lanes of them. Returns how many of its features are known. */
uint32_t learned_scores(const struct learned *learned, const struct corpus *corpus, uint32_t text,
			float *scores);

#endif
