#include "runtime/publisher.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "client/cloud_event.h"
#include "domain/case_number.h"
#include "runtime/dead_letter.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define FLUSH_MS   30000
#define TOPICS_MAX (2 * PIPELINE_MAX)
#define DEAD_TYPE  "redress.dead-letter"

/* The letter's own key, headers and framing. */
#define LETTER_MARGIN   ((size_t)8 * 1024)
#define LETTER_SHORTEST ((size_t)16 * 1024)

/* What a message of this publication was made of: an entry of the outbox, an item of the batch. */
enum origin_kind { NOTHING, OUTPUT, LETTER };

struct origin {
	enum origin_kind kind;
	size_t index;
};

struct publisher {
	const struct pipeline_stage *stage;
	const char *source;
	int32_t partitions;
	struct kafka_producer *producer;

	const char *topics[TOPICS_MAX]; /* what may be written: the stage's, and its dead letters */
	char dead_names[PIPELINE_MAX][64];
	size_t topic_count;
	int64_t *written; /* [topic][partition]: next offset in this publication, 0 for none */
	struct kafka_partition *positions; /* as many */
	char delivery_error[120];
	struct origin too_large; /* one that the broker will never take */
	size_t letter_most;      /* bytes of a dead letter; larger ones are truncated */
	bool one_by_one;         /* each letter in a request of its own */

	uint64_t event_id; /* counts ce_id up from a random start */
	char event_prefix[17];
	struct metric *dead, *published;
};

/* ---- what comes back from the broker -------------------------------------------------------- */

/* A message's tag says all that must be known of it when it comes back: its topic and origin. */
static void *make_tag(size_t topic, struct origin origin)
{
	return (void *)(uintptr_t)(origin.index << 8 | origin.kind << 6 | topic);
}

static size_t read_tag(const void *tag, struct origin *origin)
{
	uintptr_t all = (uintptr_t)tag;
	*origin = (struct origin){(enum origin_kind)(all >> 6 & 3), all >> 8};
	return all & 63;
}

static void on_delivered(void *self, void *tag, const struct kafka_delivery *delivery)
{
	struct publisher *publisher = self;
	struct origin origin;
	size_t topic = read_tag(tag, &origin);
	if (delivery->error == kafka_too_large)
		publisher->too_large = origin;
	if (delivery->error)
		snprintf(publisher->delivery_error, sizeof(publisher->delivery_error), "%s",
			 delivery->error);
	else if (delivery->partition < publisher->partitions) {
		int64_t *next = &publisher->written[topic * (size_t)publisher->partitions +
						    (size_t)delivery->partition];
		if (*next < delivery->offset + 1)
			*next = delivery->offset + 1;
	}
}

const struct kafka_partition *publisher_written(struct publisher *publisher, size_t *count)
{
	size_t partitions = (size_t)publisher->partitions;
	*count = 0;
	for (size_t i = 0; i < publisher->topic_count * partitions; i++) {
		if (publisher->written[i])
			publisher->positions[(*count)++] = (struct kafka_partition){
			    publisher->topics[i / partitions], (int32_t)(i % partitions),
			    publisher->written[i]};
	}
	return publisher->positions;
}

void publisher_begin(struct publisher *publisher)
{
	memset(publisher->written, 0,
	       publisher->topic_count * (size_t)publisher->partitions *
		   sizeof(*publisher->written));
	publisher->delivery_error[0] = '\0';
	publisher->too_large.kind = NOTHING;
}

int publisher_flush(struct publisher *publisher, struct err *err)
{
	if (kafka_producer_flush(publisher->producer, FLUSH_MS, err))
		return -1;
	return *publisher->delivery_error ? err_set(err, "%s", publisher->delivery_error) : 0;
}

/* ---- sending -------------------------------------------------------------------------------- */

static size_t topic_index(const struct publisher *publisher, const char *topic)
{
	size_t i = 0;
	while (strcmp(publisher->topics[i], topic) != 0)
		i++;
	return i;
}

/* What the messages of one publication share. */
struct stamp {
	char time[CLOCK_RFC3339_SIZE];
	char id[40];
	size_t prefix_len; /* of the id: what stays */
};

