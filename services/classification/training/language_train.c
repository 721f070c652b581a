/*
 * NAME      redress-train-language - make the table of languages
 * SYNOPSIS  redress-train-language TRAIN DEV TABLE
 *
 * TRAIN and DEV hold one text a line: code, tab, text; the code "-" is for languages that shall not
 * be named. A text that begins with the character U+0001 is made of pieces of words. Learns, for
 * each script that several languages share, a multinomial logistic regression over hashed n-grams,
 * from all languages alike and from short pieces as from whole texts; brings it to 8 bits; and sets
 * the temperatures and the threshold on DEV. The same texts make the same table.
 */
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/language_gram.h"
#include "text/language_table.h"
#include "numeric/random.h"
#include "util/alloc.h"
#include "util/buffer.h"
#include "util/log.h"
#include "util/program.h"

#define STEPS_A_LABEL 30000
#define TEXTS_LEAST   50 /* of a language in a script */
#define RATE          0.35f
#define DECAY         2e-6f /* of weights, at each step that uses them */
#define PIECES        0x01  /* begins a text of pieces of words */
#define PRECISION     0.97  /* wanted of what is said, where this needs no more than */
#define SAY_AT        0.45f /* this confidence */

struct text {
	char *text;
	uint32_t label, script, size;
	bool pieces;
};

struct set {
	char (*code)[LANGUAGE_CODE_SIZE];
	uint32_t labels;
	struct text *texts;
	size_t count;
};

struct learner {
	struct language_group_facts facts;
	const struct set *train;
	uint32_t *order; /* the set's texts in the script */
	uint8_t *label;  /* of each of them */
	uint32_t count;
	float *weights, *squares, *bias;
	uint8_t *rows;
	uint32_t label_of[LANGUAGE_LABELS_MAX]; /* in the set */
};

static struct script_table *scripts;
static uint64_t random_state = RANDOM_START;

