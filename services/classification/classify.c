#include "classify.h"

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "urgency.h"
#include "util/alloc.h"

#define GUESSES 3
#define TERMS   5
#define LANGUAGE_SURE 0.5f /* below, what the citizen said counts more */

const struct setting classifier_settings[] = {
	{"model.file", SETTING_STRING, "deploy/model/default.model", 1, 1000,
	 "the model, made by redress-train"},
	{"urgency.file", SETTING_STRING, "deploy/classification/urgency.txt", 1, 1000,
	 "words that make a case urgent"},
	{NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct classifier {
	struct fold_table *table;
	struct model *model;
	struct urgency *urgency;
	struct folded folded;
	struct features features;
};

struct classifier *classifier_load(const struct settings *settings, struct err *err)
{
	struct classifier *classifier = x_calloc(1, sizeof(*classifier));
	classifier->table = fold_table_new();
	classifier->model = model_load(settings_str(settings, "model.file"), err);
	if (classifier->model)
		classifier->urgency = urgency_load(settings_str(settings, "urgency.file"),
						   classifier->table, err);
	if (!classifier->urgency)
		classifier_free(&classifier);
	return classifier;
}

void classifier_free(struct classifier **classifier)
{
	if (!*classifier)
		return;
	fold_table_free(&(*classifier)->table);
	model_free(&(*classifier)->model);
	urgency_free(&(*classifier)->urgency);
	folded_free(&(*classifier)->folded);
	features_free(&(*classifier)->features);
	free(*classifier);
	*classifier = NULL;
}

const char *classifier_version(const struct classifier *classifier)
{
	return classifier->model->version;
}

/* Near-duplicate signature: Charikar's simhash over the words. */
static uint64_t signature_of(const struct features *features)
{
	int32_t votes[64] = {0};
	uint64_t signature = 0;
	for (size_t i = 0; i < features->count; i++) {
		uint64_t hash = features->hash[i];
		if (FEATURE_BLOCK(hash) != FEATURE_WORD)
			continue;
		for (int bit = 0; bit < 64; bit++)
			votes[bit] += hash >> bit & 1 ? 1 : -1;
	}
	for (int bit = 1; bit < 64; bit++) /* the lowest bit is the block's */
		signature |= (uint64_t)(votes[bit] > 0) << bit;
	return signature;
}

static void say_language(const struct classifier *classifier, struct arena *arena,
			 const char *declared, Redress__Classification *classification)
{
	struct guess best[GUESSES];
	const struct head *head = &classifier->model->heads[HEAD_LANGUAGE];
	model_guess(head, &classifier->features, best);
	bool sure = classifier->features.count && best[0].confidence >= LANGUAGE_SURE;
	const char *language = sure || !*declared ? head->names[best[0].label] : declared;
	if (!classifier->features.count)
		language = declared;
	classification->language = arena_strdup(arena, language);
	classification->language_confidence = sure ? best[0].confidence : 0;
}

static void say_category(const struct classifier *classifier, struct arena *arena,
			 Redress__Classification *classification, uint32_t *label)
{
	struct guess best[GUESSES];
	const struct head *head = &classifier->model->heads[HEAD_CATEGORY];
	model_guess(head, &classifier->features, best);
	*label = best[0].label;
	classification->guesses = arena_take(arena, GUESSES * sizeof(*classification->guesses));
	for (size_t i = 0; i < GUESSES; i++) {
		Redress__Guess *guess = arena_take(arena, sizeof(*guess));
		redress__guess__init(guess);
		guess->category = arena_strdup(arena, head->names[best[i].label]);
		guess->confidence = best[i].confidence;
		classification->guesses[classification->n_guesses++] = guess;
	}
	classification->confidence = best[0].confidence;
	classification->abstained =
		best[0].confidence < head->threshold || !classifier->features.count;
	if (!classification->abstained)
		classification->category = classification->guesses[0]->category;
}

/* The words that speak most for the label. */
static void explain(const struct classifier *classifier, struct arena *arena, uint32_t label,
		    Redress__Why *why)
{
	const struct folded *folded = &classifier->folded;
	float *by_token = arena_zero(arena, (folded->token_count + 1) * sizeof(*by_token));
	model_explain(&classifier->model->heads[HEAD_CATEGORY], &classifier->features, label,
		      by_token);
	why->category_terms = arena_take(arena, TERMS * sizeof(*why->category_terms));
	for (size_t n = 0; n < TERMS; n++) {
		size_t best = 0;
		for (size_t i = 1; i < folded->token_count; i++) {
			if (by_token[i] > by_token[best])
				best = i;
		}
		if (by_token[best] <= 0)
			return;
		char *term = arena_take(arena, 80);
		fold_token_text(folded, &folded->tokens[best], term, 80);
		why->category_terms[why->n_category_terms++] = term;
		by_token[best] = 0;
	}
}

void classify(struct classifier *classifier, struct arena *arena,
	      const Redress__GrievanceText *text, const char *declared,
	      Redress__Classification *classification, Redress__Why *why)
{
	uint32_t label;
	const char *urgent;
	const char *whole = arena_printf(arena, "%s\n%s", text->subject, text->description);
	redress__classification__init(classification);
	redress__why__init(why);
	fold(classifier->table, whole, strlen(whole), &classifier->folded);
	features_of(&classifier->folded, &classifier->features);
	say_language(classifier, arena, declared, classification);
	say_category(classifier, arena, classification, &label);
	explain(classifier, arena, label, why);
	classification->urgency = urgency_of(classifier->urgency, &classifier->folded, &urgent);
	if (urgent) {
		why->urgency_terms = arena_take(arena, sizeof(*why->urgency_terms));
		why->urgency_terms[why->n_urgency_terms++] = arena_strdup(arena, urgent);
	}
	classification->signature = signature_of(&classifier->features);
	classification->model_version = classifier->model->version;
}
