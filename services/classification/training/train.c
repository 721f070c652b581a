/*
 * NAME      redress-train - learn from labelled texts
 * SYNOPSIS  redress-train --model FILE [--dev FILE] [--map FILE] [--precision SHARE] [--size MIB]
 *                         [--name NAME] LINES...
 *
 * Reads JSON lines (text, label, perhaps lang), or label, tab, text in a file whose name ends in
 * .tsv, and writes a model. What the learner needs to be told it finds out by itself, on parts of
 * the texts that it holds aside; the same lines make the same model. docs/classification.md says
 * how it works.
 *
 * EXIT STATUS  0; 1 at the first line that is wrong, which standard error names; 2 for a wrong
 * call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "training/calibrate.h"
#include "training/labelled.h"
#include "training/learn.h"
#include "training/model_write.h"
#include "training/score_model.h"
#include "training/tune.h"
#include "util/alloc.h"
#include "util/log.h"
#include "util/program.h"
#include "util/text.h"
#include "training/vector.h"

#define LEAST_TEXTS  10
#define WEIGHTS_MOST 64000000 /* features times labels: bounds the learner's memory */

struct request {
	const char *model, *dev, *map, *version;
	double precision, mib;
	char **lines;
};

static double number(const struct program_call *call, const char *option, double unless_given,
		     double least, double most)
{
	char *end;
	const char *text = program_option(call, option);
	double value = text ? strtod(text, &end) : unless_given;
	if (text && (end == text || *end || !(value >= least && value <= most)))
		program_refuse("--%s: %s: is no number from %g to %g", option, text, least, most);
	return value;
}

static struct request read_request(const struct program_call *call)
{
	struct request request = {.model = program_option(call, "model"),
				  .dev = program_option(call, "dev"),
				  .map = program_option(call, "map"),
				  .version = program_option(call, "name"),
				  .precision = number(call, "precision", 0.95, 0.5, 0.999),
				  .mib = number(call, "size", 16, 1, 32),
				  .lines = call->words};
	if (request.version && (!*request.version || strlen(request.version) > 31 ||
				!text_is_utf8(request.version, strlen(request.version))))
		program_refuse("--name: must be 1 to 31 bytes of UTF-8");
	return request;
}

static const struct program_command commands[] = {
    {"LINES... --model FILE [--dev FILE] [--map FILE] [--precision SHARE] [--size MIB]"
     " [--name NAME]",
     "Learns from labelled texts and writes a model.", false},
    {NULL, NULL, false},
};
static const struct program_option options[] = {
    {"model", "FILE", "where to write it, for model.file"},
    {"dev", "FILE",
     "labelled texts that are not learned from: the scores are of these instead of parts held"
     " aside"},
    {"map", "FILE",
     "label, tab, category: other names for the labels; lines whose label is not in it are"
     " passed over"},
    {"precision", "SHARE",
     "wanted of each category's answers, 0.5 to 0.999 (default 0.95): below the confidence that"
     " it takes the classifier abstains"},
    {"size", "MIB", "the model is at most as large, 1 to 32 (default 16)"},
    {"name", "NAME", "names the model in every result (default: from all that is in it)"},
    {NULL, NULL, NULL},
};
static const struct program program = {
    .name = "train",
    .summary = "learn from labelled texts",
    .commands = commands,
    .options = options,
    .notes =
	"LINES are JSON lines with text, label and perhaps lang, or, in a file whose name ends\n"
	"in .tsv, label, tab, text. - is standard input.\n",
};

static void say(const char *what)
{
	fprintf(stderr, "%s\n", what);
}

/* ---- the texts ------------------------------------------------------------------------------- */

static int add_text(void *builder, const char *text, size_t size, const char *label,
		    const char *language, struct err *err)
{
	return corpus_add(builder, text, size, label, language, err);
}

static void say_unread(const struct corpus *corpus)
{
	char what[160];
	snprintf(
	    what, sizeof(what),
	    "the first %zu texts have %u different features: of the others no new ones are read",
	    corpus->whole, CORPUS_FEATURES_MAX);
	say(what);
}

static struct corpus *read_corpus(const struct request *request, const struct label_map *map,
				  struct err *err)
{
	struct corpus_builder *builder = corpus_builder_new(CORPUS_FEATURES_MAX);
	for (char **file = request->lines; *file; file++) {
		if (labelled_read(*file, map, add_text, builder, err)) {
			corpus_builder_free(&builder);
			return NULL;
		}
	}
	struct corpus *corpus = corpus_finish(&builder);
	if (corpus->whole < corpus->texts)
		say_unread(corpus);
	if (corpus->texts < LEAST_TEXTS || corpus->labels.count < 2) {
		err_set(err, "%zu texts of %u labels are not enough: at least %d of 2",
			corpus->texts, corpus->labels.count, LEAST_TEXTS);
		corpus_free(&corpus);
	}
	if (corpus && !corpus->features) {
		err_set(err, "no two of the %zu texts have a word or a part of one in common",
			corpus->texts);
		corpus_free(&corpus);
	}
	return corpus;
}

