#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka.h"
#include "client/kafka_private.h"
#include "util/alloc.h"
#include "util/deadline.h"
#include "util/log.h"

#define TOPICS_MAX 16
#define RETRIES    30 /* long enough for a broker to be started again */
/* One hung producer must not stop every read_committed reader for long. */
#define TRANSACTION_TIMEOUT_MS 15000

struct topic {
	const char *name;
	rd_kafka_topic_t *handle;
};

struct kafka_producer {
	rd_kafka_t *rk;
	const struct settings *settings;
	kafka_delivered *delivered;
	void *self;
	int64_t transaction_wait_ms;
	int transaction_tries;
	struct topic topics[TOPICS_MAX]; /* filled in order; a filled one never changes */
	_Atomic size_t topic_count;
	atomic_flag adding;
};

const char kafka_too_large[] = "the broker takes no message so large";

static bool is_too_large(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *self)
{
	(void)rk;
	struct kafka_producer *producer = self;
	rd_kafka_timestamp_type_t kind;
	if (!producer->delivered)
		return;
	int64_t time_ms = rd_kafka_message_timestamp(message, &kind);
	const struct kafka_delivery delivery = {
	    .partition = message->partition,
	    .offset = message->offset,
	    .stored_ms = kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? time_ms : 0,
	    .error = is_too_large(message->err) ? kafka_too_large
		     : message->err             ? rd_kafka_err2str(message->err)
						: NULL,
	    .perhaps = message->err &&
		       rd_kafka_message_status(message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED,
	};
	producer->delivered(producer->self, message->_private, &delivery);
}

static void on_fenced(rd_kafka_t *rk, int error, const char *reason, void *self)
{
	(void)rk;
	(void)error;
	(void)self;
	log_debug(0, "kafka: %s", reason);
}

static rd_kafka_conf_t *producer_conf(const struct settings *settings,
				      const struct kafka_producer_options *options, struct err *err)
{
	char linger[24], timeout[24], messages[24], kbytes[24], transaction[24], most[24];
	snprintf(transaction, sizeof(transaction), "%lld",
		 (long long)(options->transaction_wait_ms ? options->transaction_wait_ms
							  : TRANSACTION_TIMEOUT_MS));
	snprintf(linger, sizeof(linger), "%lld", (long long)options->linger_ms);
	snprintf(timeout, sizeof(timeout), "%lld", (long long)options->message_timeout_ms);
	snprintf(most, sizeof(most), "%zu",
		 options->message_max_bytes ? options->message_max_bytes : KAFKA_MESSAGE_MAX);
	snprintf(messages, sizeof(messages), "%lld", (long long)options->queue_max_messages);
	snprintf(kbytes, sizeof(kbytes), "%lld", (long long)options->queue_max_bytes / 1024);
	const char *id = options->transactional_id;
	const struct kafka_option table[] = {
	    {"acks", "all"},
	    {"enable.idempotence", "true"},
	    {"linger.ms", linger},
	    {"message.timeout.ms", timeout},
	    {"queue.buffering.max.messages", messages},
	    {"queue.buffering.max.kbytes", kbytes},
	    {"batch.num.messages", "10000"},
	    {"message.max.bytes", most},
	    /* most bytes are sealed, and do not get smaller; measured: lz4 cost more than it saved
	     */
	    {"compression.codec", "none"},
	    /* after a commit the broker refuses the next transaction for some ms, which would
	     * otherwise cost the default backoff of 100 ms each time */
	    {"retry.backoff.ms", id ? "2" : "20"},
	    {id ? "transactional.id" : NULL, id},
	    {"transaction.timeout.ms", transaction},
	    {NULL, NULL},
	};
	return kafka_conf_new(settings, table, err);
}

struct kafka_producer *kafka_producer_new(const struct settings *settings,
					  const struct kafka_producer_options *options,
					  struct err *err)
{
	rd_kafka_conf_t *conf = producer_conf(settings, options, err);
	if (!conf)
		return NULL;
	struct kafka_producer *producer = x_calloc(1, sizeof(*producer));
	producer->settings = settings;
	producer->delivered = options->delivered;
	producer->self = options->self;
	rd_kafka_conf_set_opaque(conf, producer);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	if (options->may_be_fenced)
		rd_kafka_conf_set_error_cb(conf, on_fenced);
	producer->transaction_wait_ms =
	    options->transaction_wait_ms ? options->transaction_wait_ms : KAFKA_WAIT_MS;
	producer->transaction_tries = options->transaction_wait_ms ? 1 : RETRIES;
	producer->rk = kafka_handle_new(RD_KAFKA_PRODUCER, conf, err);
	if (!producer->rk) {
		free(producer);
		return NULL;
	}
	return producer;
}

void kafka_producer_free(struct kafka_producer **producer, int64_t flush_ms)
{
	if (!*producer)
		return;
	if (flush_ms > 0)
		rd_kafka_flush((*producer)->rk, (int)flush_ms);
	for (size_t i = 0; i < (*producer)->topic_count; i++)
		rd_kafka_topic_destroy((*producer)->topics[i].handle);
	rd_kafka_destroy((*producer)->rk);
	free(*producer);
	*producer = NULL;
}

static rd_kafka_topic_t *look_up(struct kafka_producer *producer, const char *name)
{
	size_t count = atomic_load_explicit(&producer->topic_count, memory_order_acquire);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(producer->topics[i].name, name) == 0)
			return producer->topics[i].handle;
	}
	return NULL;
}

