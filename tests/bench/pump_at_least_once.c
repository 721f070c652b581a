/*
 * The runtime's loop without exactly-once, to measure what that costs: an idempotent producer, a
 * flush, then a synchronous commit of the offsets. A stage's own sources, linked with this in place
 * of runtime/pump.c, are the same stage run at-least-once. Never part of the product: it ends at
 * the first failure.
 */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka_private.h"
#include "runtime/publisher.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define POLL_MS 20
#define TICK_MS 100

struct loop {
	struct runtime *runtime;
	struct kafka_consumer *consumer;
	struct publisher *publisher;
	struct kafka_message *messages;
	struct item *items;
	size_t max;
	struct arena *arena;
	struct outbox outbox;
	int64_t ticked_us;
	struct metric *read;
};

/* The offset after the last message of each partition of the batch. */
static void commit_offsets(struct loop *loop, size_t got)
{
	char name[KAFKA_TOPIC_SIZE];
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	for (size_t i = 0; i < got; i++) {
		const struct kafka_message *message = &loop->messages[i];
		kafka_topic_name(loop->runtime->settings, message->topic, name);
		rd_kafka_topic_partition_t *place =
		    rd_kafka_topic_partition_list_find(list, name, message->partition);
		if (!place)
			place = rd_kafka_topic_partition_list_add(list, name, message->partition);
		place->offset = message->offset + 1;
	}
	rd_kafka_resp_err_t error = rd_kafka_commit(kafka_consumer_handle(loop->consumer), list, 0);
	if (error)
		fatal("commit: %s", rd_kafka_err2str(error));
	rd_kafka_topic_partition_list_destroy(list);
}

static void publish(struct loop *loop, const struct batch *batch, size_t got)
{
	struct err err;
	size_t count;
	publisher_begin(loop->publisher);
	if (publisher_send(loop->publisher, &loop->outbox, batch, &err) ||
	    publisher_flush(loop->publisher, &err))
		fatal("%s", err.text);
	if (got)
		commit_offsets(loop, got);
	const struct kafka_partition *written = publisher_written(loop->publisher, &count);
	if (loop->runtime->service->committed)
		loop->runtime->service->committed(loop->runtime->self, written, count);
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
	publish(loop, &batch, got);
	metric_add(loop->read, (int64_t)got);
	kafka_consumer_release(loop->consumer, loop->messages, got);
	arena_reset(loop->arena);
}

static void run_tick(struct loop *loop)
{
	struct err err;
	int64_t now_us = clock_mono_us();
	if (!loop->runtime->service->tick || now_us - loop->ticked_us < TICK_MS * 1000)
		return;
	loop->ticked_us = now_us;
	struct batch nothing = {NULL, 0, loop->arena, clock_now_ms()};
	outbox_clear(&loop->outbox);
	if (loop->runtime->service->tick(loop->runtime->self, loop->arena, nothing.now_ms,
					 &loop->outbox, &err))
		fatal("%s", err.text);
	if (loop->outbox.count)
		publish(loop, &nothing, 0);
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

static int on_assigned(void *self, struct kafka_partition *partitions, size_t count,
		       struct err *err)
{
	struct loop *loop = self;
	const struct service *service = loop->runtime->service;
	if (count && service->assigned &&
	    service->assigned(loop->runtime->self, partitions, count, err))
		return -1;
	loop->runtime->joined = true;
	return 0;
}

int pump_run(struct runtime *runtime, struct err *err)
{
	char label[64];
	struct loop loop = {.runtime = runtime, .arena = arena_new()};
	loop.max = (size_t)settings_int(runtime->settings, "batch.messages");
	loop.messages = x_calloc(loop.max, sizeof(*loop.messages));
	loop.items = x_calloc(loop.max, sizeof(*loop.items));
	loop.outbox.stage = runtime->stage;
	snprintf(label, sizeof(label), "service=\"%s\"", runtime->service->name);
	loop.read = metric_counter("redress_messages_read_total", label, "Messages processed.");
	const struct kafka_rebalance rebalance = {on_assigned, NULL, &loop};
	loop.publisher = publisher_new(runtime, NULL, err);
	if (loop.publisher)
		loop.consumer = kafka_consumer_new(runtime->settings, runtime->service->name,
						   runtime->stage->reads, &rebalance, err);
	int result = loop.consumer ? run_loop(&loop, err) : -1;
	kafka_consumer_free(&loop.consumer);
	publisher_free(&loop.publisher);
	outbox_free(&loop.outbox);
	arena_free(&loop.arena);
	free(loop.messages);
	free(loop.items);
	return result;
}
