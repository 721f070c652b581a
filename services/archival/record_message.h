/* What archival is sent: a message of one of its topics, unpacked and checked. Pure. */
#ifndef ARCHIVAL_RECORD_MESSAGE_H
#define ARCHIVAL_RECORD_MESSAGE_H

#include "case.pb-c.h"
#include "dead_letter.pb-c.h"
#include "grievance.pb-c.h"
#include "notification.pb-c.h"
#include "runtime/service.h"

struct record_message {
	struct item *item;
	const ProtobufCMessage *content; /* of the type its topic carries; in the arena */
};

/* false: it has a fault, and the item is dead. */
bool record_message_read(struct record_message *message, struct item *item, int32_t partitions,
			 int64_t now_ms, struct arena *arena) MUST_CHECK;

/* The content, when it is of this kind; else NULL. */
const Redress__CaseEvent *record_message_event(const struct record_message *message);
const Redress__GrievanceReceived *record_message_received(const struct record_message *message);
const Redress__NotificationOutcome *record_message_outcome(const struct record_message *message);
const Redress__DeadLetter *record_message_dead(const struct record_message *message);

#endif
