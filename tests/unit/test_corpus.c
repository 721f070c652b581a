/* Labelled texts as counted features: which are read, which stay, and what else is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "training/corpus.h"
#include "model/model.h"

struct line {
	const char *text, *label, *language;
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct corpus *corpus_of(const struct line *lines, size_t count, uint32_t most)
{
	struct corpus_builder *builder = corpus_builder_new(most);
	struct err err;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(corpus_add(builder, lines[i].text, strlen(lines[i].text),
					    lines[i].label, lines[i].language, &err),
				 0);
	return corpus_finish(&builder);
}

static size_t entries(const struct corpus *corpus, size_t text)
{
	return corpus->start[text + 1] - corpus->start[text];
}

/* A word of two letters is one feature, and six n-grams with its borders. */
enum { OF_AB = 7 };

static void features_of_one_text_alone_go(void **state)
{
	static const struct line lines[] = {
	    {"ab", "x", "en"}, {"ab cd", "y", "en"}, {"ab ab", "x", "en"}};
	struct corpus *corpus = corpus_of(lines, COUNT(lines), CORPUS_FEATURES_MAX);
	struct texts all = corpus_texts(corpus);
	(void)state;
	assert_int_equal(corpus->features, OF_AB);
	assert_int_equal(corpus->labels.count, 2);
	assert_int_equal(corpus->label[1], 1);
	assert_int_equal(entries(corpus, 1), OF_AB);
	assert_true(corpus->distinct[1] > OF_AB);
	assert_int_equal(ENTRY_COUNT(corpus->entry[corpus->start[2]]), 2);
	assert_int_equal(corpus->whole, 3);
	assert_int_equal(all.count, 3);
	assert_int_equal(all.rows[2], 2);
	corpus_free(&corpus);
}

/* What is known by then is still read, and it is told from where on something is missing. */
static void no_more_features_are_read_than_wanted(void **state)
{
	static const struct line lines[] = {
	    {"ab", "x", "en"}, {"ab", "x", "en"}, {"cd", "y", "en"}, {"ab", "y", "en"}};
	struct corpus *corpus = corpus_of(lines, COUNT(lines), OF_AB);
	(void)state;
	assert_int_equal(corpus->whole, 2);
	assert_int_equal(corpus->features, OF_AB);
	assert_int_equal(entries(corpus, 2), 0);
	assert_int_equal(entries(corpus, 3), OF_AB);
	corpus_free(&corpus);
}

/* Dropping features renumbers the entries and leaves the others as they were. */
static void features_can_be_dropped(void **state)
{
	static const struct line lines[] = {
	    {"the lamp is dark", "x", "en"}, {"a lamp", "x", "en"}, {"is it dark", "y", "en"}};
	struct corpus *corpus = corpus_of(lines, COUNT(lines), CORPUS_FEATURES_MAX);
	uint64_t kept_hash = corpus->hash[5];
	uint32_t kept_seen = corpus->seen_in[5], found = 0;
	bool *keep = calloc(corpus->features, sizeof(*keep));
	(void)state;
	keep[5] = true;
	corpus_keep(corpus, keep);
	assert_int_equal(corpus->features, 1);
	assert_true(corpus->hash[0] == kept_hash);
	for (size_t t = 0; t < COUNT(lines); t++) {
		assert_in_range(entries(corpus, t), 0, 1);
		found += entries(corpus, t) > 0;
	}
	assert_int_equal(found, kept_seen);
	free(keep);
	corpus_free(&corpus);
}

static void the_primary_subtag_is_the_language(void **state)
{
	static const struct line lines[] = {
	    {"ab", "x", "hi-Latn"}, {"ab", "x", "HI"}, {"ab", "x", "en_GB"}, {"ab", "x", ""}};
	struct corpus *corpus = corpus_of(lines, 3, CORPUS_FEATURES_MAX);
	(void)state;
	assert_int_equal(corpus->languages.count, 2);
	assert_string_equal(corpus->languages.name[0], "hi");
	assert_string_equal(corpus->languages.name[1], "en");
	corpus_free(&corpus);
	corpus = corpus_of(lines, 4, CORPUS_FEATURES_MAX); /* one that is not told: none are */
	assert_int_equal(corpus->languages.count, 0);
	corpus_free(&corpus);
}

static void fingerprints_tell_texts_apart(void **state)
{
	static const struct line lines[] = {
	    {"ab", "x", "en"}, {"ab", "y", "en"}, {"b", "xa", "en"}, {"ab", "x", NULL}};
	char first[65];
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct corpus *corpus = corpus_of(&lines[i], 1, CORPUS_FEATURES_MAX);
		if (!i)
			memcpy(first, corpus->fingerprint, sizeof(first));
		assert_int_equal(strlen(corpus->fingerprint), 64);
		assert_int_equal(strcmp(corpus->fingerprint, first) == 0, i == 0 || i == 3);
		corpus_free(&corpus);
	}
}

/* Each with so many different ones before it, and the one too many. */
static void labels_and_languages_are_bounded(void **state)
{
	static const struct {
		int most;
		const char *error;
	} cases[] = {
	    {MODEL_LABELS_MAX, "label: there are more than 1000 different ones"},
	    {4096, "lang: there are more than 4096 different ones"},
	};
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct corpus_builder *builder = corpus_builder_new(CORPUS_FEATURES_MAX);
		struct err err;
		char name[20];
		for (int k = 0; k <= cases[i].most; k++) {
			snprintf(name, sizeof(name), "n%d", k);
			int failed =
			    corpus_add(builder, "ab", 2, i ? "x" : name, i ? name : "en", &err);
			assert_int_equal(failed, k < cases[i].most ? 0 : -1);
		}
		assert_string_equal(err.text, cases[i].error);
		corpus_builder_free(&builder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(features_of_one_text_alone_go),
	    cmocka_unit_test(no_more_features_are_read_than_wanted),
	    cmocka_unit_test(features_can_be_dropped),
	    cmocka_unit_test(the_primary_subtag_is_the_language),
	    cmocka_unit_test(fingerprints_tell_texts_apart),
	    cmocka_unit_test(labels_and_languages_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
