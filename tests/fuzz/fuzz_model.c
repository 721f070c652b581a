/*
 * The model file: one that was made to harm, with its checksum right, is refused or serves. Of an
 * odd first byte the rest is a file; of an even one it fills the parts behind a head that is sound.
 */
#include "fuzz.h"

#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model_file.h"
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

static void build(struct buffer *out, const uint8_t *data, size_t left)
{
	static const char names[16] = "a.b\0a.c\0d\0efg";
	struct model_head head = {.labels = 4, .names_size = 14, .languages_size = 0};
	const uint8_t *name = (const uint8_t *)names, *rest = data;
	const uint8_t *start = (const uint8_t *)&head;
	size_t name_size = sizeof(names), head_size = sizeof(head);
	uint8_t sizes[4] = {0};
	memcpy(sizes, data, left < 4 ? left : 4);
	head.buckets = sizes[1] % 32 + 1;
	head.features = sizes[2] % 8 * head.buckets;
	head.rows_size = sizes[0];
	head.sharpness = (float)(sizes[3] % 16 + 1);
	head.tilt = 1;
	fill(out, sizeof(head), &start, &head_size);
	rest += left < 4 ? left : 4;
	left -= left < 4 ? left : 4;
	fill(out, 4 * sizeof(float), &rest, &left); /* biases */
	fill(out, 4 * sizeof(float), &rest, &left); /* thresholds */
	fill(out, 4 * sizeof(float), &rest, &left); /* shares */
	fill(out, head.names_size, &name, &name_size);
	fill(out, head.buckets * sizeof(struct model_bucket), &rest, &left);
	fill(out, head.rows_size * sizeof(uint16_t), &rest, &left);
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
