/*
 * The loop of a stream daemon: read a batch, let the service handle it, publish what it says,
 * and move the offsets with it, all or nothing.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dead_letter.pb-c.h"
#include "domain/case_number.h"
#include "runtime/runtime_private.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define POLL_MS        20
#define TICK_MS        100
#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS  2000 /* well below the group's patience: the loop polls in between */
#define FLUSH_MS       30000
#define TOPICS_MAX     (2 * PIPELINE_MAX)
#define DEAD_TYPE      "redress.dead-letter"
#define REPLAY_PREFIX  "replay:"

struct pump {
	struct runtime *runtime;
	const struct service *service;
	struct kafka_consumer *consumer;
	struct kafka_producer *producer;
	struct kafka_message *messages;
	struct item *items;
	size_t max;
	struct arena *arena;
	struct outbox outbox;

	const char *topics[TOPICS_MAX]; /* what may be written: the stage's, and its dead letters */
	char dead_names[PIPELINE_MAX][64];
	size_t topic_count;
	int64_t *written; /* [topic][partition]: next offset in this transaction, 0 for none */
	struct kafka_partition *positions; /* as many */
	char delivery_error[120];

	int64_t retry_ms; /* 0: all is well */
	int64_t ticked_us;
	uint64_t event_id; /* counts ce_id up from a random start */
	char event_prefix[17];
	struct metric *read, *dead, *published, *retries, *batch_time;
};

/* ---- what comes back from the broker -------------------------------------------------------- */

static void on_delivered(void *self, void *tag, int32_t partition, int64_t offset,
			 const char *error)
{
	struct pump *pump = self;
	size_t topic = (size_t)(uintptr_t)tag;
	if (error)
		snprintf(pump->delivery_error, sizeof(pump->delivery_error), "%s", error);
	else if (partition < pump->runtime->partitions) {
		int64_t *next =
		    &pump->written[topic * (size_t)pump->runtime->partitions + (size_t)partition];
		if (*next < offset + 1)
			*next = offset + 1;
	}
}

static size_t written_positions(struct pump *pump)
{
	size_t count = 0, partitions = (size_t)pump->runtime->partitions;
	for (size_t i = 0; i < pump->topic_count * partitions; i++) {
		if (pump->written[i])
			pump->positions[count++] =
			    (struct kafka_partition){pump->topics[i / partitions],
						     (int32_t)(i % partitions), pump->written[i]};
	}
	return count;
}

/* ---- sending -------------------------------------------------------------------------------- */

static size_t topic_index(const struct pump *pump, const char *topic)
{
	size_t i = 0;
	while (strcmp(pump->topics[i], topic) != 0)
		i++;
	return i;
}

struct stamp {
	char id[40], time[CLOCK_RFC3339_SIZE];
	struct kafka_header headers[8];
	size_t count;
};

/* CloudEvents 1.0, Kafka protocol binding, binary content mode. */
static void stamp(struct pump *pump, const struct outbox_entry *entry, int64_t now_ms,
		  struct stamp *stamp)
{
	snprintf(stamp->id, sizeof(stamp->id), "%s-%" PRIx64, pump->event_prefix, pump->event_id++);
	clock_rfc3339(now_ms, stamp->time);
	const char *source = pump->runtime->source;
	const struct kafka_header headers[] = {
	    {"ce_specversion", "1.0", 3},
	    {"ce_id", stamp->id, strlen(stamp->id)},
	    {"ce_type", entry->type, strlen(entry->type)},
	    {"ce_source", source, strlen(source)},
	    {"ce_time", stamp->time, strlen(stamp->time)},
	    {"content-type", "application/protobuf", 20},
	    {"traceparent", entry->traceparent, entry->traceparent_len},
	};
	memcpy(stamp->headers, headers, sizeof(headers));
	stamp->count = sizeof(headers) / sizeof(*headers) - (entry->traceparent ? 0 : 1);
}

