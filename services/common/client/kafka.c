#include "client/kafka.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/kafka_private.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define EXIT_FATAL  70  /* EX_SOFTWARE of sysexits.h */
#define ELECTION_MS 100 /* how often it is asked whether a partition has a leader by now */

const struct setting kafka_settings[] = {
    {"kafka.brokers", SETTING_STRING, NULL, 1, 2000, "host:port of brokers, comma separated"},
    {"kafka.topic_prefix", SETTING_STRING, "", 0, 100, "put before every topic and group"},
    {"kafka.properties", SETTING_STRING, "", 0, 1000,
     "file of further librdkafka properties (TLS, SASL), name=value a line"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

const char *kafka_topic_name(const struct settings *settings, const char *topic, char *out)
{
	snprintf(out, KAFKA_TOPIC_SIZE, "%s%s", settings_str(settings, "kafka.topic_prefix"),
		 topic);
	return out;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	/* syslog levels; brokers that come and go are librdkafka's to handle, so never errors */
	log_line(level <= 3 ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, 0, "kafka: %s: %s", facility, text);
}

static void on_error(rd_kafka_t *rk, int error, const char *reason, void *self)
{
	(void)self;
	char text[200];
	if (error != RD_KAFKA_RESP_ERR__FATAL) {
		log_debug(0, "kafka: %s", reason);
		return;
	}
	rd_kafka_fatal_error(rk, text, sizeof(text));
	log_error(0, "kafka: fatal, ending to be started again: %s", text);
	_exit(EXIT_FATAL);
}

static int set_option(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
	char reason[160];
	if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
		return 0;
	return err_set(err, "kafka option %s: %s", name, reason);
}

static int set_file_line(rd_kafka_conf_t *conf, char *line, const char *path, struct err *err)
{
	line[strcspn(line, "\r")] = '\0';
	if (!*line || *line == '#')
		return 0;
	char *equals = strchr(line, '=');
	if (!equals)
		return err_set(err, "%.100s: expected name=value", path);
	*equals = '\0';
	return set_option(conf, line, equals + 1, err);
}

static int set_file(rd_kafka_conf_t *conf, const char *path, struct err *err)
{
	char reason[160];
	if (!*path)
		return 0;
	char *all = text_read_file(path, 65536, NULL, reason), *rest = all, *line;
	if (!all)
		return err_set(err, "kafka.properties: %s", reason);
	int result = 0;
	while (!result && (line = strsep(&rest, "\n")))
		result = set_file_line(conf, line, path, err);
	free(all);
	return result;
}

rd_kafka_conf_t *kafka_conf_new(const struct settings *settings, const struct kafka_option *options,
				struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const struct kafka_option shared[] = {
	    {"bootstrap.servers", settings_str(settings, "kafka.brokers")},
	    /* librdkafka 2.0 leaves Nagle's algorithm on: 40 ms a request */
	    {"socket.nagle.disable", "true"},
	    {"reconnect.backoff.ms", "50"},
	    {"reconnect.backoff.max.ms", "1000"},
	    {"broker.address.family", "any"},
	    /* a broker that comes and goes is our reader's and writer's normal life */
	    {"log.connection.close", "false"},
	    {NULL, NULL},
	};
	const struct kafka_option *lists[] = {shared, options, NULL};
	int result = 0;
	for (size_t i = 0; !result && lists[i]; i++) {
		for (const struct kafka_option *o = lists[i]; !result && o->name; o++)
			result = set_option(conf, o->name, o->value, err);
	}
	if (!result)
		result = set_file(conf, settings_str(settings, "kafka.properties"), err);
	if (result) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
	return conf;
}

rd_kafka_t *kafka_handle_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err *err)
{
	char reason[160];
	rd_kafka_t *rk = rd_kafka_new(type, conf, reason, sizeof(reason));
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		err_set(err, "kafka: %s", reason);
	}
	return rk;
}

/* ---- administration ------------------------------------------------------------------------ */

/* Sees open transactions too: what is asked here is where a partition ends, whoever is writing. */
static rd_kafka_t *admin_handle(const struct settings *settings, struct err *err)
{
	const struct kafka_option options[] = {{"isolation.level", "read_uncommitted"},
					       {NULL, NULL}};
	rd_kafka_conf_t *conf = kafka_conf_new(settings, options, err);
	return conf ? kafka_handle_new(RD_KAFKA_CONSUMER, conf, err) : NULL;
}

int kafka_partition_count(const struct settings *settings, const char *topic, int32_t *count,
			  struct err *err)
{
	char name[KAFKA_TOPIC_SIZE];
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_t *rk = admin_handle(settings, err);
	if (!rk)
		return -1;
	rd_kafka_topic_t *handle =
	    rd_kafka_topic_new(rk, kafka_topic_name(settings, topic, name), NULL);
	rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 0, handle, &metadata, KAFKA_WAIT_MS);
	if (!error && (metadata->topic_cnt != 1 || metadata->topics[0].err))
		error = metadata->topic_cnt == 1 ? metadata->topics[0].err
						 : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	if (!error)
		*count = metadata->topics[0].partition_cnt;
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
	rd_kafka_destroy(rk);
	return error ? err_set(err, "topic %s: %s", name, rd_kafka_err2str(error)) : 0;
}

/*
 * Whether to ask again: the partition has no leader yet, as a topic that was just created, or its
 * leader has changed. librdkafka asks again by itself, but not for as long as an election may take.
 */
static bool is_electing(rd_kafka_resp_err_t error, int64_t until_us)
{
	switch ((int)error) {
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
	case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
	case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
		break;
	default:
		return false;
	}
	usleep(ELECTION_MS * 1000);
	return clock_mono_us() < until_us;
}

