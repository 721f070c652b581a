/*
 * What a command makes happen to a case: whether the table of domain/case_moves.h allows it, and
 * the events that follow. Pure: the case as it is, the command, where routing would place the case,
 * and the time go in; numbered events come out. Refusals are events too, with version 0.
 */
#ifndef ROUTING_DECIDE_H
#define ROUTING_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "case.pb-c.h"
#include "domain/reason.h"
#include "util/arena.h"

#define DECISION_EVENTS 2

struct decision {
	Redress__CaseEvent *events[DECISION_EVENTS];
	size_t count; /* 0: the command had been applied before */
};

/* Where a case goes and until when, as the rules and the catalogue say at this moment. */
struct placement {
	const char *office, *agency;
	int64_t deadline_ms;  /* when the office (or the next level) must have answered */
	const char *rule;     /* the rule that decided; "" when none or a person did */
	struct reason reason; /* why a person must decide; without a code when not */
	bool triage;
	uint32_t level; /* Escalate: the level reached */
	/* Open: the category is only suggested, a person must say it */
	bool suggestion;
	/* Open, Correct: as the catalogue has it for what was declared; why: Opened.urgency_reason
	 */
	Redress__Urgency urgency;
	const char *urgency_reason;
	/* Ask: until when the clock may stand still, and what is left of it then */
	int64_t waiting_until_ms, remaining_ms;
	int64_t closes_at_ms; /* of an answer */
	bool remaining_elapsed;
	/* for every command: whose case it is since its own office was retired; NULL or "":
	 * nobody's */
	const char *acting_office;
	struct reason refusal; /* with a code: it cannot be placed as the command wants */
};

/* Whether decide() will look at a placement for this command in this state. */
bool decide_wants_placement(const Redress__CaseState *state, const Redress__Command *command);

/*
 * A rightful Open for a case that is there, of another submission than the one that opened it:
 * nothing to decide, but not to be passed over as a repetition either. same_as as below.
 */
bool decide_is_number_taken(const Redress__CaseState *state, const Redress__Command *command,
			    uint64_t same_as);

/*
 * state: NULL when there is no such case. same_as: for Open, the number of a case that the same
 * submission made before, else 0. Events are in the arena and share the command's memory.
 */
struct decision decide(struct arena *arena, const Redress__CaseState *state,
		       const Redress__Command *command, const struct placement *placement,
		       uint64_t same_as, int64_t now_ms);

#endif
