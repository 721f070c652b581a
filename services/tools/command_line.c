#include "command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

struct settings *command_line(int argc, char **argv, const char *usage,
			      const struct setting *const *tables, int *first)
{
	const char *config = NULL;
	struct err err;
	int at = 1;
	for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
		if (strcmp(argv[at], "--help") == 0) {
			printf("%s\nSettings, from the file (name = value), then the "
			       "environment:\n",
			       usage);
			settings_print_help(tables, stdout);
			exit(0);
		}
		if (strcmp(argv[at], "--config") != 0 || at + 1 == argc) {
			fprintf(stderr, "%s", usage);
			exit(2);
		}
		config = argv[++at];
	}
	*first = at;
	struct settings *settings = settings_load(tables, config, &err);
	if (!settings)
		fatal("%s", err.text);
	return settings;
}