static uint32_t random_below(uint32_t bound)
{
	return (uint32_t)((random_next(&random_state) >> 32) * bound >> 32);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static uint32_t label_number(struct set *set, const char *code)
{
	uint32_t i = 0;
	while (i < set->labels && strcmp(set->code[i], code) != 0)
		i++;
	if (i == set->labels) {
		set->code = x_realloc(set->code, ++set->labels, sizeof(*set->code));
		snprintf(set->code[i], sizeof(set->code[i]), "%s", code);
	}
	return i;
}

static void read_set(struct set *set, const char *path)
{
	struct letters letters;
	float share;
	char *line = NULL;
	size_t room = 0, texts = 0;
	FILE *file = fopen(path, "r");
	if (!file)
		fatal("%s cannot be read", path);
	for (ssize_t size; (size = getline(&line, &room, file)) > 0;) {
		line[strcspn(line, "\n")] = '\0';
		char *text = strchr(line, '\t');
		if (!text || text == line || text - line >= LANGUAGE_CODE_SIZE)
			fatal("%s line %zu: code, tab, text", path, set->count + 1);
		*text++ = '\0';
		if (set->count == texts) {
			texts = texts ? 2 * texts : 1024;
			set->texts = x_realloc(set->texts, texts, sizeof(*set->texts));
		}
		struct text *one = &set->texts[set->count++];
		one->pieces = *text == PIECES;
		one->text = x_strdup(text + one->pieces);
		one->size = (uint32_t)strlen(one->text);
		one->label = label_number(set, line);
		letters_of(scripts, one->text, one->size, &letters);
		one->script = letters_script(&letters, &share);
	}
	free(line);
	fclose(file);
}

static size_t rows_of(const struct text *text, const char *from, size_t size, unsigned bits,
		      uint32_t *rows)
{
	struct letters letters;
	letters_of(scripts, from, size, &letters);
	for (size_t i = 0; text->pieces && i < letters.count; i++) {
		if (letters.letter[i] == LETTER_BREAK)
			letters.letter[i] = LETTER_GAP;
	}
	return letters_grams(&letters, (enum script)text->script, bits, rows);
}

/* Half of the time the whole text, else some of its words: short texts must be learnt too. */
static size_t some_rows(const struct text *text, unsigned bits, uint32_t *rows)
{
	const char *from = text->text, *end = from + text->size;
	if (random_below(2)) {
		size_t most = 2 + random_below(60);
		from += random_below(text->size + 1);
		while (from > text->text && from[-1] != ' ')
			from--;
		const char *to = from + most < end ? from + most : end;
		while (to < end && *to != ' ')
			to++;
		end = to;
	}
	return rows_of(text, from, (size_t)(end - from), bits, rows);
}

/* ---- learning -------------------------------------------------------------------------------- */

static void soften(float *scores, uint32_t count, float temperature)
{
	float top = scores[0], sum = 0;
	for (uint32_t l = 1; l < count; l++)
		top = fmaxf(top, scores[l]);
	for (uint32_t l = 0; l < count; l++)
		sum += scores[l] = expf((scores[l] - top) / temperature);
	for (uint32_t l = 0; l < count; l++)
		scores[l] /= sum;
}

static void step(struct learner *learner, const struct text *text, uint32_t label, float rate)
{
	uint32_t rows[LANGUAGE_GRAMS_MAX], stride = learner->facts.stride;
	uint32_t labels = learner->facts.labels;
	float scores[LANGUAGE_LABELS_MAX] = {0};
	size_t count = some_rows(text, learner->facts.bits, rows);
	if (!count)
		return;
	float value = 1 / sqrtf((float)count);
	for (size_t i = 0; i < count; i++) {
		const float *weights = learner->weights + (size_t)rows[i] * stride;
		for (uint32_t l = 0; l < stride; l++)
			scores[l] += weights[l];
	}
	for (uint32_t l = 0; l < labels; l++)
		scores[l] = scores[l] * value + learner->bias[l];
	soften(scores, labels, 1);
	scores[label] -= 1;
	for (uint32_t l = 0; l < labels; l++)
		learner->bias[l] -= 0.01f * rate * scores[l];
	for (size_t i = 0; i < count; i++) {
		float *weights = learner->weights + (size_t)rows[i] * stride;
		float *squares = learner->squares + (size_t)rows[i] * stride;
		for (uint32_t l = 0; l < stride; l++) {
			float slope = scores[l] * value;
			squares[l] += slope * slope;
			weights[l] -=
			    rate * (slope / sqrtf(squares[l] + 1e-3f) + DECAY * weights[l]);
		}
	}
}

/* The labels of the script, and their texts. */
static void gather(struct learner *learner)
{
	const struct set *train = learner->train;
	struct language_group_facts *facts = &learner->facts;
	learner->order = x_calloc(train->count + 1, sizeof(*learner->order));
	learner->label = x_calloc(train->count + 1, sizeof(*learner->label));
	for (uint32_t label = 0; label < train->labels; label++) {
		uint32_t at = learner->count;
		for (size_t i = 0; i < train->count; i++) {
			const struct text *text = &train->texts[i];
			if (text->label != label || text->script != facts->script)
				continue;
			learner->order[at] = (uint32_t)i;
			learner->label[at++] = (uint8_t)facts->labels;
		}
		if (at < learner->count + TEXTS_LEAST)
			continue; /* foreign words in texts of other scripts */
		if (facts->labels == LANGUAGE_LABELS_MAX)
			fatal("more than %d languages of one script", LANGUAGE_LABELS_MAX);
		learner->label_of[facts->labels++] = label;
		learner->count = at;
	}
	facts->stride = (facts->labels + LANGUAGE_STRIDE - 1) / LANGUAGE_STRIDE * LANGUAGE_STRIDE;
}

static void show(const struct learner *learner, uint32_t percent)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rscript %u, %u languages: %3u %%%s", learner->facts.script,
			learner->facts.labels, percent, percent == 100 ? "\n" : "");
}