static int send(struct pump *pump, const struct outbox_entry *entry, int32_t partition,
		const void *key, size_t key_len, struct stamp *with, struct err *err)
{
	size_t topic = topic_index(pump, entry->topic);
	for (;;) {
		enum kafka_sent sent = kafka_produce(
		    pump->producer, entry->topic, partition, key, key_len, entry->value, entry->len,
		    with->headers, with->count, (void *)(uintptr_t)topic, err);
		if (sent != KAFKA_FULL)
			return sent == KAFKA_SENT ? 0 : -1;
		kafka_producer_poll(pump->producer, 5);
		if (*pump->delivery_error)
			return err_set(err, "%s", pump->delivery_error);
	}
}

static int send_outbox(struct pump *pump, int64_t now_ms, struct err *err)
{
	struct stamp with;
	char key[CASE_NUMBER_TEXT_SIZE];
	for (size_t i = 0; i < pump->outbox.count; i++) {
		const struct outbox_entry *entry = &pump->outbox.entries[i];
		case_number_format(entry->number, key);
		stamp(pump, entry, now_ms, &with);
		if (send(pump, entry,
			 case_number_partition(entry->number, pump->runtime->partitions), key,
			 sizeof(key) - 1, &with, err))
			return -1;
	}
	metric_add(pump->published, (int64_t)pump->outbox.count);
	return 0;
}

/* ---- dead letters --------------------------------------------------------------------------- */

static bool is_dead_topic(const char *topic)
{
	size_t len = strlen(topic), suffix = strlen(TOPIC_DEAD_SUFFIX);
	return len > suffix && strcmp(topic + len - suffix, TOPIC_DEAD_SUFFIX) == 0;
}

static void *pack_dead_letter(struct pump *pump, const struct item *item, int64_t now_ms,
			      size_t *size)
{
	const struct kafka_message *from = &item->message;
	Redress__DeadLetter letter = REDRESS__DEAD_LETTER__INIT;
	struct kafka_header *headers = NULL;
	letter.n_headers = kafka_message_headers(from, pump->arena, &headers);
	letter.headers = arena_take(pump->arena, letter.n_headers * sizeof(*letter.headers));
	for (size_t i = 0; i < letter.n_headers; i++) {
		Redress__Header *header = arena_take(pump->arena, sizeof(*header));
		redress__header__init(header);
		header->name = (char *)(uintptr_t)headers[i].name;
		header->value.data = (uint8_t *)(uintptr_t)headers[i].value;
		header->value.len = headers[i].len;
		letter.headers[i] = header;
	}
	letter.topic = (char *)(uintptr_t)from->topic;
	letter.partition = from->partition;
	letter.offset = from->offset;
	letter.service = (char *)(uintptr_t)pump->service->name;
	letter.reason = (char *)(uintptr_t)item->reason.text;
	letter.at_ms = now_ms;
	letter.key.data = (uint8_t *)(uintptr_t)from->key;
	letter.key.len = from->key_len;
	letter.value.data = (uint8_t *)(uintptr_t)from->value;
	letter.value.len = from->len;
	*size = redress__dead_letter__get_packed_size(&letter);
	void *packed = arena_take(pump->arena, *size);
	redress__dead_letter__pack(&letter, packed);
	return packed;
}

static int send_dead(struct pump *pump, const struct item *item, int64_t now_ms, struct err *err)
{
	const struct kafka_message *from = &item->message;
	struct stamp with;
	char topic[64];
	log_warn(item->number, "dead letter: %s, partition %d, offset %" PRId64 ": %s", from->topic,
		 from->partition, from->offset, item->reason.text);
	metric_add(pump->dead, 1);
	if (is_dead_topic(from->topic))
		return 0; /* told and counted; a dead letter of a dead letter would help nobody */
	snprintf(topic, sizeof(topic), "%s" TOPIC_DEAD_SUFFIX, from->topic);
	struct outbox_entry entry = {.topic = topic, .type = DEAD_TYPE};
	entry.value = pack_dead_letter(pump, item, now_ms, &entry.len);
	stamp(pump, &entry, now_ms, &with);
	return send(pump, &entry, from->partition, from->key, from->key_len, &with, err);
}

static int send_all_dead(struct pump *pump, const struct batch *batch, struct err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].dead && send_dead(pump, &batch->items[i], batch->now_ms, err))
			return -1;
	}
	return 0;
}

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

