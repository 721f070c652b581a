/* What the files of the runtime share. */
#ifndef RUNTIME_RUNTIME_PRIVATE_H
#define RUNTIME_RUNTIME_PRIVATE_H

#include <stdatomic.h>

#include "client/http.h"
#include "domain/pipeline.h"
#include "runtime/metrics.h"
#include "runtime/service.h"

struct runtime {
	const struct service *service;
	const struct pipeline_stage *stage;
	struct settings *settings;
	int32_t partitions;
	char source[96];
	void *self;
	struct http_server *admin;
	_Atomic bool started;    /* start() has returned */
	_Atomic bool joined;     /* the group has said which partitions are ours, perhaps none */
	_Atomic bool working;    /* not in the middle of retrying */
	_Atomic int64_t beat_us; /* the main loop was here */
};

/* From now on SIGTERM and SIGINT ask to stop, SIGHUP to reload. */
void runtime_catch_signals(void);
/* To be called by the main loop at least every few seconds; reloads when that was asked for. */
void runtime_beat(struct runtime *runtime);
/* Ends the process at once, without tidying: only a new start can know where things stand. */
_Noreturn void runtime_end(const struct err *why);

int admin_start(struct runtime *runtime, struct err *err) MUST_CHECK;

/* Reads, handles and publishes until told to stop. -1: end with a failure. */
int pump_run(struct runtime *runtime, struct err *err) MUST_CHECK;

/* ---- outbox ---- */

struct outbox_entry {
	const char *topic;
	uint64_t number;
	const char *type;
	const void *value;
	size_t len;
	const char *traceparent; /* NULL: none */
	size_t traceparent_len;
};

struct outbox {
	const struct pipeline_stage *stage;
	struct outbox_entry *entries;
	size_t count, room;
	const char *traceparent; /* of what the next entries come from; NULL: none */
	size_t traceparent_len;
};

void outbox_clear(struct outbox *outbox);
void outbox_free(struct outbox *outbox);

#endif
