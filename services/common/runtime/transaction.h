/*
 * What a batch leads to and its offsets, in one Kafka transaction. Nothing else of the runtime
 * knows how exactly-once is done: tests/bench links something else here to measure what it costs.
 */
#ifndef RUNTIME_TRANSACTION_H
#define RUNTIME_TRANSACTION_H

#include "runtime/publisher.h"

/* A publisher for transaction_publish; an older one of the same service and node is fenced. */
struct publisher *transaction_publisher(const struct runtime *runtime, struct err *err) MUST_CHECK;

struct transaction {
	const struct outbox *outbox;
	const struct batch *batch;             /* its dead letters */
	const struct kafka_partition *offsets; /* where the group goes on */
	size_t offset_count;                   /* 0: nothing was read */
};

/* All of it or nothing; -1: nothing has happened. Ends the process when that cannot be known. */
int transaction_publish(struct publisher *publisher, struct kafka_consumer *consumer,
			const struct transaction *transaction, struct err *err) MUST_CHECK;

#endif
