/*
 * Labelled texts as the learner sees them: for each text its label and how often which feature
 * occurs. The texts themselves are not kept.
 */
#ifndef CLASSIFICATION_CORPUS_H
#define CLASSIFICATION_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORPUS_FEATURES_MAX (1u << 24) /* different ones; what comes later is not read */

/* A feature of a text: its number, and how often it occurs, at most 255 times. */
#define ENTRY(feature, count) ((feature) << 8 | (count))
#define ENTRY_FEATURE(entry)  ((entry) >> 8)
#define ENTRY_COUNT(entry)    ((entry)&255)

/* Different names, numbered as they come. */
struct names {
	char **name;
	uint32_t count;
};

struct corpus {
	struct names labels, languages;
	uint32_t *label;    /* of each text */
	uint32_t *distinct; /* of each text: its features, also those that did not stay */
	uint64_t *start;    /* of each text, and one more: where its entries begin */
	uint32_t *entry;
	size_t texts;
	uint64_t *hash;    /* of each feature */
	uint32_t *seen_in; /* how many texts have the feature */
	uint32_t features;
	char fingerprint[65];
};

struct corpus_builder;

struct corpus_builder *corpus_builder_new(void);
void corpus_builder_free(struct corpus_builder **builder);
/*
 * language: BCP 47, of which the primary subtag is kept; NULL or empty where it is not known, and
 * then the corpus has none at all. -1: there is no room for another label.
 */
int corpus_add(struct corpus_builder *builder, const char *text, size_t size, const char *label,
	       const char *language) __attribute__((warn_unused_result));
/* Features of fewer texts than least go. Frees the builder. */
struct corpus *corpus_finish(struct corpus_builder **builder, uint32_t least);
void corpus_free(struct corpus **corpus);

/* The features that stay get numbers of their own, in the same order. */
void corpus_keep(struct corpus *corpus, const bool *keep);

#endif