static int greatest_first(const void *a, const void *b)
{
	const float *x = a, *y = b;
	return (*x < *y) - (*x > *y);
}

/* Only the features that tell most stay, so many as the model may hold. */
static void keep_best(struct corpus *corpus, size_t most)
{
	if (corpus->features <= most)
		return;
	struct texts all = corpus_texts(corpus);
	float *worth = vector_worth(&all);
	float *sorted = x_memdup(worth, corpus->features * sizeof(*worth));
	bool *keep = x_calloc(corpus->features, sizeof(*keep));
	qsort(sorted, corpus->features, sizeof(*sorted), greatest_first);
	size_t left = most; /* for those that are worth as much as the last one */
	for (size_t i = 0; i < most; i++)
		left -= sorted[i] > sorted[most];
	for (uint32_t f = 0; f < corpus->features; f++) {
		bool last = worth[f] <= sorted[most] && worth[f] >= sorted[most] && left;
		keep[f] = worth[f] > sorted[most] || last;
		left -= last;
	}
	corpus_keep(corpus, keep);
	free(keep);
	free(sorted);
	free(worth);
}

/* ---- the scores ------------------------------------------------------------------------------ */

static void score_held(const struct held *held, const struct calibration *calibration,
		       const uint32_t *service, double precision, struct score *score,
		       struct profile *profile)
{
	struct trial *trials = x_calloc(held->texts + 1, sizeof(*trials));
	float *scratch = x_calloc(held->labels, sizeof(*scratch));
	for (size_t t = 0; t < held->texts; t++) {
		struct estimate found = calibrated(calibration, held->score + t * held->lanes,
						   service, held->labels, scratch);
		trials[t] = (struct trial){held->label[t], found.label, found.confidence,
					   found.confidence < calibration->threshold[found.label]};
	}
	score_trials(trials, held->texts, held->labels, precision, score);
	score_profile(trials, held->texts, held->labels, profile);
	free(scratch);
	free(trials);
}

/* Texts that are not learned from: read before the rest of the work, judged after it. */
struct dev {
	struct names labels; /* theirs, some of which the model may not know */
	struct dev_text {
		char *text;
		uint32_t label;
	} * texts;
	size_t count;
};

static int add_dev(void *context, const char *text, size_t size, const char *label,
		   const char *language, struct err *err)
{
	struct dev *dev = context;
	(void)size;
	(void)language;
	uint32_t number;
	if (names_add(&dev->labels, label, &number, err))
		return err_context(err, "label");
	dev->texts = x_realloc(dev->texts, dev->count + 1, sizeof(*dev->texts));
	dev->texts[dev->count++] = (struct dev_text){x_strdup(text), number};
	return 0;
}

static int read_dev(const struct request *request, const struct label_map *map, struct dev *dev,
		    struct err *err)
{
	if (!request->dev)
		return 0;
	names_start(&dev->labels, MODEL_LABELS_MAX);
	if (labelled_read(request->dev, map, add_dev, dev, err))
		return -1;
	return dev->count ? 0 : err_set(err, "%s: there is no text in it", request->dev);
}

static void free_dev(struct dev *dev)
{
	for (size_t i = 0; i < dev->count; i++)
		free(dev->texts[i].text);
	free(dev->texts);
	names_free(&dev->labels);
}

/* Guesses are as the model numbers them; NAMES_NONE: there is none. */
static void judge_texts(const struct model *model, const struct dev *dev, struct trial *trials)
{
	struct fold_table *table = fold_table_new();
	struct folded folded = {0};
	struct features features = {0};
	struct verdict verdict;
	for (size_t i = 0; i < dev->count; i++) {
		fold(table, dev->texts[i].text, strlen(dev->texts[i].text), &folded);
		features_of(&folded, &features);
		model_judge(model, &features, &verdict);
		trials[i] = (struct trial){dev->texts[i].label,
					   verdict.guesses ? verdict.best[0].label : NAMES_NONE,
					   verdict.best[0].confidence, verdict.abstained};
	}
	fold_table_free(&table);
	folded_free(&folded);
	features_free(&features);
}

static void score_dev(const struct request *request, const struct model *model,
		      const struct dev *dev, struct score *score, struct profile *profile)
{
	struct trial *trials = x_calloc(dev->count, sizeof(*trials));
	judge_texts(model, dev, trials);
	free(profile->label_share);
	score_profile(trials, dev->count, model_labels(model), profile);
	score_model(model, &dev->labels, trials, dev->count, request->precision, score);
	free(trials);
}

