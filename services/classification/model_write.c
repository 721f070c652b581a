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

size_t model_feature_size(uint32_t labels)
{
	return sizeof(struct model_bucket) / IN_BUCKET + 1 + model_row_size(labels);
}

struct image {
	char *bytes;
	size_t size;
};

/* Room of its own for so many bytes, aligned for any of the file's numbers. */
static void *append(struct image *image, const void *data, size_t size)
{
	size_t padded = (size + 7) / 8 * 8;
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

static void put_row(const float *weight, uint32_t labels, struct model_row *row)
{
	float most = 0;
	for (uint32_t l = 0; l < labels; l++)
		most = fmaxf(most, fabsf(weight[l]));
	row->scale = most / 127;
	for (uint32_t l = 0; l < labels && most > 0; l++)
		row->weight[l] = (int8_t)roundf(weight[l] / row->scale);
}

static void put_feature(uint64_t hash, uint32_t row, struct model_bucket *bucket, uint32_t buckets)
{
	uint32_t at = model_place(hash, buckets), i = 0;
	while (bucket[at].tag[i]) {
		if (++i == MODEL_BUCKET) {
			at = at + 1 == buckets ? 0 : at + 1;
			i = 0;
		}
	}
	bucket[at].tag[i] = model_tag(hash);
	bucket[at].row[i] = row;
}

static void put_features(const struct model_parts *parts, const struct model_head *head,
			 struct model_bucket *bucket, char *rows)
{
	const struct learned *learned = parts->learned;
	uint32_t row = 0;
	for (uint32_t f = 0; f < parts->corpus->features; f++) {
		if (learned->heft[f] <= 0)
			continue;
		put_feature(parts->corpus->hash[f], row << 8 | model_heft_step(learned->heft[f]),
			    bucket, head->buckets);
		put_row(learned->weight + (size_t)f * learned->lanes, learned->labels,
			(void *)(rows + row++ * model_row_size(head->labels)));
	}
}

static uint32_t count_known(const struct learned *learned, uint32_t features)
{
	uint32_t known = 0;
	for (uint32_t f = 0; f < features; f++)
		known += learned->heft[f] > 0;
	return known;
}

static struct image draw(const struct model_parts *parts)
{
	struct image image = {0};
	const struct calibration *calibration = parts->calibration;
	uint32_t labels = parts->learned->labels;
	struct model_head head = {
		.card = parts->card,
		.labels = labels,
		.rows = count_known(parts->learned, parts->corpus->features),
		.sharpness = calibration->sharpness,
		.tilt = calibration->tilt,
		.shift = calibration->shift,
		.least_known = parts->least_known,
		.service_threshold = calibration->service_threshold,
	};
	char *names = join(&parts->corpus->labels, &head.names_size);
	char *languages = join(&parts->corpus->languages, &head.languages_size);
	memcpy(head.magic, MODEL_MAGIC, sizeof(head.magic));
	memcpy(head.confidence_share, parts->confidence_share, sizeof(head.confidence_share));
	head.buckets = head.rows / IN_BUCKET + 1;
	append(&image, &head, sizeof(head));
	append(&image, calibration->bias, labels * sizeof(float));
	append(&image, calibration->threshold, labels * sizeof(float));
	append(&image, parts->label_share, labels * sizeof(float));
	append(&image, names, head.names_size);
	append(&image, languages, head.languages_size);
	size_t buckets = image.size, buckets_size = head.buckets * sizeof(struct model_bucket);
	append(&image, NULL, buckets_size);
	append(&image, NULL, head.rows * model_row_size(labels));
	put_features(parts, &head, (void *)(image.bytes + buckets),
		     image.bytes + buckets + buckets_size);
	head.size = image.size;
	memcpy(image.bytes, &head, sizeof(head));
	crypto_generichash((uint8_t *)image.bytes + offsetof(struct model_head, checksum),
			   MODEL_CHECKSUM,
			   (uint8_t *)image.bytes + offsetof(struct model_head, size),
			   image.size - offsetof(struct model_head, size), NULL, 0);
	free(names);
	free(languages);
	return image;
}

int model_write(const char *file, const struct model_parts *parts, struct err *err)
{
	struct image image = draw(parts);
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
