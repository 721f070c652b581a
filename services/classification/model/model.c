#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model/model_file.h"
#include "util/alloc.h"
#include "util/log.h"
#include "util/text.h"

/* ---- services ----------------------------------------------------------------------------- */

/* service.topic: both of small letters, digits and _; 0: the name has another form. */
static size_t service_size(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t service = strspn(name, letters);
	size_t topic = name[service] == '.' ? strspn(name + service + 1, letters) : 0;
	return service && topic && !name[service + 1 + topic] ? service : 0;
}

void model_services(const char *const *names, uint32_t count, uint32_t *service)
{
	for (uint32_t l = 0; l < count; l++) {
		size_t size = service_size(names[l]);
		service[l] = l;
		for (uint32_t other = 0; size && other < l && service[l] == l; other++) {
			if (service_size(names[other]) == size &&
			    strncmp(names[other], names[l], size) == 0)
				service[l] = other;
		}
	}
}

/* ---- the file ------------------------------------------------------------------------------- */

struct cursor {
	const char *at;
	size_t left;
};

/* The file's next part. NULL: the file is shorter than it says. */
static const void *take(struct cursor *cursor, size_t count, size_t size)
{
	if (count > SIZE_MAX / 2 / size)
		return NULL;
	size_t padded = (count * size + MODEL_ALIGNED - 1) / MODEL_ALIGNED * MODEL_ALIGNED;
	const void *here = cursor->at;
	if (padded > cursor->left)
		return NULL;
	cursor->at += padded;
	cursor->left -= padded;
	return here;
}

static const char *fault_of_head(const struct model_head *head, size_t size)
{
	uint8_t checksum[MODEL_CHECKSUM];
	size_t from = offsetof(struct model_head, size);
	if (size < sizeof(*head) || memcmp(head->magic, MODEL_MAGIC, sizeof(head->magic)) != 0)
		return "is no model of this version of the program";
	if (head->size != size)
		return head->size > size ? "is cut short" : "is longer than it should be";
	crypto_generichash(checksum, sizeof(checksum), (const uint8_t *)head + from, size - from,
			   NULL, 0);
	if (memcmp(checksum, head->checksum, sizeof(checksum)) != 0)
		return "is damaged: its checksum is wrong";
	return NULL;
}

static bool are_biases(const float *bias, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!(fabsf(bias[i]) <= MODEL_BIAS_MOST))
			return false;
	}
	return true;
}

static bool are_thresholds(const float *threshold, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!(threshold[i] >= 0 && threshold[i] <= MODEL_NEVER))
			return false;
	}
	return true;
}

/* A file whose checksum is right may still have been made to harm. */
static bool numbers_are_sound(const struct model_head *head)
{
	return head->labels >= 1 && head->labels <= MODEL_LABELS_MAX &&
	       (uint64_t)head->buckets * MODEL_BUCKET > head->features &&
	       memchr(head->card.version, '\0', sizeof(head->card.version)) &&
	       text_is_utf8(head->card.version, strlen(head->card.version)) &&
	       memchr(head->card.fingerprint, '\0', sizeof(head->card.fingerprint)) &&
	       head->names_size >= head->labels && isfinite(head->sharpness) &&
	       head->sharpness > 0 && isfinite(head->tilt) && isfinite(head->shift) &&
	       head->least_known >= 0 && head->least_known <= 1 &&
	       are_thresholds(&head->service_threshold, 1);
}

static bool are_shares(const float *share, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!(share[i] >= 0 && share[i] <= 1.001f))
			return false;
	}
	return true;
}

static bool read_parts(struct model *model, struct cursor *cursor)
{
	const struct model_head *head = model->head;
	model->bias = take(cursor, head->labels, sizeof(*model->bias));
	model->threshold = take(cursor, head->labels, sizeof(*model->threshold));
	model->share = take(cursor, head->labels, sizeof(*model->share));
	const char *names = take(cursor, head->names_size, 1);
	model->languages = take(cursor, head->languages_size, 1);
	model->bucket = take(cursor, head->buckets, sizeof(*model->bucket));
	model->row_size = model_row_size(head->labels);
	model->rows = take(cursor, head->features, model->row_size);
	if (!model->bias || !model->threshold || !model->share ||
	    !are_biases(model->bias, head->labels) ||
	    !are_thresholds(model->threshold, head->labels) ||
	    !are_shares(model->share, head->labels) ||
	    !are_shares(head->confidence_share, CONFIDENCE_STEPS) || !names || !model->languages ||
	    !model->bucket || !model->rows || cursor->left || names[head->names_size - 1] ||
	    !text_is_utf8(names, head->names_size) ||
	    (head->languages_size && model->languages[head->languages_size - 1]))
		return false;
	model->name = x_calloc(head->labels, sizeof(*model->name));
	const char *end = names + head->names_size;
	for (uint32_t l = 0; l < head->labels; l++) {
		if (names == end)
			return false;
		model->name[l] = names;
		names += strlen(names) + 1;
	}
	return names == end;
}

