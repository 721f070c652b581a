/*
 * NAME      redress-train - make a model
 * SYNOPSIS  redress-train VERSION MODEL CATEGORY-TRAIN CATEGORY-DEV LANGUAGE-TRAIN LANGUAGE-DEV
 *
 * The four inputs hold one text a line: label, tab, text. Learns multinomial logistic regression by
 * stochastic gradient descent over the features of feature.h, keeps the weights that matter in 8
 * bits, then sets temperature and threshold on the dev texts and says how good it is on them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_file.h"
#include "util/alloc.h"
#include "util/log.h"

#define EPOCHS        6
#define RATE          6.0f
#define LEAST_TEXTS   3      /* a feature in fewer texts is chance */
#define FEATURES_KEPT 360000 /* of a head: bounds the size of the model */
#define WEIGHTS_KEPT  10     /* labels a feature speaks for or against at most */
#define PRECISION     0.85   /* wanted of what is not abstained from */

struct text {
	uint32_t label, first, count; /* in index[] and value[] */
};

struct set {
	char names[LABELS_MAX][32];
	uint32_t labels;
	struct text *texts;
	size_t count;
	uint32_t *index; /* features of all texts, one after the other */
	float *value;
	size_t used, room;
};

/* Features by their hash. */
struct lexicon {
	uint64_t *hash;
	uint32_t *texts; /* how many hold it */
	uint32_t *slot;
	size_t count, slots;
};

static struct fold_table *table;

static uint32_t feature_index(struct lexicon *lexicon, uint64_t hash, bool add)
{
	size_t at = (hash >> 8) & (lexicon->slots - 1);
	for (; lexicon->slot[at]; at = (at + 1) & (lexicon->slots - 1)) {
		if (lexicon->hash[lexicon->slot[at] - 1] == hash)
			return lexicon->slot[at];
	}
	if (!add || lexicon->count > lexicon->slots / 2)
		return 0;
	lexicon->hash[lexicon->count] = hash;
	lexicon->slot[at] = (uint32_t)++lexicon->count;
	return lexicon->slot[at];
}

static uint32_t label_index(struct set *set, const char *name)
{
	uint32_t i = 0;
	while (i < set->labels && strcmp(set->names[i], name) != 0)
		i++;
	if (i == LABELS_MAX)
		fatal("more than %d labels", LABELS_MAX);
	if (i == set->labels)
		snprintf(set->names[set->labels++], sizeof(*set->names), "%s", name);
	return i;
}

static void add_text(struct set *set, struct lexicon *lexicon, char *line, bool learn)
{
	static struct folded folded;
	static struct features features;
	char *text = strchr(line, '\t');
	if (!text)
		fatal("a line without a tab");
	*text++ = '\0';
	set->texts = x_realloc(set->texts, set->count + 1, sizeof(*set->texts));
	struct text *one = &set->texts[set->count++];
	fold(table, text, strlen(text), &folded);
	features_of(&folded, &features);
	*one = (struct text){label_index(set, line), (uint32_t)set->used, 0};
	float norm = model_norm(&features);
	for (size_t i = 0; i < features.count; i++) {
		uint32_t index = feature_index(lexicon, features.hash[i], learn);
		if (!index)
			continue;
		if (set->used == set->room) {
			set->room = set->room ? 2 * set->room : 1 << 20;
			set->index = x_realloc(set->index, set->room, sizeof(*set->index));
			set->value = x_realloc(set->value, set->room, sizeof(*set->value));
		}
		lexicon->texts[index - 1] += learn;
		set->index[set->used] = index - 1;
		set->value[set->used++] = model_value(&features, i, norm);
		one->count++;
	}
}

static void read_set(struct set *set, struct lexicon *lexicon, const char *path, bool learn)
{
	char *line = NULL;
	size_t room = 0;
	FILE *file = fopen(path, "r");
	if (!file)
		fatal("%s cannot be read", path);
	for (ssize_t size; (size = getline(&line, &room, file)) > 0;) {
		line[strcspn(line, "\n")] = '\0';
		add_text(set, lexicon, line, learn);
	}
	free(line);
	fclose(file);
}

/* Features of too few texts go; those that stay are numbered anew. NULL for gone is UINT32_MAX. */
static size_t renumber(const struct lexicon *lexicon, uint32_t *number)
{
	size_t kept = 0;
	for (size_t i = 0; i < lexicon->count; i++)
		number[i] = lexicon->texts[i] >= LEAST_TEXTS ? (uint32_t)kept++ : UINT32_MAX;
	return kept;
}

static void scores_of(const struct set *set, const struct text *text, const uint32_t *number,
		      const float *weights, const float *bias, uint32_t labels, float *scores)
{
	memcpy(scores, bias, labels * sizeof(*scores));
	for (uint32_t i = text->first; i < text->first + text->count; i++) {
		const float *row = weights + (size_t)number[set->index[i]] * labels;
		if (number[set->index[i]] == UINT32_MAX)
			continue;
		for (uint32_t l = 0; l < labels; l++)
			scores[l] += set->value[i] * row[l];
	}
}

