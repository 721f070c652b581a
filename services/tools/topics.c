/*
 * NAME      redress-topics - create the topics of the pipeline
 * SYNOPSIS  redress-topics [--config FILE]
 *
 * The names come from the table of the pipeline (domain/pipeline.c). Existing topics are left
 * alone.
 */
#include <stdio.h>
#include <unistd.h>

#include "client/kafka.h"
#include "command_line.h"
#include "domain/pipeline.h"
#include "util/log.h"

#define WAIT_TRIES   100
#define WAIT_STEP_US 100000

static const struct setting topics_settings[] = {
    {"topics.partitions", SETTING_INT, "8", 1, 256, "partitions of every topic"},
    {"topics.replicas", SETTING_INT, "1", 1, 16, "copies of every partition"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static const char usage[] = "usage: redress-topics [--config FILE]\n"
			    "Creates the topics of the pipeline that are missing.\n";

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

int main(int argc, char **argv)
{
	static const struct setting *const tables[] = {kafka_settings, topics_settings, NULL};
	struct err err;
	int first;
	log_setup("topics", LOG_LEVEL_INFO, false);
	struct settings *settings = command_line(argc, argv, usage, tables, &first);
	if (first != argc)
		fatal("unexpected argument: %s", argv[first]);
	for (size_t i = 0; i < pipeline_topic_count; i++) {
		const struct pipeline_topic *topic = &pipeline_topics[i];
		if (kafka_topic_create(settings, topic->name,
				       (int32_t)settings_int(settings, "topics.partitions"),
				       (int32_t)settings_int(settings, "topics.replicas"),
				       topic->retention_ms, &err))
			fatal("%s", err.text);
		wait_until_known(settings, topic->name);
		printf("%s\n", topic->name);
	}
	settings_free(&settings);
	return 0;
}
