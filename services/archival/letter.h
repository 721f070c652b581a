/* What archival is sent: a message of one of its topics, unpacked and checked. Pure. */
#ifndef ARCHIVAL_LETTER_H
#define ARCHIVAL_LETTER_H

#include "case.pb-c.h"
#include "dead_letter.pb-c.h"
#include "grievance.pb-c.h"
#include "notification.pb-c.h"
#include "runtime/service.h"

struct letter {
	struct item *item;
	const ProtobufCMessage *content; /* of the type its topic carries; in the arena */
};

/* NULL, or what is wrong with it, for its dead letter. */
const char *letter_read(struct letter *letter, struct item *item, int32_t partitions,
			struct arena *arena) MUST_CHECK;

/* The content, when it is of this kind; else NULL. */
const Redress__CaseEvent *letter_event(const struct letter *letter);
const Redress__GrievanceReceived *letter_received(const struct letter *letter);
const Redress__NotificationOutcome *letter_outcome(const struct letter *letter);
const Redress__DeadLetter *letter_dead(const struct letter *letter);

#endif
