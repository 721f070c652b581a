/*
 * The runtime's loop without exactly-once, to measure what that costs: an idempotent producer, a
 * flush, then a synchronous commit of the offsets. A stage's own sources, linked with this in
 * place of runtime/pump.c, are the same stage run at-least-once. Never part of the product: it
 * has no dead letters and ends at the first failure.
 */
#include <librdkafka/rdkafka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka_private.h"
#include "domain/case_number.h"
#include "runtime/runtime_private.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define POLL_MS	 20
#define FLUSH_MS 30000

struct loop {
	struct runtime *runtime;
	struct kafka_consumer *consumer;
	struct kafka_producer *producer;
	struct kafka_message *messages;
	struct item *items;
	size_t max;
	struct arena *arena;
	struct outbox outbox;
	struct kafka_partition *written; /* of the one topic that the stage writes */
	uint64_t event_id;
};

static void on_delivered(void *self, void *tag, int32_t partition, int64_t offset,
			 const char *error)
{
	struct loop *loop = self;
	(void)tag;
	if (error)
		fatal("not delivered: %s", error);
	loop->written[partition].offset = offset + 1;
}

static void send_outbox(struct loop *loop, int64_t now_ms)
{
	struct err err;
	char key[CASE_NUMBER_TEXT_SIZE], id[40], time[CLOCK_RFC3339_SIZE];
	const char *source = loop->runtime->source;
	clock_rfc3339(now_ms, time);
	for (size_t i = 0; i < loop->outbox.count; i++) {
		const struct outbox_entry *entry = &loop->outbox.entries[i];
		snprintf(id, sizeof(id), "0123456789abcdef-%llx",
			 (unsigned long long)loop->event_id++);
		const struct kafka_header headers[] = {
		    {"ce_specversion", "1.0", 3},
		    {"ce_id", id, strlen(id)},
		    {"ce_type", entry->type, strlen(entry->type)},
		    {"ce_source", source, strlen(source)},
		    {"ce_time", time, strlen(time)},
		    {"content-type", "application/protobuf", 20},
		};
		case_number_format(entry->number, key);
		while (
		    kafka_produce(loop->producer, entry->topic,
				  case_number_partition(entry->number, loop->runtime->partitions),
				  key, sizeof(key) - 1, entry->value, entry->len, headers, 6, NULL,
				  &err) == KAFKA_FULL)
			kafka_producer_poll(loop->producer, 5);
	}
}

static void commit_offsets(struct loop *loop)
{
	rd_kafka_resp_err_t error = rd_kafka_commit(kafka_consumer_handle(loop->consumer), NULL, 0);
	if (error && error != RD_KAFKA_RESP_ERR__NO_OFFSET)
		fatal("commit: %s", rd_kafka_err2str(error));
}

/* The consumer commits what is stored, so that the commit covers exactly this batch. */
static void store_offset(struct loop *loop, const struct kafka_message *message)
{
	char name[KAFKA_TOPIC_SIZE];
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	kafka_topic_name(loop->runtime->settings, message->topic, name);
	rd_kafka_topic_partition_list_add(list, name, message->partition)->offset =
	    message->offset + 1;
	if (rd_kafka_offsets_store(kafka_consumer_handle(loop->consumer), list))
		fatal("an offset cannot be stored");
	rd_kafka_topic_partition_list_destroy(list);
}

static void store_offsets(struct loop *loop, size_t got)
{
	/* Batches hold runs of one partition: only the last message of a run counts. */
	for (size_t i = 0; i < got; i++) {
		if (i + 1 == got || loop->messages[i].partition != loop->messages[i + 1].partition)
			store_offset(loop, &loop->messages[i]);
	}
}