static void learn(struct learner *learner)
{
	size_t size = (size_t)learner->facts.stride << learner->facts.bits;
	uint32_t labels = learner->facts.labels, steps = labels * STEPS_A_LABEL;
	learner->weights = x_calloc(size, sizeof(*learner->weights));
	learner->squares = x_calloc(size, sizeof(*learner->squares));
	learner->bias = x_calloc(learner->facts.stride, sizeof(*learner->bias));
	for (uint32_t i = 0; i < steps; i++) {
		const uint32_t *chosen = &learner->order[random_below(learner->count)];
		step(learner, &learner->train->texts[*chosen],
		     learner->label[chosen - learner->order],
		     RATE * (1 - (float)i / (float)steps) + 0.002f);
		if (i % 10000 == 0)
			show(learner, 100 * (i / 1000) / (steps / 1000));
	}
	show(learner, 100);
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

/* The scale leaves out the greatest of a thousand weights, which are cut. */
static void compress(struct learner *learner)
{
	size_t size = (size_t)learner->facts.stride << learner->facts.bits;
	float *sizes = x_calloc(size, sizeof(*sizes));
	for (size_t i = 0; i < size; i++)
		sizes[i] = fabsf(learner->weights[i]);
	qsort(sizes, size, sizeof(*sizes), by_size);
	learner->facts.scale = fmaxf(sizes[size - 1 - size / 1000], 1e-6f) / 127;
	free(sizes);
	learner->rows = x_calloc(size + LANGUAGE_AT_ONCE, 1);
	for (size_t i = 0; i < size; i++) {
		float weight = roundf(learner->weights[i] / learner->facts.scale);
		learner->rows[i] = (uint8_t)(LANGUAGE_ZERO + (int)fmaxf(-127, fminf(127, weight)));
	}
}

/* ---- how sure it may be ---------------------------------------------------------------------- */

struct trial {
	float scores[LANGUAGE_LABELS_MAX];
	uint32_t label; /* facts.labels: none of them */
	int length;
	float confidence;
	bool right, other;
};

static struct trial *try_all(const struct learner *learner, const struct set *dev, size_t *count)
{
	uint32_t rows[LANGUAGE_GRAMS_MAX];
	int32_t sums[LANGUAGE_SUMS];
	const struct language_group_facts *facts = &learner->facts;
	struct trial *trials = x_calloc(dev->count + 1, sizeof(*trials));
	*count = 0;
	for (size_t i = 0; i < dev->count; i++) {
		const struct text *text = &dev->texts[i];
		struct trial *trial = &trials[*count];
		if (text->script != facts->script || text->pieces)
			continue;
		size_t grams = rows_of(text, text->text, text->size, facts->bits, rows);
		if (!grams)
			continue;
		trial->length = language_length(grams);
		language_sum(learner->rows, facts->stride, rows, grams, sums);
		for (uint32_t l = 0; l < facts->labels; l++)
			trial->scores[l] =
			    learner->bias[l] + facts->scale * (float)sums[l] / sqrtf((float)grams);
		for (trial->label = 0; trial->label < facts->labels; trial->label++) {
			uint32_t known = learner->label_of[trial->label];
			if (strcmp(learner->train->code[known], dev->code[text->label]) == 0)
				break;
		}
		++*count;
	}
	return trials;
}

/* Minus the mean log-likelihood of whether the best guess is right. */
static double loss_at(struct trial *trials, size_t count, const struct language_group_facts *facts,
		      int length, float temperature)
{
	double loss = 0;
	for (size_t i = 0; i < count; i++) {
		float scores[LANGUAGE_LABELS_MAX];
		uint32_t best = 0;
		if (trials[i].length != length)
			continue;
		memcpy(scores, trials[i].scores, sizeof(scores));
		soften(scores, facts->labels, temperature);
		for (uint32_t l = 1; l < facts->labels; l++)
			best = scores[l] > scores[best] ? l : best;
		trials[i].confidence = scores[best];
		trials[i].right = best == trials[i].label;
		double p = fmin(fmax((double)scores[best], 1e-4), 1 - 1e-4);
		loss -= log(trials[i].right ? p : 1 - p);
	}
	return loss;
}

static int surest_first(const void *a, const void *b)
{
	const struct trial *x = a, *y = b;
	return (x->confidence < y->confidence) - (x->confidence > y->confidence);
}

static void calibrate(struct learner *learner, const struct set *dev)
{
	struct language_group_facts *facts = &learner->facts;
	size_t count, right = 0, said = 0, said_right = 0;
	struct trial *trials = try_all(learner, dev, &count);
	for (int length = 0; length < LANGUAGE_LENGTHS; length++) {
		double least = INFINITY;
		for (float t = 0.3f; t < 8; t *= 1.07f) {
			double loss = loss_at(trials, count, facts, length, t);
			if (loss < least) {
				least = loss;
				facts->temperature[length] = t;
			}
		}
		loss_at(trials, count, facts, length, facts->temperature[length]);
	}
	qsort(trials, count, sizeof(*trials), surest_first);
	facts->threshold = SAY_AT;
	for (size_t i = 0; i < count; i++) {
		right += trials[i].right;
		if ((double)right >= PRECISION * (double)(i + 1))
			facts->threshold = fminf(trials[i].confidence, SAY_AT);
	}
	while (said < count && trials[said].confidence >= facts->threshold)
		said_right += trials[said++].right;
	printf("script %u: %u languages, %zu dev texts, %.4f right; at %.2f says %.4f, %.4f of it"
	       " right; temperatures",
	       facts->script, facts->labels, count, (double)right / (double)(count ? count : 1),
	       (double)facts->threshold, (double)said / (double)(count ? count : 1),
	       (double)said_right / (double)(said ? said : 1));
	for (int i = 0; i < LANGUAGE_LENGTHS; i++)
		printf(" %.2f", (double)facts->temperature[i]);
	printf("\n");
	free(trials);
}

static void put_group(struct buffer *out, const struct learner *learner)
{
	const struct language_group_facts *facts = &learner->facts;
	buffer_add(out, facts, sizeof(*facts));
	for (uint32_t l = 0; l < facts->labels; l++)
		buffer_add(out, learner->train->code[learner->label_of[l]], LANGUAGE_CODE_SIZE);
	buffer_add(out, learner->bias, facts->stride * sizeof(*learner->bias));
	buffer_add(out, learner->rows, (size_t)facts->stride << facts->bits);
}

static void save(struct buffer *out, const char *path)
{
	uint8_t checksum[LANGUAGE_CHECKSUM_SIZE];
	crypto_generichash(checksum, sizeof(checksum), (const uint8_t *)out->data, out->len, NULL,
			   0);
	buffer_add(out, checksum, sizeof(checksum));
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(out->data, 1, out->len, file) != out->len || fclose(file))
		fatal("%s cannot be written", path);
}

