#include "record_message.h"

#include <string.h>

#include "domain/pipeline.h"

/* ---- of which kind -------------------------------------------------------------------------- */

static const void *content_of(const struct record_message *message,
			      const ProtobufCMessageDescriptor *kind)
{
	return message->content->descriptor == kind ? message->content : NULL;
}

const Redress__CaseEvent *record_message_event(const struct record_message *message)
{
	return content_of(message, &redress__case_event__descriptor);
}

const Redress__GrievanceReceived *record_message_received(const struct record_message *message)
{
	return content_of(message, &redress__grievance_received__descriptor);
}

const Redress__NotificationOutcome *record_message_outcome(const struct record_message *message)
{
	return content_of(message, &redress__notification_outcome__descriptor);
}

const Redress__DeadLetter *record_message_dead(const struct record_message *message)
{
	return content_of(message, &redress__dead_letter__descriptor);
}

/* ---- reading -------------------------------------------------------------------------------- */

static const ProtobufCMessageDescriptor *type_of(const char *topic)
{
	const char *carries = pipeline_topic(topic)->carries;
	if (strcmp(carries, "GrievanceReceived") == 0)
		return &redress__grievance_received__descriptor;
	if (strcmp(carries, "CaseEvent") == 0)
		return &redress__case_event__descriptor;
	if (strcmp(carries, "NotificationOutcome") == 0)
		return &redress__notification_outcome__descriptor;
	return &redress__dead_letter__descriptor;
}

bool record_message_read(struct record_message *message, struct item *item, int32_t partitions,
			 int64_t now_ms, struct arena *arena)
{
	const struct kafka_message *source = &item->message;
	message->item = item;
	message->content = protobuf_c_message_unpack(type_of(source->topic), arena_protobuf(arena),
						     source->len, source->value);
	return !item_faulty(item, message->content, partitions, now_ms);
}
