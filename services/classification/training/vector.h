/*
 * A text as a vector of length 1: the value of a feature is (1 + ln count) times its heft. Pure.
 */
#ifndef CLASSIFICATION_TRAINING_VECTOR_H
#define CLASSIFICATION_TRAINING_VECTOR_H

#include "training/corpus.h"

/* Reused from text to text; a zeroed one is empty. */
struct vector {
	uint32_t *feature;
	float *value;
	size_t count, room;
};

/*
 * Of each feature, from these texts: how rare it is times how well it parts the labels, to the
 * power of focus. 0: it is too rare to be known. The caller frees it.
 */
float *vector_heft(const struct texts *texts, float focus);

/* How much each feature helps to tell the labels apart; the caller frees it. */
float *vector_worth(const struct texts *texts);

/* The text's known features. */
void vector_read(const struct corpus *corpus, const float *heft, uint32_t text,
		 struct vector *vector);
/* One more element; the length is the caller's business. */
void vector_add(struct vector *vector, uint32_t feature, float value);
void vector_free(struct vector *vector);

#endif
