/*
 * The model: what was learned from labelled texts, in one file that redress-train makes. It is
 * linear: each known feature of a text weighs for or against each label. Immutable once loaded.
 * Pure, but for reading the file.
 */
#ifndef CLASSIFICATION_MODEL_MODEL_H
#define CLASSIFICATION_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "numeric/confidence.h"
#include "text/feature.h"
#include "util/err.h"

#define MODEL_LABELS_MAX 1000
#define MODEL_GUESSES    3
#define MODEL_TERMS      5

struct model;

/*
 * NULL: the file cannot be read, is cut short, damaged or of another program or version; why in
 * err, which names the file.
 */
struct model *model_load(const char *file, struct err *err) MUST_CHECK;
void model_free(struct model **model);

/* What the file says of itself. Scores are of texts that were held aside; none was learned from. */
struct model_card {
	char version[32];     /* names the model in every result */
	char fingerprint[65]; /* SHA-256 of the labelled texts, hex */
	uint64_t texts;       /* learned from */
	float accuracy, macro_f1;
	float calibration_error;
	float coverage;   /* share that can be answered at the wanted precision */
	float precision;  /* wanted of each category's answers; its threshold was chosen for it */
	float abstained;  /* share */
	float confidence; /* mean of the best guesses' */
};

const struct model_card *model_card(const struct model *model);
uint32_t model_labels(const struct model *model);
const char *model_label(const struct model *model, uint32_t label);

/* Its best guesses at the texts that were held aside: of each label, of each step of confidence.
 * Both sum to 1. */
const float *model_label_shares(const struct model *model);
const float *model_confidence_shares(const struct model *model);

struct model_guess {
	uint32_t label;
	float confidence; /* calibrated probability, 0..1 */
};

/* What the model says of one text. */
struct verdict {
	struct model_guess best[MODEL_GUESSES]; /* best first */
	uint32_t guesses; /* fewer when there are fewer labels; 0: nothing known */
	bool abstained;   /* the best guess is below its threshold, or too few features are known */
	/*
	 * A label is service.topic (or a service alone). The service of greatest confidence, the
	 * sum over its topics: a label whose name begins with it, up to service_size bytes. When
	 * only the topic is unsure, abstained is true and service_sure as well. When the topic is
	 * answered, the service is the topic's.
	 */
	uint32_t service; /* a label of it */
	uint32_t service_size;
	float service_confidence;
	bool service_sure;
	/* Tokens of the text that weighed most for best[0], most first. */
	uint32_t terms[MODEL_TERMS];
	uint32_t term_count;
};

/* features: of the text. They may be judged by several models, one after the other. */
void model_judge(const struct model *model, struct features *features, struct verdict *verdict);

/* Languages that it was taught in; it knows every one when it was not told. code: BCP 47, of which
 * the language alone counts, in whatever script. */
bool model_knows_language(const struct model *model, const char *code);

/*
 * Of each name, the number of the first that is of the same service: roads.pothole and roads.snow
 * are, and a name that has another form is a service of its own.
 */
void model_services(const char *const *names, uint32_t count, uint32_t *service);

#endif
