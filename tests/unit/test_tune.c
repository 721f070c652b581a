/*
 * The search for a recipe, on made-up texts: what is held aside, that it was not learned from, and
 * which gains count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/random.h"
#include "training/tune.h"

enum { TRIALS_MOST = 20, LABELS_MOST = 60 };

/* What the search starts from where texts are few. */
static const struct recipe first = {.focus = 0.5f, .cost = 1, .balance = 0.25f, .depth = 1.5f};

/* ---- texts ----------------------------------------------------------------------------------- */

struct making {
	struct corpus_builder *builder;
	uint64_t random;
};

static struct making begin(void)
{
	return (struct making){corpus_builder_new(CORPUS_FEATURES_MAX), RANDOM_START};
}

static uint32_t below(struct making *making, uint32_t bound)
{
	return (uint32_t)((random_next(&making->random) >> 32) * bound >> 32);
}

/* Of three letters: few of its n-grams are another's. */
static char *put_word(char *to, uint32_t number)
{
	to += sprintf(to, "%c%c%c ", (int)('a' + number % 26), (int)('a' + number / 26 % 26),
		      (int)('a' + number / 676 % 26));
	return to;
}

/* So many words of the vocabulary, and the mark of its own that the label may have. */
static void add_text(struct making *making, uint32_t label, int words, uint32_t vocabulary,
		     bool marked)
{
	char text[1000], name[20], *end = text;
	struct err err;
	for (int i = 0; i < words; i++)
		end = put_word(end, below(making, vocabulary) * 7919);
	if (marked)
		end = put_word(end, 17000 + label * 211);
	snprintf(name, sizeof(name), "label%u", label);
	assert_int_equal(corpus_add(making->builder, text, (size_t)(end - text), name, NULL, &err),
			 0);
}

/* The marks alone tell the labels. */
static struct corpus *plain_texts(void)
{
	struct making making = begin();
	for (uint32_t i = 0; i < 45; i++)
		add_text(&making, i % 9 == 8 ? 2 : i % 2, 2, 12, true);
	return corpus_finish(&making.builder);
}

/* The marks are one word of thirty: what parts the labels must count much more than what does not.
 */
static struct corpus *hidden_marks(void)
{
	struct making making = begin();
	for (uint32_t i = 0; i < 48; i++)
		add_text(&making, i % 6, 30, 120, true);
	return corpus_finish(&making.builder);
}

/* Nothing tells the labels. */
static struct corpus *texts_of_chance(void)
{
	struct making making = begin();
	for (uint32_t i = 0; i < 75; i++) {
		uint32_t label = below(&making, 3);
		add_text(&making, label, 4, 16, false);
	}
	return corpus_finish(&making.builder);
}

/* ---- what is tried --------------------------------------------------------------------------- */

struct trial_told {
	struct recipe recipe;
	double accuracy, f1;
};

struct tuning {
	struct corpus *corpus;
	struct tuned tuned;
	struct trial_told told[TRIALS_MOST];
	size_t count;
};

static struct tuning plain, hidden, chance, *heard;

static void listen(const char *what)
{
	struct trial_told *one = &heard->told[heard->count];
	if (sscanf(what, "focus %f cost %f balance %f depth %f: accuracy %lf, F1 %lf",
		   &one->recipe.focus, &one->recipe.cost, &one->recipe.balance, &one->recipe.depth,
		   &one->accuracy, &one->f1) == 6)
		assert_true(++heard->count < TRIALS_MOST);
}

/* The corpus is the tuning's. */
static void tune_on(struct tuning *tuning, struct corpus *corpus)
{
	*tuning = (struct tuning){.corpus = corpus};
	heard = tuning;
	tune(corpus, listen, &tuning->tuned);
}

static void tuning_free(struct tuning *tuning)
{
	tuned_free(&tuning->tuned);
	corpus_free(&tuning->corpus);
}

static int set_up(void **state)
{
	(void)state;
	tune_on(&plain, plain_texts());
	tune_on(&hidden, hidden_marks());
	tune_on(&chance, texts_of_chance());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tuning_free(&plain);
	tuning_free(&hidden);
	tuning_free(&chance);
	return 0;
}

