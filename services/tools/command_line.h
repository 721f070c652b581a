/* What the operator's commands share: --config FILE, --help, and settings as the daemons have. */
#ifndef TOOLS_COMMAND_LINE_H
#define TOOLS_COMMAND_LINE_H

#include "util/settings.h"

/*
 * Takes --config and --help (prints usage and the settings) from the front; *first is the index of
 * the first word left. Ends the process for --help and mistakes.
 */
struct settings *command_line(int argc, char **argv, const char *usage,
			      const struct setting *const *tables, int *first);

#endif
