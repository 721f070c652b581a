/*
 * The life of a case as one table: who may do what while a case stands where, what a command needs,
 * and what it makes happen. Routing decides by it; pages offer by it; docs/flow.md shows it, and a
 * unit test compares the two. Pure.
 */
#ifndef DOMAIN_CASE_MOVES_H
#define DOMAIN_CASE_MOVES_H

#include <stdbool.h>
#include <stddef.h>

#include "case.pb-c.h"

/* Who sends a command: a set of these. */
enum case_who {
	WHO_CITIZEN = 1u << 0,
	/* acting for the office that has the case, or for the one that was told it is late */
	WHO_OFFICER = 1u << 1,
	WHO_CLASSIFICATION = 1u << 2,
	WHO_ROUTING = 1u << 3, /* its clock */
	WHO_OPERATOR = 1u << 4,
};

enum case_needs {
	NEEDS_TEXT = 1u << 0,      /* a sealed text */
	NEEDS_PLACE = 1u << 1,     /* an office, a deadline or both, by the catalogue */
	NEEDS_OUTCOME = 1u << 2,   /* what the answer comes to */
	NEEDS_SCORE = 1u << 3,     /* 1 to CASE_SCORE_MAX */
	NEEDS_COLLEAGUE = 1u << 4, /* who gets it: another officer than has it */
};

#define CASE_IN(status)  (1u << REDRESS__STATUS__##status)
#define CASE_MOVE_SAME   (-1)
#define CASE_MOVE_EVENTS 3

struct case_move {
	Redress__Command__BodyCase command;
	unsigned from;  /* bits: 1 << status; STATUS_NONE: no case yet */
	unsigned who;   /* enum case_who */
	unsigned needs; /* enum case_needs */
	int to;         /* the status it leads to, or CASE_MOVE_SAME */
	unsigned keeps; /* statuses that it leaves as they are although it leads elsewhere */
	Redress__CaseEvent__BodyCase emits[CASE_MOVE_EVENTS]; /* the first always, but see Open */
	const char
	    *otherwise; /* reason code when the status does not allow it; NULL: passed over */
};

/* NULL: not a command that is known here. */
const struct case_move *case_move(Redress__Command__BodyCase command);
/* All of them, for who shows or checks the whole table. */
const struct case_move *case_moves(size_t *count);

/* The one bit of enum case_who that this actor is; 0: nobody who may do anything. */
unsigned case_who(const Redress__Actor *actor);
/* "citizen", ... of one bit of enum case_who; "nobody" of any other value. */
const char *case_who_name(unsigned who);

/* Whether who may do it, as far as status and kind of actor decide. */
bool case_may(Redress__Command__BodyCase command, Redress__Status status, unsigned who);

/* How long after a reminder there may be another one. */
#define CASE_REMIND_AGAIN_MS (INT64_C(24) * 3600000)

/* The reason code why what may be done only so often cannot be done now; NULL: it can. */
const char *case_again(Redress__Command__BodyCase command, const Redress__CaseState *state,
		       int64_t now_ms);

#endif
