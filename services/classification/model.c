#include "model_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/text.h"

#define MAGIC     "RDRSMDL1"
#define MODEL_MAX (64 * 1024 * 1024)

/* ---- the file ------------------------------------------------------------------------------- */

struct cursor {
	char *at;
	size_t left;
};

/* NULL: the file is shorter than it says. */
static void *take(struct cursor *cursor, size_t count, size_t size)
{
	if (count > cursor->left / size)
		return NULL;
	void *here = cursor->at;
	cursor->at += count * size;
	cursor->left -= count * size;
	return here;
}

static bool weights_are_within(const struct head *head)
{
	for (uint32_t i = 0; i < head->slots; i++) {
		if ((uint32_t)head->slot[i].first + head->slot[i].count > head->weights)
			return false;
	}
	for (uint32_t i = 0; i < head->weights; i++) {
		if (head->weight[i].label >= head->labels)
			return false;
	}
	for (uint32_t i = 0; i < head->labels; i++) {
		if (!memchr(head->names[i], '\0', sizeof(head->names[i])))
			return false;
	}
	return true;
}

static bool read_head(struct cursor *cursor, struct head *head)
{
	const char *facts = take(cursor, 1, 24);
	if (!facts)
		return false;
	memcpy(head, facts, 24); /* the numbers in front of the pointers */
	if (!head->labels || head->labels > LABELS_MAX || !head->slots ||
	    (head->slots & (head->slots - 1)) || head->temperature <= 0)
		return false;
	head->names = take(cursor, head->labels, sizeof(*head->names));
	head->bias = take(cursor, head->labels, sizeof(*head->bias));
	head->slot = take(cursor, head->slots, sizeof(*head->slot));
	/* in fours, so that what follows is aligned */
	head->weight = take(cursor, (head->weights + 1) / 2 * 2, sizeof(*head->weight));
	return head->names && head->bias && head->slot && head->weight && weights_are_within(head);
}

struct model *model_load(const char *file, struct err *err)
{
	char reason[160];
	size_t size;
	char *memory = text_read_file(file, MODEL_MAX, &size, reason);
	if (!memory) {
		err_set(err, "model.file: %s: %s", file, reason);
		return NULL;
	}
	struct model *model = x_calloc(1, sizeof(*model));
	model->memory = memory;
	struct cursor cursor = {memory, size};
	const char *magic = take(&cursor, 1, 8), *version = take(&cursor, 1, 32);
	if (magic && version && memcmp(magic, MAGIC, 8) == 0 && !version[31]) {
		memcpy(model->card.version, version, 32);
		if (read_head(&cursor, &model->heads[HEAD_CATEGORY]) &&
		    read_head(&cursor, &model->heads[HEAD_LANGUAGE]))
			return model;
	}
	err_set(err, "model.file: %s is no model of this program", file);
	model_free(&model);
	return NULL;
}

void model_free(struct model **model)
{
	if (!*model)
		return;
	free((*model)->memory);
	free(*model);
	*model = NULL;
}

/* ---- scores --------------------------------------------------------------------------------- */

float model_value(const struct features *features, size_t index, float norm)
{
	return logf(1 + (float)features->count_of[index]) * norm;
}

float model_norm(const struct features *features)
{
	float sum = 0;
	for (size_t i = 0; i < features->count; i++) {
		float value = model_value(features, i, 1);
		sum += value * value;
	}
	return sum > 0 ? 1 / sqrtf(sum) : 0;
}

static const struct head_slot *find(const struct head *head, uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32), mask = head->slots - 1, at = (uint32_t)hash & mask;
	for (; head->slot[at].count; at = (at + 1) & mask) {
		if (head->slot[at].tag == tag)
			return &head->slot[at];
	}
	return NULL;
}

static void keep_best(struct model_guess best[3], uint32_t label, float score)
{
	struct model_guess one = {label, score};
	for (int i = 0; i < 3; i++) {
		if (one.confidence > best[i].confidence) {
			struct model_guess other = best[i];
			best[i] = one;
			one = other;
		}
	}
}