static void soften(float *scores, uint32_t labels)
{
	float top = scores[0], sum = 0;
	for (uint32_t l = 1; l < labels; l++)
		top = fmaxf(top, scores[l]);
	for (uint32_t l = 0; l < labels; l++)
		sum += scores[l] = expf(scores[l] - top);
	for (uint32_t l = 0; l < labels; l++)
		scores[l] /= sum;
}

static void learn(const struct set *set, const uint32_t *number, float *weights, float *bias)
{
	float scores[LABELS_MAX];
	uint32_t labels = set->labels;
	size_t *order = x_calloc(set->count, sizeof(*order)), steps = EPOCHS * set->count;
	for (size_t i = 0; i < set->count; i++)
		order[i] = i;
	for (size_t step = 0; step < steps; step++) {
		size_t at = step % set->count, other = at + (size_t)rand() % (set->count - at);
		size_t chosen = order[other];
		order[other] = order[at];
		order[at] = chosen;
		const struct text *text = &set->texts[chosen];
		float rate = RATE * (1 - (float)step / (float)steps);
		scores_of(set, text, number, weights, bias, labels, scores);
		soften(scores, labels);
		scores[text->label] -= 1;
		for (uint32_t i = text->first; i < text->first + text->count; i++) {
			uint32_t feature = number[set->index[i]];
			float *row = weights + (size_t)feature * labels, by = rate * set->value[i];
			for (uint32_t l = 0; feature != UINT32_MAX && l < labels; l++)
				row[l] -= by * scores[l];
		}
		for (uint32_t l = 0; l < labels; l++)
			bias[l] -= 0.01f * rate * scores[l];
		if (step % 20000 == 0)
			fprintf(stderr, "\r%3zu %%", 100 * step / steps);
	}
	fprintf(stderr, "\r100 %%\n");
	free(order);
}

/* ---- making it small ------------------------------------------------------------------------ */

struct strength {
	uint32_t feature;
	float norm;
};

static int by_strength(const void *a, const void *b)
{
	float x = ((const struct strength *)a)->norm, y = ((const struct strength *)b)->norm;
	return (x < y) - (x > y);
}

static int by_size(const void *a, const void *b)
{
	int x = abs(((const struct head_weight *)a)->weight);
	int y = abs(((const struct head_weight *)b)->weight);
	return y - x;
}

static void put_feature(struct head *head, uint64_t hash, const float *row)
{
	struct head_weight found[LABELS_MAX];
	uint32_t count = 0, at = (uint32_t)hash & (head->slots - 1);
	for (uint32_t l = 0; l < head->labels; l++) {
		float weight = roundf(row[l] / head->scale);
		int8_t small = (int8_t)fmaxf(-127, fminf(127, weight));
		if (small)
			found[count++] = (struct head_weight){(uint8_t)l, small};
	}
	qsort(found, count, sizeof(*found), by_size);
	count = count > WEIGHTS_KEPT ? WEIGHTS_KEPT : count;
	if (!count)
		return;
	while (head->slot[at].count)
		at = (at + 1) & (head->slots - 1);
	head->slot[at].tag = (uint32_t)(hash >> 32);
	head->slot[at].first = head->weights & 0xFFFFFF;
	head->slot[at].count = (uint8_t)count;
	memcpy(head->weight + head->weights, found, count * sizeof(*found));
	head->weights += count;
}

static void compress(struct head *head, const struct set *set, const struct lexicon *lexicon,
		     const uint32_t *number, const float *weights, float *bias)
{
	size_t count = 0;
	float most = 0;
	struct strength *list = x_calloc(lexicon->count, sizeof(*list));
	for (size_t i = 0; i < lexicon->count; i++) {
		float norm = 0;
		for (uint32_t l = 0; number[i] != UINT32_MAX && l < set->labels; l++) {
			float weight = weights[(size_t)number[i] * set->labels + l];
			norm += weight * weight;
			most = fmaxf(most, fabsf(weight));
		}
		if (norm > 0)
			list[count++] = (struct strength){(uint32_t)i, norm};
	}
	qsort(list, count, sizeof(*list), by_strength);
	count = count > FEATURES_KEPT ? FEATURES_KEPT : count;
	*head = (struct head){.labels = set->labels, .slots = 1024, .bias = bias,
			      .scale = most / 4 / 127, .temperature = 1};
	while (head->slots < count * 4 / 3)
		head->slots *= 2;
	head->names = (char (*)[32])(uintptr_t)set->names;
	head->slot = x_calloc(head->slots, sizeof(*head->slot));
	head->weight = x_calloc(count * WEIGHTS_KEPT + 1, sizeof(*head->weight));
	for (size_t i = 0; i < count; i++)
		put_feature(head, lexicon->hash[list[i].feature],
			    weights + (size_t)number[list[i].feature] * set->labels);
	free(list);
}

/* ---- how sure it may be --------------------------------------------------------------------- */

struct trial {
	float confidence;
	bool right;
};

static int by_confidence(const void *a, const void *b)
{
	float x = ((const struct trial *)a)->confidence, y = ((const struct trial *)b)->confidence;
	return (x < y) - (x > y);
}