static int64_t election_ends_us(void)
{
	return clock_mono_us() + KAFKA_WAIT_MS * INT64_C(1000);
}

static int query_range(rd_kafka_t *rk, const struct settings *settings, const char *topic,
		       int32_t partition, int64_t *first, int64_t *next, struct err *err)
{
	char name[KAFKA_TOPIC_SIZE];
	rd_kafka_resp_err_t error;
	int64_t until_us = election_ends_us();
	kafka_topic_name(settings, topic, name);
	do {
		error = rd_kafka_query_watermark_offsets(rk, name, partition, first, next,
							 KAFKA_WAIT_MS);
	} while (is_electing(error, until_us));
	return error ? err_set(err, "offsets of %s: %s", name, rd_kafka_err2str(error)) : 0;
}

int kafka_offset_range(const struct settings *settings, const char *topic, int32_t partition,
		       int64_t *first, int64_t *next, struct err *err)
{
	rd_kafka_t *rk = admin_handle(settings, err);
	if (!rk)
		return -1;
	int result = query_range(rk, settings, topic, partition, first, next, err);
	rd_kafka_destroy(rk);
	return result;
}

/* The ends of all partitions, asked over one connection. */
int kafka_ends(const struct settings *settings, const struct kafka_partition *partitions,
	       size_t count, int64_t *ends, struct err *err)
{
	int64_t first;
	rd_kafka_t *rk = admin_handle(settings, err);
	int result = rk ? 0 : -1;
	for (size_t i = 0; !result && i < count; i++)
		result = query_range(rk, settings, partitions[i].topic, partitions[i].partition,
				     &first, &ends[i], err);
	if (rk)
		rd_kafka_destroy(rk);
	return result;
}

/* list's offsets are the time asked for, and then what is there. */
static rd_kafka_resp_err_t offsets_for_times(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(rk, list, KAFKA_WAIT_MS);
	for (int i = 0; !error && i < list->cnt; i++)
		error = list->elems[i].err;
	return error;
}

static rd_kafka_resp_err_t query_times(rd_kafka_t *rk, const struct settings *settings,
				       struct kafka_partition *partitions, size_t count,
				       int64_t unix_ms)
{
	char name[KAFKA_TOPIC_SIZE];
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(
		    list, kafka_topic_name(settings, partitions[i].topic, name),
		    partitions[i].partition)
		    ->offset = unix_ms;
	rd_kafka_resp_err_t error = offsets_for_times(rk, list);
	for (size_t i = 0; !error && i < count; i++)
		partitions[i].offset =
		    list->elems[i].offset < 0 ? KAFKA_END : list->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(list);
	return error;
}

int kafka_offsets_at(const struct settings *settings, struct kafka_partition *partitions,
		     size_t count, int64_t unix_ms, struct err *err)
{
	rd_kafka_resp_err_t error;
	int64_t until_us = election_ends_us();
	rd_kafka_t *rk = admin_handle(settings, err);
	if (!rk)
		return -1;
	do {
		error = query_times(rk, settings, partitions, count, unix_ms);
	} while (is_electing(error, until_us));
	rd_kafka_destroy(rk);
	return error ? err_set(err, "offsets at a time: %s", rd_kafka_err2str(error)) : 0;
}

static int read_created(rd_kafka_event_t *event, struct err *err)
{
	size_t count = 0;
	const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
	if (rd_kafka_event_error(event))
		return err_set(err, "%s", rd_kafka_event_error_string(event));
	const rd_kafka_topic_result_t **topics =
	    rd_kafka_CreateTopics_result_topics(result, &count);
	rd_kafka_resp_err_t error =
	    count == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__FAIL;
	if (!error || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return 0;
	return err_set(err, "%s", rd_kafka_topic_result_error_string(topics[0]));
}

int kafka_topic_create(const struct settings *settings, const char *topic, int32_t partitions,
		       int32_t replicas, int64_t retention_ms, size_t max_bytes, struct err *err)
{
	char name[KAFKA_TOPIC_SIZE], reason[160], retention[32], most[32];
	rd_kafka_t *rk = admin_handle(settings, err);
	if (!rk)
		return -1;
	kafka_topic_name(settings, topic, name);
	snprintf(retention, sizeof(retention), "%lld", (long long)retention_ms);
	rd_kafka_NewTopic_t *wanted =
	    rd_kafka_NewTopic_new(name, partitions, replicas, reason, sizeof(reason));
	if (!wanted) {
		rd_kafka_destroy(rk);
		return err_set(err, "topic %s: %s", name, reason);
	}
	if (retention_ms == KAFKA_LAST_OF_KEY) {
		rd_kafka_NewTopic_set_config(wanted, "cleanup.policy", "compact");
		rd_kafka_NewTopic_set_config(wanted, "message.timestamp.type", "LogAppendTime");
		/* nothing is compacted in the segment that is written to */
		rd_kafka_NewTopic_set_config(wanted, "segment.ms", "86400000");
	} else {
		rd_kafka_NewTopic_set_config(wanted, "retention.ms", retention);
	}
	snprintf(most, sizeof(most), "%zu", max_bytes);
	rd_kafka_NewTopic_set_config(wanted, "max.message.bytes", most);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_CreateTopics(rk, &wanted, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 3 * KAFKA_WAIT_MS);
	int result = event ? read_created(event, err) : err_set(err, "the broker does not answer");
	if (result)
		err_context(err, "topic %s", name);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy(wanted);
	rd_kafka_destroy(rk);
	return result;
}
