#include "training/model_write.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/model_file.h"
#include "util/alloc.h"
#include "util/text.h"

/* Features in a bucket on the average: the fewer, the seldomer a search goes on in the next one. */
#define IN_BUCKET 20

size_t model_feature_size(uint32_t labels)
{
	return sizeof(struct model_bucket) / IN_BUCKET + 1 + model_row_size(labels);
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

static int by_value(const void *a, const void *b)
{
	const float *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static uint32_t number_for(float weight, float scale, uint32_t most)
{
	uint32_t number = (uint32_t)(weight / scale + 0.5f);
	return number < most ? number : most;
}

/* The least weight becomes 0, the greatest one the greatest number. */
static void put_row(const struct learned *learned, uint32_t feature, struct model_row *row)
{
	float sorted[MODEL_LABELS_MAX];
	uint32_t labels = learned->labels, most = model_number_max(labels);
	const float *weight = learned->weight + (size_t)feature * learned->lanes;
	memcpy(sorted, weight, labels * sizeof(*sorted));
	qsort(sorted, labels, sizeof(*sorted), by_value);
	row->heft = (uint8_t)model_heft_step(learned->heft[feature]);
	row->scale = model_scale_half(
	    fmaxf((sorted[labels - 1] - sorted[0]) / (float)most, MODEL_SCALE_LEAST));
	float scale = model_scale(row->scale);
	for (uint32_t l = 0; l < labels; l++) {
		uint32_t number = number_for(weight[l] - sorted[0], scale, most);
		if (labels <= MODEL_FEW)
			row->number[l] = (uint8_t)number;
		else
			row->number[l / 2] |= (uint8_t)(number << l % 2 * 4);
	}
	row->middle = (uint8_t)number_for(sorted[labels / 2] - sorted[0], scale, most);
}

/* ---- buckets --------------------------------------------------------------------------------- */

/* Buckets while they are filled: which feature each tag is, plus 1. */
struct placing {
	struct model_bucket *bucket;
	uint32_t (*feature)[MODEL_BUCKET];
	uint32_t buckets;
};

/* Not if another feature is there that cannot be told from it. */
static void place_feature(struct placing *placing, uint64_t hash, uint32_t feature)
{
	uint32_t at = model_place(hash, placing->buckets), i = 0;
	uint16_t tag = model_tag(hash);
	while (placing->bucket[at].tag[i]) {
		if (placing->bucket[at].tag[i] == tag)
			return;
		if (++i == MODEL_BUCKET) {
			at = at + 1 == placing->buckets ? 0 : at + 1;
			i = 0;
		}
	}
	placing->bucket[at].tag[i] = tag;
	placing->feature[at][i] = feature + 1;
}

/* Fills the buckets; the features in the order of their rows, which the caller frees. Nearly all
 * are among them. */
static uint32_t *put_features(const struct model_parts *parts, struct model_bucket *bucket,
			      uint32_t buckets, uint32_t *count)
{
	struct placing placing = {bucket, x_calloc(buckets, sizeof(*placing.feature)), buckets};
	uint32_t features = parts->corpus->features;
	uint32_t *order = x_calloc(features + 1, sizeof(*order));
	for (uint32_t f = 0; f < features; f++) {
		if (parts->learned->heft[f] > 0)
			place_feature(&placing, parts->corpus->hash[f], f);
	}
	*count = 0;
	for (uint32_t at = 0; at < buckets; at++) {
		bucket[at].first = *count;
		for (uint32_t i = 0; i < MODEL_BUCKET && bucket[at].tag[i]; i++)
			order[(*count)++] = placing.feature[at][i] - 1;
	}
	free(placing.feature);
	return order;
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

static struct image draw(const struct model_parts *parts)
{
	struct image image = {0};
	struct model_head head = head_of(parts);
	size_t row_size = model_row_size(head.labels);
	char *names = join(&parts->corpus->labels, &head.names_size);
	char *languages = join(&parts->corpus->languages, &head.languages_size);
	append(&image, &head, sizeof(head));
	append(&image, parts->calibration->bias, head.labels * sizeof(float));
	append(&image, parts->calibration->threshold, head.labels * sizeof(float));
	append(&image, parts->label_share, head.labels * sizeof(float));
	append(&image, names, head.names_size);
	append(&image, languages, head.languages_size);
	uint32_t *order =
	    put_features(parts, append(&image, NULL, head.buckets * sizeof(struct model_bucket)),
			 head.buckets, &head.features);
	char *rows = append(&image, NULL, head.features * row_size);
	for (uint32_t i = 0; i < head.features; i++)
		put_row(parts->learned, order[i], (void *)(rows + i * row_size));
	head.size = image.size;
	memcpy(image.bytes, &head, sizeof(head));
	free(names);
	free(languages);
	free(order);
	return image;
}

/* A model without a name is named after all that is in it. */
static void name(struct image *image)
{
	struct model_head *head = (void *)image->bytes;
	uint8_t digest[crypto_generichash_BYTES_MIN];
	char hex[2 * sizeof(digest) + 1];
	if (*head->card.version)
		return;
	crypto_generichash(digest, sizeof(digest), (const uint8_t *)image->bytes, image->size, NULL,
			   0);
	text_hex(hex, digest, sizeof(digest));
	snprintf(head->card.version, sizeof(head->card.version), "linear-%.12s", hex);
}

static void sign(struct image *image)
{
	uint8_t *bytes = (uint8_t *)image->bytes;
	size_t from = offsetof(struct model_head, size);
	crypto_generichash(bytes + offsetof(struct model_head, checksum), MODEL_CHECKSUM,
			   bytes + from, image->size - from, NULL, 0);
}

/* What becomes the file once it is whole; the caller frees it. */
static char *fresh_name(const char *file)
{
	return x_printf("%s.new", file);
}

/* errno says why. */
static int cannot_write(const char *file, struct err *err)
{
	return err_set(err, "%s cannot be written: %s", file, strerror(errno));
}

int model_writable(const char *file, struct err *err)
{
	struct stat there;
	if (stat(file, &there) == 0 && !S_ISREG(there.st_mode)) /* it would be replaced */
		return err_set(err, "%s cannot be written: it is a directory, a device or a pipe",
			       file);
	char *fresh = fresh_name(file);
	FILE *out = fopen(fresh, "wb");
	int failed = out ? 0 : cannot_write(file, err);
	if (out) {
		fclose(out);
		unlink(fresh);
	}
	free(fresh);
	return failed;
}

int model_write(const char *file, const struct model_parts *parts, struct err *err)
{
	struct image image = draw(parts);
	name(&image);
	sign(&image);
	char *fresh = fresh_name(file);
	FILE *out = fopen(fresh, "wb");
	bool written = out && fwrite(image.bytes, 1, image.size, out) == image.size &&
		       fflush(out) == 0 && fsync(fileno(out)) == 0;
	if (out)
		written &= fclose(out) == 0;
	int failed = written && rename(fresh, file) == 0 ? 0 : cannot_write(file, err);
	if (failed)
		unlink(fresh);
	free(fresh);
	free(image.bytes);
	return failed;
}