static void reset_publication(struct pump *pump)
{
	memset(pump->written, 0,
	       pump->topic_count * (size_t)pump->runtime->partitions * sizeof(*pump->written));
	pump->delivery_error[0] = '\0';
}

static enum kafka_outcome in_transaction(struct pump *pump, const struct batch *batch, size_t got,
					 struct err *err)
{
	enum kafka_outcome outcome = kafka_transaction_begin(pump->producer, err);
	if (outcome != KAFKA_DONE)
		return outcome;
	if (send_outbox(pump, batch->now_ms, err) || send_all_dead(pump, batch, err))
		return KAFKA_ABORT;
	size_t count = batch_positions(pump, got, false, pump->positions);
	if (count) {
		outcome = kafka_transaction_offsets(pump->producer, pump->consumer, pump->positions,
						    count, err);
		if (outcome != KAFKA_DONE)
			return outcome;
	}
	return kafka_transaction_commit(pump->producer, err);
}

static int publish_in_transaction(struct pump *pump, const struct batch *batch, size_t got,
				  struct err *err)
{
	struct err why;
	enum kafka_outcome outcome = in_transaction(pump, batch, got, err);
	if (outcome == KAFKA_DONE)
		return 0;
	if (outcome == KAFKA_ABORT && kafka_transaction_abort(pump->producer, &why) == KAFKA_DONE)
		return -1;
	/* Neither committed nor surely undone: only a new start, which fences this one, knows. */
	log_error(0, "ending to be started again: %s", err->text);
	_exit(70);
}

static int publish_then_settle(struct pump *pump, struct batch *batch, struct err *err)
{
	if (send_outbox(pump, batch->now_ms, err) || send_all_dead(pump, batch, err) ||
	    kafka_producer_flush(pump->producer, FLUSH_MS, err))
		return -1;
	if (*pump->delivery_error)
		return err_set(err, "%s", pump->delivery_error);
	return pump->service->settle(pump->runtime->self, batch, err);
}

