/*
 * NAME      redress-topics - create the topics of the pipeline
 * SYNOPSIS  redress-topics [--config FILE]
 *
 * The names come from the table of the pipeline (domain/pipeline.c). Existing topics are left
 * alone. The topic of the leases of case numbers is told, once, which nodes this cluster has.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/kafka.h"
#include "client/kafka_layout.h"
#include "domain/number_book.h"
#include "domain/pipeline.h"
#include "util/log.h"
#include "util/program.h"

#define TOPICS_MOST  64
#define WAIT_TRIES   100
#define WAIT_STEP_US 100000
#define WRITE_MS     10000

static const struct setting topics_settings[] = {
    {"topics.partitions", SETTING_INT, "8", 1, PIPELINE_PARTITIONS_MAX,
     "partitions of every topic"},
    {"topics.replicas", SETTING_INT, "1", 1, 16, "copies of every partition"},
    {"topics.nodes", SETTING_STRING, "", 0, 7,
     "nodes of case numbers that this Kafka cluster may lease, as 0-127; where data centres have a"
     " cluster each, give each other ones. Kept in the cluster from the first time on; not given:"
     " what is kept there, or 0-254"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* Brokers learn of a new topic one after the other; who comes next should find it. */
static void wait_until_known(const struct settings *settings, const char *topic)
{
	struct err err;
	int32_t count;
	for (int tries = 0; kafka_partition_count(settings, topic, &count, &err); tries++) {
		if (tries == WAIT_TRIES)
			fatal("%s", err.text);
		usleep(WAIT_STEP_US);
	}
}

/* How many partitions there are already; those that the settings say when there is none yet. */
static int32_t partitions_wanted(const struct settings *settings)
{
	struct err err;
	int32_t wanted = (int32_t)settings_int(settings, "topics.partitions"), begun;
	if (layout_read(settings, &begun, &err) != LAYOUT_HOLDS)
		return wanted;
	if (begun != wanted)
		fatal("topics.partitions is %d, but this installation was begun with %d, which "
		      "cannot "
		      "be changed any more",
		      wanted, begun);
	return begun;
}

/* Those that were there before may be other than those we would have made. */
static void check_all(const struct settings *settings, int32_t partitions)
{
	struct err err;
	const char *topics[TOPICS_MOST];
	for (size_t i = 0; i < pipeline_topic_count; i++)
		topics[i] = pipeline_topics[i].name;
	if (layout_write(settings, partitions, (int32_t)settings_int(settings, "topics.replicas"),
			 &err) ||
	    layout_check(settings, topics, pipeline_topic_count, &partitions, &err) != LAYOUT_HOLDS)
		fatal("%s", err.text);
}

/* ---- the nodes of this cluster -------------------------------------------------------------- */

static int on_lease(void *self, const struct kafka_message *message, struct err *err)
{
	(void)err;
	number_book_read(self, message->key, message->key_len, message->value, message->len);
	return 0;
}

static void on_delivered(void *self, void *tag, const struct kafka_delivery *delivery)
{
	(void)tag;
	if (delivery->error)
		err_set(self, "%s", delivery->error);
}

static void write_range(const struct settings *settings, uint8_t first, uint8_t last)
{
	struct err err, refused = {""};
	uint8_t value[NUMBER_BOOK_VALUE_MAX];
	size_t size = number_book_write_range(first, last, value);
	const struct kafka_producer_options options = {
	    .delivered = on_delivered,
	    .self = &refused,
	    .message_timeout_ms = WRITE_MS,
	    .queue_max_messages = 1,
	    .queue_max_bytes = 1024 * 1024,
	};
	struct kafka_producer *producer = kafka_producer_new(settings, &options, &err);
	if (!producer ||
	    kafka_produce(producer, TOPIC_LEASES, 0, NUMBER_BOOK_RANGE_KEY,
			  strlen(NUMBER_BOOK_RANGE_KEY), value, size, NULL, 0, NULL,
			  &err) != KAFKA_SENT ||
	    kafka_producer_flush(producer, 2 * WRITE_MS, &err))
		fatal("%s", err.text);
	if (*refused.text)
		fatal("topic %s: %s", TOPIC_LEASES, refused.text);
	kafka_producer_free(&producer, 0);
}

static struct number_book make_book(const struct settings *settings)
{
	struct err err;
	struct number_book book;
	const struct kafka_partition all = {TOPIC_LEASES, 0, KAFKA_BEGINNING};
	number_book_init(&book);
	if (kafka_topic_create(settings, TOPIC_LEASES, 1,
			       (int32_t)settings_int(settings, "topics.replicas"),
			       KAFKA_LAST_OF_KEY, PIPELINE_MAX_BYTES, &err))
		fatal("%s", err.text);
	wait_until_known(settings, TOPIC_LEASES);
	if (kafka_replay(settings, &all, 1, on_lease, &book, &err))
		fatal("%s", err.text);
	printf("%s\n", TOPIC_LEASES);
	return book;
}

/* What the cluster was told first counts: a change would give one node to two clusters for a while.
 */
static void tell_nodes(const struct settings *settings)
{
	uint8_t first = 0, last = NUMBER_NODE_LAST;
	const char *wanted = settings_str(settings, "topics.nodes");
	if (*wanted && !number_book_parse_range(wanted, &first, &last))
		fatal("topics.nodes: two numbers from 0 to %d, as in 0-127", NUMBER_NODE_LAST);
	const struct number_book book = make_book(settings);
	if (!book.has_range)
		write_range(settings, first, last);
	else if (*wanted && (book.first != first || book.last != last))
		fatal("topics.nodes: this cluster has the nodes %d-%d already; these cannot be"
		      " changed",
		      book.first, book.last);
}

static void make_topics(const struct settings *settings, int32_t partitions)
{
	struct err err;
	for (size_t i = 0; i < pipeline_topic_count; i++) {
		const struct pipeline_topic *topic = &pipeline_topics[i];
		if (kafka_topic_create(settings, topic->name, partitions,
				       (int32_t)settings_int(settings, "topics.replicas"),
				       topic->retention_ms, pipeline_max_bytes(topic->name), &err))
			fatal("%s", err.text);
		wait_until_known(settings, topic->name);
		printf("%s\n", topic->name);
	}
}

static const struct program_command commands[] = {
    {"", "Creates the topics that are missing.", false}, {NULL, NULL, false}};
static const struct setting *const tables[] = {kafka_settings, topics_settings, NULL};
static const struct program program = {.name = "topics",
				       .summary = "create the topics of the pipeline",
				       .commands = commands,
				       .settings = tables};

int main(int argc, char **argv)
{
	struct program_call call = program_begin(argc, argv, &program);
	tell_nodes(call.settings);
	int32_t partitions = partitions_wanted(call.settings);
	make_topics(call.settings, partitions);
	check_all(call.settings, partitions);
	program_end(&call);
	return 0;
}
