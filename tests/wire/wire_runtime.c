/*
 * A service on the runtime, in a process of its own, whose broker makes difficulties: whatever it
 * answers, every message leaves exactly one behind, or the process ends so that its supervisor
 * starts it again, and then it does. Broker and test are one process (librdkafka's mock cluster);
 * the service is this same program, started with "--service".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain/case_number.h"
#include "domain/pipeline.h"
#include "runtime/service.h"
#include "util/clock.h"

#define PARTITIONS  2
#define PATIENCE_MS 160000

/* ---- the service: one command for each grievance, the bytes as they came ------------------------
 */

static int start_echo(struct runtime *runtime, void **self, struct err *err)
{
	(void)err;
	*self = runtime;
	return 0;
}

static void stop_echo(void *self)
{
	(void)self;
}

static int echo(void *self, struct batch *batch, struct outbox *outbox, struct err *err)
{
	(void)self;
	(void)err;
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		const struct kafka_message *message = &item->message;
		/* a number of the partition the message came by */
		item->number = (uint64_t)message->partition << 14;
		if (message->len == 6 && memcmp(message->value, "poison", 6) == 0)
			item_dead(item, "is poison");
		else
			outbox_add(outbox, TOPIC_COMMANDS, item->number, "redress.test",
				   message->value, message->len);
	}
	return 0;
}

static const struct setting *const no_settings[] = {NULL};
static const struct service service = {
    .name = "classification", /* a row of the pipeline */
    .summary = "echoes",
    .settings = no_settings,
    .offsets = OFFSETS_TRANSACTION,
    .start = start_echo,
    .stop = stop_echo,
    .handle = echo,
};

/* ---- the broker ----------------------------------------------------------------------------- */

struct bench {
	rd_kafka_t *client; /* also the mock cluster's own */
	rd_kafka_mock_cluster_t *cluster;
	char brokers[200];
	const char *program;
	pid_t pid;
};

static struct bench bench;

static rd_kafka_t *make_client(rd_kafka_type_t type);

/* As redress-topics does. */
static void write_layout(void)
{
	char text[20];
	rd_kafka_t *producer = make_client(RD_KAFKA_PRODUCER);
	snprintf(text, sizeof(text), "%d", PARTITIONS);
	rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(TOPIC_LAYOUT), RD_KAFKA_V_PARTITION(0),
			  RD_KAFKA_V_KEY("partitions", strlen("partitions")),
			  RD_KAFKA_V_VALUE(text, strlen(text)),
			  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	assert_int_equal(rd_kafka_flush(producer, PATIENCE_MS), 0);
	rd_kafka_destroy(producer);
}

static int make_cluster(void **state)
{
	char reason[200];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "client.id", "wire", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
	bench.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
	assert_non_null(bench.client);
	bench.cluster = rd_kafka_mock_cluster_new(bench.client, 1);
	assert_non_null(bench.cluster);
	snprintf(bench.brokers, sizeof(bench.brokers), "%s",
		 rd_kafka_mock_cluster_bootstraps(bench.cluster));
	for (size_t i = 0; i < pipeline_topic_count; i++)
		rd_kafka_mock_topic_create(bench.cluster, pipeline_topics[i].name, PARTITIONS, 1);
	rd_kafka_mock_topic_create(bench.cluster, TOPIC_LAYOUT, 1, 1);
	write_layout();
	*state = &bench;
	return 0;
}

static int drop_cluster(void **state)
{
	(void)state;
	if (bench.pid > 0) { /* of a test that failed */
		kill(bench.pid, SIGKILL);
		waitpid(bench.pid, NULL, 0);
	}
	rd_kafka_mock_cluster_destroy(bench.cluster);
	rd_kafka_destroy(bench.client);
	bench = (struct bench){.program = bench.program};
	return 0;
}

static rd_kafka_t *make_client(rd_kafka_type_t type)
{
	char reason[200];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", bench.brokers, NULL, 0);
	rd_kafka_conf_set(conf, "group.id", "wire", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
	rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof(reason));
	assert_non_null(client);
	return client;
}

static void send_numbers(int from, int to, const char *last)
{
	char text[20];
	rd_kafka_t *producer = make_client(RD_KAFKA_PRODUCER);
	for (int i = from; i < to + (last != NULL); i++) {
		snprintf(text, sizeof(text), "%d", i);
		if (i == to)
			snprintf(text, sizeof(text), "%s", last);
		rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(TOPIC_RECEIVED),
				  RD_KAFKA_V_PARTITION(i % PARTITIONS),
				  RD_KAFKA_V_VALUE(text, strlen(text)),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	}
	assert_int_equal(rd_kafka_flush(producer, PATIENCE_MS), 0);
	rd_kafka_destroy(producer);
}