/* got: messages read, which may be more than the batch shows the service (replays for others). */
static int publish(struct pump *pump, struct batch *batch, size_t got, struct err *err)
{
	reset_publication(pump);
	if (pump->service->offsets == OFFSETS_OWN)
		return publish_then_settle(pump, batch, err);
	return publish_in_transaction(pump, batch, got, err);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void went_well(struct pump *pump)
{
	if (pump->service->committed) {
		size_t count = written_positions(pump);
		pump->service->committed(pump->runtime->self, pump->positions, count);
	}
	if (pump->retry_ms)
		log_info(0, "working again");
	pump->retry_ms = 0;
	pump->runtime->working = true;
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
	pump->runtime->working = false;
	size_t count = batch_positions(pump, got, true, pump->positions);
	/* fails when the partition has been taken from us, and then it is another's to do */
	if (count && kafka_consumer_seek(pump->consumer, pump->positions, count, &err))
		log_info(0, "not read again by this instance: %s", err.text);
	for (int64_t waited = 0; waited < pump->retry_ms && !runtime_stopping(pump->runtime);
	     waited += 50)
		usleep(50 * 1000);
}

/* A replayed dead letter is meant for the service that could not process it. */
static bool is_for_us(const struct pump *pump, const struct kafka_message *message)
{
	size_t prefix = strlen(REPLAY_PREFIX), name = strlen(pump->service->name);
	const char *key = message->key;
	if (message->key_len <= prefix || memcmp(key, REPLAY_PREFIX, prefix) != 0)
		return true;
	return message->key_len > prefix + name &&
	       memcmp(key + prefix, pump->service->name, name) == 0 && key[prefix + name] == ':';
}

static struct batch make_batch(struct pump *pump, size_t got)
{
	struct batch batch = {pump->items, 0, pump->arena, clock_now_ms()};
	for (size_t i = 0; i < got; i++) {
		if (is_for_us(pump, &pump->messages[i]))
			pump->items[batch.count++] = (struct item){.message = pump->messages[i]};
	}
	return batch;
}

static void run_batch(struct pump *pump, size_t got)
{
	struct err err;
	int64_t begun = clock_mono_us();
	struct batch batch = make_batch(pump, got);
	outbox_clear(&pump->outbox);
	if (pump->service->handle(pump->runtime->self, &batch, &pump->outbox, &err) ||
	    publish(pump, &batch, got, &err)) {
		went_wrong(pump, got, &err);
	} else {
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
	if (count && pump->service->assigned &&
	    pump->service->assigned(pump->runtime->self, partitions, count, err))
		return -1;
	pump->runtime->joined = true;
	return 0;
}

static void on_revoked(void *self, const struct kafka_partition *partitions, size_t count)
{
	struct pump *pump = self;
	if (pump->service->revoked)
		pump->service->revoked(pump->runtime->self, partitions, count);
}

static void name_topics(struct pump *pump)
{
	const struct pipeline_stage *stage = pump->runtime->stage;
	for (size_t i = 0; stage->writes[i]; i++)
		pump->topics[pump->topic_count++] = stage->writes[i];
	for (size_t i = 0; stage->reads[i]; i++) {
		if (is_dead_topic(stage->reads[i]))
			continue;
		snprintf(pump->dead_names[i], sizeof(*pump->dead_names), "%s" TOPIC_DEAD_SUFFIX,
			 stage->reads[i]);
		pump->topics[pump->topic_count++] = pump->dead_names[i];
	}
}

static void set_up(struct pump *pump)
{
	uint8_t random[8];
	const char *name = pump->service->name;
	name_topics(pump);
	pump->max = (size_t)settings_int(pump->runtime->settings, "batch.messages");
	pump->messages = x_calloc(pump->max, sizeof(*pump->messages));
	pump->items = x_calloc(pump->max, sizeof(*pump->items));
	pump->arena = arena_new();
	pump->outbox.stage = pump->runtime->stage;
	size_t slots = 2 * TOPICS_MAX * (size_t)pump->runtime->partitions;
	pump->written = x_calloc(slots, sizeof(*pump->written));
	pump->positions = x_calloc(slots, sizeof(*pump->positions));
	randombytes_buf(random, sizeof(random));
	text_hex(pump->event_prefix, random, sizeof(random));
	char label[64];
	snprintf(label, sizeof(label), "service=\"%s\"", name);
	pump->read = metric_counter("redress_messages_read_total", label, "Messages processed.");
	pump->published =
	    metric_counter("redress_messages_published_total", label, "Messages published.");
	pump->dead = metric_counter("redress_dead_letters_total", label,
				    "Messages that could not be processed.");
	pump->retries = metric_counter("redress_batch_retries_total", label,
				       "Batches that had to be done again.");
	pump->batch_time =
	    metric_histogram("redress_batch_seconds", label, "From reading a batch to its commit.");
}

static int connect_kafka(struct pump *pump, struct err *err)
{
	char id[200];
	const struct settings *settings = pump->runtime->settings;
	bool transactional = pump->service->offsets == OFFSETS_TRANSACTION;
	snprintf(id, sizeof(id), "%s%s-%lld", settings_str(settings, "kafka.topic_prefix"),
		 pump->service->name, (long long)settings_int(settings, "node.id"));
	const struct kafka_producer_options options = {
	    .transactional_id = transactional ? id : NULL,
	    .delivered = on_delivered,
	    .self = pump,
	    .linger_ms = 5,
	    .message_timeout_ms = 14000, /* below the transaction's own */
	    .queue_max_messages = 1000000,
	    .queue_max_bytes = INT64_C(64) * 1024 * 1024,
	};
	const struct kafka_rebalance rebalance = {on_assigned, on_revoked, pump};
	pump->producer = kafka_producer_new(settings, &options, err);
	if (!pump->producer)
		return -1;
	if (transactional && kafka_transactions_init(pump->producer, err) != KAFKA_DONE)
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
	kafka_producer_free(&pump.producer, 0);
	outbox_free(&pump.outbox);
	arena_free(&pump.arena);
	free(pump.messages);
	free(pump.items);
	free(pump.written);
	free(pump.positions);
	return result;
}
