#include "training/corpus.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "text/feature.h"
#include "model/model.h"
#include "util/alloc.h"
#include "util/text.h"

#define LANGUAGES_MAX 4096
#define LANGUAGE_SIZE 9 /* a primary subtag has at most eight letters */

struct corpus_builder {
	struct corpus corpus;
	struct fold_table *table;
	struct folded folded;
	struct features found;
	uint32_t *slots; /* feature + 1 by its hash */
	size_t slot_mask;
	size_t room_texts, room_entries, room_features;
	uint32_t most; /* features */
	bool untold;   /* the language of a text */
	crypto_hash_sha256_state fingerprint;
};

/* Whether arrays of so much room are too small; *room is what to give them then. */
static bool outgrown(size_t *room, size_t need)
{
	if (need <= *room)
		return false;
	while (*room < need)
		*room = *room ? *room + *room / 2 : 1024;
	return true;
}

struct corpus_builder *corpus_builder_new(uint32_t most)
{
	struct corpus_builder *builder = x_calloc(1, sizeof(*builder));
	builder->most = most < CORPUS_FEATURES_MAX ? most : CORPUS_FEATURES_MAX;
	names_start(&builder->corpus.labels, MODEL_LABELS_MAX);
	names_start(&builder->corpus.languages, LANGUAGES_MAX);
	builder->table = fold_table_new();
	builder->slot_mask = 65535;
	builder->slots = x_calloc(builder->slot_mask + 1, sizeof(*builder->slots));
	builder->corpus.start = x_calloc(1, sizeof(*builder->corpus.start));
	crypto_hash_sha256_init(&builder->fingerprint);
	return builder;
}

/* ---- features by number ---------------------------------------------------------------------- */

static void double_slots(struct corpus_builder *builder)
{
	size_t mask = builder->slot_mask * 2 + 1;
	free(builder->slots);
	builder->slots = x_calloc(mask + 1, sizeof(*builder->slots));
	builder->slot_mask = mask;
	for (uint32_t i = 0; i < builder->corpus.features; i++) {
		size_t at = (builder->corpus.hash[i] >> 8) & mask;
		while (builder->slots[at])
			at = (at + 1) & mask;
		builder->slots[at] = i + 1;
	}
}

