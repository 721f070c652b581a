#include "domain/event_facts.h"

#include <string.h>

#define KIND(name) [REDRESS__CASE_EVENT__BODY_##name] = {REDRESS__CASE_EVENT__BODY_##name
#define CITIZEN    SIDE_CITIZEN
#define OFFICE     SIDE_OFFICE
#define BOTH       (SIDE_CITIZEN | SIDE_OFFICE)

/* clang-format off */
static const struct event_facts facts[] = {
	/*                kind         office         clock          text     told     not_self */
	KIND(OPENED),    "opened",    OFFICE_KEEPS,  CLOCK_KEEPS,   0,       0,       false},
	KIND(ASSIGNED),  "assigned",  OFFICE_HAS_IT, CLOCK_SETS,    0,       BOTH,    false},
	KIND(ACCEPTED),  "accepted",  OFFICE_KEEPS,  CLOCK_KEEPS,   0,       0,       false},
	/* an internal one: its text and itself only for the office, and nobody is told */
	KIND(COMMENTED), "commented", OFFICE_KEEPS,  CLOCK_KEEPS,   BOTH,    BOTH,    true},
	KIND(ASKED),     "asked",     OFFICE_KEEPS,  CLOCK_STOPS,   BOTH,    CITIZEN, false},
	KIND(REPLIED),   "replied",   OFFICE_KEEPS,  CLOCK_GOES_ON, BOTH,    OFFICE,  false},
	KIND(ANSWERED),  "answered",  OFFICE_KEEPS,  CLOCK_ENDS,    BOTH,    CITIZEN, false},
	KIND(CLOSED),    "closed",    OFFICE_KEEPS,  CLOCK_ENDS,    0,       CITIZEN, false},
	KIND(REOPENED),  "reopened",  OFFICE_KEEPS,  CLOCK_SETS,    BOTH,    BOTH,    false},
	KIND(WITHDRAWN), "withdrawn", OFFICE_KEEPS,  CLOCK_ENDS,    0,       OFFICE,  false},
	KIND(CORRECTED), "corrected", OFFICE_KEEPS,  CLOCK_KEEPS,   0,       0,       false},
	KIND(ESCALATED), "escalated", OFFICE_ABOVE,  CLOCK_SETS,    0,       BOTH,    false},
	KIND(ALIASED),   "aliased",   OFFICE_KEEPS,  CLOCK_ENDS,    0,       0,       false},
	KIND(REFUSED),   "refused",   OFFICE_KEEPS,  CLOCK_KEEPS,   0,       0,       false},
	/* the contact is gone with the rest */
	KIND(ERASED),    "erased",    OFFICE_KEEPS,  CLOCK_ENDS,    0,       OFFICE,  false},
	KIND(RESUMED),   "resumed",   OFFICE_KEEPS,  CLOCK_GOES_ON, 0,       OFFICE,  false},
	KIND(RATED),     "rated",     OFFICE_KEEPS,  CLOCK_KEEPS,   0,       0,       false},
	KIND(REMINDED),  "reminded",  OFFICE_KEEPS,  CLOCK_KEEPS,   0,       OFFICE,  false},
	KIND(GIVEN),     "given",     OFFICE_KEEPS,  CLOCK_KEEPS,   0,       0,       false},
	KIND(RELEASED),  "released",  OFFICE_KEEPS,  CLOCK_KEEPS,   0,       0,       false},
	KIND(PRIORITIZED), "prioritized", OFFICE_KEEPS, CLOCK_SETS, BOTH,    BOTH,    false},
};
/* clang-format on */
#define COUNT (sizeof(facts) / sizeof(*facts))
#define FIRST REDRESS__CASE_EVENT__BODY_OPENED

const struct event_facts *event_facts(Redress__CaseEvent__BodyCase event)
{
	return (size_t)event < COUNT && facts[event].kind ? &facts[event] : NULL;
}

const struct event_facts *event_facts_of_kind(const char *kind)
{
	for (size_t i = FIRST; i < COUNT; i++) {
		if (strcmp(facts[i].kind, kind) == 0)
			return &facts[i];
	}
	return NULL;
}

const struct event_facts *event_facts_all(size_t *count)
{
	*count = COUNT - FIRST;
	return facts + FIRST;
}

bool event_is_internal(const Redress__CaseEvent *event)
{
	return event->body_case == REDRESS__CASE_EVENT__BODY_COMMENTED && event->commented &&
	       !event->commented->public_;
}

bool event_is_by_citizen(const Redress__CaseEvent *event)
{
	return event->actor && event->actor->kind == REDRESS__ACTOR__KIND__CITIZEN;
}

const char *event_kind(const Redress__CaseEvent *event)
{
	const struct event_facts *row = event_facts(event->body_case);
	if (event_is_internal(event))
		return EVENT_INTERNAL;
	return row ? row->kind : "unknown";
}

unsigned event_told(const Redress__CaseEvent *event)
{
	const struct event_facts *row = event_facts(event->body_case);
	if (!row || event_is_internal(event))
		return 0;
	unsigned self = event_is_by_citizen(event) ? SIDE_CITIZEN : SIDE_OFFICE;
	return row->not_self ? row->told & ~self : row->told;
}

/* ---- what a body says, by the names of its fields ------------------------------------------- */

/* The field of that name in the event's body; NULL: its kind has none. */
static const void *in_body(const Redress__CaseEvent *event, const char *name)
{
	const ProtobufCFieldDescriptor *body = protobuf_c_message_descriptor_get_field(
	    &redress__case_event__descriptor, (unsigned)event->body_case);
	const ProtobufCMessage *message;
	if (!body)
		return NULL;
	memcpy(&message, (const char *)event + body->offset, sizeof(message));
	const ProtobufCFieldDescriptor *field =
	    message ? protobuf_c_message_descriptor_get_field_by_name(body->descriptor, name)
		    : NULL;
	return field ? (const char *)message + field->offset : NULL;
}

const ProtobufCBinaryData *event_text(const Redress__CaseEvent *event, enum event_side side)
{
	const struct event_facts *row = event_facts(event->body_case);
	if (!row || !(row->text & side) || (side == SIDE_CITIZEN && event_is_internal(event)))
		return NULL;
	return in_body(event, "sealed_text");
}

static const char *text_in_body(const Redress__CaseEvent *event, const char *name)
{
	const void *text = in_body(event, name);
	return text ? *(char *const *)text : "";
}

const char *event_office(const Redress__CaseEvent *event)
{
	return text_in_body(event, "office");
}

const char *event_category(const Redress__CaseEvent *event)
{
	return text_in_body(event, "category");
}

int64_t event_deadline_ms(const Redress__CaseEvent *event)
{
	const int64_t *deadline_ms = in_body(event, "deadline_ms");
	return deadline_ms ? *deadline_ms : 0;
}

Redress__Urgency event_urgency(const Redress__CaseEvent *event)
{
	const Redress__Urgency *urgency = in_body(event, "urgency");
	return urgency ? *urgency : REDRESS__URGENCY__ROUTINE;
}
