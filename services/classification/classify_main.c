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
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "classify.h"
#include "evaluate.h"
#include "json_lines.h"
#include "util/log.h"

static const char usage[] =
    "usage: redress-classify [--config FILE] [--model FILE] [--progress] [--evaluate] < LINES\n"
    "Reads JSON lines (text; for --evaluate also label, perhaps lang) and writes as many with\n"
    "category, service, confidence, abstained, guesses, language, language_confidence, urgency,\n"
    "suspected_abuse, signature, model, why; with --evaluate a table of scores.\n"
    "  --model FILE  the same as the setting model.file\n"
    "  --progress    shows it on standard error, as is done anyway when that is a terminal\n";

struct request {
	struct settings *settings;
	bool evaluate, progress;
};

static const struct setting *const tables[] = {classifier_settings, NULL};

static void read_request(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'}, {"model", required_argument, NULL, 'm'},
	    {"progress", no_argument, NULL, 'p'},     {"evaluate", no_argument, NULL, 'e'},
	    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
	const char *config = NULL;
	struct err err;
	*request = (struct request){.progress = isatty(STDERR_FILENO)};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'c') {
			config = optarg;
		} else if (option == 'm') { /* the environment is what counts most */
			setenv("REDRESS_MODEL_FILE", optarg, 1);
		} else if (option == 'p') {
			request->progress = true;
		} else if (option == 'e') {
			request->evaluate = true;
		} else if (option == 'h') {
			printf("%s\nSettings, from the file (name = value), then the "
			       "environment:\n",
			       usage);
			settings_print_help(tables, stdout);
			exit(0);
		} else {
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
	request->settings = settings_load(tables, config, &err);
	if (!request->settings)
		fatal("%s", err.text);
}

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

int main(int argc, char **argv)
{
	struct request request;
	struct err err;
	log_setup("classify", LOG_LEVEL_INFO, false);
	read_request(argc, argv, &request);
	struct classifier *classifier = classifier_load(request.settings, &err);
	if (!classifier)
		fatal("%s", err.text);
	struct json_lines *lines = json_lines_new(STDIN_FILENO, "standard input", flush_answers);
	if (request.progress)
		json_lines_show_progress(lines);
	int failed = request.evaluate ? evaluate(classifier, lines, stdout, &err)
				      : classify_all(classifier, lines, &err);
	json_lines_free(&lines);
	flush_answers();
	if (failed)
		fprintf(stderr, "redress-classify: %s\n", err.text);
	classifier_free(&classifier);
	settings_free(&request.settings);
	return failed ? 1 : 0;
}
