/* What the files of the runtime share. */
#ifndef RUNTIME_RUNTIME_PRIVATE_H
#define RUNTIME_RUNTIME_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "client/http.h"
#include "domain/pipeline.h"
#include "util/metrics.h"
#include "runtime/service.h"

/* A message that keeps its batch from being done: see runtime_refuse. */
struct refusal {
	char *topic;
	int32_t partition;
	int64_t offset;
	struct err reason;
};

struct runtime {
	const struct service *service;
	const struct pipeline_stage *stage;
	struct settings *settings;
	int32_t partitions;
	char source[96];
	void *self;
	struct http_server *admin;
	struct router *admin_routes;
	_Atomic bool started;    /* start() has returned */
	_Atomic bool joined;     /* the group has said which partitions are ours, perhaps none */
	_Atomic bool working;    /* not in the middle of retrying */
	pthread_mutex_t lock;    /* of what follows */
	struct err why;          /* it does not work */
	_Atomic int64_t beat_us; /* the main loop was here */
	struct refusal *refusals;
	size_t refusal_count, refusal_room;
};

/* From now on SIGTERM and SIGINT ask to stop, SIGHUP to reload. A process that has not ended so
 * long after it was asked to is ended. */
void runtime_catch_signals(int64_t stop_timeout_ms);
/* To be called by the main loop at least every few seconds; reloads when that was asked for. */
void runtime_beat(struct runtime *runtime);
/* For /readyz. NULL: it works again. */
void runtime_works(struct runtime *runtime, const struct err *why);
/* Ends the process at once, without tidying: only a new start can know where things stand. */
_Noreturn void runtime_end(const struct err *why);

int admin_start(struct runtime *runtime, struct err *err) MUST_CHECK;

/* Reads, handles and publishes until told to stop. -1: end with a failure. */
int pump_run(struct runtime *runtime, struct err *err) MUST_CHECK;

/* Marks the item dead when its message was refused. */
bool runtime_refused(const struct runtime *runtime, struct item *item);
void runtime_forget_refusal(struct runtime *runtime, const struct kafka_message *message);
void runtime_forget_refusals(struct runtime *runtime);

/* ---- outbox ---- */

struct outbox_entry {
	const char *topic;
	uint64_t number;
	const char *type;
	const void *value;
	size_t len;
	const struct item *cause; /* NULL: nothing that was read */
	const char *traceparent;  /* NULL: none */
	size_t traceparent_len;
};

struct outbox {
	const struct pipeline_stage *stage;
	struct outbox_entry *entries;
	size_t count, room;
	const struct item *cause; /* what the next entries come from; NULL: nothing */
	const char *traceparent;  /* its; NULL: none */
	size_t traceparent_len;
};

void outbox_clear(struct outbox *outbox);
void outbox_free(struct outbox *outbox);

#endif
