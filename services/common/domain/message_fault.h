/*
 * What no reader may meet: one function that says whether a message can be used, stored and passed
 * on, for every message of every topic and of the hot view. A message kept for ever must not be
 * able to stop a reader, so every field has a bound here: texts and bytes their size, lists their
 * length, numbers and times their range. Pure.
 *
 * Times are held against when the broker got the message, so that every reader, whenever it reads,
 * says the same of it.
 */
#ifndef DOMAIN_MESSAGE_FAULT_H
#define DOMAIN_MESSAGE_FAULT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/* What is published is at most so large, in bytes: below what a broker takes by default. */
#define MESSAGE_MOST 1000000

/* In bytes; for whoever makes such a text: the catalogue, the rules, the doors. */
#define MESSAGE_CODE_MOST   100 /* of the catalogue, of a kind, a channel, a model's version */
#define MESSAGE_RULE_MOST   200 /* the name of a routing rule */
#define MESSAGE_ACTOR_MOST  254 /* an account */
#define MESSAGE_REASON_MOST 500 /* reasons for people; what a provider says */

/* Where a message was read. */
struct message_place {
	int32_t partition, partitions;
	int64_t at_ms; /* see message_time */
};

/* The time to hold a message's own times against: that of the broker, unless there is none or it
 * cannot be; then the reader's. */
int64_t message_time(int64_t broker_ms, int64_t now_ms);

/*
 * Whether the message cannot be used: fault then names the field and what is wrong, and nothing of
 * the content. message: NULL when it could not be unpacked.
 */
bool message_fault(const ProtobufCMessage *message, const struct message_place *place,
		   struct err *fault);

/* The first field of a message of this type, or of a part of it, that has no bound or another's;
 * NULL: every field has its own. */
const char *message_unbounded(const ProtobufCMessageDescriptor *type);
/* The packed size of the largest message of this type that has no fault. */
size_t message_largest(const ProtobufCMessageDescriptor *type);

#endif
