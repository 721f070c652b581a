/*
 * NAME      redress-classify - classify texts by hand
 * SYNOPSIS  redress-classify [--config FILE] < TEXTS
 *
 * One text a line; prints language, urgency, category (or - when it abstains), confidence, and the
 * words that decided, tab-separated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "command_line.h"
#include "util/log.h"

static const char usage[] = "usage: redress-classify [--config FILE] < TEXTS\n";

int main(int argc, char **argv)
{
	static const struct setting *const tables[] = {classifier_settings, NULL};
	static const char *const levels[] = {"routine", "high", "emergency"};
	struct err err;
	int first;
	char *line = NULL;
	size_t room = 0;
	log_setup("classify", LOG_LEVEL_INFO, false);
	struct settings *settings = command_line(argc, argv, usage, tables, &first);
	struct classifier *classifier = classifier_load(settings, &err);
	if (!classifier)
		fatal("%s", err.text);
	struct arena *arena = arena_new();
	while (getline(&line, &room, stdin) > 0) {
		Redress__GrievanceText text = REDRESS__GRIEVANCE_TEXT__INIT;
		Redress__Classification found;
		Redress__Why why;
		line[strcspn(line, "\n")] = '\0';
		text.description = line;
		classify(classifier, arena, &text, "", &found, &why);
		printf("%s\t%s\t%s\t%.2f\t", found.language, levels[found.urgency],
		       found.abstained ? "-" : found.category, (double)found.confidence);
		for (size_t i = 0; i < why.n_category_terms; i++)
			printf("%s ", why.category_terms[i]);
		printf("\n");
		arena_reset(arena);
	}
	free(line);
	arena_free(&arena);
	classifier_free(&classifier);
	settings_free(&settings);
	return 0;
}
