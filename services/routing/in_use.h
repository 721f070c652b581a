/*
 * What cases that are not over still use of a catalogue: an office, service, category or area that
 * they speak of may leave it only for its list of what is retired. Pure.
 */
#ifndef ROUTING_IN_USE_H
#define ROUTING_IN_USE_H

#include <stdbool.h>

#include "case.pb-c.h"
#include "domain/catalogue.h"
#include "util/err.h"

#define IN_USE_MOST 20 /* codes that are named; of more only the cases are counted */

struct in_use {
	const struct catalogue *before; /* NULL: whatever is unknown counts */
	const struct catalogue *now;
	struct in_use_code {
		enum catalogue_codes what;
		const char *code; /* malloc'ed */
		size_t cases;
	} codes[IN_USE_MOST];
	size_t count;
	size_t cases; /* that use something which is gone */
};

/* Whether anything of before is gone, used or not: else no case needs to be looked at. */
bool in_use_is_needed(const struct in_use *in_use);
void in_use_look(struct in_use *in_use, const Redress__CaseState *state);
/* 0: nothing that is used is gone. -1: err names what, and how many cases use it. */
int in_use_tell(const struct in_use *in_use, struct err *err) MUST_CHECK;
void in_use_free(struct in_use *in_use);

#endif
