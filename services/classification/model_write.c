#include "model_write.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model_file.h"
#include "util/alloc.h"

/* Features in a bucket on the average: the fewer, the seldomer a search goes on in the next one. */
#define IN_BUCKET 5

#define ENTRIES_GUESSED 10    /* of a row, on the average */
#define ENTRY_LEAST     0.05f /* of the row's greatest weight: what is less is left out */
#define ENTRIES_ENOUGH  16    /* of a row: beyond, more help hardly ever */
#define ROOMY           (6 * 1024 * 1024) /* a larger model has no entries beyond those */

size_t model_feature_size(uint32_t labels)
{
	size_t row = labels <= MODEL_FEW ? model_lanes(labels) : ENTRIES_GUESSED * sizeof(uint16_t);
	return sizeof(struct model_bucket) / IN_BUCKET + 1 + sizeof(struct model_row) + row;
}

struct image {
	char *bytes;
	size_t size;
};

/* Room for so many bytes, aligned. */
static void *append(struct image *image, const void *data, size_t size)
{
	size_t padded = (size + MODEL_ALIGNED - 1) / MODEL_ALIGNED * MODEL_ALIGNED;
	image->bytes = x_realloc(image->bytes, image->size + padded, 1);
	char *here = image->bytes + image->size;
	memset(here, 0, padded);
	if (data)
		memcpy(here, data, size);
	image->size += padded;
	return here;
}