static void stamp_begin(const struct publisher *publisher, struct stamp *stamp, int64_t now_ms)
{
	clock_rfc3339(now_ms, stamp->time);
	stamp->prefix_len =
	    (size_t)snprintf(stamp->id, sizeof(stamp->id), "%s-", publisher->event_prefix);
}

/* The next id. */
static void stamp_next(struct publisher *publisher, struct stamp *stamp)
{
	text_hex_number(stamp->id + stamp->prefix_len, publisher->event_id++);
}

static int send(struct publisher *publisher, const struct outbox_entry *entry, int32_t partition,
		const void *key, size_t key_len, struct origin origin, struct stamp *stamp,
		struct err *err)
{
	size_t topic = topic_index(publisher, entry->topic);
	struct kafka_header headers[CLOUD_EVENT_HEADERS + 1];
	size_t count = CLOUD_EVENT_HEADERS;
	stamp_next(publisher, stamp);
	cloud_event(headers, stamp->id, entry->type, publisher->source, stamp->time);
	if (entry->traceparent)
		headers[count++] = (struct kafka_header){"traceparent", entry->traceparent,
							 entry->traceparent_len};
	for (;;) {
		enum kafka_sent sent = kafka_produce(publisher->producer, entry->topic, partition,
						     key, key_len, entry->value, entry->len,
						     headers, count, make_tag(topic, origin), err);
		if (sent == KAFKA_TOO_LARGE)
			publisher->too_large = origin;
		if (sent != KAFKA_FULL)
			return sent == KAFKA_SENT ? 0 : -1;
		kafka_producer_poll(publisher->producer, 5);
		if (*publisher->delivery_error)
			return err_set(err, "%s", publisher->delivery_error);
	}
}

static int send_outbox(struct publisher *publisher, const struct outbox *outbox,
		       struct stamp *stamp, struct err *err)
{
	char key[CASE_NUMBER_TEXT_SIZE];
	for (size_t i = 0; i < outbox->count; i++) {
		const struct outbox_entry *entry = &outbox->entries[i];
		case_number_format(entry->number, key);
		if (send(publisher, entry,
			 case_number_partition(entry->number, publisher->partitions), key,
			 sizeof(key) - 1, (struct origin){OUTPUT, i}, stamp, err))
			return -1;
	}
	metric_add(publisher->published, (int64_t)outbox->count);
	return 0;
}

/* ---- dead letters --------------------------------------------------------------------------- */

static int send_dead(struct publisher *publisher, const struct batch *batch, size_t i,
		     struct stamp *stamp, struct err *err)
{
	const struct item *item = &batch->items[i];
	const struct kafka_message *from = &item->message;
	char topic[64];
	if (pipeline_is_dead(from->topic))
		return 0; /* told and counted; a dead letter of a dead letter would help nobody */
	snprintf(topic, sizeof(topic), "%s" TOPIC_DEAD_SUFFIX, from->topic);
	struct outbox_entry entry = {.topic = topic, .type = DEAD_TYPE};
	entry.value = dead_letter_pack(batch->arena, item, publisher->stage->service, batch->now_ms,
				       publisher->letter_most, &entry.len);
	bool long_key = from->key_len > DEAD_LETTER_KEY_MOST;
	if (send(publisher, &entry, from->partition, long_key ? NULL : from->key,
		 long_key ? 0 : from->key_len, (struct origin){LETTER, i}, stamp, err))
		return -1;
	return publisher->one_by_one ? publisher_flush(publisher, err) : 0;
}

static int send_all_dead(struct publisher *publisher, const struct batch *batch,
			 struct stamp *stamp, struct err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].dead && send_dead(publisher, batch, i, stamp, err))
			return -1;
	}
	return 0;
}

void publisher_tell_dead(struct publisher *publisher, const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		if (!item->dead)
			continue;
		metric_add(publisher->dead, 1);
		log_warn(item->number, "dead letter: %s, partition %d, offset %" PRId64 ": %s",
			 item->message.topic, item->message.partition, item->message.offset,
			 item->reason.text);
	}
}

/* ---- what is too large ---------------------------------------------------------------------- */

