/* What a handler gives back. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/message_fault.h"
#include "runtime/runtime_private.h"
#include "util/alloc.h"
#include "util/text.h"

#define TRACEPARENT_MOST 128 /* W3C Trace Context has 55 bytes, and may grow */

void item_dead(struct item *item, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	text_vformat(item->reason.text, sizeof(item->reason.text), format, args);
	va_end(args);
	item->dead = true;
}

bool item_faulty(struct item *item, const ProtobufCMessage *content, int32_t partitions,
		 int64_t now_ms)
{
	struct err fault;
	const struct message_place place = {item->message.partition, partitions,
					    message_time(item->message.timestamp_ms, now_ms)};
	if (!message_fault(content, &place, &fault))
		return false;
	item_dead(item, "%s", fault.text);
	return true;
}

static bool may_write(const struct pipeline_stage *stage, const char *topic)
{
	for (size_t i = 0; stage->writes[i]; i++) {
		if (strcmp(stage->writes[i], topic) == 0)
			return true;
	}
	return false;
}

void outbox_add(struct outbox *outbox, const char *topic, uint64_t number, const char *type,
		const void *value, size_t len)
{
	assert(may_write(outbox->stage, topic) && "not a topic of this stage of the pipeline");
	if (outbox->count == outbox->room) {
		outbox->room = outbox->room ? outbox->room * 2 : 1024;
		outbox->entries =
		    x_realloc(outbox->entries, outbox->room, sizeof(*outbox->entries));
	}
	struct outbox_entry *entry = &outbox->entries[outbox->count++];
	*entry = (struct outbox_entry){topic,
				       number,
				       type,
				       value,
				       len,
				       outbox->cause,
				       outbox->traceparent,
				       outbox->traceparent_len};
}

void outbox_cause(struct outbox *outbox, const struct item *item)
{
	outbox->cause = item;
	outbox->traceparent =
	    item ? kafka_message_header(&item->message, "traceparent", &outbox->traceparent_len)
		 : NULL;
	if (outbox->traceparent && outbox->traceparent_len > TRACEPARENT_MOST)
		outbox->traceparent = NULL;
}

size_t outbox_count(const struct outbox *outbox)
{
	return outbox->count;
}

void outbox_clear(struct outbox *outbox)
{
	outbox->count = 0;
	outbox->cause = NULL;
	outbox->traceparent = NULL;
}

void outbox_free(struct outbox *outbox)
{
	free(outbox->entries);
	*outbox = (struct outbox){0};
}
