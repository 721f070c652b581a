/*
 * Why something was decided so, as a code with at most one argument: what goes into an event is
 * kept for ever and speaks no language. The sentences are in deploy/texts, under GROUP.CODE. Pure.
 */
#ifndef DOMAIN_REASON_H
#define DOMAIN_REASON_H

#include <stdbool.h>

#include "case.pb-c.h"
#include "domain/texts.h"
#include "util/arena.h"
#include "util/buffer.h"

#define REASON_REFUSAL "refusal" /* why a command was refused */
#define REASON_TRIAGE  "triage"  /* why a person must decide where a case goes */
#define REASON_OTHER   "other"   /* the text of each group for a code that has none here */

struct reason {
	const char *code;  /* NULL: none */
	const char *name;  /* of the argument; NULL: none */
	const char *value; /* a code, too */
};

/* Small letters, digits and '_', at most 60: what can be a text's name. */
bool reason_is_code(const char *code);

/* In the arena, sharing the reason's strings; NULL when there is none. */
Redress__Reason *reason_pack(struct arena *arena, const struct reason *reason);

/* Whether there is a sentence for this very code. */
bool reason_has_text(const struct texts_language *language, const char *group, const char *code);

/* The sentence; that of REASON_OTHER when the texts do not know the code. */
void reason_write(const struct texts_language *language, const char *group,
		  const Redress__Reason *reason, struct buffer *out);

#endif
