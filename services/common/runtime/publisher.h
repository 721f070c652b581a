/*
 * What a stream daemon sends: the outbox of a batch, and the batch's dead letters, as
 * CloudEvents 1.0 messages (Kafka protocol binding, binary content mode). Transactions are the
 * pump's.
 */
#ifndef RUNTIME_PUBLISHER_H
#define RUNTIME_PUBLISHER_H

#include "runtime/runtime_private.h"

struct publisher;

/* transactional_id NULL: idempotent only. */
struct publisher *publisher_new(const struct runtime *runtime, const char *transactional_id,
				struct err *err) MUST_CHECK;
void publisher_free(struct publisher **publisher);
struct kafka_producer *publisher_producer(struct publisher *publisher);

/* Before each publication: what was written and went wrong in the last one is forgotten. */
void publisher_begin(struct publisher *publisher);
/* Queues all of the outbox, and a letter for each item of the batch that is dead. */
int publisher_send(struct publisher *publisher, const struct outbox *outbox,
		   const struct batch *batch, struct err *err) MUST_CHECK;
/* Waits until the broker has all of it. */
int publisher_flush(struct publisher *publisher, struct err *err) MUST_CHECK;
/* Once the batch is done: counts and logs what of it went to the dead letters. */
void publisher_tell_dead(struct publisher *publisher, const struct batch *batch);
/*
 * After a failure: whether something was larger than the broker takes. A letter is then written
 * shorter from now on; of an output, culprit is the message that led to it, unless there was none.
 */
bool publisher_learn(struct publisher *publisher, const struct outbox *outbox,
		     const struct kafka_message **culprit);
/* The offset after the last message of each partition that was written to; valid until the next
 * publication. */
const struct kafka_partition *publisher_written(struct publisher *publisher, size_t *count);

#endif
