/*
 * How a model lies in its file: for model.c, which reads it, and model_write.c. The file is the
 * head, then bias, threshold and share of each label, the labels' names, the languages' names, the buckets
 * and the rows. Numbers are little-endian.
 */
#ifndef CLASSIFICATION_MODEL_FILE_H
#define CLASSIFICATION_MODEL_FILE_H

#include <math.h>

#include "model.h"

#define MODEL_MAGIC    "RDRSMDL2"
#define MODEL_FILE_MAX (64 * 1024 * 1024)
#define MODEL_LANES    8 /* a row's weights are padded to a multiple of it */
#define MODEL_CHECKSUM 32
#define MODEL_BUCKET   8 /* a bucket is a line of the processor's cache */

struct model_head {
	char magic[8];
	uint8_t checksum[MODEL_CHECKSUM]; /* BLAKE2b of all that follows */
	uint64_t size;                    /* of the file */
	struct model_card card;
	uint32_t labels, buckets, rows;
	uint32_t names_size, languages_size;
	/* The softmax of sharpness * score, then logit -> tilt * logit + shift for the best guess.
	 */
	float sharpness, tilt, shift;
	float least_known; /* share of a text's features; a text that has less is foreign */
	float service_threshold;
	float confidence_share[MODEL_STEPS];
};

/*
 * Features, found by their hash: its upper half tells the bucket, its lower one is the tag. What does not
 * fit into a bucket is in the next one that has room, the last being followed by the first.
 */
struct model_bucket {
	uint32_t tag[MODEL_BUCKET]; /* 0: free, and so are those after it */
	uint32_t row[MODEL_BUCKET]; /* row << 8 | heft of the feature, see model_heft */
};

/* A row's weights are scale times its 8-bit numbers. */
struct model_row {
	float scale;
	int8_t weight[]; /* model_lanes(labels) of them */
};

struct model {
	const struct model_head *head;
	const float *bias, *threshold, *share;
	const char **name;
	uint32_t *service; /* of each label: the first label of the same service */
	float heft[256], voices[256];
	uint32_t *service_size; /* bytes of its name */
	const char *languages;  /* each with a NUL */
	const struct model_bucket *bucket;
	const char *row;
	size_t row_size;
	void *memory;
};

static inline uint32_t model_lanes(uint32_t labels)
{
	return (labels + MODEL_LANES - 1) / MODEL_LANES * MODEL_LANES;
}

static inline size_t model_row_size(uint32_t labels)
{
	return sizeof(struct model_row) + model_lanes(labels);
}

static inline uint32_t model_place(uint64_t hash, uint32_t buckets)
{
	return (uint32_t)((hash >> 32) * buckets >> 32);
}

static inline uint32_t model_tag(uint64_t hash)
{
	return (uint32_t)hash ? (uint32_t)hash : 1;
}

/* Hefts are kept in steps of 4.4 %. */
static inline float model_heft(uint32_t step)
{
	return exp2f(((float)step - 128) / 16);
}

static inline uint32_t model_heft_step(float heft)
{
	float step = roundf(log2f(heft) * 16 + 128);
	return step < 1 ? 1 : step > 255 ? 255 : (uint32_t)step;
}

/* A feature that occurs count times in a text speaks with this many voices. */
static inline float model_voices(uint32_t count)
{
	return 1 + logf((float)count);
}

#endif
