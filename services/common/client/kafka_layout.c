#include "client/kafka_layout.h"

#include <stdio.h>
#include <string.h>

#include "client/kafka.h"
#include "domain/pipeline.h"
#include "util/text.h"

#define FLUSH_MS 30000
#define NAME     "partitions"

static int take_number(void *self, const struct kafka_message *message, struct err *err)
{
	(void)err;
	int32_t *partitions = self, found = 0;
	/* the first one that is one: what comes after it changes nothing */
	if (*partitions || message->key_len != strlen(NAME) ||
	    memcmp(message->key, NAME, message->key_len) != 0 || message->len > 3)
		return 0;
	for (size_t i = 0; i < message->len; i++) {
		char c = ((const char *)message->value)[i];
		found = c >= '0' && c <= '9' ? found * 10 + (c - '0') : 1000;
	}
	if (found <= PIPELINE_PARTITIONS_MAX)
		*partitions = found;
	return 0;
}

enum layout_outcome layout_read(const struct settings *settings, int32_t *partitions,
				struct err *err)
{
	int32_t found = 0, count;
	const struct kafka_partition all = {TOPIC_LAYOUT, 0, KAFKA_BEGINNING};
	/* else the library would wait for a topic that nobody has made */
	if (kafka_partition_count(settings, TOPIC_LAYOUT, &count, err) ||
	    kafka_replay(settings, &all, 1, take_number, &found, err))
		return LAYOUT_UNKNOWN;
	if (!found) {
		err_set(err, TOPIC_LAYOUT " says nothing yet: run redress-topics");
		return LAYOUT_UNKNOWN;
	}
	*partitions = found;
	return LAYOUT_HOLDS;
}

enum layout_outcome layout_check(const struct settings *settings, const char *const *topics,
				 size_t count, int32_t *partitions, struct err *err)
{
	int32_t begun, there;
	enum layout_outcome outcome = layout_read(settings, &begun, err);
	for (size_t i = 0; outcome == LAYOUT_HOLDS && i < count; i++) {
		if (kafka_partition_count(settings, topics[i], &there, err)) {
			outcome = LAYOUT_UNKNOWN;
		} else if (there != begun) {
			err_set(err,
				"topic %s has %d partitions, but this installation was begun with "
				"%d: cases would not be found where they are",
				topics[i], there, begun);
			outcome = LAYOUT_BROKEN;
		}
	}
	if (outcome == LAYOUT_HOLDS)
		*partitions = begun;
	return outcome;
}

static void on_delivered(void *self, void *tag, const struct kafka_delivery *delivery)
{
	(void)tag;
	if (delivery->error)
		err_set(self, "%s", delivery->error);
}

static int write_number(const struct settings *settings, int32_t partitions, struct err *err)
{
	char value[24];
	struct err refused = {""};
	const struct kafka_producer_options options = {.delivered = on_delivered,
						       .self = &refused,
						       .message_timeout_ms = FLUSH_MS,
						       .queue_max_messages = 1,
						       .queue_max_bytes = 1024 * 1024};
	struct kafka_producer *producer = kafka_producer_new(settings, &options, err);
	if (!producer)
		return -1;
	size_t len = text_decimal(value, partitions);
	int result = kafka_produce(producer, TOPIC_LAYOUT, 0, NAME, strlen(NAME), value, len, NULL,
				   0, NULL, err) == KAFKA_SENT
			 ? kafka_producer_flush(producer, FLUSH_MS, err)
			 : -1;
	if (!result && *refused.text)
		result = err_set(err, "%s", refused.text);
	kafka_producer_free(&producer, 0);
	return result ? err_context(err, TOPIC_LAYOUT) : 0;
}

int layout_write(const struct settings *settings, int32_t partitions, int32_t replicas,
		 struct err *err)
{
	int32_t before;
	if (kafka_topic_create(settings, TOPIC_LAYOUT, 1, replicas, -1, PIPELINE_MAX_BYTES, err))
		return -1;
	return layout_read(settings, &before, err) == LAYOUT_HOLDS
		   ? 0
		   : write_number(settings, partitions, err);
}
