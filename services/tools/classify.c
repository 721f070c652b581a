/*
 * NAME      redress-classify - what the classifier says of texts
 * SYNOPSIS  redress-classify [--config FILE] [--model FILE] [--progress] [--evaluate] < LINES
 *
 * Reads JSON lines with the member text and writes, line for line in the same order, what the
 * daemon would say of it. With --evaluate each line has a label too, and perhaps a lang; a table of
 * scores is printed instead. Other members are passed over. docs/classification.md has the fields.
 *
 * EXIT STATUS  0; 1 at the first line that is wrong, which standard error names; 2 for a wrong
 * call.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "judging/answer.h"
#include "judging/classify.h"
#include "training/evaluate.h"
#include "training/json_lines.h"
#include "util/log.h"
#include "util/program.h"

static int classify_all(struct classifier *classifier, struct json_lines *lines, struct err *err)
{
	/* anybody can compare: these signatures are other than in the record */
	static const uint8_t no_key[SIGNATURE_KEY_SIZE];
	struct arena *arena = arena_new();
	struct buffer answer = {0};
	const char *description;
	json_t *object;
	int failed;
	while (!(failed = json_lines_next(lines, &object, err)) && object) {
		Redress__GrievanceText text = REDRESS__GRIEVANCE_TEXT__INIT;
		Redress__Classification found;
		Redress__Why why;
		failed = json_lines_string(lines, object, "text", true, &description, err);
		if (!failed) {
			text.description = (char *)(uintptr_t)description;
			classify(classifier, arena, &text, "", &found, &why);
			classifier_sign(classifier, arena, no_key, &found);
			buffer_clear(&answer);
			answer_add(&answer, &found, &why);
			if (fwrite(answer.data, 1, answer.len, stdout) != answer.len)
				fatal("the answer cannot be written");
		}
		json_decref(object);
		arena_reset(arena);
		if (failed)
			break;
	}
	buffer_free(&answer);
	arena_free(&arena);
	return failed;
}

static void flush_answers(void)
{
	if (fflush(stdout))
		fatal("the answers cannot be written");
}

static const struct program_command commands[] = {
    {"[--model FILE] [--evaluate] [--progress]",
     "Reads JSON lines with the member text, and writes as many about them.", false},
    {NULL, NULL, false},
};
static const struct program_option options[] = {
    {"model", "FILE", "the same as the setting model.file"},
    {"evaluate", NULL, "each line has a label, perhaps a lang: print a table of scores instead"},
    {"progress", NULL, "show it, as is done anyway when standard error is a terminal"},
    {NULL, NULL, NULL},
};
static const struct setting *const tables[] = {classifier_settings, NULL};
static const struct program program = {
    .name = "classify",
    .summary = "what the classifier says of texts",
    .commands = commands,
    .options = options,
    .settings = tables,
    .notes = "Members: category, service, confidence, abstained, guesses, language,\n"
	     "language_confidence, urgency, suspected_abuse, signature, model, why.\n",
};

static void use_model(struct settings *settings, const char *file)
{
	struct err err;
	if (file && settings_set(settings, "model.file", file, "--model", &err))
		program_refuse("%s", err.text);
}

int main(int argc, char **argv)
{
	struct err err;
	struct program_call call = program_begin(argc, argv, &program);
	use_model(call.settings, program_option(&call, "model"));
	struct classifier *classifier = classifier_load(call.settings, &err);
	if (!classifier)
		fatal("%s", err.text);
	struct json_lines *lines = json_lines_new(STDIN_FILENO, "standard input", flush_answers);
	if (program_option(&call, "progress") || isatty(STDERR_FILENO))
		json_lines_show_progress(lines);
	int failed = program_option(&call, "evaluate") ? evaluate(classifier, lines, stdout, &err)
						       : classify_all(classifier, lines, &err);
	json_lines_free(&lines);
	flush_answers();
	if (failed)
		fatal("%s", err.text);
	classifier_free(&classifier);
	program_end(&call);
	return 0;
}