/* How often each of the numbers 0..count-1 is in the topic, when all are, or time is over. */
static void read_numbers(const char *topic, int count, int seen[], int64_t patience_ms)
{
	rd_kafka_t *consumer = make_client(RD_KAFKA_CONSUMER);
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(PARTITIONS);
	int64_t end = clock_now_ms() + patience_ms;
	int found = 0;
	for (int p = 0; p < PARTITIONS; p++)
		rd_kafka_topic_partition_list_add(all, topic, p)->offset =
		    RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(consumer, all);
	memset(seen, 0, (size_t)count * sizeof(*seen));
	while (clock_now_ms() < end) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
		if (message && !message->err && message->len < 20) {
			char text[20] = "";
			memcpy(text, message->payload, message->len);
			int number = atoi(text);
			found += number < count && !seen[number];
			if (number < count)
				seen[number]++;
			if (found == count && end > clock_now_ms() + 1000)
				end = clock_now_ms() + 1000; /* and whatever comes twice */
		}
		if (message)
			rd_kafka_message_destroy(message);
	}
	rd_kafka_topic_partition_list_destroy(all);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
}

/* ---- the service's process ------------------------------------------------------------------ */

static void start_service(void)
{
	bench.pid = fork();
	assert_true(bench.pid >= 0);
	if (bench.pid)
		return;
	setenv("REDRESS_KAFKA_BROKERS", bench.brokers, 1);
	setenv("REDRESS_ADMIN_LISTEN", "127.0.0.1:0", 1);
	setenv("REDRESS_LOG_LEVEL", getenv("WIRE_LOG") ? getenv("WIRE_LOG") : "error", 1);
	execl(bench.program, bench.program, "--service", (char *)NULL);
	_exit(127);
}

