/* A producer for people who wait, over a broker that says what the test tells it to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/http.h"
#include "runtime/submitter.h"

#define MOST 3

static int64_t now_us = 1000000;

int64_t __wrap_clock_mono_us(void);
int64_t __wrap_clock_mono_us(void)
{
	return now_us;
}

/* In place of Kafka: what is sent waits until the test delivers it. */
static struct kafka_producer_options broker;
static enum kafka_sent next_sent;

struct kafka_producer *kafka_producer_new(const struct settings *settings,
					  const struct kafka_producer_options *options,
					  struct err *err)
{
	(void)settings;
	(void)err;
	broker = *options;
	return (struct kafka_producer *)&broker;
}

void kafka_producer_free(struct kafka_producer **producer, int64_t flush_ms)
{
	(void)flush_ms;
	*producer = NULL;
}

void kafka_producer_poll(struct kafka_producer *producer, int64_t wait_ms)
{
	(void)producer;
	usleep((useconds_t)wait_ms * 1000);
}

enum kafka_sent kafka_produce(struct kafka_producer *producer, const char *topic, int32_t partition,
			      const void *key, size_t key_len, const void *value, size_t len,
			      const struct kafka_header *headers, size_t header_count, void *tag,
			      struct err *err)
{
	(void)producer;
	(void)topic;
	(void)partition;
	(void)key;
	(void)key_len;
	(void)value;
	(void)len;
	(void)headers;
	(void)header_count;
	(void)tag;
	if (next_sent != KAFKA_SENT)
		err_set(err, "no");
	return next_sent;
}

void http_batch_begin(void)
{
}

void http_batch_end(void)
{
}

static void deliver(void *tag, const char *error, bool perhaps)
{
	const struct kafka_delivery delivery = {.error = error, .perhaps = perhaps};
	broker.delivered(broker.self, tag, &delivery);
}

/* ---- who waits ------------------------------------------------------------------------------ */

static int outcomes[8], done_count;
static void *last_tag;

static void on_done(void *self, void *tag, enum submit_outcome outcome)
{
	(void)self;
	last_tag = tag;
	outcomes[done_count++] = (int)outcome;
}

static struct submitter *make(void)
{
	static const struct submitter_options options = {
	    .what = "things", .done = on_done, .patience_ms = 1000, .most = MOST, .most_bytes = 1};
	struct err err;
	done_count = 0;
	next_sent = KAFKA_SENT;
	struct submitter *submitter = submitter_new(NULL, &options, &err);
	assert_non_null(submitter);
	return submitter;
}

static void send_one(struct submitter *submitter, void *tag)
{
	submitter_send(submitter, 7, "t", 0, "x", 1, NULL, 0, tag);
}

static void each_message_has_one_outcome(void **state)
{
	struct submitter *submitter = make();
	int tag;
	(void)state;
	send_one(submitter, &tag);
	assert_int_equal(done_count, 0);
	deliver(&tag, NULL, false);
	deliver(&tag, "away", true);
	deliver(&tag, "away", false);
	next_sent = KAFKA_FULL;
	send_one(submitter, &tag);
	assert_ptr_equal(last_tag, &tag);
	assert_int_equal(done_count, 4);
	assert_int_equal(outcomes[0], SUBMIT_TAKEN);
	assert_int_equal(outcomes[1], SUBMIT_UNKNOWN);
	assert_int_equal(outcomes[2], SUBMIT_NOT_TAKEN);
	assert_int_equal(outcomes[3], SUBMIT_NOT_TAKEN);
	submitter_free(&submitter);
}

static void what_is_in_flight_is_bounded(void **state)
{
	struct submitter *submitter = make();
	(void)state;
	for (int i = 0; i < MOST; i++)
		assert_true(submitter_enter(submitter, true));
	assert_false(submitter_enter(submitter, true));
	assert_false(submitter_enter(submitter, false));
	for (int i = 0; i < 3; i++)
		submitter_leave(submitter);
	assert_true(submitter_enter(submitter, true));
	submitter_free(&submitter);
}

/* One tries, the others are told at once; what sends nothing goes on. */
static void a_broker_that_fails_is_tried_by_one(void **state)
{
	struct submitter *submitter = make();
	struct err err;
	(void)state;
	assert_int_equal(submitter_ready(submitter, &err), 0);
	deliver(NULL, "away", false);
	assert_int_equal(submitter_ready(submitter, &err), -1);
	static const bool admitted[] = {true, false, false, true, false};
	static const int64_t later_us[] = {0, 0, 499000, 1000, 0};
	for (size_t i = 0; i < sizeof(admitted) / sizeof(*admitted); i++) {
		now_us += later_us[i];
		assert_int_equal(submitter_enter(submitter, true), admitted[i]);
		submitter_leave(submitter);
	}
	assert_true(submitter_enter(submitter, false));
	submitter_leave(submitter);
	deliver(NULL, NULL, false);
	assert_int_equal(submitter_ready(submitter, &err), 0);
	assert_true(submitter_enter(submitter, true));
	assert_true(submitter_enter(submitter, true));
	submitter_free(&submitter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_message_has_one_outcome),
					   cmocka_unit_test(what_is_in_flight_is_bounded),
					   cmocka_unit_test(a_broker_that_fails_is_tried_by_one)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
