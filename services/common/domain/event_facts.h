/*
 * What each kind of event means, once: a row a kind. What a case looks like afterwards is
 * domain/case_state.h; how the events come about is domain/case_moves.h. Pure.
 */
#ifndef DOMAIN_EVENT_FACTS_H
#define DOMAIN_EVENT_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case.pb-c.h"

/* Who reads or is told something: a set of these. */
enum event_side {
	SIDE_CITIZEN = 1u << 0,
	SIDE_OFFICE = 1u << 1,
};

enum event_office {
	OFFICE_KEEPS,
	OFFICE_HAS_IT, /* the office named has the case from now on */
	OFFICE_ABOVE,  /* the office named watches over the case, and is the one that is told */
};

enum event_clock {
	CLOCK_KEEPS,
	CLOCK_SETS,    /* the event's deadline counts */
	CLOCK_STOPS,   /* it stands still while the citizen is asked */
	CLOCK_GOES_ON, /* if it stood still, with the event's deadline */
	CLOCK_ENDS,
};

struct event_facts {
	Redress__CaseEvent__BodyCase event;
	const char *kind; /* "opened": in the record, in texts and as the template's name */
	enum event_office office;
	enum event_clock clock;
	unsigned text; /* whose conversation its sealed text belongs to; 0: it carries none */
	unsigned told; /* enum event_side */
	bool not_self; /* of these, who did it is not told */
};

/* NULL: no kind that is known here. */
const struct event_facts *event_facts(Redress__CaseEvent__BodyCase event);
const struct event_facts *event_facts_of_kind(const char *kind);
/* All of them. */
const struct event_facts *event_facts_all(size_t *count);

/* "opened", "assigned", ...; EVENT_INTERNAL of what is only for colleagues. */
#define EVENT_INTERNAL "internal"
const char *event_kind(const Redress__CaseEvent *event);
/* Of colleagues for colleagues: its time and its kind are all that anybody else may see. */
bool event_is_internal(const Redress__CaseEvent *event);
bool event_is_by_citizen(const Redress__CaseEvent *event);

/* The sealed text that this side may read; NULL: none. */
const ProtobufCBinaryData *event_text(const Redress__CaseEvent *event, enum event_side side);
/* Whom a message tells of it: enum event_side. */
unsigned event_told(const Redress__CaseEvent *event);

/* What its body says; "", 0 or routine where it says nothing of the kind. */
const char *event_office(const Redress__CaseEvent *event);
const char *event_category(const Redress__CaseEvent *event);
int64_t event_deadline_ms(const Redress__CaseEvent *event);
Redress__Urgency event_urgency(const Redress__CaseEvent *event);

#endif
