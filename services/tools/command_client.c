#include "command_client.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "client/cloud_event.h"
#include "client/kafka.h"
#include "domain/case_number.h"
#include "domain/pipeline.h"
#include "util/clock.h"
#include "util/text.h"

#define ID_SIZE    16
#define FLUSH_MS   10000
#define AT_ONCE    100
#define EVENTS_MAX (sizeof(((struct command_result *)NULL)->events) / sizeof(void *))

const struct setting command_client_settings[] = {
    {"command.wait", SETTING_DURATION, "10s", 0, 600000, "how long to wait for routing's answer"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* Why the broker certainly has not taken the command; "": it has, or may have. */
static void on_delivered(void *self, void *tag, const struct kafka_delivery *delivery)
{
	(void)tag;
	if (delivery->error && !delivery->perhaps)
		err_set(self, "the broker did not take it: %s", delivery->error);
}

static int produce(struct kafka_producer *producer, int32_t partition,
		   const Redress__Command *command, const void *packed, size_t size,
		   struct err *err)
{
	char key[CASE_NUMBER_TEXT_SIZE], id[2 * ID_SIZE + 1], time[CLOCK_RFC3339_SIZE];
	case_number_format(command->number, key);
	text_hex(id, command->id.data, ID_SIZE);
	clock_rfc3339(command->at_ms, time);
	struct kafka_header headers[CLOUD_EVENT_HEADERS];
	cloud_event(headers, id, "redress.case.command", "redress/tools", time);
	if (kafka_produce(producer, TOPIC_COMMANDS, partition, key, strlen(key), packed, size,
			  headers, CLOUD_EVENT_HEADERS, NULL, err) != KAFKA_SENT)
		return -1;
	/* longer than the message can be under way */
	return kafka_producer_flush(producer, 2 * FLUSH_MS, err);
}

static int send(const struct settings *settings, struct arena *arena, int32_t partition,
		const Redress__Command *command, struct err *err)
{
	struct err refused = {""};
	size_t size = redress__command__get_packed_size(command);
	uint8_t *packed = arena_take(arena, size);
	redress__command__pack(command, packed);
	const struct kafka_producer_options options = {
	    .delivered = on_delivered,
	    .self = &refused,
	    .message_timeout_ms = FLUSH_MS,
	    .queue_max_messages = 10,
	    .queue_max_bytes = 4 * 1024 * 1024,
	};
	struct kafka_producer *producer = kafka_producer_new(settings, &options, err);
	if (!producer)
		return -1;
	int result = produce(producer, partition, command, packed, size, err);
	if (!result && *refused.text)
		result = err_set(err, "%s", refused.text);
	kafka_producer_free(&producer, 0);
	return result;
}

/* ---- what came of it ------------------------------------------------------------------------ */

static void take_event(struct command_result *result, struct arena *arena,
		       const Redress__Command *command, const struct kafka_message *message)
{
	const Redress__CaseEvent *event =
	    redress__case_event__unpack(arena_protobuf(arena), message->len, message->value);
	if (!event || event->cause.len != command->id.len || result->count == EVENTS_MAX ||
	    memcmp(event->cause.data, command->id.data, command->id.len) != 0)
		return;
	result->events[result->count++] = event;
	result->outcome = event->version ? COMMAND_DONE : COMMAND_REFUSED;
}

/* The events of one command stand together in one transaction: when no more comes after the first
 * one, there are no more. */
static int wait_for_events(struct kafka_consumer *reader, struct arena *arena,
			   const Redress__Command *command, int64_t wait_ms,
			   struct command_result *result, struct err *err)
{
	struct kafka_message messages[AT_ONCE];
	int64_t until = clock_mono_us() + wait_ms * 1000;
	int got = 1;
	while (clock_mono_us() < until && (got || !result->count)) {
		got = kafka_consumer_poll(reader, 50, messages, AT_ONCE, err);
		if (got < 0)
			return -1;
		for (int i = 0; i < got; i++)
			take_event(result, arena, command, &messages[i]);
		kafka_consumer_release(reader, messages, (size_t)got);
	}
	return 0;
}

int command_client_send(const struct settings *settings, struct arena *arena,
			Redress__Command *command, struct command_result *result, struct err *err)
{
	int32_t partitions;
	int64_t first;
	struct err unheard;
	struct kafka_partition from = {.topic = TOPIC_EVENTS};
	*result = (struct command_result){.outcome = COMMAND_UNKNOWN};
	command->id.data = arena_take(arena, ID_SIZE);
	command->id.len = ID_SIZE;
	randombytes_buf(command->id.data, ID_SIZE);
	if (kafka_partition_count(settings, TOPIC_COMMANDS, &partitions, err))
		return -1;
	from.partition = case_number_partition(command->number, partitions);
	/* what is said from here on may be the answer */
	if (kafka_offset_range(settings, TOPIC_EVENTS, from.partition, &first, &from.offset, err))
		return -1;
	struct kafka_consumer *reader = kafka_reader_new(settings, &from, 1, err);
	if (!reader)
		return -1;
	int sent = send(settings, arena, from.partition, command, err);
	/* sent is sent: not hearing of it is no failure to send */
	if (!sent && wait_for_events(reader, arena, command, settings_int(settings, "command.wait"),
				     result, &unheard))
		result->outcome = COMMAND_UNKNOWN;
	kafka_consumer_free(&reader);
	return sent;
}
