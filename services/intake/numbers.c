#include "numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka.h"
#include "domain/number_book.h"
#include "domain/pipeline.h"
#include "util/metrics.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define LOOK_MS  200  /* how often it is looked whether a lease is wanted */
#define AGAIN_MS 1000 /* after a failure */
#define WAIT_MS  5000 /* for each answer of the broker */
#define NO_NODE  (-1)

const struct setting numbers_settings[] = {
    {"intake.clock_tolerance", SETTING_DURATION, "1m", 1000, 240000,
     "how far this machine's clock and the broker's may differ; beyond it nothing is taken in"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct numbers {
	const struct settings *settings;
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	bool stopping;
	struct case_number_source source;
	struct err failure; /* "": the last try went well */

	/* the thread's own */
	struct number_book book;
	struct kafka_producer *producer; /* that may write leases of node; NULL: of none */
	int node;
	int64_t broker_ms; /* when the broker stored the question for its time; 0: it has not */
	struct err refused;

	struct metric *leases, *failures;
};

/* ---- the book ------------------------------------------------------------------------------- */

static int on_lease(void *self, const struct kafka_message *message, struct err *err)
{
	(void)err;
	number_book_read(self, message->key, message->key_len, message->value, message->len);
	return 0;
}

static int read_book(struct numbers *numbers, struct err *err)
{
	const struct kafka_partition all = {TOPIC_LEASES, 0, KAFKA_BEGINNING};
	number_book_init(&numbers->book);
	if (kafka_replay(numbers->settings, &all, 1, on_lease, &numbers->book, err))
		return err_context(err, "reading " TOPIC_LEASES);
	if (numbers->book.unreadable)
		log_error(0, "%zu messages of " TOPIC_LEASES " cannot be read",
			  numbers->book.unreadable);
	return 0;
}

/* ---- the node ------------------------------------------------------------------------------- */

static void on_delivered(void *self, void *tag, const struct kafka_delivery *delivery)
{
	struct numbers *numbers = self;
	(void)tag;
	if (delivery->error)
		err_set(&numbers->refused, "%s", delivery->error);
	else
		numbers->broker_ms = delivery->stored_ms;
}

static void leave_node(struct numbers *numbers)
{
	kafka_producer_free(&numbers->producer, 0);
	numbers->node = NO_NODE;
}

/* From here on whoever had the node before cannot write for it any more. */
static int fence_node(struct numbers *numbers, struct err *err)
{
	char id[200];
	snprintf(id, sizeof(id), "%s" TOPIC_LEASES "-%d",
		 settings_str(numbers->settings, "kafka.topic_prefix"), numbers->node);
	const struct kafka_producer_options options = {
	    .transactional_id = id,
	    .may_be_fenced = true,
	    .transaction_wait_ms = WAIT_MS,
	    .delivered = on_delivered,
	    .self = numbers,
	    .message_timeout_ms = WAIT_MS,
	    .queue_max_messages = 10,
	    .queue_max_bytes = 1024 * 1024,
	};
	numbers->producer = kafka_producer_new(numbers->settings, &options, err);
	if (!numbers->producer)
		return -1;
	return kafka_transactions_init(numbers->producer, err) == KAFKA_DONE ? 0 : -1;
}

/* The order matters: what is read after the fence is all that there will be from others. */
static int take_node(struct numbers *numbers, struct err *err)
{
	if (read_book(numbers, err) ||
	    number_book_choose(&numbers->book, clock_now_ms(), randombytes_random(), &numbers->node,
			       err))
		return -1;
	if (fence_node(numbers, err))
		return -1;
	return read_book(numbers, err);
}

/* ---- a lease -------------------------------------------------------------------------------- */

static int send(struct numbers *numbers, const char *key, const void *value, size_t size,
		struct err *err)
{
	numbers->refused.text[0] = '\0';
	if (kafka_produce(numbers->producer, TOPIC_LEASES, 0, key, strlen(key), value, size, NULL,
			  0, NULL, err) != KAFKA_SENT ||
	    kafka_producer_flush(numbers->producer, WAIT_MS, err))
		return -1;
	return *numbers->refused.text ? err_set(err, "%s", numbers->refused.text) : 0;
}

/* The broker's time is that at which it stores a message; this one has nothing to say otherwise and
 * is gone with the next compaction. */
static int ask_time(struct numbers *numbers, struct err *err)
{
	numbers->broker_ms = 0;
	if (send(numbers, "time", NULL, 0, err))
		return -1;
	int64_t now_ms = clock_now_ms();
	int64_t most_ms = settings_int(numbers->settings, "intake.clock_tolerance");
	if (!numbers->broker_ms)
		return err_set(err, "the broker does not stamp " TOPIC_LEASES
				    ": its message.timestamp.type must be LogAppendTime");
	if (llabs(now_ms - numbers->broker_ms) > most_ms)
		return err_set(err,
			       "this machine's clock differs from the broker's by %" PRId64
			       " s: one of them is wrong",
			       (now_ms - numbers->broker_ms) / 1000);
	return 0;
}

static int write_lease(struct numbers *numbers, struct case_number_lease *lease, struct err *err)
{
	char key[NUMBER_BOOK_KEY_SIZE];
	uint8_t value[NUMBER_BOOK_VALUE_MAX];
	if (kafka_transaction_begin(numbers->producer, err) != KAFKA_DONE ||
	    ask_time(numbers, err) ||
	    number_book_lease(&numbers->book, numbers->node, numbers->broker_ms, lease, err))
		return -1;
	size_t size = number_book_write_lease(lease, key, value);
	if (send(numbers, key, value, size, err))
		return -1;
	/* anything but done: perhaps written, and then lost to everybody, which harms nobody */
	return kafka_transaction_commit(numbers->producer, err) == KAFKA_DONE ? 0 : -1;
}

static int get_lease(struct numbers *numbers, struct case_number_lease *lease, struct err *err)
{
	struct err aborting;
	if (!numbers->producer && take_node(numbers, err)) {
		leave_node(numbers);
		return -1;
	}
	if (write_lease(numbers, lease, err) == 0) {
		numbers->book.reach_ms[numbers->node] = lease->to_ms;
		return 0;
	}
	/* nobody should have to wait for it to end by itself; when it cannot be ended, it does */
	(void)kafka_transaction_abort(numbers->producer, &aborting);
	leave_node(numbers);
	return -1;
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* The lease is held, or why it is not. */
static void note(struct numbers *numbers, const struct case_number_lease *lease,
		 const struct err *failure)
{
	pthread_mutex_lock(&numbers->lock);
	bool same = strcmp(numbers->failure.text, failure->text) == 0;
	if (lease)
		case_number_extend(&numbers->source, lease);
	numbers->failure = *failure;
	pthread_mutex_unlock(&numbers->lock);
	metric_add(lease ? numbers->leases : numbers->failures, 1);
	if (lease)
		log_info(0, "case numbers of node %d are ours for %" PRId64 " minutes", lease->node,
			 (lease->to_ms - lease->from_ms) / 60000);
	else if (!same)
		log_warn(0, "no case numbers can be had, will try again: %s", failure->text);
}

/* false: asked to stop. */
static bool wait_for(struct numbers *numbers, int64_t wait_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	int waited = 0;
	pthread_mutex_lock(&numbers->lock);
	while (!numbers->stopping && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&numbers->wake, &numbers->lock, &until);
	bool going_on = !numbers->stopping;
	pthread_mutex_unlock(&numbers->lock);
	return going_on;
}

static bool is_wanted(struct numbers *numbers)
{
	pthread_mutex_lock(&numbers->lock);
	bool wanted = case_number_wants_lease(&numbers->source, clock_now_ms());
	pthread_mutex_unlock(&numbers->lock);
	return wanted;
}

static void *run(void *self)
{
	struct numbers *numbers = self;
	int64_t wait_ms = 0;
	while (wait_for(numbers, wait_ms)) {
		struct case_number_lease lease;
		struct err err = {""};
		wait_ms = LOOK_MS;
		if (!is_wanted(numbers))
			continue;
		bool got = get_lease(numbers, &lease, &err) == 0;
		note(numbers, got ? &lease : NULL, &err);
		wait_ms = got ? LOOK_MS : AGAIN_MS;
	}
	return NULL;
}

/* ---- for the admission
 * --------------------------------------------------------------------------- */

bool numbers_next(struct numbers *numbers, int64_t now_ms, uint8_t slot, uint64_t *number)
{
	pthread_mutex_lock(&numbers->lock);
	bool got = case_number_next(&numbers->source, now_ms, slot, number);
	pthread_mutex_unlock(&numbers->lock);
	return got;
}

bool numbers_time(struct numbers *numbers, int64_t *time_ms)
{
	pthread_mutex_lock(&numbers->lock);
	*time_ms = numbers->source.current.from_ms + CASE_NUMBER_EPOCH_MS;
	bool any = numbers->source.current.to_ms > 0;
	pthread_mutex_unlock(&numbers->lock);
	return any;
}

int numbers_ready(struct numbers *numbers, struct err *err)
{
	pthread_mutex_lock(&numbers->lock);
	bool any = numbers->source.current.to_ms > 0;
	struct err failure = numbers->failure;
	pthread_mutex_unlock(&numbers->lock);
	if (*failure.text)
		return err_set(err, "no case numbers: %s", failure.text);
	return any ? 0 : err_set(err, "waiting for case numbers");
}

struct numbers *numbers_new(const struct settings *settings)
{
	struct numbers *numbers = x_calloc(1, sizeof(*numbers));
	pthread_condattr_t monotonic;
	numbers->settings = settings;
	numbers->node = NO_NODE;
	numbers->leases = metric_counter("redress_intake_number_leases_total", "outcome=\"got\"",
					 "Leases of case numbers asked for.");
	numbers->failures =
	    metric_counter("redress_intake_number_leases_total", "outcome=\"failed\"",
			   "Leases of case numbers asked for.");
	pthread_mutex_init(&numbers->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&numbers->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&numbers->thread, NULL, run, numbers))
		fatal("no more threads");
	return numbers;
}

void numbers_free(struct numbers **handle)
{
	struct numbers *numbers = *handle;
	if (!numbers)
		return;
	pthread_mutex_lock(&numbers->lock);
	numbers->stopping = true;
	pthread_cond_signal(&numbers->wake);
	pthread_mutex_unlock(&numbers->lock);
	pthread_join(numbers->thread, NULL);
	kafka_producer_free(&numbers->producer, 0);
	pthread_mutex_destroy(&numbers->lock);
	pthread_cond_destroy(&numbers->wake);
	free(numbers);
	*handle = NULL;
}
