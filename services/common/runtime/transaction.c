#include "runtime/transaction.h"

#include <stdio.h>

struct publisher *transaction_publisher(const struct runtime *runtime, struct err *err)
{
	char id[200];
	const struct settings *settings = runtime->settings;
	snprintf(id, sizeof(id), "%s%s-%lld", settings_str(settings, "kafka.topic_prefix"),
		 runtime->service->name, (long long)settings_int(settings, "node.id"));
	struct publisher *publisher = publisher_new(runtime, id, err);
	if (publisher && kafka_transactions_init(publisher_producer(publisher), err) != KAFKA_DONE)
		publisher_free(&publisher);
	return publisher;
}

static enum kafka_outcome try_once(struct publisher *publisher, struct kafka_consumer *consumer,
				   const struct transaction *transaction, struct err *err)
{
	struct kafka_producer *producer = publisher_producer(publisher);
	enum kafka_outcome outcome = kafka_transaction_begin(producer, err);
	if (outcome != KAFKA_DONE)
		return outcome;
	if (publisher_send(publisher, transaction->outbox, transaction->batch, err))
		return KAFKA_ABORT;
	if (transaction->offset_count) {
		outcome = kafka_transaction_offsets(producer, consumer, transaction->offsets,
						    transaction->offset_count, err);
		if (outcome != KAFKA_DONE)
			return outcome;
	}
	return kafka_transaction_commit(producer, err);
}

int transaction_publish(struct publisher *publisher, struct kafka_consumer *consumer,
			const struct transaction *transaction, struct err *err)
{
	struct err aborting;
	enum kafka_outcome outcome = try_once(publisher, consumer, transaction, err);
	if (outcome == KAFKA_DONE)
		return 0;
	if (outcome == KAFKA_ABORT) {
		if (kafka_transaction_abort(publisher_producer(publisher), &aborting) == KAFKA_DONE)
			return -1;
		err_context(&aborting, "%s", err->text);
		*err = aborting;
	}
	/* Neither committed nor surely undone: only a new start, which fences this one, knows. */
	runtime_end(err);
}