static const struct program_command commands[] = {
    {"TRAIN DEV TABLE", "Learns from TRAIN and sets the thresholds on DEV.", false},
    {NULL, NULL, false},
};
static const struct program program = {
    .name = "train-language",
    .summary = "make the table of languages",
    .commands = commands,
    .notes = "TRAIN and DEV hold one text a line: code, tab, text.\n",
};

int main(int argc, char **argv)
{
	static const uint8_t bits[SCRIPT_GROUPS] = {[SCRIPT_LATIN] = 14,
						    [SCRIPT_CYRILLIC] = 13,
						    [SCRIPT_ARABIC] = 12,
						    [SCRIPT_DEVANAGARI] = 12,
						    [SCRIPT_HAN] = 13};
	struct set train = {0}, dev = {0};
	struct buffer out = {0};
	uint32_t groups = SCRIPT_GROUPS - 1;
	struct program_call call = program_begin(argc, argv, &program);
	scripts = script_table_new();
	read_set(&train, call.words[0]);
	read_set(&dev, call.words[1]);
	buffer_add(&out, LANGUAGE_MAGIC, 8);
	buffer_add(&out, &groups, sizeof(groups));
	for (uint32_t script = SCRIPT_NONE + 1; script < SCRIPT_GROUPS; script++) {
		struct learner learner = {.train = &train,
					  .facts = {.script = script, .bits = bits[script]}};
		gather(&learner);
		if (!learner.facts.labels)
			fatal("there are no texts of script %u", script);
		learn(&learner);
		compress(&learner);
		calibrate(&learner, &dev);
		put_group(&out, &learner);
	}
	save(&out, call.words[2]);
	printf("%zu bytes\n", out.len);
	program_end(&call);
	return 0;
}