static bool equal(const struct recipe *a, const struct recipe *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void is_deterministic(void **state)
{
	struct tuning again;
	const struct held *held = &plain.tuned.held;
	(void)state;
	tune_on(&again, plain_texts());
	assert_true(equal(&again.tuned.recipe, &plain.tuned.recipe));
	assert_memory_equal(again.told, plain.told, sizeof(again.told));
	assert_int_equal(again.tuned.held.texts, held->texts);
	assert_memory_equal(again.tuned.held.score, held->score,
			    held->texts * held->lanes * sizeof(float));
	tuning_free(&again);
}

static void count_labels(const uint32_t *label, size_t count, size_t of[LABELS_MOST])
{
	memset(of, 0, LABELS_MOST * sizeof(*of));
	for (size_t i = 0; i < count; i++)
		of[label[i]]++;
}

/* Where texts are few, each of them once. */
static void every_text_is_held_aside(void **state)
{
	size_t there[LABELS_MOST], held[LABELS_MOST];
	(void)state;
	count_labels(plain.corpus->label, plain.corpus->texts, there);
	count_labels(plain.tuned.held.label, plain.tuned.held.texts, held);
	assert_int_equal(plain.tuned.held.texts, plain.corpus->texts);
	assert_memory_equal(held, there, sizeof(there));
	assert_true(plain.tuned.least_known > 0.3f && plain.tuned.least_known <= 1);
}

/* Where they are many, a fifth of each label's; the first label has nearly all. */
static void every_label_is_held_aside(void **state)
{
	enum { LABELS = 8, OF_EACH = 20, TEXTS = 12100 };
	struct making making = begin();
	struct tuning many;
	size_t held[LABELS_MOST];
	(void)state;
	for (uint32_t i = 0; i < TEXTS; i++)
		add_text(&making, i < LABELS * OF_EACH ? i % LABELS : 0, 0, 1, true);
	tune_on(&many, corpus_finish(&making.builder));
	count_labels(many.tuned.held.label, many.tuned.held.texts, held);
	assert_int_equal(many.tuned.held.texts, TEXTS / 5);
	for (size_t l = 1; l < LABELS; l++)
		assert_int_equal(held[l], OF_EACH / 5);
	for (size_t i = 0; i < many.count; i++)
		assert_true(many.told[i].recipe.depth <= 0); /* too many for common directions */
	tuning_free(&many);
}

/* Who has learned from these texts knows nearly all of their labels; one in three is guessed. */
static void held_aside_is_not_learned_from(void **state)
{
	const struct held *held = &chance.tuned.held;
	size_t right = 0;
	(void)state;
	for (size_t t = 0; t < held->texts; t++) {
		const float *score = held->score + t * held->lanes;
		uint32_t best = 0;
		for (uint32_t l = 1; l < held->labels; l++)
			best = score[l] > score[best] ? l : best;
		right += best == held->label[t];
	}
	assert_true(right * 3 < held->texts * 2);
}

static void the_first_recipe_stays_where_all_are_as_good(void **state)
{
	(void)state;
	assert_int_equal(plain.count, 9);
	assert_true(equal(&plain.told->recipe, &first));
	assert_true(plain.told->accuracy > 0.99);
	assert_true(equal(&plain.tuned.recipe, &first));
}

/* And what is varied afterwards is varied from it. */
static void a_clear_gain_is_taken(void **state)
{
	struct recipe wanted = first, last = first;
	(void)state;
	wanted.focus = last.focus = 1;
	last.balance = 0.5f;
	assert_true(hidden.told->accuracy < 0.95);
	assert_true(equal(&hidden.tuned.recipe, &wanted));
	assert_true(equal(&hidden.told[hidden.count - 1].recipe, &last));
}

/* Twice the accuracy plus macro-F1 is what counts, but no accuracy is given for macro-F1. */
static void what_a_gain_is(void **state)
{
	const struct merit best = {0.8, 0.5};
	(void)state;
	assert_true(tune_is_gain(best, (struct merit){0.81, 0.5}, 10000));
	assert_true(tune_is_gain(best, (struct merit){0.8, 0.51}, 10000));
	assert_true(tune_is_gain(best, (struct merit){0.81, 0.49}, 10000));
	assert_false(tune_is_gain(best, best, 10000));
	assert_false(tune_is_gain(best, (struct merit){0.803, 0.5}, 10000)); /* 0.007 is the bar */
	assert_false(tune_is_gain(best, (struct merit){0.81, 0.5}, 1000));
	assert_false(tune_is_gain(best, (struct merit){0.799, 0.6}, 10000));
}

static void a_gain_that_may_be_chance_is_none(void **state)
{
	double most = 0;
	(void)state;
	for (size_t i = 1; i < chance.count; i++) {
		double gain = 2 * (chance.told[i].accuracy - chance.told->accuracy) +
			      chance.told[i].f1 - chance.told->f1;
		most = gain > most ? gain : most;
	}
	assert_true(most > 0.01 && most < 0.06); /* of 75 texts it must be 0.081 */
	assert_true(equal(&chance.tuned.recipe, &first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_deterministic),
	    cmocka_unit_test(every_text_is_held_aside),
	    cmocka_unit_test(every_label_is_held_aside),
	    cmocka_unit_test(held_aside_is_not_learned_from),
	    cmocka_unit_test(the_first_recipe_stays_where_all_are_as_good),
	    cmocka_unit_test(a_clear_gain_is_taken),
	    cmocka_unit_test(what_a_gain_is),
	    cmocka_unit_test(a_gain_that_may_be_chance_is_none),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
