/*
 * Kafka over librdkafka; only kafka*.c includes rdkafka.h. Three things: a consumer, a producer
 * (idempotent, or transactional when it has a transactional id), and the administration that
 * creates topics and reads positions. A fatal error of librdkafka (fenced, out of sequence) is
 * logged and ends the process: a supervisor starts it again and nothing acknowledged is lost.
 */
#ifndef CLIENT_KAFKA_H
#define CLIENT_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

/* The settings every daemon that uses Kafka has: kafka.brokers, kafka.topic_prefix, ... */
extern const struct setting kafka_settings[];

struct kafka_header {
	const char *name;
	const void *value;
	size_t len;
};

/* A message as read; everything lives until its batch is given back. */
struct kafka_message {
	const char *topic; /* without the prefix */
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;
	const void *key;
	size_t key_len;
	const void *value;
	size_t len;
	void *handle; /* kafka.c's own; NULL: no broker gave it, and it has no headers */
};

/* The value of a header, or NULL; header values are parsed only when asked for. */
const void *kafka_message_header(const struct kafka_message *message, const char *name,
				 size_t *len);
/* All headers, copied into the arena. */
size_t kafka_message_headers(const struct kafka_message *message, struct arena *arena,
			     struct kafka_header **headers);

struct kafka_partition {
	const char *topic; /* without the prefix */
	int32_t partition;
	int64_t offset; /* KAFKA_BEGINNING, KAFKA_END, or where to start */
};

#define KAFKA_BEGINNING INT64_C(-2)
#define KAFKA_END       INT64_C(-1)

/* ---- reading ------------------------------------------------------------------------------- */

struct kafka_consumer;

/*
 * Called from within kafka_consumer_poll when the group gives or takes partitions. assigned may
 * set where each partition starts (offset holds the group's committed one, or KAFKA_BEGINNING,
 * and is stable: no open transaction will move it any more); -1 ends in a failed poll.
 */
struct kafka_rebalance {
	int (*assigned)(void *self, struct kafka_partition *partitions, size_t count,
			struct err *err);
	void (*revoked)(void *self, const struct kafka_partition *partitions, size_t count);
	void *self;
};

/* A member of the group; read_committed; never commits by itself. */
struct kafka_consumer *kafka_consumer_new(const struct settings *settings, const char *group,
					  const char *const *topics,
					  const struct kafka_rebalance *rebalance,
					  struct err *err) MUST_CHECK;
/* No group: reads exactly these partitions from these offsets; read_committed. */
struct kafka_consumer *kafka_reader_new(const struct settings *settings,
					const struct kafka_partition *partitions, size_t count,
					struct err *err) MUST_CHECK;
/*
 * Reads everything that is in these partitions now, from partitions[].offset to their ends, and
 * calls each for every message; waits for transactions that were open when it began to end.
 * each: -1 stops with err. For restoring a view.
 */
int kafka_replay(const struct settings *settings, const struct kafka_partition *partitions,
		 size_t count,
		 int (*each)(void *self, const struct kafka_message *message, struct err *err),
		 void *self, struct err *err) MUST_CHECK;

/* Leaves the group. */
void kafka_consumer_free(struct kafka_consumer **consumer);

/*
 * Up to max messages, waiting at most wait_ms for the first one. Returns how many, 0 for none,
 * -1 for a failure that a restart must mend. The messages live until kafka_consumer_release.
 */
int kafka_consumer_poll(struct kafka_consumer *consumer, int64_t wait_ms,
			struct kafka_message *messages, size_t max, struct err *err) MUST_CHECK;
void kafka_consumer_release(struct kafka_consumer *consumer, struct kafka_message *messages,
			    size_t count);
/* Go back: the next poll reads from these offsets again; partitions that were taken from us
 * meanwhile are passed over. -1: what comes next is not known, so nothing more may be read. */
int kafka_consumer_seek(struct kafka_consumer *consumer, const struct kafka_partition *partitions,
			size_t count, struct err *err) MUST_CHECK;
/* ---- writing ------------------------------------------------------------------------------- */

struct kafka_producer;

/* What became of one message. */
struct kafka_delivery {
	int32_t partition;
	int64_t offset;
	int64_t stored_ms; /* the broker's time; 0: the topic keeps the sender's */
	const char *error; /* NULL: the broker has it with acks=all; else the above says nothing */
	bool perhaps;      /* with error: it may be there nevertheless, or appear later */
};

