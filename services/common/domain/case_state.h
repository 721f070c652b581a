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

/* "opened", "assigned", ... of an event; "open", "assign", ... of a command; "registered", ... */
const char *case_event_kind(const Redress__CaseEvent *event);
const char *case_command_kind(const Redress__Command *command);
const char *case_status_name(Redress__Status status);

/* Closed, withdrawn or merged: no clock runs and only Reopen does anything. */
bool case_is_over(Redress__Status status);

/* Whether one of the last commands of this case had this id. */
bool case_was_applied(const Redress__CaseState *state, const ProtobufCBinaryData *command_id);

/*
 * The state after the event. state: NULL before the first event. Everything new is in the arena;
 * parts of the old state and of the event may be shared with the result.
 * -1: the event's version does not follow.
 */
int case_apply(struct arena *arena, const Redress__CaseState *state,
	       const Redress__CaseEvent *event, Redress__CaseState **next,
	       struct err *err) MUST_CHECK;

#endif