/* A handle saves librdkafka a look-up by name, under a lock, for every message. */
static rd_kafka_topic_t *topic_handle(struct kafka_producer *producer, const char *name)
{
	char full[KAFKA_TOPIC_SIZE];
	rd_kafka_topic_t *handle = look_up(producer, name);
	if (handle)
		return handle;
	while (atomic_flag_test_and_set(&producer->adding))
		;
	handle = look_up(producer, name);
	if (!handle && producer->topic_count < TOPICS_MAX) {
		kafka_topic_name(producer->settings, name, full);
		handle = rd_kafka_topic_new(producer->rk, full, NULL);
		if (handle) {
			size_t at = producer->topic_count;
			producer->topics[at] = (struct topic){
			    rd_kafka_topic_name(handle) + (strlen(full) - strlen(name)), handle};
			atomic_store_explicit(&producer->topic_count, at + 1, memory_order_release);
		}
	}
	atomic_flag_clear(&producer->adding);
	return handle;
}

static rd_kafka_headers_t *make_headers(const struct kafka_header *headers, size_t count)
{
	if (!count)
		return NULL;
	rd_kafka_headers_t *made = rd_kafka_headers_new(count);
	for (size_t i = 0; i < count; i++)
		rd_kafka_header_add(made, headers[i].name, -1, headers[i].value,
				    (ssize_t)headers[i].len);
	return made;
}

enum kafka_sent kafka_produce(struct kafka_producer *producer, const char *topic, int32_t partition,
			      const void *key, size_t key_len, const void *value, size_t len,
			      const struct kafka_header *headers, size_t header_count, void *tag,
			      struct err *err)
{
	rd_kafka_topic_t *handle = topic_handle(producer, topic);
	if (!handle) {
		err_set(err, "no handle for topic %s", topic);
		return KAFKA_REFUSED;
	}
	rd_kafka_headers_t *made = make_headers(headers, header_count);
	rd_kafka_resp_err_t error = rd_kafka_producev(
	    producer->rk, RD_KAFKA_V_RKT(handle), RD_KAFKA_V_PARTITION(partition),
	    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_len),
	    RD_KAFKA_V_VALUE((void *)(uintptr_t)value, len), RD_KAFKA_V_HEADERS(made),
	    RD_KAFKA_V_OPAQUE(tag), RD_KAFKA_V_END);
	if (!error)
		return KAFKA_SENT; /* and librdkafka owns the headers */
	if (made)
		rd_kafka_headers_destroy(made);
	if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return KAFKA_FULL;
	err_set(err, "topic %s: %s", topic, rd_kafka_err2str(error));
	return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? KAFKA_TOO_LARGE : KAFKA_REFUSED;
}

void kafka_producer_poll(struct kafka_producer *producer, int64_t wait_ms)
{
	rd_kafka_poll(producer->rk, (int)wait_ms);
}