static size_t try_all(const struct head *head, const char *path, struct trial **trials, double *loss)
{
	struct folded folded = {0};
	struct features features = {0};
	struct model_guess best[3];
	char *line = NULL, *text;
	size_t room = 0, count = 0;
	FILE *file = fopen(path, "r");
	*loss = 0;
	while (file && getline(&line, &room, file) > 0 && (text = strchr(line, '\t'))) {
		*text++ = '\0';
		fold(table, text, strlen(text), &folded);
		features_of(&folded, &features);
		model_guess(head, &features, best);
		bool right = strcmp(head->names[best[0].label], line) == 0;
		*trials = x_realloc(*trials, count + 1, sizeof(**trials));
		(*trials)[count++] = (struct trial){best[0].confidence, right};
		double p = fmin(fmax(best[0].confidence, 1e-6), 1 - 1e-6);
		*loss -= log(right ? p : 1 - p);
	}
	free(line);
	fclose(file);
	folded_free(&folded);
	features_free(&features);
	return count;
}

static void calibrate(struct head *head, const char *dev, const char *what)
{
	struct trial *trials = NULL;
	double loss, least = INFINITY;
	float chosen = 1;
	for (float t = 0.4f; t < 3; t *= 1.15f) {
		head->temperature = t;
		try_all(head, dev, &trials, &loss);
		if (loss < least) {
			least = loss;
			chosen = t;
		}
	}
	head->temperature = chosen;
	size_t count = try_all(head, dev, &trials, &loss), right = 0, kept = 0, kept_right = 0;
	qsort(trials, count, sizeof(*trials), by_confidence);
	head->threshold = 1;
	for (size_t i = 0; i < count; i++) {
		right += trials[i].right;
		if ((double)right >= PRECISION * (double)(i + 1)) {
			head->threshold = trials[i].confidence;
			kept = i + 1;
			kept_right = right;
		}
	}
	printf("%s: %zu dev texts, accuracy %.3f; temperature %.2f, threshold %.2f: answers %.1f %% of"
	       " them, %.3f of those right\n",
	       what, count, (double)right / (double)count, (double)head->temperature,
	       (double)head->threshold, 100.0 * (double)kept / (double)count,
	       (double)kept_right / (double)(kept ? kept : 1));
	free(trials);
}

static void make_head(struct head *head, const char *train, const char *dev, const char *what)
{
	struct set *set = x_calloc(1, sizeof(*set));
	struct lexicon lexicon = {.slots = (size_t)1 << 25};
	lexicon.hash = x_calloc(lexicon.slots, sizeof(*lexicon.hash));
	lexicon.texts = x_calloc(lexicon.slots, sizeof(*lexicon.texts));
	lexicon.slot = x_calloc(lexicon.slots, sizeof(*lexicon.slot));
	read_set(set, &lexicon, train, true);
	uint32_t *number = x_calloc(lexicon.count, sizeof(*number));
	size_t kept = renumber(&lexicon, number);
	fprintf(stderr, "%s: %zu texts, %u labels, %zu features\n", what, set->count, set->labels,
		kept);
	float *weights = x_calloc(kept * set->labels, sizeof(*weights));
	float *bias = x_calloc(set->labels, sizeof(*bias));
	learn(set, number, weights, bias);
	compress(head, set, &lexicon, number, weights, bias);
	calibrate(head, dev, what);
	free(weights);
	free(number);
	free(lexicon.hash);
	free(lexicon.texts);
	free(lexicon.slot);
	free(set->index);
	free(set->value);
	free(set->texts);
}

static void write_head(FILE *file, const struct head *head)
{
	fwrite(head, 24, 1, file);
	fwrite(head->names, sizeof(*head->names), head->labels, file);
	fwrite(head->bias, sizeof(*head->bias), head->labels, file);
	fwrite(head->slot, sizeof(*head->slot), head->slots, file);
	fwrite(head->weight, sizeof(*head->weight), (head->weights + 1) / 2 * 2, file);
}

int main(int argc, char **argv)
{
	struct head heads[HEADS];
	char version[32] = {0};
	log_setup("train", LOG_LEVEL_INFO, false);
	if (argc != 7) {
		fprintf(stderr, "usage: redress-train VERSION MODEL CATEGORY-TRAIN CATEGORY-DEV"
				" LANGUAGE-TRAIN LANGUAGE-DEV\n");
		return 2;
	}
	snprintf(version, sizeof(version), "%s", argv[1]);
	srand(1); /* the same texts make the same model */
	table = fold_table_new();
	make_head(&heads[HEAD_CATEGORY], argv[3], argv[4], "category");
	make_head(&heads[HEAD_LANGUAGE], argv[5], argv[6], "language");
	FILE *file = fopen(argv[2], "wb");
	if (!file)
		fatal("%s cannot be written", argv[2]);
	fwrite("RDRSMDL1", 8, 1, file);
	fwrite(version, sizeof(version), 1, file);
	write_head(file, &heads[HEAD_CATEGORY]);
	write_head(file, &heads[HEAD_LANGUAGE]);
	if (fclose(file))
		fatal("%s cannot be written", argv[2]);
	return 0;
}