static void publish(struct loop *loop, int64_t now_ms, size_t got)
{
	struct err err;
	size_t count = 0, partitions = (size_t)loop->runtime->partitions;
	struct kafka_partition *positions = x_calloc(partitions, sizeof(*positions));
	for (size_t i = 0; i < partitions; i++)
		loop->written[i].offset = 0;
	send_outbox(loop, now_ms);
	if (kafka_producer_flush(loop->producer, FLUSH_MS, &err))
		fatal("%s", err.text);
	store_offsets(loop, got);
	if (got)
		commit_offsets(loop);
	for (size_t i = 0; i < partitions; i++) {
		if (loop->written[i].offset)
			positions[count++] = loop->written[i];
	}
	if (loop->runtime->service->committed)
		loop->runtime->service->committed(loop->runtime->self, positions, count);
	free(positions);
}

static void run_batch(struct loop *loop, size_t got)
{
	struct err err;
	struct batch batch = {loop->items, got, loop->arena, clock_now_ms()};
	for (size_t i = 0; i < got; i++)
		loop->items[i] = (struct item){.message = loop->messages[i]};
	outbox_clear(&loop->outbox);
	if (loop->runtime->service->handle(loop->runtime->self, &batch, &loop->outbox, &err))
		fatal("%s", err.text);
	publish(loop, batch.now_ms, got);
	kafka_consumer_release(loop->consumer, loop->messages, got);
	arena_reset(loop->arena);
}

static void run_tick(struct loop *loop)
{
	struct err err;
	int64_t now_ms = clock_now_ms();
	if (!loop->runtime->service->tick)
		return;
	outbox_clear(&loop->outbox);
	if (loop->runtime->service->tick(loop->runtime->self, loop->arena, now_ms, &loop->outbox,
					 &err))
		fatal("%s", err.text);
	if (loop->outbox.count)
		publish(loop, now_ms, 0);
	arena_reset(loop->arena);
}

static int run_loop(struct loop *loop, struct err *err)
{
	while (!runtime_stopping(loop->runtime)) {
		int got =
		    kafka_consumer_poll(loop->consumer, POLL_MS, loop->messages, loop->max, err);
		if (got < 0)
			return -1;
		if (got > 0)
			run_batch(loop, (size_t)got);
		run_tick(loop);
		runtime_beat(loop->runtime);
	}
	return 0;
}

static int connect_kafka(struct loop *loop, struct err *err)
{
	struct runtime *runtime = loop->runtime;
	const struct kafka_producer_options options = {
	    .delivered = on_delivered,
	    .self = loop,
	    .linger_ms = 5,
	    .message_timeout_ms = 14000,
	    .queue_max_messages = 1000000,
	    .queue_max_bytes = INT64_C(64) * 1024 * 1024,
	};
	const struct kafka_rebalance rebalance = {runtime->service->assigned,
						  runtime->service->revoked, runtime->self};
	loop->producer = kafka_producer_new(runtime->settings, &options, err);
	loop->consumer = kafka_consumer_new(runtime->settings, runtime->service->name,
					    runtime->stage->reads, &rebalance, err);
	return loop->producer && loop->consumer ? 0 : -1;
}

int pump_run(struct runtime *runtime, struct err *err)
{
	struct loop loop = {.runtime = runtime, .arena = arena_new()};
	loop.max = (size_t)settings_int(runtime->settings, "batch.messages");
	loop.messages = x_calloc(loop.max, sizeof(*loop.messages));
	loop.items = x_calloc(loop.max, sizeof(*loop.items));
	loop.outbox.stage = runtime->stage;
	loop.written = x_calloc((size_t)runtime->partitions, sizeof(*loop.written));
	for (int32_t i = 0; i < runtime->partitions; i++)
		loop.written[i] = (struct kafka_partition){runtime->stage->writes[0], i, 0};
	int result = connect_kafka(&loop, err);
	if (!result)
		result = run_loop(&loop, err);
	kafka_consumer_free(&loop.consumer);
	kafka_producer_free(&loop.producer, 0);
	outbox_free(&loop.outbox);
	arena_free(&loop.arena);
	free(loop.messages);
	free(loop.items);
	free(loop.written);
	return result;
}
