#include "tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

#define TEXTS_TRIED   24000 /* in search of a recipe; all are used afterwards */
#define TEXTS_IN_FIVE 12000 /* up to so many texts every one is held aside once, in five parts */
#define HELD_MOST     40000 /* scores that are kept for calibration */
#define FOREIGN       0.005 /* share of texts that may have fewer known features than least_known */

/* ---- parts ------------------------------------------------------------------------------------
 */

struct split {
	uint32_t *rows; /* in an order of chance, labels spread evenly */
	size_t count, parts;
};

static uint64_t scramble(uint64_t value)
{
	value = (value + 1) * UINT64_C(0x9E3779B97F4A7C15);
	value = (value ^ value >> 31) * UINT64_C(0xD6E8FEB86659FD93);
	return value ^ value >> 32;
}

struct place {
	uint32_t row, label;
	uint64_t chance;
};

static int by_label(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	return x->chance < y->chance ? -1 : x->chance > y->chance;
}

/* Sorted by label and chance; then every n-th is of the same part, so each part has its share. */
static struct split split_texts(const struct corpus *corpus)
{
	struct split split = {x_calloc(corpus->texts + 1, sizeof(uint32_t)), corpus->texts, 5};
	struct place *place = x_calloc(corpus->texts + 1, sizeof(*place));
	for (size_t i = 0; i < corpus->texts; i++)
		place[i] = (struct place){(uint32_t)i, corpus->label[i], scramble(i)};
	qsort(place, corpus->texts, sizeof(*place), by_label);
	for (size_t i = 0; i < corpus->texts; i++)
		split.rows[i] = place[i].row;
	free(place);
	return split;
}

/* Every n-th text, so that the labels keep their shares. */
static struct split thin_out(const struct split *split, size_t most)
{
	size_t step = (split->count + most - 1) / most;
	struct split thin = {x_calloc(split->count / step + 1, sizeof(uint32_t)), 0, split->parts};
	for (size_t i = 0; i < split->count; i += step)
		thin.rows[thin.count++] = split->rows[i];
	return thin;
}

/* ---- a trial ----------------------------------------------------------------------------------
 */

struct trials {
	struct held held;
	float *known; /* of each text held: share of its features */
};

static void trials_free(struct trials *trials)
{
	free(trials->held.score);
	free(trials->held.label);
	free(trials->known);
}

static void try_texts(const struct corpus *corpus, const struct learned *learned,
		      const uint32_t *rows, size_t count, struct trials *trials)
{
	struct held *held = &trials->held;
	for (size_t i = 0; i < count && held->texts < HELD_MOST; i++) {
		uint32_t text = rows[i], distinct = corpus->distinct[text];
		uint32_t known = learned_scores(learned, corpus, text,
						held->score + held->texts * held->lanes);
		trials->known[held->texts] = (float)known / (float)(distinct ? distinct : 1);
		held->label[held->texts++] = corpus->label[text];
	}
}

/* The first parts of the split in turn are held aside while the others are learned from. */
static struct trials try_recipe(const struct corpus *corpus, const struct split *split,
				size_t parts, const struct recipe *recipe)
{
	struct trials trials = {.held = {.labels = corpus->labels.count}};
	size_t room = split->count < HELD_MOST ? split->count : HELD_MOST;
	uint32_t *aside = x_calloc(split->count + 1, sizeof(*aside));
	uint32_t *rest = x_calloc(split->count + 1, sizeof(*rest));
	for (size_t part = 0; part < parts; part++) {
		size_t held = 0, kept = 0;
		for (size_t i = 0; i < split->count; i++) {
			if (i % split->parts == part)
				aside[held++] = split->rows[i];
			else
				rest[kept++] = split->rows[i];
		}
		struct learned *learned = learn(corpus, rest, kept, recipe);
		if (!trials.held.score) {
			trials.held.lanes = learned->lanes;
			trials.held.score = x_calloc((room + 1) * learned->lanes, sizeof(float));
			trials.held.label = x_calloc(room + 1, sizeof(uint32_t));
			trials.known = x_calloc(room + 1, sizeof(float));
		}
		try_texts(corpus, learned, aside, held, &trials);
		learned_free(&learned);
	}
	free(aside);
	free(rest);
	return trials;
}

/* ---- the search -------------------------------------------------------------------------------
 */

struct search {
	const struct corpus *corpus;
	struct split split;
	size_t parts;
	void (*say)(const char *what);
	struct recipe best;
	double merit; /* accuracy and macro-F1, with the help for rare labels that calibration gives
		       */
};

static void consider(struct search *search, struct recipe recipe)
{
	char what[120];
	double accuracy, f1;
	struct trials trials = try_recipe(search->corpus, &search->split, search->parts, &recipe);
	calibrate_merit(&trials.held, &accuracy, &f1);
	snprintf(what, sizeof(what), "focus %.2f cost %.2f balance %.2f: accuracy %.4f, F1 %.4f",
		 (double)recipe.focus, (double)recipe.cost, (double)recipe.balance, accuracy, f1);
	search->say(what);
	if (accuracy + f1 > search->merit) {
		search->merit = accuracy + f1;
		search->best = recipe;
	}
	trials_free(&trials);
}

/* One thing after the other: they hardly depend on one another. */
static struct recipe find_recipe(struct search *search)
{
	static const float focuses[] = {0.5f, 1, 0}, costs[] = {0.5f, 2}, balances[] = {0, 0.5f};
	for (size_t i = 0; i < sizeof(focuses) / sizeof(*focuses); i++)
		consider(search, (struct recipe){focuses[i], 1, 0.25f});
	struct recipe focused = search->best;
	for (size_t i = 0; i < sizeof(costs) / sizeof(*costs); i++)
		consider(search, (struct recipe){focused.focus, costs[i], focused.balance});
	struct recipe costed = search->best;
	for (size_t i = 0; i < sizeof(balances) / sizeof(*balances); i++)
		consider(search, (struct recipe){costed.focus, costed.cost, balances[i]});
	return search->best;
}

static int by_size(const void *a, const void *b)
{
	const float *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

void tune(const struct corpus *corpus, void (*say)(const char *what), struct tuned *tuned)
{
	struct split all = split_texts(corpus);
	struct search search = {
		.corpus = corpus, .split = thin_out(&all, TEXTS_TRIED), .say = say, .merit = -1};
	search.parts = search.split.count <= TEXTS_IN_FIVE ? search.split.parts : 2;
	tuned->recipe = find_recipe(&search);
	say("holding texts aside for calibration");
	struct trials trials = try_recipe(corpus, &all, all.count <= TEXTS_IN_FIVE ? all.parts : 1,
					  &tuned->recipe);
	qsort(trials.known, trials.held.texts, sizeof(*trials.known), by_size);
	tuned->least_known = trials.known[(size_t)(FOREIGN * (double)trials.held.texts)];
	tuned->held = trials.held;
	free(trials.known);
	free(search.split.rows);
	free(all.rows);
}

void tuned_free(struct tuned *tuned)
{
	free(tuned->held.score);
	free(tuned->held.label);
	*tuned = (struct tuned){0};
}