static int wait_end(int64_t patience_ms)
{
	int status = 0;
	for (int64_t end = clock_now_ms() + patience_ms; clock_now_ms() < end; usleep(20000)) {
		if (waitpid(bench.pid, &status, WNOHANG) != bench.pid)
			continue;
		bench.pid = 0;
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return -1;
}

static void stop_service(void)
{
	kill(bench.pid, SIGTERM);
	int code = wait_end(PATIENCE_MS);
	if (code < 0)
		kill(bench.pid, SIGKILL);
	assert_int_equal(code, 0);
}

static void assert_each_once(const char *topic, int count)
{
	int *seen = calloc((size_t)count, sizeof(*seen));
	read_numbers(topic, count, seen, PATIENCE_MS);
	for (int i = 0; i < count; i++) {
		if (seen[i] != 1)
			fail_msg("%d is there %d times", i, seen[i]);
	}
	free(seen);
}

/* After a restart: the mock shows what was not committed too, and keeps no offsets of transactions,
 * so some may be there twice. With a real broker none is (tests/integration/test_failures.py). */
static void assert_none_missing(int count)
{
	int seen[100];
	read_numbers(TOPIC_COMMANDS, count, seen, PATIENCE_MS);
	for (int i = 0; i < count; i++)
		assert_true(seen[i] == 1 || seen[i] == 2);
}

/* ---- the difficulties ----------------------------------------------------------------------- */

enum {
	PRODUCE = 0,
	LIST_OFFSETS = 2,
	FIND_COORDINATOR = 10,
	HEARTBEAT = 12,
	ADD_PARTITIONS = 24,
	ADD_OFFSETS = 25,
	END_TXN = 26,
	TXN_OFFSETS = 28
};

static void each_message_leaves_one_behind(void **state)
{
	(void)state;
	send_numbers(0, 300, NULL);
	start_service();
	assert_each_once(TOPIC_COMMANDS, 300);
	stop_service();
}

/* The leader has too few replicas, then is no leader, then times out: tried again, nothing twice.
 */
static void produce_errors_are_overcome(void **state)
{
	(void)state;
	send_numbers(0, 50, NULL);
	rd_kafka_mock_push_request_errors(
	    bench.cluster, PRODUCE, 4, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
	    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
	    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
	start_service();
	assert_each_once(TOPIC_COMMANDS, 50);
	stop_service();
}

static void a_coordinator_that_is_not_there_yet_is_waited_for(void **state)
{
	(void)state;
	rd_kafka_mock_push_request_errors(bench.cluster, FIND_COORDINATOR, 6,
					  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
					  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
					  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
					  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
					  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
					  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	send_numbers(0, 40, NULL);
	start_service();
	assert_each_once(TOPIC_COMMANDS, 40);
	stop_service();
}

/* A topic that was just made has no leader for a while: as where redress-topics reads it. */
static void an_election_is_waited_for_where_offsets_are_asked(void **state)
{
	static const struct setting *const tables[] = {kafka_settings, NULL};
	struct err err;
	int64_t first, next = -1;
	struct kafka_partition at = {TOPIC_RECEIVED, 0, 0};
	(void)state;
	setenv("REDRESS_KAFKA_BROKERS", bench.brokers, 1);
	struct settings *settings = settings_load(tables, NULL, &err);
	assert_non_null(settings);
	for (int i = 0; i < 8; i++)
		rd_kafka_mock_push_request_errors(bench.cluster, LIST_OFFSETS, 2,
						  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
						  RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	assert_int_equal(kafka_offset_range(settings, TOPIC_RECEIVED, 0, &first, &next, &err), 0);
	assert_int_equal(next, 0);
	for (int i = 0; i < 8; i++)
		rd_kafka_mock_push_request_errors(bench.cluster, LIST_OFFSETS, 1,
						  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	assert_int_equal(kafka_offsets_at(settings, &at, 1, 1000, &err), 0);
	settings_free(&settings);
	unsetenv("REDRESS_KAFKA_BROKERS");
}

static void a_transaction_that_is_refused_for_now_is_tried_again(void **state)
{
	(void)state;
	rd_kafka_mock_push_request_errors(
	    bench.cluster, ADD_PARTITIONS, 3, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
	    RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
	rd_kafka_mock_push_request_errors(bench.cluster, TXN_OFFSETS, 2,
					  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
					  RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
	rd_kafka_mock_push_request_errors(bench.cluster, END_TXN, 2,
					  RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
					  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	send_numbers(0, 40, NULL);
	start_service();
	assert_each_once(TOPIC_COMMANDS, 40);
	stop_service();
}

/* Somebody else has this transactional id: this process must not go on, and says so by its end. */
static void a_fenced_producer_ends_and_the_next_one_does_it(void **state)
{
	(void)state;
	rd_kafka_mock_push_request_errors(bench.cluster, ADD_OFFSETS, 1,
					  RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
	send_numbers(0, 40, NULL);
	start_service();
	int code = wait_end(PATIENCE_MS);
	assert_true(code > 0 && code < 127);
	start_service();
	assert_none_missing(40);
	stop_service();
}

/* A group that comes back with its broker may take a member for another one: that member reads
 * nothing ever again, so it must end. */
static void a_fenced_consumer_ends_and_the_next_one_goes_on(void **state)
{
	(void)state;
	send_numbers(0, 20, NULL);
	start_service();
	assert_each_once(TOPIC_COMMANDS, 20);
	rd_kafka_mock_push_request_errors(bench.cluster, HEARTBEAT, 1,
					  RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	int code = wait_end(PATIENCE_MS);
	assert_true(code > 0 && code < 127);
	send_numbers(20, 40, NULL);
	start_service();
	assert_none_missing(40);
	stop_service();
}

static void a_poison_message_is_set_aside_though_the_broker_makes_difficulties(void **state)
{
	(void)state;
	send_numbers(0, 20, "poison");
	rd_kafka_mock_push_request_errors(bench.cluster, PRODUCE, 2,
					  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
					  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	start_service();
	assert_each_once(TOPIC_COMMANDS, 20);
	stop_service();
	int64_t low, high, letters = 0;
	for (int p = 0; p < PARTITIONS; p++) {
		rd_kafka_t *client = make_client(RD_KAFKA_CONSUMER);
		assert_int_equal(rd_kafka_query_watermark_offsets(client,
								  TOPIC_RECEIVED TOPIC_DEAD_SUFFIX,
								  p, &low, &high, PATIENCE_MS),
				 0);
		letters += high;
		rd_kafka_destroy(client);
	}
	assert_int_equal(letters, 1);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--service") == 0)
		return service_main(1, argv, &service);
	bench.program = argv[0];
#define WIRE(test) cmocka_unit_test_setup_teardown(test, make_cluster, drop_cluster)
	const struct CMUnitTest tests[] = {
	    WIRE(each_message_leaves_one_behind),
	    WIRE(produce_errors_are_overcome),
	    WIRE(a_coordinator_that_is_not_there_yet_is_waited_for),
	    WIRE(an_election_is_waited_for_where_offsets_are_asked),
	    WIRE(a_transaction_that_is_refused_for_now_is_tried_again),
	    WIRE(a_fenced_producer_ends_and_the_next_one_does_it),
	    WIRE(a_fenced_consumer_ends_and_the_next_one_goes_on),
	    WIRE(a_poison_message_is_set_aside_though_the_broker_makes_difficulties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