static char *join(const struct names *names, uint32_t *size)
{
	char *joined = x_calloc(1, 1);
	*size = 0;
	for (uint32_t i = 0; i < names->count; i++) {
		uint32_t length = (uint32_t)strlen(names->name[i]) + 1;
		joined = x_realloc(joined, *size + length, 1);
		memcpy(joined + *size, names->name[i], length);
		*size += length;
	}
	return joined;
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct weight {
	uint32_t label;
	float value, size;
};

static int greatest_first(const void *a, const void *b)
{
	const struct weight *x = a, *y = b;
	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->label < y->label ? -1 : 1;
}

static int by_value(const void *a, const void *b)
{
	const struct weight *x = a, *y = b;
	return x->value < y->value ? -1 : x->value > y->value;
}

/* What is common to all labels tells nothing: the weights are taken from the middle one. */
static uint32_t choose_weights(const float *value, uint32_t labels, uint32_t most,
			       struct weight *weight)
{
	uint32_t kept = 0;
	for (uint32_t l = 0; l < labels; l++)
		weight[l] = (struct weight){l, value[l], 0};
	qsort(weight, labels, sizeof(*weight), by_value);
	float middle = weight[labels / 2].value;
	for (uint32_t l = 0; l < labels; l++) {
		weight[l].value -= middle;
		weight[l].size = fabsf(weight[l].value);
	}
	qsort(weight, labels, sizeof(*weight), greatest_first);
	while (kept < labels && kept < most && weight[kept].size > ENTRY_LEAST * weight[0].size)
		kept++;
	return kept;
}

/* The scale is rounded up to what can be written down, then the numbers are made for it. */
static uint16_t scale_for(float greatest, float most)
{
	float scale = greatest / most;
	uint32_t bits;
	memcpy(&bits, &scale, sizeof(bits));
	return (uint16_t)((bits + 0xFFFF) >> 16);
}

/* These two return the row's size in units of 16 bits. */
static uint32_t put_full_row(const float *value, uint32_t labels, struct model_row *row)
{
	float greatest = 0;
	int8_t *number = (int8_t *)row->entry;
	for (uint32_t l = 0; l < labels; l++)
		greatest = fmaxf(greatest, fabsf(value[l]));
	row->scale = scale_for(greatest, INT8_MAX);
	row->count = (uint16_t)(model_lanes(labels) / sizeof(*row->entry));
	for (uint32_t l = 0; l < labels && greatest > 0; l++)
		number[l] = (int8_t)roundf(value[l] / model_scale(row->scale));
	return (uint32_t)(sizeof(*row) / sizeof(*row->entry)) + row->count;
}

static uint32_t put_row(const float *value, uint32_t labels, uint32_t most, struct model_row *row)
{
	struct weight weight[MODEL_LABELS_MAX];
	uint32_t bits = model_label_bits(labels);
	uint32_t kept = choose_weights(value, labels, most, weight);
	row->count = (uint16_t)kept;
	row->scale = scale_for(weight[0].size, (float)((1 << (15 - bits)) - 1));
	for (uint32_t i = 0; i < kept; i++) {
		int32_t number = (int32_t)roundf(weight[i].value / model_scale(row->scale));
		row->entry[i] = (uint16_t)((uint32_t)number << bits | weight[i].label);
	}
	return (uint32_t)(sizeof(*row) / sizeof(*row->entry)) + kept;
}

/* All rows; at: where that of each feature begins. */
static uint16_t *put_rows(const struct model_parts *parts, uint32_t most, uint32_t *at,
			  uint32_t *size)
{
	const struct learned *learned = parts->learned;
	uint32_t features = parts->corpus->features, labels = learned->labels;
	uint32_t longest = labels <= MODEL_FEW ? model_lanes(labels) / 2 : most;
	uint16_t *rows = x_calloc((size_t)features * (2 + longest) + 1, sizeof(*rows));
	*size = 0;
	for (uint32_t f = 0; f < features; f++) {
		const float *weight = learned->weight + (size_t)f * learned->lanes;
		at[f] = *size;
		if (learned->heft[f] <= 0)
			continue;
		*size += labels <= MODEL_FEW
			     ? put_full_row(weight, labels, (void *)(rows + *size))
			     : put_row(weight, labels, most, (void *)(rows + *size));
	}
	return rows;
}

/* false: another feature is there that cannot be told from it. */
static bool put_feature(uint64_t hash, uint32_t row, struct model_bucket *bucket, uint32_t buckets)
{
	uint32_t at = model_place(hash, buckets), i = 0, tag = model_tag(hash);
	while (bucket[at].tag[i]) {
		if (bucket[at].tag[i] == tag)
			return false;
		if (++i == MODEL_BUCKET) {
			at = at + 1 == buckets ? 0 : at + 1;
			i = 0;
		}
	}
	bucket[at].tag[i] = tag;
	bucket[at].row[i] = row;
	return true;
}

/* Returns how many there is room for: nearly always all. */
static uint32_t put_features(const struct model_parts *parts, const uint32_t *at,
			     struct model_bucket *bucket, uint32_t buckets)
{
	uint32_t put = 0;
	for (uint32_t f = 0; f < parts->corpus->features; f++) {
		float heft = parts->learned->heft[f];
		if (heft > 0)
			put += put_feature(parts->corpus->hash[f],
					   at[f] << 8 | model_heft_step(heft), bucket, buckets);
	}
	return put;
}

static uint32_t count_known(const struct learned *learned, uint32_t features)
{
	uint32_t known = 0;
	for (uint32_t f = 0; f < features; f++)
		known += learned->heft[f] > 0;
	return known;
}

/* ---- the file -------------------------------------------------------------------------------- */

static struct model_head head_of(const struct model_parts *parts)
{
	const struct calibration *calibration = parts->calibration;
	struct model_head head = {
	    .card = parts->card,
	    .labels = parts->learned->labels,
	    .features = count_known(parts->learned, parts->corpus->features),
	    .sharpness = calibration->sharpness,
	    .tilt = calibration->tilt,
	    .shift = calibration->shift,
	    .least_known = parts->least_known,
	    .service_threshold = calibration->service_threshold,
	};
	memcpy(head.magic, MODEL_MAGIC, sizeof(head.magic));
	memcpy(head.confidence_share, parts->confidence_share, sizeof(head.confidence_share));
	head.buckets = head.features / IN_BUCKET + 1;
	return head;
}

/* Rows with at most so many entries. */
static struct image draw(const struct model_parts *parts, uint32_t most)
{
	struct image image = {0};
	struct model_head head = head_of(parts);
	uint32_t *at = x_calloc(parts->corpus->features + 1, sizeof(*at));
	uint16_t *rows = put_rows(parts, most, at, &head.rows_size);
	char *names = join(&parts->corpus->labels, &head.names_size);
	char *languages = join(&parts->corpus->languages, &head.languages_size);
	append(&image, &head, sizeof(head));
	append(&image, parts->calibration->bias, head.labels * sizeof(float));
	append(&image, parts->calibration->threshold, head.labels * sizeof(float));
	append(&image, parts->label_share, head.labels * sizeof(float));
	append(&image, names, head.names_size);
	append(&image, languages, head.languages_size);
	head.features = put_features(
	    parts, at, append(&image, NULL, head.buckets * sizeof(struct model_bucket)),
	    head.buckets);
	append(&image, rows, head.rows_size * sizeof(*rows));
	head.size = image.size;
	memcpy(image.bytes, &head, sizeof(head));
	free(names);
	free(languages);
	free(rows);
	free(at);
	return image;
}

static uint32_t fewer(uint32_t most)
{
	if (most <= ENTRIES_ENOUGH)
		return most - 1;
	return most * 3 / 4 > ENTRIES_ENOUGH ? most * 3 / 4 : ENTRIES_ENOUGH;
}

/* With all entries where they cost little, else with fewer a row, until it fits. */
static struct image draw_within(const struct model_parts *parts, size_t size)
{
	uint32_t most = parts->learned->labels;
	struct image image = draw(parts, most);
	while (most > 1 && image.size > (most > ENTRIES_ENOUGH && size > ROOMY ? ROOMY : size)) {
		most = fewer(most);
		free(image.bytes);
		image = draw(parts, most);
	}
	return image;
}

static void sign(struct image *image)
{
	uint8_t *bytes = (uint8_t *)image->bytes;
	size_t from = offsetof(struct model_head, size);
	crypto_generichash(bytes + offsetof(struct model_head, checksum), MODEL_CHECKSUM,
			   bytes + from, image->size - from, NULL, 0);
}

int model_write(const char *file, const struct model_parts *parts, struct err *err)
{
	struct image image = draw_within(parts, parts->size);
	sign(&image);
	char *fresh = x_printf("%s.new", file);
	FILE *out = fopen(fresh, "wb");
	bool written = out && fwrite(image.bytes, 1, image.size, out) == image.size &&
		       fflush(out) == 0 && fsync(fileno(out)) == 0;
	if (out)
		written &= fclose(out) == 0;
	if (!written || rename(fresh, file)) {
		err_set(err, "%s cannot be written: %s", file, strerror(errno));
		unlink(fresh);
		written = false;
	}
	free(fresh);
	free(image.bytes);
	return written ? 0 : -1;
}