int kafka_producer_flush(struct kafka_producer *producer, int64_t wait_ms, struct err *err)
{
	rd_kafka_resp_err_t error = rd_kafka_flush(producer->rk, (int)wait_ms);
	return error ? err_set(err, "flush: %s", rd_kafka_err2str(error)) : 0;
}

/* ---- transactions -------------------------------------------------------------------------- */

/* Anything neither retriable nor abortable is fatal: the state of the transaction is unknown. */
static enum kafka_outcome outcome(rd_kafka_error_t *error, const char *what, bool *retry,
				  struct err *err)
{
	*retry = false;
	if (!error)
		return KAFKA_DONE;
	err_set(err, "%s: %s", what, rd_kafka_error_string(error));
	enum kafka_outcome result = KAFKA_FATAL;
	if (rd_kafka_error_is_fatal(error))
		result = KAFKA_FATAL;
	else if (rd_kafka_error_txn_requires_abort(error))
		result = KAFKA_ABORT;
	else if (rd_kafka_error_is_retriable(error))
		*retry = true;
	rd_kafka_error_destroy(error);
	return result;
}

/* For one answer; short once the process is to end. */
static int wait_ms(const struct kafka_producer *producer)
{
	const struct deadline usual = deadline_in(producer->transaction_wait_ms);
	int left_ms = deadline_left_ms(&usual);
	return left_ms ? left_ms : 1;
}

static bool may_try(const struct kafka_producer *producer, int tries)
{
	const struct deadline usual = deadline_in(producer->transaction_wait_ms);
	return !tries || (tries < producer->transaction_tries && deadline_left_ms(&usual));
}

enum kafka_outcome kafka_transactions_init(struct kafka_producer *producer, struct err *err)
{
	bool retry = true;
	enum kafka_outcome result = KAFKA_FATAL;
	for (int i = 0; retry && may_try(producer, i); i++)
		result = outcome(rd_kafka_init_transactions(producer->rk, wait_ms(producer)),
				 "init transactions", &retry, err);
	return result;
}

enum kafka_outcome kafka_transaction_begin(struct kafka_producer *producer, struct err *err)
{
	bool retry;
	return outcome(rd_kafka_begin_transaction(producer->rk), "begin transaction", &retry, err);
}

enum kafka_outcome kafka_transaction_offsets(struct kafka_producer *producer,
					     struct kafka_consumer *consumer,
					     const struct kafka_partition *partitions, size_t count,
					     struct err *err)
{
	char name[KAFKA_TOPIC_SIZE];
	bool retry = true;
	enum kafka_outcome result = KAFKA_FATAL;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(
		    list, kafka_topic_name(producer->settings, partitions[i].topic, name),
		    partitions[i].partition)
		    ->offset = partitions[i].offset;
	rd_kafka_consumer_group_metadata_t *group =
	    rd_kafka_consumer_group_metadata(kafka_consumer_handle(consumer));
	for (int i = 0; retry && may_try(producer, i); i++)
		result = outcome(rd_kafka_send_offsets_to_transaction(producer->rk, list, group,
								      wait_ms(producer)),
				 "send offsets", &retry, err);
	rd_kafka_consumer_group_metadata_destroy(group);
	rd_kafka_topic_partition_list_destroy(list);
	return retry ? KAFKA_ABORT : result;
}

enum kafka_outcome kafka_transaction_commit(struct kafka_producer *producer, struct err *err)
{
	bool retry = true;
	enum kafka_outcome result = KAFKA_FATAL;
	for (int i = 0; retry && may_try(producer, i); i++)
		result = outcome(rd_kafka_commit_transaction(producer->rk, wait_ms(producer)),
				 "commit transaction", &retry, err);
	return result;
}

enum kafka_outcome kafka_transaction_abort(struct kafka_producer *producer, struct err *err)
{
	bool retry = true;
	enum kafka_outcome result = KAFKA_FATAL;
	for (int i = 0; retry && may_try(producer, i); i++)
		result = outcome(rd_kafka_abort_transaction(producer->rk, wait_ms(producer)),
				 "abort transaction", &retry, err);
	return result;
}
