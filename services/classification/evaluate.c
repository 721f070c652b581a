#include "evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "score.h"
#include "util/alloc.h"
#include "util/clock.h"

#define NAMES_MAX  65536
#define WANTED     0.95 /* precision for which coverage is told */
#define TIMED_EACH 16   /* texts: asking for the time takes a tenth of what is timed */

/* Labels by number, in the order in which they came. */
struct names {
	char **name;
	uint32_t count;
	uint32_t slots[2 * NAMES_MAX]; /* number + 1 by hash; 0: free */
};

struct evaluation {
	struct names names;
	struct trial *trials;
	size_t count, room;
	size_t language_count, language_right, language_said, language_said_right;
	size_t urgent, abuse;
	size_t timed;     /* texts */
	int64_t spent_ns; /* on them, in classify alone */
};

/* What a line says, owned by its object; language NULL when it does not. */
struct labelled_line {
	const char *text, *label, *language;
};

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 2166136261u;
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return hash;
}

/* UINT32_MAX: there are too many. */
static uint32_t number_of(struct names *names, const char *name)
{
	uint32_t at = hash_of(name) % (2 * NAMES_MAX);
	for (; names->slots[at]; at = (at + 1) % (2 * NAMES_MAX)) {
		if (strcmp(names->name[names->slots[at] - 1], name) == 0)
			return names->slots[at] - 1;
	}
	if (names->count == NAMES_MAX)
		return UINT32_MAX;
	names->name = x_realloc(names->name, names->count + 1, sizeof(*names->name));
	names->name[names->count] = x_strdup(name);
	names->slots[at] = ++names->count;
	return names->slots[at] - 1;
}

static void count_language(struct evaluation *evaluation, const char *wanted, const char *found)
{
	bool right = strcmp(wanted, found) == 0;
	evaluation->language_count++;
	evaluation->language_right += right;
	evaluation->language_said += *found != '\0';
	evaluation->language_said_right += *found && right;
}

static int read_line(const struct json_lines *lines, const json_t *object,
		     struct labelled_line *line, struct err *err)
{
	if (json_lines_string(lines, object, "text", true, &line->text, err) ||
	    json_lines_string(lines, object, "label", true, &line->label, err) ||
	    json_lines_string(lines, object, "lang", false, &line->language, err))
		return -1;
	if (!*line->label)
		return err_set(err, "%s line %zu: label: is empty", json_lines_name(lines),
			       json_lines_number(lines));
	return 0;
}

static int evaluate_one(struct evaluation *evaluation, struct classifier *classifier,
			struct arena *arena, const struct json_lines *lines, const json_t *object,
			struct err *err)
{
	Redress__GrievanceText text = REDRESS__GRIEVANCE_TEXT__INIT;
	Redress__Classification found;
	Redress__Why why;
	struct labelled_line line;
	if (read_line(lines, object, &line, err))
		return -1;
	text.description = (char *)(uintptr_t)line.text;
	bool timed = evaluation->count % TIMED_EACH == 0;
	int64_t began_ns = timed ? clock_thread_ns() : 0;
	classify(classifier, arena, &text, "", &found, &why);
	if (timed)
		evaluation->spent_ns += clock_thread_ns() - began_ns;
	evaluation->timed += timed;
	struct trial trial = {
	    .label = number_of(&evaluation->names, line.label),
	    .guess =
		number_of(&evaluation->names, found.n_guesses ? found.guesses[0]->category : ""),
	    .confidence = found.confidence,
	    .abstained = found.abstained,
	};
	if (trial.label == UINT32_MAX || trial.guess == UINT32_MAX)
		return err_set(err, "%s line %zu: label: there are more than %d different ones",
			       json_lines_name(lines), json_lines_number(lines), NAMES_MAX);
	if (evaluation->count == evaluation->room) {
		evaluation->room = evaluation->room ? 2 * evaluation->room : 1024;
		evaluation->trials =
		    x_realloc(evaluation->trials, evaluation->room, sizeof(*evaluation->trials));
	}
	evaluation->trials[evaluation->count++] = trial;
	evaluation->urgent += found.urgency != REDRESS__URGENCY__ROUTINE;
	evaluation->abuse += found.suspected_abuse;
	if (line.language)
		count_language(evaluation, line.language, found.language);
	return 0;
}

static double share(size_t part, size_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void print(struct evaluation *evaluation, FILE *out)
{
	struct score score;
	score_trials(evaluation->trials, evaluation->count, evaluation->names.count, WANTED,
		     &score);
	fprintf(out, "texts                          %10zu\n", score.count);
	fprintf(out, "accuracy                       %10.4f\n", score.accuracy);
	fprintf(out, "macro-F1                       %10.4f\n", score.macro_f1);
	fprintf(out, "calibration error (15 bins)    %10.4f\n", score.ece);
	fprintf(out, "coverage at %.0f %% precision     %10.4f\n", 100 * WANTED, score.coverage);
	fprintf(out, "  above confidence             ");
	if (score.threshold <= 1)
		fprintf(out, "%10.4f\n", score.threshold);
	else
		fprintf(out, "%10s\n", "-");
	fprintf(out, "abstained                      %10.4f\n", score.abstained);
	fprintf(out, "precision of what was answered %10.4f\n", score.precision);
	if (evaluation->language_count) {
		fprintf(out, "language accuracy              %10.4f\n",
			share(evaluation->language_right, evaluation->language_count));
		fprintf(out, "language said                  %10.4f\n",
			share(evaluation->language_said, evaluation->language_count));
		fprintf(out, "language right when said       %10.4f\n",
			share(evaluation->language_said_right, evaluation->language_said));
	}
	fprintf(out, "flagged urgent                 %10.4f\n",
		share(evaluation->urgent, evaluation->count));
	fprintf(out, "flagged as abuse               %10.4f\n",
		share(evaluation->abuse, evaluation->count));
	fprintf(out, "documents a second             %10.0f\n",
		(double)evaluation->timed * 1e9 /
		    (double)(evaluation->spent_ns ? evaluation->spent_ns : 1));
}

int evaluate(struct classifier *classifier, struct json_lines *lines, FILE *out, struct err *err)
{
	struct evaluation *evaluation = x_calloc(1, sizeof(*evaluation));
	struct arena *arena = arena_new();
	json_t *object;
	int failed;
	while (!(failed = json_lines_next(lines, &object, err)) && object) {
		failed = evaluate_one(evaluation, classifier, arena, lines, object, err);
		json_decref(object);
		arena_reset(arena);
		if (failed)
			break;
	}
	if (!failed && !evaluation->count)
		failed = err_set(err, "there is no line to evaluate");
	if (!failed)
		print(evaluation, out);
	for (uint32_t i = 0; i < evaluation->names.count; i++)
		free(evaluation->names.name[i]);
	free(evaluation->names.name);
	free(evaluation->trials);
	free(evaluation);
	arena_free(&arena);
	return failed;
}
