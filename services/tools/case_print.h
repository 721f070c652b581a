/* A case for a person at a terminal. */
#ifndef TOOLS_CASE_PRINT_H
#define TOOLS_CASE_PRINT_H

#include <stdio.h>

#include "domain/catalogue.h"
#include "record/case_file.h"

/*
 * Everything that was collected: where the case stands, who wrote and how to reach them, where it
 * is, what was asked and answered, why it was classified so, what happened, and what became of each
 * message. Names are the catalogue's, in the language that fits the preferences best; what it does
 * not know is shown as its code.
 */
void case_print(const struct case_file *file, const struct catalogue *catalogue,
		const char *preferences, struct arena *arena, FILE *out);

#endif
