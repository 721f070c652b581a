/*
 * The life of a case: what it looks like after each event, and the names of everything in it. Pure;
 * the only place that changes a case. (What a command makes happen is routing's decide.h.)
 */
#ifndef DOMAIN_CASE_STATE_H
#define DOMAIN_CASE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "case.pb-c.h"
#include "util/arena.h"
#include "util/err.h"

/* "open", "assign", ... of a command; "registered", ... */
const char *case_command_kind(const Redress__Command *command);
const char *case_status_name(Redress__Status status);

#define CASE_SCORE_MAX 5 /* the best that a citizen can say of an answer; the worst is 1 */

/* "solved", ... of an answer; "yes", "partly" or "no" of whether that settled it. "": nothing was
 * said, or nothing that is known here. */
const char *case_outcome_name(Redress__Outcome outcome);
const char *case_settled_name(Redress__Settled settled);
/* By name; NO_OUTCOME, NOT_SAID: there is none of that name. */
Redress__Outcome case_outcome(const char *name);
Redress__Settled case_settled(const char *name);

/* The last version that everybody may see happen: what is internal is passed over. */
uint32_t case_public_version(const Redress__CaseState *state);

/* Closed, withdrawn, merged or erased: no clock runs, and hardly anything can be done. */
bool case_is_over(Redress__Status status);

/* When something must happen by itself: the office's deadline, or the end of waiting for the
 * citizen's reply while that clock stands still. 0: no clock is running. */
int64_t case_clock_ms(const Redress__CaseState *state);
/* When routing must act by itself: the same, or when silence closes an answered case. 0: never. */
int64_t case_rings_ms(const Redress__CaseState *state);

/* Whether one of the last commands of this case had this id. */
bool case_was_applied(const Redress__CaseState *state, const ProtobufCBinaryData *command_id);

/*
 * The state after the event. state: NULL before the first event. Everything new is in the arena;
 * parts of the old state and of the event may be shared with the result.
 * -1: the event does not follow: it is no part of the history, for whoever reads it.
 */
int case_apply(struct arena *arena, const Redress__CaseState *state,
	       const Redress__CaseEvent *event, Redress__CaseState **next,
	       struct err *err) MUST_CHECK;

#endif
