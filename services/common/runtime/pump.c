/*
 * The loop of a stream daemon: read a batch, let the service handle it, publish what it says,
 * and move the offsets with it, all or nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/publisher.h"
#include "runtime/transaction.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define POLL_MS        20
#define TICK_MS        100
#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS  2000 /* well below the group's patience: the loop polls in between */

struct pump {
	struct runtime *runtime;
	const struct service *service;
	struct kafka_consumer *consumer;
	struct publisher *publisher;
	struct kafka_message *messages;
	struct item *items;
	size_t max;
	struct arena *arena;
	struct outbox outbox;
	struct kafka_partition *positions; /* of a batch: [topic read][partition] at most */

	int64_t retry_ms; /* 0: all is well */
	int64_t ticked_us;
	struct metric *read, *retries, *batch_time;
};

/* ---- offsets -------------------------------------------------------------------------------- */

/* One entry for each partition in the batch: its first offset, or the one after its last. */
static size_t batch_positions(struct pump *pump, size_t got, bool first,
			      struct kafka_partition *out)
{
	size_t count = 0, at;
	for (size_t i = 0; i < got; i++) {
		const struct kafka_message *m = &pump->messages[i];
		for (at = 0; at < count; at++) {
			if (out[at].partition == m->partition &&
			    strcmp(out[at].topic, m->topic) == 0)
				break;
		}
		if (at == count)
			out[count++] = (struct kafka_partition){m->topic, m->partition, m->offset};
		if (!first)
			out[at].offset = m->offset + 1;
	}
	return count;
}

/* ---- publishing ----------------------------------------------------------------------------- */