/* UINT32_MAX: there are too many. */
static uint32_t feature_number(struct corpus_builder *builder, uint64_t hash)
{
	struct corpus *corpus = &builder->corpus;
	size_t at = (hash >> 8) & builder->slot_mask;
	for (; builder->slots[at]; at = (at + 1) & builder->slot_mask) {
		if (corpus->hash[builder->slots[at] - 1] == hash)
			return builder->slots[at] - 1;
	}
	if (corpus->features == builder->most)
		return UINT32_MAX;
	if (outgrown(&builder->room_features, corpus->features + 1)) {
		size_t room = builder->room_features;
		corpus->hash = x_realloc(corpus->hash, room, sizeof(*corpus->hash));
		corpus->seen_in = x_realloc(corpus->seen_in, room, sizeof(*corpus->seen_in));
	}
	corpus->hash[corpus->features] = hash;
	corpus->seen_in[corpus->features] = 0;
	builder->slots[at] = ++corpus->features;
	if (corpus->features > builder->slot_mask / 2)
		double_slots(builder);
	return corpus->features - 1;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void put_entries(struct corpus_builder *builder)
{
	struct corpus *corpus = &builder->corpus;
	const struct features *found = &builder->found;
	uint64_t end = corpus->start[corpus->texts];
	bool whole = true;
	if (outgrown(&builder->room_entries, end + found->count))
		corpus->entry =
		    x_realloc(corpus->entry, builder->room_entries, sizeof(*corpus->entry));
	for (size_t i = 0; i < found->count; i++) {
		uint32_t count = found->count_of[i];
		uint32_t feature = feature_number(builder, found->hash[i]);
		if (feature == UINT32_MAX) {
			whole = false;
			continue;
		}
		corpus->seen_in[feature]++;
		corpus->entry[end++] = ENTRY(feature, count > 255 ? 255 : count);
	}
	corpus->whole += whole && corpus->whole == corpus->texts;
	corpus->start[++corpus->texts] = end;
}

/* The primary subtag (RFC 5646) is what counts: hi-Latn and hi are one language. */
static int add_language(struct corpus_builder *builder, const char *language, struct err *err)
{
	char primary[LANGUAGE_SIZE] = "";
	uint32_t number;
	for (size_t i = 0; language && i + 1 < sizeof(primary); i++) {
		if (!language[i] || language[i] == '-' || language[i] == '_')
			break;
		primary[i] = (char)tolower((unsigned char)language[i]);
	}
	builder->untold |= !*primary;
	if (*primary && names_add(&builder->corpus.languages, primary, &number, err))
		return err_context(err, "lang");
	return 0;
}

int corpus_add(struct corpus_builder *builder, const char *text, size_t size, const char *label,
	       const char *language, struct err *err)
{
	struct corpus *corpus = &builder->corpus;
	uint32_t number;
	if (names_add(&corpus->labels, label, &number, err))
		return err_context(err, "label");
	if (add_language(builder, language, err))
		return -1;
	if (outgrown(&builder->room_texts, corpus->texts + 2)) {
		size_t room = builder->room_texts;
		corpus->label = x_realloc(corpus->label, room, sizeof(*corpus->label));
		corpus->start = x_realloc(corpus->start, room, sizeof(*corpus->start));
	}
	corpus->label[corpus->texts] = number;
	fold(builder->table, text, size, &builder->folded);
	features_of(&builder->folded, &builder->found);
	put_entries(builder);
	crypto_hash_sha256_update(&builder->fingerprint, (const uint8_t *)label, strlen(label) + 1);
	crypto_hash_sha256_update(&builder->fingerprint, (const uint8_t *)text, size);
	crypto_hash_sha256_update(&builder->fingerprint, (const uint8_t *)"", 1);
	return 0;
}

void corpus_keep(struct corpus *corpus, const bool *keep)
{
	uint32_t *number = x_calloc(corpus->features + 1, sizeof(*number)), kept = 0;
	for (uint32_t i = 0; i < corpus->features; i++) {
		number[i] = kept;
		corpus->hash[kept] = corpus->hash[i];
		corpus->seen_in[kept] = corpus->seen_in[i];
		kept += keep[i];
	}
	uint64_t end = 0, from = 0;
	for (size_t t = 0; t < corpus->texts; t++) {
		uint64_t to = corpus->start[t + 1];
		for (; from < to; from++) {
			uint32_t feature = ENTRY_FEATURE(corpus->entry[from]);
			if (keep[feature])
				corpus->entry[end++] =
				    ENTRY(number[feature], ENTRY_COUNT(corpus->entry[from]));
		}
		corpus->start[t + 1] = end;
	}
	corpus->features = kept;
	free(number);
}

void corpus_builder_free(struct corpus_builder **builder)
{
	if (!*builder)
		return;
	struct corpus *corpus = x_memdup(&(*builder)->corpus, sizeof(*corpus));
	corpus_free(&corpus);
	fold_table_free(&(*builder)->table);
	folded_free(&(*builder)->folded);
	features_free(&(*builder)->found);
	free((*builder)->slots);
	free(*builder);
	*builder = NULL;
}

struct corpus *corpus_finish(struct corpus_builder **builder)
{
	struct corpus *corpus = x_memdup(&(*builder)->corpus, sizeof(*corpus));
	uint8_t digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_final(&(*builder)->fingerprint, digest);
	text_hex(corpus->fingerprint, digest, sizeof(digest));
	if ((*builder)->untold) /* the languages of the others are not all there are */
		names_free(&corpus->languages);
	(*builder)->corpus = (struct corpus){0};
	corpus_builder_free(builder);
	bool *keep = x_calloc(corpus->features + 1, sizeof(*keep));
	for (uint32_t i = 0; i < corpus->features; i++)
		keep[i] = corpus->seen_in[i] >= CORPUS_LEAST_SEEN;
	corpus->distinct = x_calloc(corpus->texts + 1, sizeof(*corpus->distinct));
	corpus->number = x_calloc(corpus->texts + 1, sizeof(*corpus->number));
	for (size_t t = 0; t < corpus->texts; t++) {
		corpus->distinct[t] = (uint32_t)(corpus->start[t + 1] - corpus->start[t]);
		corpus->number[t] = (uint32_t)t;
	}
	corpus_keep(corpus, keep);
	free(keep);
	corpus->entry =
	    x_realloc(corpus->entry, corpus->start[corpus->texts] + 1, sizeof(*corpus->entry));
	return corpus;
}

void corpus_free(struct corpus **corpus)
{
	if (!*corpus)
		return;
	names_free(&(*corpus)->labels);
	names_free(&(*corpus)->languages);
	free((*corpus)->label);
	free((*corpus)->distinct);
	free((*corpus)->number);
	free((*corpus)->start);
	free((*corpus)->entry);
	free((*corpus)->hash);
	free((*corpus)->seen_in);
	free(*corpus);
	*corpus = NULL;
}

struct texts corpus_texts(const struct corpus *corpus)
{
	return (struct texts){corpus, corpus->number, corpus->texts};
}
