#include "judging/classify.h"

#include <stdlib.h>
#include <string.h>

#include "text/abuse.h"
#include "text/language.h"
#include "model/model.h"
#include "text/urgency.h"
#include "util/alloc.h"

#define TERM_SIZE     80   /* bytes of a term shown, the rest of it is cut */
#define LANGUAGE_SURE 0.6f /* below, what the citizen said counts more */
#define FOREIGN_SURE  0.9f /* above, a language that the model was not taught is one */

const struct setting classifier_settings[] = {
    {"model.file", SETTING_STRING, "deploy/model/default.model", 1, 1000,
     "the model, made by redress-train"},
    {"language.file", SETTING_STRING, "deploy/model/language.table", 1, 1000,
     "what tells languages apart, made by scripts/train-language"},
    {"urgency.file", SETTING_STRING, "deploy/classification/urgency.txt", 1, 1000,
     "words that make a case urgent"},
    {"abuse.file", SETTING_STRING, "deploy/classification/abuse.txt", 1, 1000,
     "words that make a text suspected of abuse or spam"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct classifier {
	struct fold_table *table;
	struct model *model;
	struct language *language;
	struct urgency *urgency;
	struct abuse *abuse;
	struct folded folded;
	struct features features;
	struct verdict verdict;
	struct language_reading reading;
};

struct classifier *classifier_load(const struct settings *settings, struct err *err)
{
	struct classifier *classifier = x_calloc(1, sizeof(*classifier));
	classifier->table = fold_table_new();
	classifier->model = model_load(settings_str(settings, "model.file"), err);
	if (!classifier->model)
		err_context(err, "model.file");
	else
		classifier->language = language_load(settings_str(settings, "language.file"), err);
	if (classifier->language)
		classifier->urgency =
		    urgency_load(settings_str(settings, "urgency.file"), classifier->table, err);
	if (classifier->urgency)
		classifier->abuse =
		    abuse_load(settings_str(settings, "abuse.file"), classifier->table, err);
	if (!classifier->abuse)
		classifier_free(&classifier);
	return classifier;
}

void classifier_free(struct classifier **classifier)
{
	if (!*classifier)
		return;
	fold_table_free(&(*classifier)->table);
	model_free(&(*classifier)->model);
	language_free(&(*classifier)->language);
	urgency_free(&(*classifier)->urgency);
	abuse_free(&(*classifier)->abuse);
	folded_free(&(*classifier)->folded);
	features_free(&(*classifier)->features);
	free(*classifier);
	*classifier = NULL;
}

const char *classifier_version(const struct classifier *classifier)
{
	return model_card(classifier->model)->version;
}

const struct model *classifier_model(const struct classifier *classifier)
{
	return classifier->model;
}

struct features *classifier_features(struct classifier *classifier)
{
	return &classifier->features;
}

const struct verdict *classifier_verdict(const struct classifier *classifier)
{
	return &classifier->verdict;
}

void classifier_sign(const struct classifier *classifier, struct arena *arena,
		     const uint8_t key[SIGNATURE_KEY_SIZE], Redress__Classification *classification)
{
	uint8_t *signature = arena_take(arena, SIGNATURE_SIZE);
	if (!signature_of(&classifier->folded, key, signature))
		return;
	classification->signature.data = signature;
	classification->signature.len = SIGNATURE_SIZE;
}

/* What the citizen said counts where the text does not say it clearly. */
static void say_language(const struct language_guess *found, const char *declared,
			 Redress__Classification *classification)
{
	bool sure = *found->code && (found->confidence >= LANGUAGE_SURE || !*declared);
	classification->language = (char *)(uintptr_t)(sure ? found->code : declared);
	classification->language_confidence = sure ? found->confidence : 0;
}

static void say_category(const struct model *model, struct arena *arena,
			 const struct verdict *verdict, Redress__Classification *classification)
{
	classification->abstained = verdict->abstained;
	classification->guesses =
	    arena_take(arena, MODEL_GUESSES * sizeof(*classification->guesses));
	for (uint32_t i = 0; i < verdict->guesses; i++) {
		Redress__Guess *guess = arena_take(arena, sizeof(*guess));
		redress__guess__init(guess);
		guess->category = (char *)(uintptr_t)model_label(model, verdict->best[i].label);
		guess->confidence = verdict->best[i].confidence;
		classification->guesses[classification->n_guesses++] = guess;
	}
	if (verdict->guesses)
		classification->confidence = verdict->best[0].confidence;
	if (!verdict->abstained)
		classification->category = classification->guesses[0]->category;
	if (verdict->service_sure)
		classification->service = arena_strndup(arena, model_label(model, verdict->service),
							verdict->service_size);
}

/* Of a language that the model was not taught, names and loan words are all that it knows. */
static void mind_language(const struct model *model, const struct language_guess *found,
			  struct verdict *verdict)
{
	if (found->confidence < FOREIGN_SURE || model_knows_language(model, found->code))
		return;
	verdict->abstained = true;
	verdict->service_sure = false;
}

/* The words that speak most for the category. */
static void say_why(const struct folded *folded, struct arena *arena, const struct verdict *verdict,
		    Redress__Why *why)
{
	why->category_terms = arena_take(arena, MODEL_TERMS * sizeof(*why->category_terms));
	for (uint32_t i = 0; i < verdict->term_count; i++) {
		char *term = arena_take(arena, TERM_SIZE);
		fold_token_text(folded, &folded->tokens[verdict->terms[i]], term, TERM_SIZE);
		why->category_terms[why->n_category_terms++] = term;
	}
}

/* The terms live as long as the classifier; only their list is in the arena. */
static char **list_terms(struct arena *arena, const struct terms *terms)
{
	return terms->count ? arena_copy(arena, terms->term, terms->count * sizeof(*terms->term))
			    : NULL;
}

static void say_urgency(const struct classifier *classifier, struct arena *arena,
			Redress__Classification *classification, Redress__Why *why)
{
	struct urgency_finding found;
	urgency_of(classifier->urgency, &classifier->folded, &found);
	classification->urgency = found.level;
	classification->danger = found.danger;
	why->urgency_terms = list_terms(arena, &found.why);
	why->n_urgency_terms = found.why.count;
}

static void say_abuse(const struct classifier *classifier, struct arena *arena, const char *whole,
		      size_t size, Redress__Classification *classification, Redress__Why *why)
{
	struct terms found;
	abuse_of(classifier->abuse, whole, size, &classifier->folded, &found);
	classification->suspected_abuse = found.count > 0;
	why->abuse_terms = list_terms(arena, &found);
	why->n_abuse_terms = found.count;
}

/* Subject and description as one; printf would be a good part of the cost of a short text. */
static const char *whole_text(struct arena *arena, const Redress__GrievanceText *text, size_t *size)
{
	size_t subject = strlen(text->subject), description = strlen(text->description);
	char *whole = arena_take(arena, subject + description + 2);
	memcpy(whole, text->subject, subject);
	whole[subject] = '\n';
	memcpy(whole + subject + 1, text->description, description + 1);
	*size = subject + 1 + description;
	return whole;
}

void classify(struct classifier *classifier, struct arena *arena,
	      const Redress__GrievanceText *text, const char *declared,
	      Redress__Classification *classification, Redress__Why *why)
{
	struct verdict *verdict = &classifier->verdict;
	size_t size;
	const char *whole = whole_text(arena, text, &size);
	redress__classification__init(classification);
	redress__why__init(why);
	language_read(classifier->language, whole, size, &classifier->reading);
	fold(classifier->table, whole, size, &classifier->folded);
	features_of(&classifier->folded, &classifier->features);
	struct language_guess language = language_guess(classifier->language, &classifier->reading);
	say_language(&language, declared, classification);
	model_judge(classifier->model, &classifier->features, verdict);
	mind_language(classifier->model, &language, verdict);
	say_category(classifier->model, arena, verdict, classification);
	say_why(&classifier->folded, arena, verdict, why);
	say_urgency(classifier, arena, classification, why);
	say_abuse(classifier, arena, whole, size, classification, why);
	classification->model_version = (char *)(uintptr_t)classifier_version(classifier);
}
