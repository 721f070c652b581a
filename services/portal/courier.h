/*
 * Carries what a citizen wants to routing: one command, and what came of it, bounded in time. A
 * time-out is no answer: the command may still be done.
 */
#ifndef PORTAL_COURIER_H
#define PORTAL_COURIER_H

#include "case.pb-c.h"
#include "record/lookup.h"
#include "runtime/service.h"

struct courier;

struct courier *courier_new(struct runtime *runtime, struct err *err) MUST_CHECK;
void courier_free(struct courier **courier); /* accepts NULL, sets NULL */

enum courier_outcome {
	COURIER_DONE,    /* applied */
	COURIER_CHANGED, /* the case has gone on by another hand; this was not applied */
	COURIER_LATER,   /* not decided yet, or not known */
	COURIER_AWAY,    /* certainly not sent */
};

/* Fills in id, time and actor (the citizen). Waits up to some seconds: for a thread that may. */
enum courier_outcome courier_send(struct courier *courier, struct lookup *lookup,
				  struct arena *arena, Redress__Command *command);

#endif
