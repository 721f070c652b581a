/*
 * Labelled texts as the learner sees them: for each text its label and how often which feature
 * occurs. The texts themselves are not kept.
 */
#ifndef CLASSIFICATION_TRAINING_CORPUS_H
#define CLASSIFICATION_TRAINING_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "training/names.h"

#define CORPUS_FEATURES_MAX (1u << 24) /* different ones, so that an entry holds their numbers */
#define CORPUS_LEAST_SEEN   2          /* a feature of fewer texts is chance */

/* A feature of a text: its number, and how often it occurs, at most 255 times. */
#define ENTRY(feature, count) ((feature) << 8 | (count))
#define ENTRY_FEATURE(entry)  ((entry) >> 8)
#define ENTRY_COUNT(entry)    ((entry)&255)

struct corpus {
	struct names labels, languages;
	uint32_t *label;    /* of each text */
	uint32_t *distinct; /* of each text: its features, also those that did not stay */
	uint64_t *start;    /* of each text, and one more: where its entries begin */
	uint32_t *entry;
	uint32_t *number; /* of each text: its own */
	size_t texts;
	size_t whole;      /* so many of them, the first, had all their features read */
	uint64_t *hash;    /* of each feature */
	uint32_t *seen_in; /* how many texts have the feature */
	uint32_t features;
	char fingerprint[65];
};

struct corpus_builder;

/* Of different features the first most are read, in the order of the texts; at most
 * CORPUS_FEATURES_MAX. */
struct corpus_builder *corpus_builder_new(uint32_t most);
void corpus_builder_free(struct corpus_builder **builder);
/*
 * language: BCP 47, of which the primary subtag is kept; NULL or empty where it is not known, and
 * then the corpus has none at all. -1: there is no room for another label or language, err says so.
 */
int corpus_add(struct corpus_builder *builder, const char *text, size_t size, const char *label,
	       const char *language, struct err *err) MUST_CHECK;
/* Features of fewer texts than CORPUS_LEAST_SEEN go. Frees the builder. */
struct corpus *corpus_finish(struct corpus_builder **builder);
void corpus_free(struct corpus **corpus);

/* The features that stay get numbers of their own, in the same order. */
void corpus_keep(struct corpus *corpus, const bool *keep);

/* Some of a corpus's texts. */
struct texts {
	const struct corpus *corpus;
	const uint32_t *rows; /* their numbers */
	size_t count;
};

/* All of them; lives as long as the corpus. */
struct texts corpus_texts(const struct corpus *corpus);

#endif