/*
 * A broker that takes less than we were told: letters are truncated that far. When even short ones
 * are refused it is because many stand together, so then each goes by itself.
 */
static void write_shorter_letters(struct publisher *publisher)
{
	if (publisher->letter_most < LETTER_SHORTEST)
		publisher->one_by_one = true;
	publisher->letter_most /= 2;
	log_warn(0,
		 "the broker takes no message so large: dead letters of more than %zu bytes go "
		 "without the message they are about",
		 publisher->letter_most);
}

bool publisher_learn(struct publisher *publisher, const struct outbox *outbox,
		     const struct kafka_message **culprit)
{
	struct origin origin = publisher->too_large;
	*culprit = NULL;
	if (origin.kind == LETTER)
		write_shorter_letters(publisher);
	else if (origin.kind == OUTPUT && origin.index < outbox->count &&
		 outbox->entries[origin.index].cause)
		*culprit = &outbox->entries[origin.index].cause->message;
	return origin.kind != NOTHING;
}

/* ---- all of it ------------------------------------------------------------------------------ */

int publisher_send(struct publisher *publisher, const struct outbox *outbox,
		   const struct batch *batch, struct err *err)
{
	struct stamp stamp;
	stamp_begin(publisher, &stamp, batch->now_ms);
	return send_outbox(publisher, outbox, &stamp, err) ||
		       send_all_dead(publisher, batch, &stamp, err)
		   ? -1
		   : 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void name_topics(struct publisher *publisher)
{
	const struct pipeline_stage *stage = publisher->stage;
	for (size_t i = 0; stage->writes[i]; i++)
		publisher->topics[publisher->topic_count++] = stage->writes[i];
	for (size_t i = 0; stage->reads[i]; i++) {
		if (pipeline_is_dead(stage->reads[i]))
			continue;
		snprintf(publisher->dead_names[i], sizeof(*publisher->dead_names),
			 "%s" TOPIC_DEAD_SUFFIX, stage->reads[i]);
		publisher->topics[publisher->topic_count++] = publisher->dead_names[i];
	}
}

struct publisher *publisher_new(const struct runtime *runtime, const char *transactional_id,
				struct err *err)
{
	char label[64];
	uint8_t random[8];
	struct publisher *publisher = x_calloc(1, sizeof(*publisher));
	publisher->stage = runtime->stage;
	publisher->source = runtime->source;
	publisher->partitions = runtime->partitions;
	publisher->letter_most = PIPELINE_DEAD_MAX_BYTES - LETTER_MARGIN;
	name_topics(publisher);
	size_t slots = publisher->topic_count * (size_t)publisher->partitions;
	publisher->written = x_calloc(slots, sizeof(*publisher->written));
	publisher->positions = x_calloc(slots, sizeof(*publisher->positions));
	randombytes_buf(random, sizeof(random));
	text_hex(publisher->event_prefix, random, sizeof(random));
	snprintf(label, sizeof(label), "service=\"%s\"", runtime->stage->service);
	publisher->published =
	    metric_counter("redress_messages_published_total", label, "Messages published.");
	publisher->dead = metric_counter("redress_dead_letters_total", label,
					 "Messages that could not be processed.");
	const struct kafka_producer_options options = {
	    .transactional_id = transactional_id,
	    .delivered = on_delivered,
	    .self = publisher,
	    .linger_ms = 5,
	    .message_timeout_ms = 14000, /* below the transaction's own */
	    .message_max_bytes = PIPELINE_DEAD_MAX_BYTES,
	    .queue_max_messages = 1000000,
	    .queue_max_bytes = INT64_C(64) * 1024 * 1024,
	};
	publisher->producer = kafka_producer_new(runtime->settings, &options, err);
	if (!publisher->producer)
		publisher_free(&publisher);
	return publisher;
}

void publisher_free(struct publisher **publisher)
{
	if (!*publisher)
		return;
	kafka_producer_free(&(*publisher)->producer, 0);
	free((*publisher)->written);
	free((*publisher)->positions);
	free(*publisher);
	*publisher = NULL;
}

struct kafka_producer *publisher_producer(struct publisher *publisher)
{
	return publisher->producer;
}
