/* What the kafka_*.c files share; nobody else's business. */
#ifndef CLIENT_KAFKA_PRIVATE_H
#define CLIENT_KAFKA_PRIVATE_H

#include <librdkafka/rdkafka.h>

#include "client/kafka.h"
#include "util/settings.h"

#define KAFKA_WAIT_MS 10000 /* for one answer of the broker */

struct kafka_option {
	const char *name;
	const char *value;
};

/* A configuration with what all clients share, then options (ended by a NULL name), then the
 * operator's kafka.properties. */
rd_kafka_conf_t *kafka_conf_new(const struct settings *settings, const struct kafka_option *options,
				struct err *err);
/* Takes the configuration, also on failure. */
rd_kafka_t *kafka_handle_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err *err);
/* "prefix" + "topic" into out, which has KAFKA_TOPIC_SIZE bytes. */
#define KAFKA_TOPIC_SIZE 250
const char *kafka_topic_name(const struct settings *settings, const char *topic, char *out);

/* The end of each partition, open transactions included. */
int kafka_ends(const struct settings *settings, const struct kafka_partition *partitions,
	       size_t count, int64_t *ends, struct err *err);

rd_kafka_t *kafka_consumer_handle(struct kafka_consumer *consumer);

#endif
