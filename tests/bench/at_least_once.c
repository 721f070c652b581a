/*
 * In the place of runtime/transaction.c, to measure what exactly-once costs: an idempotent
 * producer, a flush, then a synchronous commit of the offsets. A stage's own sources linked with
 * this are the same stage run at-least-once. Never part of the product: it ends at the first
 * failure.
 */
#include "runtime/transaction.h"

#include <librdkafka/rdkafka.h>

#include "client/kafka_private.h"
#include "util/log.h"

static const struct settings *settings;

struct publisher *transaction_publisher(const struct runtime *runtime, struct err *err)
{
	settings = runtime->settings;
	return publisher_new(runtime, NULL, err);
}

static void commit_offsets(struct kafka_consumer *consumer, const struct transaction *transaction)
{
	char name[KAFKA_TOPIC_SIZE];
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	for (size_t i = 0; i < transaction->offset_count; i++) {
		const struct kafka_partition *next = &transaction->offsets[i];
		kafka_topic_name(settings, next->topic, name);
		rd_kafka_topic_partition_list_add(list, name, next->partition)->offset =
		    next->offset;
	}
	rd_kafka_resp_err_t error = rd_kafka_commit(kafka_consumer_handle(consumer), list, 0);
	if (error)
		fatal("commit: %s", rd_kafka_err2str(error));
	rd_kafka_topic_partition_list_destroy(list);
}

int transaction_publish(struct publisher *publisher, struct kafka_consumer *consumer,
			const struct transaction *transaction, struct err *err)
{
	if (publisher_send(publisher, transaction->outbox, transaction->batch, err) ||
	    publisher_flush(publisher, err))
		fatal("%s", err->text);
	if (transaction->offset_count)
		commit_offsets(consumer, transaction);
	return 0;
}
