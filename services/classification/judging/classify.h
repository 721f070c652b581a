/* What the classifier says of a text. Pure: the same text and model give the same answer. */
#ifndef CLASSIFICATION_JUDGING_CLASSIFY_H
#define CLASSIFICATION_JUDGING_CLASSIFY_H

#include "case.pb-c.h"
#include "grievance.pb-c.h"
#include "text/signature.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

extern const struct setting classifier_settings[];

struct classifier;
struct features;
struct model;
struct verdict;

/* Reads model and words. NULL: why in err. */
struct classifier *classifier_load(const struct settings *settings, struct err *err) MUST_CHECK;
void classifier_free(struct classifier **classifier);
const char *classifier_version(const struct classifier *classifier);
const struct model *classifier_model(const struct classifier *classifier);
/* Of the text that was classified last: for another model's model_judge. */
struct features *classifier_features(struct classifier *classifier);
/* What the model said of that text. */
const struct verdict *classifier_verdict(const struct classifier *classifier);
/* Adds the signature of the text that was classified last, in the arena, if it has one
 * (signature_of). */
void classifier_sign(const struct classifier *classifier, struct arena *arena,
		     const uint8_t key[SIGNATURE_KEY_SIZE],
		     Redress__Classification *classification);

/*
 * Everything of classification and why is in the arena. declared: the language the citizen said, or
 * "". A category below its threshold is a guess only, and the classifier abstains. The guesses'
 * names are the model's: they live as long as the classifier.
 */
void classify(struct classifier *classifier, struct arena *arena,
	      const Redress__GrievanceText *text, const char *declared,
	      Redress__Classification *classification, Redress__Why *why);

#endif
