#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka.h"
#include "client/kafka_private.h"
#include "util/alloc.h"
#include "util/log.h"

struct kafka_consumer {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;  /* what is fetched, of all partitions */
	rd_kafka_message_t **raw; /* of one poll */
	size_t raw_room;
	const struct settings *settings;
	size_t prefix_len;
	struct kafka_rebalance rebalance;
	rd_kafka_topic_partition_list_t *given; /* by the group, not taken up yet; or NULL */
	bool taken;                             /* by the group, since the poll began */
};

rd_kafka_t *kafka_consumer_handle(struct kafka_consumer *consumer)
{
	return consumer->rk;
}

static rd_kafka_topic_partition_list_t *to_list(const struct settings *settings,
						const struct kafka_partition *partitions,
						size_t count)
{
	char name[KAFKA_TOPIC_SIZE];
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(
		    list, kafka_topic_name(settings, partitions[i].topic, name),
		    partitions[i].partition)
		    ->offset = partitions[i].offset;
	return list;
}

/* Names point into the list. */
static struct kafka_partition *from_list(const struct kafka_consumer *consumer,
					 const rd_kafka_topic_partition_list_t *list)
{
	struct kafka_partition *partitions = x_calloc((size_t)list->cnt, sizeof(*partitions));
	for (int i = 0; i < list->cnt; i++)
		partitions[i] = (struct kafka_partition){
		    list->elems[i].topic + consumer->prefix_len, list->elems[i].partition,
		    list->elems[i].offset >= 0 ? list->elems[i].offset : KAFKA_BEGINNING};
	return partitions;
}

static void drop_given(struct kafka_consumer *consumer)
{
	if (consumer->given)
		rd_kafka_topic_partition_list_destroy(consumer->given);
	consumer->given = NULL;
}

/*
 * The committed offsets are fetched here and not left to librdkafka: the answer comes only when no
 * open transaction can move them any more, so what the hook restores afterwards is up to date.
 */
static int assign(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *list,
		  struct err *err)
{
	rd_kafka_resp_err_t error = rd_kafka_committed(consumer->rk, list, 2 * KAFKA_WAIT_MS);
	if (error)
		return err_set(err, "committed offsets: %s", rd_kafka_err2str(error));
	struct kafka_partition *partitions = from_list(consumer, list);
	int result = consumer->rebalance.assigned
			 ? consumer->rebalance.assigned(consumer->rebalance.self, partitions,
							(size_t)list->cnt, err)
			 : 0;
	for (int i = 0; !result && i < list->cnt; i++)
		list->elems[i].offset = partitions[i].offset;
	free(partitions);
	if (result)
		return -1;
	error = rd_kafka_assign(consumer->rk, list);
	return error ? err_set(err, "assign: %s", rd_kafka_err2str(error)) : 0;
}

/*
 * Called within a poll, when messages of partitions that are being taken away may have been fetched
 * already. So the poll drops those, and takes up what is given afterwards.
 */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t event,
			 rd_kafka_topic_partition_list_t *list, void *self)
{
	struct kafka_consumer *consumer = self;
	drop_given(consumer);
	if (event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		consumer->given = rd_kafka_topic_partition_list_copy(list);
		return;
	}
	consumer->taken = true;
	if (consumer->rebalance.revoked) {
		struct kafka_partition *partitions = from_list(consumer, list);
		consumer->rebalance.revoked(consumer->rebalance.self, partitions,
					    (size_t)list->cnt);
		free(partitions);
	}
	rd_kafka_assign(rk, NULL);
}

/* librdkafka of 2.2 and later can be told how soon to look whether a full queue has room again. */
static bool has_queue_backoff(void)
{
	return rd_kafka_version() >= 0x02020000;
}

#define OPTIONS_MAX   32
#define WAKE_MESSAGES 256 /* so many at once may have filled the queue */

