/* The small nation of tests/tables/nation.yaml. */
#ifndef UNIT_NATION_H
#define UNIT_NATION_H

#include "domain/catalogue.h"
#include "table.h"

static inline struct catalogue *nation_parse(const char *text, struct err *err)
{
	const struct catalogue_file file = {"nation.yaml", text, strlen(text)};
	return catalogue_parse(&file, 1, err);
}

/* setup and teardown of a group: *state is the catalogue. */
static inline int nation_load(void **state)
{
	struct err err;
	char *text = table_text("nation.yaml");
	*state = nation_parse(text, &err);
	if (!*state)
		fprintf(stderr, "%s\n", err.text);
	free(text);
	return *state ? 0 : -1;
}

static inline int nation_drop(void **state)
{
	catalogue_free((struct catalogue **)state);
	return 0;
}

#endif