typedef void kafka_delivered(void *self, void *tag, const struct kafka_delivery *delivery);

/* The error when the broker, or our own limit, has no room for a message so large. */
extern const char kafka_too_large[];

/* What a message may measure unless a producer says otherwise; librdkafka's own default. */
#define KAFKA_MESSAGE_MAX ((size_t)1000000)

struct kafka_producer_options {
	const char *transactional_id; /* NULL: idempotent only */
	/* transactional: another with the same id may fence this one, whose calls then give
	 * KAFKA_FATAL and which does not end the process */
	bool may_be_fenced;
	/* of each call about transactions at most; 0: long enough for a broker to be started again
	 */
	int64_t transaction_wait_ms;
	kafka_delivered *delivered; /* may be NULL; called on the thread that polls */
	void *self;
	int64_t linger_ms;
	int64_t message_timeout_ms; /* give up and call delivered with an error */
	size_t message_max_bytes;   /* 0: KAFKA_MESSAGE_MAX */
	int64_t queue_max_messages;
	int64_t queue_max_bytes;
};

struct kafka_producer *kafka_producer_new(const struct settings *settings,
					  const struct kafka_producer_options *options,
					  struct err *err) MUST_CHECK;
void kafka_producer_free(struct kafka_producer **producer, int64_t flush_ms);

/* KAFKA_TOO_LARGE: it will never be taken. */
enum kafka_sent { KAFKA_SENT, KAFKA_FULL, KAFKA_REFUSED, KAFKA_TOO_LARGE };

/*
 * Queues one message; value and key are copied. partition: -1 lets the key decide. KAFKA_FULL: the
 * queue has reached its bound, poll and try again or answer 503. From any thread.
 */
enum kafka_sent kafka_produce(struct kafka_producer *producer, const char *topic, int32_t partition,
			      const void *key, size_t key_len, const void *value, size_t len,
			      const struct kafka_header *headers, size_t header_count, void *tag,
			      struct err *err);
/* Calls delivered for what has come back; waits up to wait_ms. */
void kafka_producer_poll(struct kafka_producer *producer, int64_t wait_ms);
/* 0: all delivered. */
int kafka_producer_flush(struct kafka_producer *producer, int64_t wait_ms,
			 struct err *err) MUST_CHECK;

enum kafka_outcome { KAFKA_DONE, KAFKA_ABORT, KAFKA_FATAL };

/* Transactions. KAFKA_ABORT: abort and do it again. KAFKA_FATAL: end the process. */
enum kafka_outcome kafka_transactions_init(struct kafka_producer *producer, struct err *err);
enum kafka_outcome kafka_transaction_begin(struct kafka_producer *producer, struct err *err);
enum kafka_outcome kafka_transaction_offsets(struct kafka_producer *producer,
					     struct kafka_consumer *consumer,
					     const struct kafka_partition *partitions, size_t count,
					     struct err *err);
enum kafka_outcome kafka_transaction_commit(struct kafka_producer *producer, struct err *err);
enum kafka_outcome kafka_transaction_abort(struct kafka_producer *producer, struct err *err);

/* ---- administration ------------------------------------------------------------------------ */

/* How many partitions the topic has; -1: cannot be asked, or there is no such topic. */
int kafka_partition_count(const struct settings *settings, const char *topic, int32_t *count,
			  struct err *err) MUST_CHECK;
/* First and next offset of a partition, open transactions included. */
int kafka_offset_range(const struct settings *settings, const char *topic, int32_t partition,
		       int64_t *first, int64_t *next, struct err *err) MUST_CHECK;
/* Where each partition stood at this time; partitions[].offset is filled in. */
int kafka_offsets_at(const struct settings *settings, struct kafka_partition *partitions,
		     size_t count, int64_t unix_ms, struct err *err) MUST_CHECK;
/* Creates what is missing; an existing topic is left alone. retention_ms -1: for ever. max_bytes:
 * of a message. */
#define KAFKA_LAST_OF_KEY                                                                          \
	INT64_C(-2) /* as retention_ms: the last message of each key for ever, and                 \
		     * the time of each is the broker's */
int kafka_topic_create(const struct settings *settings, const char *topic, int32_t partitions,
		       int32_t replicas, int64_t retention_ms, size_t max_bytes,
		       struct err *err) MUST_CHECK;

#endif