/* got: messages read, which may be more than the batch shows the service (replays for others). */
static int publish(struct pump *pump, struct batch *batch, size_t got, struct err *err)
{
	if (pump->service->offsets == OFFSETS_TRANSACTION) {
		const struct transaction all = {&pump->outbox, batch, pump->positions,
						batch_positions(pump, got, false, pump->positions)};
		return transaction_publish(pump->publisher, pump->consumer, &all, err);
	}
	if (publisher_send(pump->publisher, &pump->outbox, batch, err) ||
	    publisher_flush(pump->publisher, err))
		return -1;
	return pump->service->settle(pump->runtime->self, batch, err);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void went_well(struct pump *pump)
{
	if (pump->service->committed) {
		size_t count;
		const struct kafka_partition *written = publisher_written(pump->publisher, &count);
		pump->service->committed(pump->runtime->self, written, count);
	}
	if (pump->retry_ms)
		log_info(0, "working again");
	pump->retry_ms = 0;
	runtime_works(pump->runtime, NULL);
}

static void went_wrong(struct pump *pump, size_t got, const struct err *why)
{
	struct err err;
	if (pump->service->aborted)
		pump->service->aborted(pump->runtime->self);
	metric_add(pump->retries, 1);
	if (!pump->retry_ms)
		log_warn(0, "will try again: %s", why->text);
	pump->retry_ms = pump->retry_ms ? pump->retry_ms * 2 : RETRY_FIRST_MS;
	if (pump->retry_ms > RETRY_MOST_MS)
		pump->retry_ms = RETRY_MOST_MS;
	runtime_works(pump->runtime, why);
	size_t count = batch_positions(pump, got, true, pump->positions);
	/* to go on behind a batch that was not processed would lose it */
	if (count && kafka_consumer_seek(pump->consumer, pump->positions, count, &err))
		runtime_end(&err);
	for (int64_t waited = 0; waited < pump->retry_ms && !runtime_stopping(pump->runtime);
	     waited += 50)
		usleep(50 * 1000);
}

static struct batch make_batch(struct pump *pump, size_t got)
{
	struct batch batch = {pump->items, 0, pump->arena, clock_now_ms()};
	for (size_t i = 0; i < got; i++) {
		const struct kafka_message *message = &pump->messages[i];
		if (!pipeline_is_for(pump->service->name, message->key, message->key_len))
			continue;
		struct item *item = &pump->items[batch.count++];
		*item = (struct item){.message = pump->messages[i]};
		if (pump->runtime->refusal_count)
			runtime_refused(pump->runtime, item);
	}
	return batch;
}

/* What a message leads to may be larger than any broker takes: then that message is set aside. */
static void learn(struct pump *pump)
{
	const struct kafka_message *culprit;
	if (publisher_learn(pump->publisher, &pump->outbox, &culprit) && culprit)
		runtime_refuse(pump->runtime, culprit, "what it leads to is too large to publish");
}

static void run_batch(struct pump *pump, size_t got)
{
	struct err err;
	int64_t begun = clock_mono_us();
	struct batch batch = make_batch(pump, got);
	outbox_clear(&pump->outbox);
	publisher_begin(pump->publisher);
	if (pump->service->handle(pump->runtime->self, &batch, &pump->outbox, &err) ||
	    publish(pump, &batch, got, &err)) {
		learn(pump);
		went_wrong(pump, got, &err);
	} else {
		publisher_tell_dead(pump->publisher, &batch);
		for (size_t i = 0; pump->runtime->refusal_count && i < got; i++)
			runtime_forget_refusal(pump->runtime, &pump->messages[i]);
		metric_add(pump->read, (int64_t)got);
		metric_observe_us(pump->batch_time, clock_mono_us() - begun);
		went_well(pump);
	}
	kafka_consumer_release(pump->consumer, pump->messages, got);
	arena_reset(pump->arena);
}

static void run_tick(struct pump *pump)
{
	struct err err;
	int64_t now_us = clock_mono_us();
	if (!pump->service->tick || now_us - pump->ticked_us < TICK_MS * 1000)
		return;
	pump->ticked_us = now_us;
	struct batch nothing = {NULL, 0, pump->arena, clock_now_ms()};
	outbox_clear(&pump->outbox);
	publisher_begin(pump->publisher);
	if (pump->service->tick(pump->runtime->self, pump->arena, nothing.now_ms, &pump->outbox,
				&err) ||
	    (pump->outbox.count && publish(pump, &nothing, 0, &err)))
		went_wrong(pump, 0, &err);
	else if (pump->outbox.count)
		went_well(pump);
	arena_reset(pump->arena);
}

static int run_loop(struct pump *pump, struct err *err)
{
	while (!runtime_stopping(pump->runtime)) {
		int got =
		    kafka_consumer_poll(pump->consumer, POLL_MS, pump->messages, pump->max, err);
		if (got < 0 && runtime_stopping(pump->runtime))
			break; /* what it waited for need not come any more */
		if (got < 0)
			return -1;
		if (got > 0)
			run_batch(pump, (size_t)got);
		if (!runtime_stopping(pump->runtime))
			run_tick(pump);
		runtime_beat(pump->runtime);
	}
	return 0;
}

/* ---- setting up ----------------------------------------------------------------------------- */

static int on_assigned(void *self, struct kafka_partition *partitions, size_t count,
		       struct err *err)
{
	struct pump *pump = self;
	log_info(0, "%zu partitions are ours", count);
	for (size_t i = 0; i < count; i++) {
		if (partitions[i].partition >= pump->runtime->partitions)
			return err_set(err, "topic %s has more partitions than at the start",
				       partitions[i].topic);
	}
	if (count && pump->service->assigned &&
	    pump->service->assigned(pump->runtime->self, partitions, count, err))
		return -1;
	pump->runtime->joined = true;
	return 0;
}

static void on_revoked(void *self, const struct kafka_partition *partitions, size_t count)
{
	struct pump *pump = self;
	/* what could not be done is another's to do now */
	pump->retry_ms = 0;
	runtime_works(pump->runtime, NULL);
	runtime_forget_refusals(pump->runtime);
	if (pump->service->revoked)
		pump->service->revoked(pump->runtime->self, partitions, count);
}

static void set_up(struct pump *pump)
{
	const struct runtime *runtime = pump->runtime;
	char label[64];
	pump->max = (size_t)settings_int(runtime->settings, "batch.messages");
	pump->messages = x_calloc(pump->max, sizeof(*pump->messages));
	pump->items = x_calloc(pump->max, sizeof(*pump->items));
	pump->positions =
	    x_calloc(PIPELINE_MAX * (size_t)runtime->partitions, sizeof(*pump->positions));
	pump->arena = arena_new();
	pump->outbox.stage = runtime->stage;
	snprintf(label, sizeof(label), "service=\"%s\"", pump->service->name);
	pump->read = metric_counter("redress_messages_read_total", label, "Messages processed.");
	pump->retries = metric_counter("redress_batch_retries_total", label,
				       "Batches that had to be done again.");
	pump->batch_time =
	    metric_histogram("redress_batch_seconds", label, "From reading a batch to its commit.");
}

static int connect_kafka(struct pump *pump, struct err *err)
{
	const struct settings *settings = pump->runtime->settings;
	const struct kafka_rebalance rebalance = {on_assigned, on_revoked, pump};
	pump->publisher = pump->service->offsets == OFFSETS_TRANSACTION
			      ? transaction_publisher(pump->runtime, err)
			      : publisher_new(pump->runtime, NULL, err);
	if (!pump->publisher)
		return -1;
	pump->consumer = kafka_consumer_new(settings, pump->service->name,
					    pump->runtime->stage->reads, &rebalance, err);
	return pump->consumer ? 0 : -1;
}

int pump_run(struct runtime *runtime, struct err *err)
{
	struct pump pump = {.runtime = runtime, .service = runtime->service};
	set_up(&pump);
	int result = connect_kafka(&pump, err);
	if (!result)
		result = run_loop(&pump, err);
	kafka_consumer_free(&pump.consumer);
	publisher_free(&pump.publisher);
	outbox_free(&pump.outbox);
	runtime_forget_refusals(runtime);
	arena_free(&pump.arena);
	free(pump.messages);
	free(pump.items);
	free(pump.positions);
	return result;
}