static void fill_card(const struct request *request, const struct score *score,
		      const struct profile *profile, struct model_parts *parts)
{
	const struct corpus *corpus = parts->corpus;
	struct model_card *card = &parts->card;
	parts->label_share = profile->label_share;
	memcpy(parts->confidence_share, profile->confidence_share, sizeof(parts->confidence_share));
	*card = (struct model_card){
	    .texts = corpus->texts,
	    .accuracy = (float)score->accuracy,
	    .macro_f1 = (float)score->macro_f1,
	    .calibration_error = (float)score->ece,
	    .coverage = (float)score->coverage,
	    .precision = (float)request->precision,
	    .abstained = (float)score->abstained,
	    .confidence = profile->confidence,
	};
	memcpy(card->fingerprint, corpus->fingerprint, sizeof(card->fingerprint));
	if (request->version)
		snprintf(card->version, sizeof(card->version), "%s", request->version);
}

/* ---- all together ---------------------------------------------------------------------------- */

/* The dev texts are judged by what is in a file, beside the one that is there in the end. */
static int try_on_dev(const struct request *request, const struct dev *dev,
		      const struct model_parts *parts, struct score *score, struct profile *profile,
		      struct err *err)
{
	char *trial = x_printf("%s.trial", request->model);
	struct model *model = model_write(trial, parts, err) ? NULL : model_load(trial, err);
	unlink(trial); /* before the long work, which may be interrupted */
	free(trial);
	if (!model)
		return -1;
	score_dev(request, model, dev, score, profile);
	model_free(&model);
	return 0;
}

static int write_scored(const struct request *request, const struct dev *dev,
			struct model_parts *parts, struct score *score, struct profile *profile,
			struct err *err)
{
	fill_card(request, score, profile, parts);
	if (dev->count) {
		if (try_on_dev(request, dev, parts, score, profile, err))
			return -1;
		fill_card(request, score, profile, parts);
	}
	if (model_write(request->model, parts, err))
		return -1;
	printf("%zu texts %s\n", score->count,
	       dev->count ? "of the dev file" : "held aside in turn");
	score_print(stdout, score, request->precision);
	return fflush(stdout) ? err_set(err, "the scores cannot be written") : 0;
}

static int make_model(const struct request *request, const struct dev *dev,
		      const struct corpus *corpus, struct err *err)
{
	struct tuned tuned;
	struct calibration calibration;
	struct score score;
	struct profile profile;
	uint32_t *service = x_calloc(corpus->labels.count, sizeof(*service));
	model_services((const char *const *)corpus->labels.name, corpus->labels.count, service);
	tune(corpus, say, &tuned);
	calibrate(&tuned.held, service, request->precision, &calibration);
	score_held(&tuned.held, &calibration, service, request->precision, &score, &profile);
	say("learning from all texts");
	struct texts all = corpus_texts(corpus);
	struct learned *learned = learn(&all, &tuned.recipe);
	struct model_parts parts = {.corpus = corpus,
				    .learned = learned,
				    .calibration = &calibration,
				    .least_known = tuned.least_known};
	int failed = write_scored(request, dev, &parts, &score, &profile, err);
	free(profile.label_share);
	learned_free(&learned);
	calibration_free(&calibration);
	tuned_free(&tuned);
	free(service);
	return failed;
}

/* What the texts are cut down to, so that they can be learned and kept. */
static void fit_size(const struct request *request, struct corpus *corpus)
{
	char what[160];
	size_t most =
	    (size_t)(request->mib * 1024 * 1024 - 65536) / model_feature_size(corpus->labels.count);
	size_t at_once = WEIGHTS_MOST / corpus->labels.count;
	uint32_t before = corpus->features;
	keep_best(corpus, most < at_once ? most : at_once);
	snprintf(what, sizeof(what), "%zu texts, %u labels, %u features, %u of them kept",
		 corpus->texts, corpus->labels.count, before, corpus->features);
	say(what);
}

/* All that can be wrong with the request is found before the long work. */
int main(int argc, char **argv)
{
	struct err err;
	struct dev dev = {0};
	struct label_map *map = NULL;
	struct program_call call = program_begin(argc, argv, &program);
	struct request request = read_request(&call);
	if (model_writable(request.model, &err) ||
	    (request.map && !(map = label_map_load(request.map, &err))) ||
	    read_dev(&request, map, &dev, &err))
		fatal("%s", err.text);
	struct corpus *corpus = read_corpus(&request, map, &err);
	if (!corpus)
		fatal("%s", err.text);
	fit_size(&request, corpus);
	int failed = make_model(&request, &dev, corpus, &err);
	corpus_free(&corpus);
	label_map_free(&map);
	free_dev(&dev);
	if (failed)
		fatal("%s", err.text);
	program_end(&call);
	return 0;
}
