/*
 * The model file: one that was made to harm, with its checksum right, is refused or serves. Of an
 * odd first byte the rest is a file; of an even one it fills the parts behind a head that is sound.
 */
#include "fuzz.h"

#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/model_file.h"
#include "util/buffer.h"

static char path[40];
static int file;
static struct fold_table *table;
static struct folded folded;
static struct features features;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char text[] = "the lamp is dark and there is no water 路灯坏了";
	(void)argc;
	(void)argv;
	file = memfd_create("model", 0);
	MUST(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	table = fold_table_new();
	fold(table, text, strlen(text), &folded);
	features_of(&folded, &features);
	return 0;
}

/* Adds size bytes of the input, then zeros, up to where the next part begins. */
static void fill(struct buffer *out, size_t size, const uint8_t **data, size_t *left)
{
	size_t some = size < *left ? size : *left,
	       padded = (size + MODEL_ALIGNED - 1) / MODEL_ALIGNED * MODEL_ALIGNED;
	char *room = buffer_reserve(out, padded);
	memset(room, 0, padded);
	memcpy(room, *data, some);
	out->len += padded;
	*data += some;
	*left -= some;
}

/* Of each bucket the tags that the input has, or that the text asks for; a row for each. */
static uint32_t build_buckets(struct buffer *out, uint32_t count, const uint8_t **data,
			      size_t *left)
{
	uint32_t rows = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct model_bucket bucket = {.first = rows};
		const uint8_t *whole = (const uint8_t *)&bucket;
		size_t size = sizeof(bucket), tags = *left ? **data % (MODEL_BUCKET + 1) : 0;
		for (size_t k = 0; k < tags && *left >= 3; k++, *data += 2, *left -= 2) {
			uint16_t tag = (uint16_t)((*data)[1] << 8 | (*data)[2]);
			bucket.tag[k] =
			    tag & 1 ? tag : model_tag(features.hash[tag % features.count]);
			rows += bucket.tag[k] != 0;
		}
		fill(out, sizeof(bucket), &whole, &size);
	}
	return rows;
}

static void build_rows(struct buffer *out, const struct model_head *head, const uint8_t *data,
		       size_t left)
{
	size_t size = model_row_size(head->labels), from = out->len;
	fill(out, head->features * size, &data, &left);
	for (uint32_t i = 0; i < head->features; i++) {
		struct model_row *row = (void *)(out->data + from + i * size);
		if (!(row->scale & 1))
			row->scale = model_scale_half(0.01f);
	}
}

static void build(struct buffer *out, const uint8_t *data, size_t left)
{
	char names[4 * 100];
	const uint8_t *name = (const uint8_t *)names;
	uint8_t sizes[4] = {0};
	size_t some = left < 4 ? left : 4, name_size;
	memcpy(sizes, data, some);
	data += some;
	left -= some;
	struct model_head head = {.labels = sizes[0] % 99 + 1, .tilt = 1};
	head.buckets = sizes[1] % 4 + 1;
	head.sharpness = (float)(sizes[3] % 16 + 1);
	for (uint32_t l = 0; l < head.labels; l++)
		memcpy(names + 4 * l, (const char[]){'a', '.', (char)('0' + l % 70), '\0'}, 4);
	head.names_size = 4 * head.labels;
	name_size = head.names_size;
	size_t at = out->len;
	buffer_reserve(out, (sizeof(head) + MODEL_ALIGNED - 1) / MODEL_ALIGNED * MODEL_ALIGNED);
	out->len += (sizeof(head) + MODEL_ALIGNED - 1) / MODEL_ALIGNED * MODEL_ALIGNED;
	memset(out->data + at, 0, out->len - at);
	fill(out, head.labels * sizeof(float), &data, &left); /* biases */
	fill(out, head.labels * sizeof(float), &data, &left); /* thresholds */
	size_t none = 0;
	fill(out, head.labels * sizeof(float), &data, &none); /* shares */
	fill(out, head.names_size, &name, &name_size);
	head.features = build_buckets(out, head.buckets, &data, &left);
	memcpy(out->data + at, &head, sizeof(head));
	build_rows(out, &head, data, left);
}

/* What tells an accident: magic, size and checksum are made right. */
static void seal(struct buffer *out)
{
	struct model_head *head = (struct model_head *)(void *)out->data;
	size_t from = offsetof(struct model_head, size);
	if (out->len < sizeof(*head))
		return;
	memcpy(head->magic, MODEL_MAGIC, sizeof(head->magic));
	head->size = out->len;
	crypto_generichash(head->checksum, sizeof(head->checksum), (uint8_t *)out->data + from,
			   out->len - from, NULL, 0);
}

static void judge(const struct model *model)
{
	struct verdict verdict;
	model_judge(model, &features, &verdict);
	MUST(verdict.guesses <= MODEL_GUESSES && verdict.term_count <= MODEL_TERMS);
	for (uint32_t i = 0; i < verdict.guesses; i++)
		MUST(verdict.best[i].label < model_labels(model));
	for (uint32_t i = 0; i < verdict.term_count; i++)
		MUST(verdict.terms[i] < folded.token_count);
	for (uint32_t l = 0; l < model_labels(model); l++)
		MUST(strlen(model_label(model, l)) < 1000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer out = {0};
	struct err err = {""};
	if (!size)
		return 0;
	if (*data & 1)
		buffer_add(&out, data + 1, size - 1);
	else
		build(&out, data, size);
	seal(&out);
	MUST(ftruncate(file, 0) == 0 && pwrite(file, out.data, out.len, 0) == (ssize_t)out.len);
	struct model *model = model_load(path, &err);
	MUST(model || *err.text);
	if (model)
		judge(model);
	model_free(&model);
	buffer_free(&out);
	return 0;
}
