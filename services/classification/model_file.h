/*
 * How a model lies in its file: for model.c, which reads it, and model_write.c. The file is the
 * head, then bias, threshold and share of each label, the labels' names, the languages' names, the
 * buckets and the rows. Numbers are little-endian.
 */
#ifndef CLASSIFICATION_MODEL_FILE_H
#define CLASSIFICATION_MODEL_FILE_H

#include <math.h>
#include <string.h>

#include "model.h"

#define MODEL_MAGIC    "RDRSMDL3"
#define MODEL_FILE_MAX (64 * 1024 * 1024)
#define MODEL_LANES    8
#define MODEL_FEW      24 /* labels */
#define MODEL_CHECKSUM 32
#define MODEL_ALIGNED                                                                              \
	64             /* each part begins at a multiple of it, a line of the processor's cache    \
			*/
#define MODEL_BUCKET 8 /* such a bucket is a line as well */

struct model_head {
	char magic[8];
	uint8_t checksum[MODEL_CHECKSUM]; /* BLAKE2b of all that follows */
	uint64_t size;                    /* of the file */
	struct model_card card;
	uint32_t labels, buckets, features;
	uint32_t rows_size; /* in units of 16 bits, as are the places where rows begin */
	uint32_t names_size, languages_size;
	/* The softmax of sharpness * score, then logit -> tilt * logit + shift for the best guess.
	 */
	float sharpness, tilt, shift;
	float least_known; /* share of a text's features; a text that has less is foreign */
	float service_threshold;
	float confidence_share[MODEL_STEPS];
};

/*
 * Features, found by their hash: its upper half tells the bucket, its lower one is the tag. What
 * does not fit into a bucket is in the next one that has room, the last being followed by the
 * first.
 */
struct model_bucket {
	uint32_t tag[MODEL_BUCKET]; /* 0: free, and so are those after it */
	uint32_t row[MODEL_BUCKET]; /* where the row begins << 8 | heft, see model_heft */
};

/*
 * A feature's row of weights, each scale times a signed number. Where there are few labels it has
 * one byte for every label, padded to a multiple of MODEL_LANES. Where there are many it has an
 * entry for those for which it is worth keeping: the label in the lower bits and the number above
 * them.
 */
struct model_row {
	uint16_t scale; /* the upper half of a float */
	uint16_t count; /* of what follows */
	uint16_t entry[];
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
	const uint16_t *row;
	uint32_t label_bits;
	void *memory;
};

static inline uint32_t model_lanes(uint32_t labels)
{
	return (labels + MODEL_LANES - 1) / MODEL_LANES * MODEL_LANES;
}

/* Lower bits of an entry. */
static inline uint32_t model_label_bits(uint32_t labels)
{
	uint32_t bits = 1;
	while (1u << bits < labels)
		bits++;
	return bits;
}

static inline float model_scale(uint16_t half)
{
	uint32_t bits = (uint32_t)half << 16;
	float scale;
	memcpy(&scale, &bits, sizeof(scale));
	return scale;
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