/* Used places come first, and no tag twice; returns how many are used, or -1. */
static int used_tags(const struct model_bucket *bucket)
{
	int used = 0;
	while (used < MODEL_BUCKET && bucket->tag[used])
		used++;
	for (int k = used; k < MODEL_BUCKET; k++) {
		if (bucket->tag[k])
			return -1;
	}
	for (int k = 1; k < used; k++) {
		for (int other = 0; other < k; other++) {
			if (bucket->tag[other] == bucket->tag[k])
				return -1;
		}
	}
	return used;
}

/* Every search must end, and every row be there. */
static bool buckets_are_sound(const struct model *model)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < model->head->buckets; i++) {
		int used = used_tags(&model->bucket[i]);
		if (used < 0 || model->bucket[i].first != rows)
			return false;
		rows += (uint32_t)used;
	}
	return rows == model->head->features;
}

static bool rows_are_sound(const struct model *model)
{
	for (uint32_t i = 0; i < model->head->features; i++) {
		const struct model_row *row =
		    (const void *)(model->rows + (size_t)i * model->row_size);
		float scale = model_scale(row->scale);
		if (!(scale >= MODEL_SCALE_LEAST && scale <= MODEL_SCALE_MOST))
			return false;
	}
	return true;
}

static struct model *model_open(char *memory, size_t size, const char **fault)
{
	struct model *model = x_calloc(1, sizeof(*model));
	struct cursor cursor = {memory, size};
	model->memory = memory;
	model->head = (const void *)memory;
	*fault = fault_of_head(model->head, size);
	if (!*fault &&
	    (!numbers_are_sound(model->head) || !take(&cursor, 1, sizeof(*model->head)) ||
	     !read_parts(model, &cursor) || !buckets_are_sound(model) || !rows_are_sound(model)))
		*fault = "contradicts itself";
	if (*fault)
		model_free(&model);
	return model;
}

/* In large pages where the system has them: a text's features are all over the model. */
static char *into_large_pages(char *bytes, size_t size)
{
	enum { LARGE = 2 * 1024 * 1024 };
	size_t aligned = size > LARGE ? LARGE : MODEL_ALIGNED;
	size_t room = (size + aligned) / aligned * aligned;
	char *large = aligned_alloc(aligned, room);
	if (!large)
		fatal("out of memory");
	if (aligned == LARGE) /* an advice: without it all works, slower */
		(void)madvise(large, room, MADV_HUGEPAGE);
	memcpy(large, bytes, size);
	free(bytes);
	return large;
}

struct model *model_load(const char *file, struct err *err)
{
	char reason[160];
	const char *fault;
	size_t size;
	char *memory = text_read_file(file, MODEL_FILE_MAX, &size, reason);
	if (!memory) {
		err_set(err, "%s", reason);
		return NULL;
	}
	struct model *model = model_open(into_large_pages(memory, size), size, &fault);
	if (!model) {
		err_set(err, "%s %s", file, fault);
		return NULL;
	}
	model->service = x_calloc(model->head->labels, sizeof(*model->service));
	model->service_size = x_calloc(model->head->labels, sizeof(*model->service_size));
	model_services(model->name, model->head->labels, model->service);
	for (uint32_t l = 0; l < model->head->labels; l++) {
		size_t bytes = service_size(model->name[l]);
		model->service_size[l] = (uint32_t)(bytes ? bytes : strlen(model->name[l]));
	}
	for (uint32_t i = 0; i < 256; i++) {
		model->heft[i] = model_heft(i);
		model->voices[i] = model_voices(i);
		model->part[i] = 1 / (float)(i ? i : 1);
	}
	return model;
}

void model_free(struct model **model)
{
	if (!*model)
		return;
	free((*model)->name);
	free((*model)->service);
	free((*model)->service_size);
	free((*model)->memory);
	free(*model);
	*model = NULL;
}

/* ---- what it says of itself ------------------------------------------------------------------ */

const struct model_card *model_card(const struct model *model)
{
	return &model->head->card;
}

uint32_t model_labels(const struct model *model)
{
	return model->head->labels;
}

const float *model_label_shares(const struct model *model)
{
	return model->share;
}

const float *model_confidence_shares(const struct model *model)
{
	return model->head->confidence_share;
}

const char *model_label(const struct model *model, uint32_t label)
{
	return model->name[label];
}

bool model_knows_language(const struct model *model, const char *code)
{
	const char *end = model->languages + model->head->languages_size;
	for (const char *known = model->languages; known < end; known += strlen(known) + 1) {
		size_t size = strlen(known);
		if (strncmp(code, known, size) == 0 && (!code[size] || code[size] == '-'))
			return true;
	}
	return model->head->languages_size == 0;
}
