/* How a model lies in its file: for model.c, which reads it, and train.c, which writes it. */
#ifndef CLASSIFICATION_MODEL_FILE_H
#define CLASSIFICATION_MODEL_FILE_H

#include "model.h"

#define LABELS_MAX 256

enum model_head { HEAD_CATEGORY, HEAD_LANGUAGE, HEADS };

/* As in the file: a head is this, then its labels' names, biases, slots and weights. */
struct head {
	uint32_t labels, slots, weights; /* slots: a power of two */
	float scale;                     /* of the 8-bit weights */
	float temperature;               /* divides the scores: makes the probabilities honest */
	float threshold;                 /* below this confidence nothing is said */
	char (*names)[32];
	float *bias;
	struct head_slot {
		uint32_t tag; /* upper half of the feature's hash; count 0: free */
		uint32_t first : 24, count : 8;
	} * slot;
	struct head_weight {
		uint8_t label;
		int8_t weight;
	} * weight;
};

struct model {
	struct model_card card;
	struct head heads[HEADS];
	void *memory;
};

/* The three best labels, best first. */
void model_guess(const struct head *head, const struct features *features,
		 struct model_guess best[MODEL_GUESSES]);

/* A feature's value: of a text of any length all values together have length 1. */
float model_value(const struct features *features, size_t index, float norm);
float model_norm(const struct features *features);

#endif
