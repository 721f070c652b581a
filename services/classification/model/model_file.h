/*
 * How a model lies in its file and in memory: for what reads, writes and judges by it, and for
 * vector.c, which rounds as the file does. The file is the head, then bias, threshold and share of
 * each label, the labels' names, the languages' names, the buckets and the rows. Numbers are
 * little-endian.
 */
#ifndef CLASSIFICATION_MODEL_MODEL_FILE_H
#define CLASSIFICATION_MODEL_MODEL_FILE_H

#include <math.h>
#include <string.h>

#include "model/model.h"

#define MODEL_MAGIC    "RDRSMDL4"
#define MODEL_FILE_MAX (64 * 1024 * 1024)
#define MODEL_FEW      60 /* labels */
#define MODEL_PIECE    16 /* bytes of a row that are added up at once; of more labels MODEL_CHUNK */
#define MODEL_CHUNK    32
#define MODEL_CHECKSUM 32
#define MODEL_ALIGNED                                                                              \
	64              /* each part begins at a multiple of it, a line of the processor's cache   \
			 */
#define MODEL_BUCKET 30 /* such a bucket is a line as well */

struct model_head {
	char magic[8];
	uint8_t checksum[MODEL_CHECKSUM]; /* BLAKE2b of all that follows */
	uint64_t size;                    /* of the file */
	struct model_card card;
	uint32_t labels, buckets, features; /* as many rows as features */
	uint32_t names_size, languages_size;
	/* The softmax of sharpness * score, then logit -> tilt * logit + shift for the best guess.
	 */
	float sharpness, tilt, shift;
	float least_known; /* share of a text's features; a text that has less is foreign */
	float service_threshold;
	float confidence_share[CONFIDENCE_STEPS];
};

/*
 * Features, found by their hash: its upper half tells the bucket, some of its lower bits are the
 * tag. What does not fit into a bucket is in the next one that has room, the last being followed by
 * the first. The tags alone are a small part of the model, so a processor has them at hand.
 */
struct model_bucket {
	uint32_t first;             /* the row of its first tag; the others' follow */
	uint16_t tag[MODEL_BUCKET]; /* 0: free, and so are those after it */
};

/*
 * A feature's row of weights: each is the row's scale times a number of its own, less what all have
 * in common, which tells nothing. Up to MODEL_FEW labels a number is a byte and the row is padded
 * to a multiple of MODEL_PIECE. Beyond it is half a byte, the lower one first, and the row is
 * padded to a multiple of MODEL_CHUNK. Up to 60 and up to 120 labels that is one line of the
 * processor's cache at most.
 */
struct model_row {
	uint16_t scale; /* the upper half of a float */
	uint8_t heft;   /* see model_heft */
	uint8_t middle; /* the number of the middle one of all labels */
	uint8_t number[];
};

struct model {
	const struct model_head *head;
	const float *bias, *threshold, *share;
	const char **name;
	uint32_t *service; /* of each label: the first label of the same service */
	float heft[256], voices[256], part[256]; /* part: 1 of so many */
	uint32_t *service_size;                  /* bytes of its name */
	const char *languages;                   /* each with a NUL */
	const struct model_bucket *bucket;
	const uint8_t *rows;
	uint32_t row_size;
	void *memory;
};

static inline uint32_t model_row_size(uint32_t labels)
{
	uint32_t head = (uint32_t)sizeof(struct model_row);
	if (labels <= MODEL_FEW)
		return (head + labels + MODEL_PIECE - 1) / MODEL_PIECE * MODEL_PIECE;
	return (head + (labels + 1) / 2 + MODEL_CHUNK - 1) / MODEL_CHUNK * MODEL_CHUNK;
}

/* The greatest number. */
static inline uint32_t model_number_max(uint32_t labels)
{
	return labels <= MODEL_FEW ? UINT8_MAX : 15;
}

static inline uint32_t model_place(uint64_t hash, uint32_t buckets)
{
	return (uint32_t)((hash >> 32) * buckets >> 32);
}

static inline uint16_t model_tag(uint64_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 8);
	return tag ? tag : 1;
}

#define MODEL_SCALE_LEAST 1e-20f
#define MODEL_SCALE_MOST  1e6f
#define MODEL_BIAS_MOST   1e6f
#define MODEL_NEVER       2.0f /* the greatest threshold: above 1 no confidence reaches it */

static inline float model_scale(uint16_t half)
{
	uint32_t bits = (uint32_t)half << 16;
	float scale;
	memcpy(&scale, &bits, sizeof(scale));
	return scale;
}

/* Rounded up. */
static inline uint16_t model_scale_half(float scale)
{
	uint32_t bits;
	memcpy(&bits, &scale, sizeof(bits));
	return (uint16_t)((bits + 0xFFFF) >> 16);
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
