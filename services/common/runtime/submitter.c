#include "runtime/submitter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/http.h"
#include "domain/case_number.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define PROBE_MS 500 /* how often a broker that failed is tried again */
#define POLL_MS  50

struct submitter {
	struct submitter_options options;
	struct kafka_producer *producer;
	pthread_t poller;
	atomic_bool stopping;
	_Atomic int64_t in_flight;
	atomic_bool broken;        /* the broker fails */
	_Atomic int64_t probed_us; /* when it was tried last, by the clock that nobody sets */
};

static void on_delivered(void *self, void *tag, const struct kafka_delivery *delivery)
{
	struct submitter *submitter = self;
	const struct submitter_options *options = &submitter->options;
	if (!delivery->error) {
		if (atomic_exchange(&submitter->broken, false))
			log_info(0, "the broker takes %s again", options->what);
	} else if (!atomic_exchange(&submitter->broken, true)) {
		log_warn(0, "the broker does not take %s, answering 503: %s", options->what,
			 delivery->error);
	}
	options->done(options->self, tag,
		      !delivery->error    ? SUBMIT_TAKEN
		      : delivery->perhaps ? SUBMIT_UNKNOWN
					  : SUBMIT_NOT_TAKEN);
}

static void *run_poller(void *self)
{
	struct submitter *submitter = self;
	while (!submitter->stopping) {
		http_batch_begin();
		kafka_producer_poll(submitter->producer, POLL_MS);
		http_batch_end();
	}
	return NULL;
}

struct submitter *submitter_new(const struct settings *settings,
				const struct submitter_options *options, struct err *err)
{
	struct submitter *submitter = x_calloc(1, sizeof(*submitter));
	submitter->options = *options;
	const struct kafka_producer_options producer = {
	    .delivered = on_delivered,
	    .self = submitter,
	    .linger_ms = options->linger_ms,
	    .message_timeout_ms = options->patience_ms,
	    .queue_max_messages = options->most + 1,
	    .queue_max_bytes = options->most_bytes,
	};
	submitter->producer = kafka_producer_new(settings, &producer, err);
	if (!submitter->producer) {
		free(submitter);
		return NULL;
	}
	if (pthread_create(&submitter->poller, NULL, run_poller, submitter))
		fatal("no more threads");
	return submitter;
}

void submitter_free(struct submitter **submitter)
{
	if (!*submitter)
		return;
	(*submitter)->stopping = true;
	pthread_join((*submitter)->poller, NULL);
	kafka_producer_free(&(*submitter)->producer, 0);
	free(*submitter);
	*submitter = NULL;
}

static bool may_try(struct submitter *submitter)
{
	if (!submitter->broken)
		return true;
	int64_t now_us = clock_mono_us(), probed_us = submitter->probed_us;
	return now_us - probed_us >= PROBE_MS * INT64_C(1000) &&
	       atomic_compare_exchange_strong(&submitter->probed_us, &probed_us, now_us);
}

bool submitter_enter(struct submitter *submitter, bool to_send)
{
	return atomic_fetch_add(&submitter->in_flight, 1) < submitter->options.most &&
	       (!to_send || may_try(submitter));
}

void submitter_leave(struct submitter *submitter)
{
	submitter->in_flight--;
}

void submitter_send(struct submitter *submitter, uint64_t number, const char *topic,
		    int32_t partition, const void *value, size_t size,
		    const struct kafka_header *headers, size_t header_count, void *tag)
{
	struct err err;
	char key[CASE_NUMBER_TEXT_SIZE];
	case_number_format(number, key);
	enum kafka_sent sent =
	    kafka_produce(submitter->producer, topic, partition, key, strlen(key), value, size,
			  headers, header_count, tag, &err);
	if (sent == KAFKA_SENT)
		return;
	if (sent != KAFKA_FULL)
		log_error(number, "not taken: %s", err.text);
	submitter->options.done(submitter->options.self, tag, SUBMIT_NOT_TAKEN);
}

int submitter_ready(struct submitter *submitter, struct err *err)
{
	return submitter->broken
		   ? err_set(err, "the broker does not take %s", submitter->options.what)
		   : 0;
}
