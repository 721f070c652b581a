#include "training/evaluate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "training/labelled.h"
#include "model/model.h"
#include "training/names.h"
#include "training/score_model.h"
#include "util/alloc.h"
#include "util/clock.h"

#define WANTED     0.95 /* precision for which coverage is told */
#define TIMED_EACH 16   /* texts: asking for the time takes a tenth of what is timed */

struct evaluation {
	struct classifier *classifier;
	struct arena *arena;
	struct names labels;  /* the lines' */
	struct trial *trials; /* guess: as the model numbers it, until it is scored */
	size_t count, room;
	size_t language_count, language_right, language_said, language_said_right;
	size_t urgent, abuse;
	size_t timed;     /* texts */
	int64_t spent_ns; /* on them, in classify alone */
};

/* A line's language may be written with a region and in capitals: de-AT, DE. */
static bool is_language(const char *wanted, const char *found)
{
	size_t size = strlen(found);
	if (!size || strncasecmp(wanted, found, size) != 0)
		return false;
	const char *region = wanted + size;
	return !*region || ((*region == '-' || *region == '_') && strlen(region) == 3);
}

static void count_language(struct evaluation *evaluation, const char *wanted, const char *found)
{
	bool right = is_language(wanted, found);
	evaluation->language_count++;
	evaluation->language_right += right;
	evaluation->language_said += *found != '\0';
	evaluation->language_said_right += right;
}

static void classify_timed(struct evaluation *evaluation, const char *text,
			   Redress__Classification *found)
{
	Redress__GrievanceText grievance = REDRESS__GRIEVANCE_TEXT__INIT;
	Redress__Why why;
	grievance.description = (char *)(uintptr_t)text;
	bool timed = evaluation->count % TIMED_EACH == 0;
	int64_t began_ns = timed ? clock_thread_ns() : 0;
	classify(evaluation->classifier, evaluation->arena, &grievance, "", found, &why);
	if (timed)
		evaluation->spent_ns += clock_thread_ns() - began_ns;
	evaluation->timed += timed;
}

static void add_trial(struct evaluation *evaluation, uint32_t label,
		      const Redress__Classification *found)
{
	const struct verdict *verdict = classifier_verdict(evaluation->classifier);
	if (evaluation->count == evaluation->room) {
		evaluation->room = evaluation->room ? 2 * evaluation->room : 1024;
		evaluation->trials =
		    x_realloc(evaluation->trials, evaluation->room, sizeof(*evaluation->trials));
	}
	evaluation->trials[evaluation->count++] = (struct trial){
	    .label = label,
	    .guess = verdict->guesses ? verdict->best[0].label : NAMES_NONE,
	    .confidence = found->confidence,
	    .abstained = found->abstained,
	};
}

static int evaluate_one(void *context, const char *text, size_t size, const char *label,
			const char *language, struct err *err)
{
	struct evaluation *evaluation = context;
	Redress__Classification found;
	uint32_t number;
	(void)size;
	if (names_add(&evaluation->labels, label, &number, err))
		return err_context(err, "label");
	classify_timed(evaluation, text, &found);
	add_trial(evaluation, number, &found);
	evaluation->urgent += found.urgency != REDRESS__URGENCY__ROUTINE;
	evaluation->abuse += found.suspected_abuse;
	if (language && *language)
		count_language(evaluation, language, found.language);
	arena_reset(evaluation->arena);
	return 0;
}

static void print(struct evaluation *evaluation, FILE *out)
{
	struct score score;
	score_model(classifier_model(evaluation->classifier), &evaluation->labels,
		    evaluation->trials, evaluation->count, WANTED, &score);
	fprintf(out, "%-30s %10zu\n", "texts", score.count);
	score_print(out, &score, WANTED);
	if (evaluation->language_count) {
		score_print_row(
		    out, "language accuracy",
		    score_share(evaluation->language_right, evaluation->language_count));
		score_print_row(out, "language said",
				score_share(evaluation->language_said, evaluation->language_count));
		score_print_row(
		    out, "language right when said",
		    score_share(evaluation->language_said_right, evaluation->language_said));
	}
	score_print_row(out, "flagged urgent", score_share(evaluation->urgent, evaluation->count));
	score_print_row(out, "flagged as abuse", score_share(evaluation->abuse, evaluation->count));
	fprintf(out, "%-30s %10.0f\n", "documents a second",
		(double)evaluation->timed * 1e9 /
		    (double)(evaluation->spent_ns ? evaluation->spent_ns : 1));
}

int evaluate(struct classifier *classifier, struct json_lines *lines, FILE *out, struct err *err)
{
	struct evaluation evaluation = {.classifier = classifier, .arena = arena_new()};
	names_start(&evaluation.labels, MODEL_LABELS_MAX);
	int failed = labelled_read_json(lines, NULL, evaluate_one, &evaluation, err);
	if (!failed && !evaluation.count)
		failed = err_set(err, "there is no line to evaluate");
	if (!failed)
		print(&evaluation, out);
	names_free(&evaluation.labels);
	free(evaluation.trials);
	arena_free(&evaluation.arena);
	return failed;
}
