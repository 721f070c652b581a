#include "training/tune.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "training/lsa.h"
#include "util/alloc.h"
#include "util/log.h"

#define TEXTS_TRIED   24000 /* in search of a recipe; all are used afterwards */
#define TEXTS_IN_FIVE 12000 /* up to so many texts every one is held aside once, in five parts */
#define PARTS_MOST    5
#define HELD_MOST     40000 /* scores that are kept for calibration */
#define CHANCE        0.7   /* see tune_is_gain */
#define FOREIGN       0.005 /* share of texts that may have fewer known features than least_known */

/* ---- parts ----------------------------------------------------------------------------------- */

struct split {
	uint32_t *rows; /* label after label, those of each in an order of chance */
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
	struct split split = {x_calloc(corpus->texts + 1, sizeof(uint32_t)), corpus->texts,
			      PARTS_MOST};
	struct place *place = x_calloc(corpus->texts + 1, sizeof(*place));
	for (size_t i = 0; i < corpus->texts; i++)
		place[i] = (struct place){(uint32_t)i, corpus->label[i], scramble(i)};
	qsort(place, corpus->texts, sizeof(*place), by_label);
	for (size_t i = 0; i < corpus->texts; i++)
		split.rows[i] = place[i].row;
	free(place);
	return split;
}

/* Of rows sorted by label so many at most that each label keeps its share; returns how many. */
static size_t every_nth(uint32_t *rows, size_t count, size_t most)
{
	size_t step = (count + most - 1) / most, kept = 0;
	for (size_t i = 0; i < count; i += step)
		rows[kept++] = rows[i];
	return kept;
}

static struct split thin_out(const struct split *split, size_t most)
{
	struct split thin = {x_memdup(split->rows, (split->count + 1) * sizeof(uint32_t)), 0,
			     split->parts};
	thin.count = every_nth(thin.rows, split->count, most);
	return thin;
}

/* ---- a trial --------------------------------------------------------------------------------- */

struct trials {
	struct held held;
	float *known; /* of each text held: share of its features */
};

static void trials_free(struct trials *trials)
{
	held_free(&trials->held);
	free(trials->known);
}

/* A part that is held aside while the others are learned from. */
struct part {
	const struct corpus *corpus;
	const struct split *split;
	const struct recipe *recipe;
	size_t number;
	pthread_t thread;
	struct trials trials;
};

static void try_texts(const struct corpus *corpus, const struct learned *learned,
		      const uint32_t *rows, size_t count, struct trials *trials)
{
	struct held *held = &trials->held;
	held->labels = learned->labels;
	held->lanes = learned->lanes;
	held->texts = count;
	held->score = x_calloc((count + 1) * learned->lanes, sizeof(*held->score));
	held->label = x_calloc(count + 1, sizeof(*held->label));
	trials->known = x_calloc(count + 1, sizeof(*trials->known));
	for (size_t i = 0; i < count; i++) {
		uint32_t distinct = corpus->distinct[rows[i]];
		uint32_t known =
		    learned_scores(learned, corpus, rows[i], held->score + i * held->lanes);
		trials->known[i] = (float)known / (float)(distinct ? distinct : 1);
		held->label[i] = corpus->label[rows[i]];
	}
}

static void *try_part(void *context)
{
	struct part *part = context;
	const struct split *split = part->split;
	uint32_t *aside = x_calloc(split->count + 1, sizeof(*aside));
	uint32_t *rest = x_calloc(split->count + 1, sizeof(*rest));
	size_t held = 0, kept = 0;
	for (size_t i = 0; i < split->count; i++) {
		if (i % split->parts == part->number)
			aside[held++] = split->rows[i];
		else
			rest[kept++] = split->rows[i];
	}
	held = every_nth(aside, held, HELD_MOST);
	struct texts texts = {part->corpus, rest, kept};
	struct learned *learned = learn(&texts, part->recipe);
	try_texts(part->corpus, learned, aside, held, &part->trials);
	learned_free(&learned);
	free(aside);
	free(rest);
	return NULL;
}

static void add_trials(struct trials *all, const struct trials *more)
{
	struct held *held = &all->held;
	size_t lanes = more->held.lanes, texts = held->texts, added = more->held.texts;
	held->labels = more->held.labels;
	held->lanes = more->held.lanes;
	held->score = x_realloc(held->score, (texts + added + 1) * lanes, sizeof(*held->score));
	held->label = x_realloc(held->label, texts + added + 1, sizeof(*held->label));
	all->known = x_realloc(all->known, texts + added + 1, sizeof(*all->known));
	memcpy(held->score + texts * lanes, more->held.score, added * lanes * sizeof(float));
	memcpy(held->label + texts, more->held.label, added * sizeof(*held->label));
	memcpy(all->known + texts, more->known, added * sizeof(*all->known));
	held->texts += added;
}

/* The first parts of the split, each held aside once; at the same time where there are processors.
 */