/* What every consumer has, then options. */
static rd_kafka_conf_t *consumer_conf(const struct settings *settings,
				      const struct kafka_option *options, struct err *err)
{
	const struct kafka_option shared[] = {
	    {"isolation.level", "read_committed"},
	    {"enable.auto.commit", "false"},
	    {"enable.auto.offset.store", "false"},
	    {"auto.offset.reset", "earliest"},
	    /* the broker answers when it has a good piece, or after so long: a request for each
	     * few messages would cost it more than the messages do */
	    {"fetch.min.bytes", "65536"},
	    {"fetch.wait.max.ms", "25"},
	    {"fetch.error.backoff.ms", "50"},
	    /* these bound what is fetched ahead, and so our memory */
	    {"queued.max.messages.kbytes", "4096"},
	    {"queued.min.messages", "8000"},
	    {"fetch.max.bytes", "4194304"},
	    {"fetch.message.max.bytes", "524288"},
	    {has_queue_backoff() ? "fetch.queue.backoff.ms" : NULL, "10"},
	};
	struct kafka_option all[OPTIONS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++) {
		if (shared[i].name)
			all[count++] = shared[i];
	}
	do {
		assert(count < OPTIONS_MAX);
		all[count++] = *options;
	} while ((options++)->name);
	return kafka_conf_new(settings, all, err);
}

static struct kafka_consumer *consumer_new(const struct settings *settings,
					   const struct kafka_option *options,
					   const struct kafka_rebalance *rebalance, struct err *err)
{
	rd_kafka_conf_t *conf = consumer_conf(settings, options, err);
	if (!conf)
		return NULL;
	struct kafka_consumer *consumer = x_calloc(1, sizeof(*consumer));
	consumer->settings = settings;
	consumer->prefix_len = strlen(settings_str(settings, "kafka.topic_prefix"));
	rd_kafka_conf_set_opaque(conf, consumer);
	if (rebalance) {
		consumer->rebalance = *rebalance;
		rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	}
	consumer->rk = kafka_handle_new(RD_KAFKA_CONSUMER, conf, err);
	if (!consumer->rk) {
		free(consumer);
		return NULL;
	}
	rd_kafka_poll_set_consumer(consumer->rk);
	consumer->queue = rd_kafka_queue_get_consumer(consumer->rk);
	return consumer;
}

