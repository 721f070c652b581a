/*
 * The linear model: for each label a weight for each hashed feature, small weights left out, the rest
 * in 8 bits. One file holds two of them (a head each): the category and the language of a text.
 * Pure, but for reading the file.
 */
#ifndef CLASSIFICATION_MODEL_H
#define CLASSIFICATION_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "feature.h"
#include "util/err.h"

#define LABELS_MAX 256

enum model_head { HEAD_CATEGORY, HEAD_LANGUAGE, HEADS };

/* As in the file: a head is this, then its labels' names, biases, slots and weights. */
struct head {
	uint32_t labels, slots, weights; /* slots: a power of two */
	float scale;       /* of the 8-bit weights */
	float temperature; /* divides the scores: makes the probabilities honest */
	float threshold;   /* below this confidence nothing is said */
	char (*names)[32];
	float *bias;
	struct head_slot {
		uint32_t tag; /* upper half of the feature's hash; count 0: free */
		uint32_t first : 24, count : 8;
	} *slot;
	struct head_weight {
		uint8_t label;
		int8_t weight;
	} *weight;
};

struct model {
	char version[32];
	struct head heads[HEADS];
	void *memory;
};

struct model *model_load(const char *file, struct err *err) MUST_CHECK;
void model_free(struct model **model);

struct guess {
	uint32_t label;
	float confidence;
};

/* The three best labels, best first. */
void model_guess(const struct head *head, const struct features *features, struct guess best[3]);
/* How much each token speaks for the label; by_token has room for each token, zeroed. */
void model_explain(const struct head *head, const struct features *features, uint32_t label,
		   float *by_token);

/* A feature's value: of a text of any length all values together have length 1. */
float model_value(const struct features *features, size_t index, float norm);
float model_norm(const struct features *features);

#endif
