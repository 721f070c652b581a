/* A case as its citizen sees it: docs/openapi.json, Case. Pure. */
#ifndef PORTAL_CASE_VIEW_H
#define PORTAL_CASE_VIEW_H

#include <stdint.h>

#include "case.pb-c.h"
#include "domain/catalogue.h"

struct told_outcome {
	const char *kind, *channel, *delivery, *reason;
	int64_t at_ms;
};

/* Everything known of a case. */
struct found_case {
	uint64_t number;                 /* as it was asked for */
	const Redress__CaseState *state; /* NULL: taken in, not yet opened */
	int64_t received_at_ms;
	int64_t erased_at_ms; /* 0: the person's data is there */
	const struct told_outcome *outcomes;
	size_t outcome_count;
};

/* JSON, malloc'ed. */
char *case_view(const struct catalogue *catalogue, const struct found_case *found,
		const char *language);

#endif