struct kafka_consumer *kafka_consumer_new(const struct settings *settings, const char *group,
					  const char *const *topics,
					  const struct kafka_rebalance *rebalance, struct err *err)
{
	char name[KAFKA_TOPIC_SIZE], instance[32];
	snprintf(instance, sizeof(instance), "node-%lld",
		 (long long)settings_int(settings, "node.id"));
	const struct kafka_option options[] = {
	    {"group.id", kafka_topic_name(settings, group, name)},
	    /* a static member: restarted, even after a kill, it has its partitions back at once */
	    {"group.instance.id", instance},
	    /* the partitions of one that does not come back go to the others after so long */
	    {"session.timeout.ms", "10000"},
	    {"heartbeat.interval.ms", "2000"},
	    {NULL, NULL},
	};
	struct kafka_consumer *consumer = consumer_new(settings, options, rebalance, err);
	if (!consumer)
		return NULL;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	for (; *topics; topics++)
		rd_kafka_topic_partition_list_add(list, kafka_topic_name(settings, *topics, name),
						  RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (error) {
		err_set(err, "subscribe: %s", rd_kafka_err2str(error));
		kafka_consumer_free(&consumer);
	}
	return consumer;
}

static struct kafka_consumer *reader_new(const struct settings *settings, const char *eof,
					 const struct kafka_partition *partitions, size_t count,
					 struct err *err)
{
	/* librdkafka wants a group id even where none is used */
	const struct kafka_option options[] = {
	    {"group.id", "redress-reader"},
	    {"enable.partition.eof", eof},
	    {NULL, NULL},
	};
	struct kafka_consumer *reader = consumer_new(settings, options, NULL, err);
	if (!reader)
		return NULL;
	rd_kafka_topic_partition_list_t *list = to_list(settings, partitions, count);
	rd_kafka_resp_err_t error = rd_kafka_assign(reader->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (error) {
		err_set(err, "assign: %s", rd_kafka_err2str(error));
		kafka_consumer_free(&reader);
	}
	return reader;
}

struct kafka_consumer *kafka_reader_new(const struct settings *settings,
					const struct kafka_partition *partitions, size_t count,
					struct err *err)
{
	return reader_new(settings, "false", partitions, count, err);
}

void kafka_consumer_free(struct kafka_consumer **consumer)
{
	if (!*consumer)
		return;
	rd_kafka_queue_destroy((*consumer)->queue);
	rd_kafka_consumer_close((*consumer)->rk);
	drop_given(*consumer);
	rd_kafka_destroy((*consumer)->rk);
	free((*consumer)->raw);
	free(*consumer);
	*consumer = NULL;
}

static void describe(const struct kafka_consumer *consumer, rd_kafka_message_t *raw,
		     struct kafka_message *message)
{
	*message = (struct kafka_message){
	    .topic = rd_kafka_topic_name(raw->rkt) + consumer->prefix_len,
	    .partition = raw->partition,
	    .offset = raw->offset,
	    .timestamp_ms = rd_kafka_message_timestamp(raw, NULL),
	    .key = raw->key,
	    .key_len = raw->key_len,
	    .value = raw->payload,
	    .len = raw->len,
	    .handle = raw,
	};
}

/*
 * Before 2.2 librdkafka looks only once a second whether its queue, once full, has room again,
 * unless something wakes it up: a request does, and nobody waits for the answer to this one.
 * Without it a backlog is read no faster than one queue a second.
 */
static void wake_fetcher(struct kafka_consumer *consumer)
{
	const struct rd_kafka_metadata *metadata = NULL;
	if (!has_queue_backoff() && !rd_kafka_metadata(consumer->rk, 0, NULL, &metadata, 0))
		rd_kafka_metadata_destroy(metadata);
}

/* Waits for one message, then takes what is there already, all at once. */
static size_t fetch(struct kafka_consumer *consumer, int64_t wait_ms, size_t max)
{
	if (consumer->raw_room < max) {
		consumer->raw = x_realloc(consumer->raw, max, sizeof(*consumer->raw));
		consumer->raw_room = max;
	}
	consumer->raw[0] = rd_kafka_consumer_poll(consumer->rk, (int)wait_ms);
	if (!consumer->raw[0])
		return 0;
	ssize_t more =
	    max > 1 ? rd_kafka_consume_batch_queue(consumer->queue, 0, consumer->raw + 1, max - 1)
		    : 0;
	size_t count = 1 + (more > 0 ? (size_t)more : 0);
	if (count >= WAKE_MESSAGES)
		wake_fetcher(consumer);
	return count;
}

/* A consumer that the group has fenced (a broker that comes back may do that) reads nothing ever
 * again, and says so only when it is asked. */
static int check_alive(struct kafka_consumer *consumer, struct err *err)
{
	char text[160];
	if (!rd_kafka_fatal_error(consumer->rk, text, sizeof(text)))
		return 0;
	return err_set(err, "kafka: fatal: %s", text);
}

int kafka_consumer_poll(struct kafka_consumer *consumer, int64_t wait_ms,
			struct kafka_message *messages, size_t max, struct err *err)
{
	consumer->taken = false;
	size_t count = 0, fetched = fetch(consumer, wait_ms, max);
	for (size_t i = 0; i < fetched; i++) {
		rd_kafka_message_t *raw = consumer->raw[i];
		if (!raw->err && !consumer->taken) {
			describe(consumer, raw, &messages[count++]);
			continue;
		}
		if (raw->err)
			log_debug(0, "kafka: %s", rd_kafka_message_errstr(raw));
		rd_kafka_message_destroy(raw);
	}
	int result = check_alive(consumer, err);
	if (!result && consumer->given)
		result = assign(consumer, consumer->given, err);
	drop_given(consumer);
	if (!result)
		return (int)count;
	kafka_consumer_release(consumer, messages, count);
	return -1;
}

void kafka_consumer_release(struct kafka_consumer *consumer, struct kafka_message *messages,
			    size_t count)
{
	(void)consumer;
	for (size_t i = 0; i < count; i++)
		rd_kafka_message_destroy(messages[i].handle);
}

static bool is_taken_away(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR__STATE || error == RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS ||
	       error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

int kafka_consumer_seek(struct kafka_consumer *consumer, const struct kafka_partition *partitions,
			size_t count, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = to_list(consumer->settings, partitions, count);
	/* without a time limit: it is done within the library, and 2.0.2 takes the milliseconds
	 * for microseconds (mended in 2.1.0) */
	rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer->rk, list, -1);
	int result = error ? err_set(err, "seek: %s", rd_kafka_error_string(error)) : 0;
	for (int i = 0; !result && i < list->cnt; i++) {
		if (list->elems[i].err && !is_taken_away(list->elems[i].err))
			result = err_set(err, "seek: %s", rd_kafka_err2str(list->elems[i].err));
	}
	if (error)
		rd_kafka_error_destroy(error);
	rd_kafka_topic_partition_list_destroy(list);
	return result;
}

/* ---- headers ------------------------------------------------------------------------------- */

const void *kafka_message_header(const struct kafka_message *message, const char *name, size_t *len)
{
	rd_kafka_headers_t *headers;
	const void *value;
	if (!message->handle || rd_kafka_message_headers(message->handle, &headers) ||
	    rd_kafka_header_get_last(headers, name, &value, len))
		return NULL;
	return value;
}

size_t kafka_message_headers(const struct kafka_message *message, struct arena *arena,
			     struct kafka_header **headers)
{
	rd_kafka_headers_t *raw;
	if (rd_kafka_message_headers(message->handle, &raw))
		return 0;
	size_t count = rd_kafka_header_cnt(raw);
	*headers = arena_zero(arena, count * sizeof(**headers));
	for (size_t i = 0; i < count; i++) {
		const char *name;
		const void *value;
		size_t len;
		rd_kafka_header_get_all(raw, i, &name, &value, &len);
		(*headers)[i] = (struct kafka_header){arena_strdup(arena, name),
						      arena_copy(arena, value, len), len};
	}
	return count;
}

/* ---- replay -------------------------------------------------------------------------------- */

struct replay {
	const struct kafka_partition *partitions;
	size_t count, open; /* partitions not yet read to their end */
	int64_t *ends;      /* INT64_MIN once read */
	int (*each)(void *self, const struct kafka_message *message, struct err *err);
	void *self;
};

/* read_committed says "end" at the first open transaction too; it is the end only when nothing
 * that was there at the start lies behind it. */
static void at_end(struct replay *replay, const char *topic, int32_t partition, int64_t offset)
{
	for (size_t i = 0; i < replay->count; i++) {
		if (replay->partitions[i].partition == partition &&
		    strcmp(replay->partitions[i].topic, topic) == 0 &&
		    replay->ends[i] != INT64_MIN && offset >= replay->ends[i]) {
			replay->ends[i] = INT64_MIN;
			replay->open--;
		}
	}
}

static int replay_one(struct kafka_consumer *reader, struct replay *replay, rd_kafka_message_t *raw,
		      struct err *err)
{
	struct kafka_message message;
	if (raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		at_end(replay, rd_kafka_topic_name(raw->rkt) + reader->prefix_len, raw->partition,
		       raw->offset);
		return 0;
	}
	if (raw->err)
		return err_set(err, "replay: %s", rd_kafka_message_errstr(raw));
	describe(reader, raw, &message);
	return replay->each(replay->self, &message, err);
}

static int replay_all(struct kafka_consumer *reader, struct replay *replay, struct err *err)
{
	/* no message and no end for so long: the broker is away */
	for (int silent = 0; replay->open && silent < 60;) {
		rd_kafka_message_t *raw = rd_kafka_consumer_poll(reader->rk, 500);
		silent = raw ? 0 : silent + 1;
		if (!raw)
			continue;
		int result = replay_one(reader, replay, raw, err);
		rd_kafka_message_destroy(raw);
		if (result)
			return -1;
	}
	return replay->open ? err_set(err, "replay: the broker sends nothing more") : 0;
}

int kafka_replay(const struct settings *settings, const struct kafka_partition *partitions,
		 size_t count,
		 int (*each)(void *self, const struct kafka_message *message, struct err *err),
		 void *self, struct err *err)
{
	struct replay replay = {partitions, count, count, x_calloc(count, sizeof(int64_t)),
				each,       self};
	struct kafka_consumer *reader = NULL;
	int result = kafka_ends(settings, partitions, count, replay.ends, err);
	if (!result) {
		reader = reader_new(settings, "true", partitions, count, err);
		result = reader ? replay_all(reader, &replay, err) : -1;
	}
	kafka_consumer_free(&reader);
	free(replay.ends);
	return result;
}