void model_guess(const struct head *head, const struct features *features,
		 struct model_guess best[3])
{
	float scores[LABELS_MAX], norm = model_norm(features), sum = 0;
	memcpy(scores, head->bias, head->labels * sizeof(*scores));
	for (size_t i = 0; i < features->count; i++) {
		const struct head_slot *slot = find(head, features->hash[i]);
		float value = slot ? model_value(features, i, norm) * head->scale : 0;
		for (uint32_t w = 0; slot && w < slot->count; w++) {
			const struct head_weight *weight = &head->weight[slot->first + w];
			scores[weight->label] += value * weight->weight;
		}
	}
	for (int i = 0; i < 3; i++)
		best[i] = (struct model_guess){0, -INFINITY};
	for (uint32_t label = 0; label < head->labels; label++)
		keep_best(best, label, scores[label]);
	for (uint32_t label = 0; label < head->labels; label++)
		sum += expf((scores[label] - best[0].confidence) / head->temperature);
	float top = best[0].confidence;
	for (int i = 0; i < 3; i++)
		best[i].confidence = expf((best[i].confidence - top) / head->temperature) / sum;
}

/* How much each token speaks for the label. */
static void explain(const struct head *head, const struct features *features, uint32_t label,
		    float *by_token)
{
	float *by_feature = x_calloc(features->count + 1, sizeof(*by_feature));
	for (size_t i = 0; i < features->count; i++) {
		const struct head_slot *slot = find(head, features->hash[i]);
		for (uint32_t w = 0; slot && w < slot->count; w++) {
			const struct head_weight *weight = &head->weight[slot->first + w];
			if (weight->label == label)
				by_feature[i] =
				    (float)weight->weight / (float)features->count_of[i];
		}
	}
	for (size_t i = 0; i < features->seen_count; i++)
		by_token[features->seen_token[i]] += by_feature[features->seen[i]];
	free(by_feature);
}

static void say_terms(const struct head *head, const struct features *features,
		      struct verdict *verdict)
{
	uint32_t tokens = 0;
	for (size_t i = 0; i < features->seen_count; i++)
		tokens = features->seen_token[i] >= tokens ? features->seen_token[i] + 1 : tokens;
	float *by_token = x_calloc(tokens + 1, sizeof(*by_token));
	explain(head, features, verdict->best[0].label, by_token);
	while (verdict->term_count < MODEL_TERMS) {
		uint32_t best = 0;
		for (uint32_t i = 1; i < tokens; i++) {
			if (by_token[i] > by_token[best])
				best = i;
		}
		if (by_token[best] <= 0)
			break;
		verdict->terms[verdict->term_count++] = best;
		by_token[best] = 0;
	}
	free(by_token);
}

const struct model_card *model_card(const struct model *model)
{
	return &model->card;
}

uint32_t model_labels(const struct model *model)
{
	return model->heads[HEAD_CATEGORY].labels;
}

const char *model_label(const struct model *model, uint32_t label)
{
	return model->heads[HEAD_CATEGORY].names[label];
}

float model_threshold(const struct model *model, uint32_t label)
{
	(void)label;
	return model->heads[HEAD_CATEGORY].threshold;
}

void model_judge(const struct model *model, struct features *features, struct verdict *verdict)
{
	const struct head *head = &model->heads[HEAD_CATEGORY];
	*verdict = (struct verdict){.abstained = true};
	if (!features->count)
		return;
	model_guess(head, features, verdict->best);
	verdict->guesses = head->labels < MODEL_GUESSES ? head->labels : MODEL_GUESSES;
	verdict->abstained = verdict->best[0].confidence < head->threshold;
	verdict->service = verdict->best[0].label;
	verdict->service_size = (uint32_t)strcspn(head->names[verdict->service], ".");
	verdict->service_confidence = verdict->best[0].confidence;
	verdict->service_sure = !verdict->abstained;
	say_terms(head, features, verdict);
}

const char *model_language(const struct model *model, const struct features *features,
			   float *confidence)
{
	struct model_guess best[MODEL_GUESSES];
	const struct head *head = &model->heads[HEAD_LANGUAGE];
	model_guess(head, features, best);
	*confidence = best[0].confidence;
	return head->names[best[0].label];
}
