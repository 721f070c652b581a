#include "letter.h"

#include <string.h>

#include "domain/case_number.h"
#include "domain/message_check.h"
#include "domain/pipeline.h"

#define EARLIEST_MS CASE_NUMBER_EPOCH_MS
#define LATEST_MS   INT64_C(4102444800000) /* 2100: further is a broken clock, not an event */

/* ---- of which kind -------------------------------------------------------------------------- */

static const void *content_of(const struct letter *letter, const ProtobufCMessageDescriptor *kind)
{
	return letter->content->descriptor == kind ? letter->content : NULL;
}

const Redress__CaseEvent *letter_event(const struct letter *letter)
{
	return content_of(letter, &redress__case_event__descriptor);
}

const Redress__GrievanceReceived *letter_received(const struct letter *letter)
{
	return content_of(letter, &redress__grievance_received__descriptor);
}

const Redress__NotificationOutcome *letter_outcome(const struct letter *letter)
{
	return content_of(letter, &redress__notification_outcome__descriptor);
}

const Redress__DeadLetter *letter_dead(const struct letter *letter)
{
	return content_of(letter, &redress__dead_letter__descriptor);
}

/* ---- what is wrong -------------------------------------------------------------------------- */

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

static bool time_is_sane(int64_t ms)
{
	return ms >= EARLIEST_MS && ms < LATEST_MS;
}

/* PostgreSQL would refuse the whole batch for a time that it cannot have. */
static bool times_are_sane(const Redress__CaseEvent *event)
{
	int64_t deadline_ms = 0;
	switch (event->body_case) {
	case REDRESS__CASE_EVENT__BODY_ASSIGNED:
		deadline_ms = event->assigned->deadline_ms;
		break;
	case REDRESS__CASE_EVENT__BODY_REOPENED:
		deadline_ms = event->reopened->deadline_ms;
		break;
	case REDRESS__CASE_EVENT__BODY_ESCALATED:
		deadline_ms = event->escalated->deadline_ms;
		break;
	case REDRESS__CASE_EVENT__BODY_ALIASED:
		deadline_ms = event->aliased->received_at_ms;
		break;
	default:
		break;
	}
	return time_is_sane(event->at_ms) && (!deadline_ms || time_is_sane(deadline_ms));
}

static const char *fault_of_event(const Redress__CaseEvent *event)
{
	if (!event->number || event->body_case == REDRESS__CASE_EVENT__BODY__NOT_SET)
		return "the event is of no case or says nothing that is known here";
	if (!times_are_sane(event))
		return "the event's time is none that can be";
	if ((event->version == 0) != (event->body_case == REDRESS__CASE_EVENT__BODY_REFUSED))
		return "the event has no version";
	if (event->body_case == REDRESS__CASE_EVENT__BODY_OPENED &&
	    (!event->opened->grievance || !time_is_sane(event->opened->grievance->received_at_ms)))
		return "the grievance that was opened is missing or has no time";
	return NULL;
}

static const char *fault_of_received(const Redress__GrievanceReceived *received)
{
	const Redress__Grievance *grievance = received->grievance;
	if (!grievance || !grievance->number || !received->key || !received->epoch)
		return "the grievance, its key or its epoch is missing";
	if (received->epoch->id.len != 16 || !time_is_sane(received->epoch->started_at_ms) ||
	    !time_is_sane(grievance->received_at_ms))
		return "the grievance's time or epoch is none that can be";
	return NULL;
}

static const char *fault_of_outcome(const Redress__NotificationOutcome *outcome, int32_t partition,
				    int32_t partitions)
{
	if (!outcome->job || outcome->job->key.len != 16 || !outcome->job->number)
		return "the outcome is of no notification";
	/* the offset tells the outcomes of a message apart, within their partition */
	if (case_number_partition(outcome->job->number, partitions) != partition)
		return "its case belongs to another partition";
	if (!time_is_sane(outcome->at_ms) || !time_is_sane(outcome->first_at_ms) ||
	    (outcome->next_at_ms && !time_is_sane(outcome->next_at_ms)))
		return "the outcome's time is none that can be";
	return NULL;
}

static const char *fault_of(const struct letter *letter, int32_t partitions)
{
	if (!letter->content)
		return "is not the message that its topic carries";
	if (message_bad_text(letter->content))
		return "has text that is not UTF-8, or a field that cannot be";
	if (letter_event(letter))
		return fault_of_event(letter_event(letter));
	if (letter_received(letter))
		return fault_of_received(letter_received(letter));
	if (letter_outcome(letter))
		return fault_of_outcome(letter_outcome(letter), letter->item->message.partition,
					partitions);
	return time_is_sane(letter_dead(letter)->at_ms)
		   ? NULL
		   : "the dead letter's time is none that can be";
}

const char *letter_read(struct letter *letter, struct item *item, int32_t partitions,
			struct arena *arena)
{
	const struct kafka_message *message = &item->message;
	letter->item = item;
	letter->content = protobuf_c_message_unpack(type_of(message->topic), arena_protobuf(arena),
						    message->len, message->value);
	return fault_of(letter, partitions);
}
