/*
 * The learner: one-against-the-rest linear machines with squared hinge loss, by dual coordinate
 * descent (Hsieh et al. 2008), for all labels at once so that a text's features are read once for
 * all of them. Pure and deterministic.
 */
#ifndef CLASSIFICATION_TRAINING_LEARN_H
#define CLASSIFICATION_TRAINING_LEARN_H

#include "training/corpus.h"

struct recipe {
	float focus; /* how much it counts that a feature parts the labels; exponent, 0: nothing */
	float cost;  /* of a text on the wrong side: C */
	float balance; /* how much more it is for rare labels; exponent, 0: nothing */
	float depth;   /* how much the texts' common directions (lsa.h) count; 0: nothing */
};

struct learned {
	uint32_t labels, lanes; /* lanes: labels, padded */
	float *heft;            /* of each feature in a text's norm; 0: unknown */
	float *weight;          /* features * lanes */
};

struct learned *learn(const struct texts *texts, const struct recipe *recipe);
void learned_free(struct learned **learned);

/* scores: of the text, lanes of them. Returns how many of its features are known. */
uint32_t learned_scores(const struct learned *learned, const struct corpus *corpus, uint32_t text,
			float *scores);

#endif