static struct trials try_recipe(const struct corpus *corpus, const struct split *split,
				size_t parts, const struct recipe *recipe)
{
	struct trials trials = {0};
	struct part part[PARTS_MOST];
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t at_once = processors < 1            ? 1
			 : processors > PARTS_MOST ? PARTS_MOST
						   : (size_t)processors;
	for (size_t from = 0; from < parts; from += at_once) {
		size_t to = from + at_once < parts ? from + at_once : parts;
		for (size_t i = from; i < to; i++) {
			part[i] = (struct part){corpus, split, recipe, i, 0, {{0}, NULL}};
			if (pthread_create(&part[i].thread, NULL, try_part, &part[i]))
				fatal("a thread cannot be started");
		}
		for (size_t i = from; i < to; i++) {
			pthread_join(part[i].thread, NULL);
			add_trials(&trials, &part[i].trials);
			trials_free(&part[i].trials);
		}
	}
	return trials;
}

/* ---- the search ------------------------------------------------------------------------------ */

struct search {
	const struct corpus *corpus;
	struct split split;
	size_t parts;
	void (*say)(const char *what);
	struct recipe best;
	struct merit merit; /* of the best */
	size_t tried;       /* recipes */
};

/*
 * A few texts of rare labels are half of what macro-F1 says, so accuracy counts twice, and none of
 * it is given for macro-F1: calibration helps rare labels already. Two recipes differ on one text
 * in twenty, so the standard error of what is gained is three times the root of 0.05 over the
 * texts: less may be chance.
 */
bool tune_is_gain(struct merit best, struct merit other, size_t texts)
{
	double gained = other.accuracy - best.accuracy;
	return gained >= 0 &&
	       2 * gained + other.macro_f1 - best.macro_f1 > CHANCE / sqrt((double)texts);
}

static void consider(struct search *search, struct recipe recipe)
{
	char what[120];
	struct trials trials = try_recipe(search->corpus, &search->split, search->parts, &recipe);
	struct merit merit = calibrate_merit(&trials.held);
	snprintf(what, sizeof(what),
		 "focus %.2f cost %.2f balance %.2f depth %.2f: accuracy %.4f, F1 %.4f",
		 (double)recipe.focus, (double)recipe.cost, (double)recipe.balance,
		 (double)recipe.depth, merit.accuracy, merit.macro_f1);
	search->say(what);
	if (!search->tried++ || tune_is_gain(search->merit, merit, trials.held.texts)) {
		search->merit = merit;
		search->best = recipe;
	}
	trials_free(&trials);
}

static struct recipe with_depth(struct recipe recipe, float depth)
{
	recipe.depth = depth;
	return recipe;
}

static struct recipe with_focus(struct recipe recipe, float focus)
{
	recipe.focus = focus;
	return recipe;
}

static struct recipe with_cost(struct recipe recipe, float cost)
{
	recipe.cost = cost;
	return recipe;
}

static struct recipe with_balance(struct recipe recipe, float balance)
{
	recipe.balance = balance;
	return recipe;
}

/*
 * From what does well on most sets, one thing after the other: they hardly depend on one another.
 * Where texts are many, what their common directions tell is in the features' weights anyway.
 */
static struct recipe find_recipe(struct search *search, bool few)
{
	const struct recipe *best = &search->best;
	bool deep = few && search->corpus->features <= LSA_FEATURES_MAX;
	consider(search, (struct recipe){
			     .focus = 0.5f, .cost = 1, .balance = 0.25f, .depth = deep ? 1.5f : 0});
	if (deep) {
		consider(search, with_depth(*best, 0));
		consider(search, with_depth(*best, 2.5f));
	}
	consider(search, with_focus(*best, 0));
	consider(search, with_focus(*best, 1));
	consider(search, with_cost(*best, 0.5f));
	consider(search, with_cost(*best, 2));
	consider(search, with_balance(*best, 0));
	consider(search, with_balance(*best, 0.5f));
	return *best;
}

static int by_size(const void *a, const void *b)
{
	const float *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

void tune(const struct corpus *corpus, void (*say)(const char *what), struct tuned *tuned)
{
	struct split all = split_texts(corpus);
	struct search search = {.corpus = corpus, .split = thin_out(&all, TEXTS_TRIED), .say = say};
	bool few = search.split.count <= TEXTS_IN_FIVE;
	search.parts = few ? search.split.parts : 2;
	tuned->recipe = find_recipe(&search, few);
	say("holding texts aside for calibration");
	struct trials trials =
	    try_recipe(corpus, &all, all.count <= TEXTS_IN_FIVE ? all.parts : 1, &tuned->recipe);
	qsort(trials.known, trials.held.texts, sizeof(*trials.known), by_size);
	tuned->least_known = trials.known[(size_t)(FOREIGN * (double)trials.held.texts)];
	tuned->held = trials.held;
	free(trials.known);
	free(search.split.rows);
	free(all.rows);
}

void tuned_free(struct tuned *tuned)
{
	held_free(&tuned->held);
	*tuned = (struct tuned){0};
}
