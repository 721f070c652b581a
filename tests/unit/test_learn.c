/* The learner on texts whose answer is plain: it finds it, and always the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "training/learn.h"
#include "training/vector.h"

enum { TEXTS = 90, LABELS = 3 };

static const struct recipe plain = {0, 1, 0, 0}, focused = {1, 1, 0.5f, 0}, deep = {1, 1, 0.5f, 2};

/* Label 2 is rare: one text in nine. */
static struct corpus *make_corpus(void)
{
	static const char *const words[LABELS] = {"pothole", "rubbish", "lantern"};
	struct corpus_builder *builder = corpus_builder_new(CORPUS_FEATURES_MAX);
	char text[100], name[10];
	struct err err;
	for (int i = 0; i < TEXTS; i++) {
		int label = i % 9 == 8 ? 2 : i % 2;
		snprintf(text, sizeof(text), "please mind the %s at number %d", words[label],
			 i % 7);
		snprintf(name, sizeof(name), "label%d", label);
		assert_int_equal(corpus_add(builder, text, strlen(text), name, "en", &err), 0);
	}
	return corpus_finish(&builder);
}

static struct learned *learn_from(const struct corpus *corpus, const struct recipe *recipe)
{
	struct texts all = corpus_texts(corpus);
	return learn(&all, recipe);
}

static void finds_what_is_plain(void **state)
{
	static const struct recipe *const recipes[] = {&plain, &focused, &deep};
	struct corpus *corpus = make_corpus();
	(void)state;
	for (int r = 0; r < 3; r++) {
		struct learned *learned = learn_from(corpus, recipes[r]);
		float *scores = calloc(learned->lanes, sizeof(*scores));
		for (uint32_t i = 0; i < TEXTS; i++) {
			uint32_t best = 0;
			assert_true(learned_scores(learned, corpus, i, scores) > 10);
			for (uint32_t l = 1; l < LABELS; l++)
				best = scores[l] > scores[best] ? l : best;
			assert_int_equal(best, corpus->label[i]);
		}
		free(scores);
		learned_free(&learned);
	}
	corpus_free(&corpus);
}

static void is_deterministic(void **state)
{
	struct corpus *corpus = make_corpus();
	struct learned *first = learn_from(corpus, &deep), *again = learn_from(corpus, &deep);
	(void)state;
	assert_memory_equal(first->weight, again->weight,
			    corpus->features * first->lanes * sizeof(float));
	learned_free(&first);
	learned_free(&again);
	corpus_free(&corpus);
}

/* What parts the labels is worth more than what all texts have. */
static void worth_tells_words_apart(void **state)
{
	struct corpus *corpus = make_corpus();
	struct texts all = corpus_texts(corpus);
	float *worth = vector_worth(&all), in_all = 0, best = 0;
	(void)state;
	for (uint32_t f = 0; f < corpus->features; f++) {
		in_all = corpus->seen_in[f] == TEXTS && worth[f] > in_all ? worth[f] : in_all;
		best = worth[f] > best ? worth[f] : best;
	}
	assert_true(best > 10 * in_all);
	free(worth);
	corpus_free(&corpus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_is_plain),
	    cmocka_unit_test(is_deterministic),
	    cmocka_unit_test(worth_tells_words_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
