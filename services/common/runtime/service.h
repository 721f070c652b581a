/*
 * The skeleton of every daemon. A daemon is a name, a settings table and its hooks; the runtime
 * owns signals, settings, logs, health, metrics, polling, transactions, retry and dead letters.
 *
 * Command line of every daemon: [--config FILE] [--check] [--help] [--version]
 * HTTP on admin.listen: /healthz (alive), /readyz (able to work), /metrics.
 * SIGTERM, SIGINT: finish or give back what is held, then end. SIGHUP: reload.
 */
#ifndef RUNTIME_SERVICE_H
#define RUNTIME_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "client/kafka.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

/* ---- what a stream daemon is given and gives back ------------------------------------------- */

/* One message of a batch and what became of it. */
struct item {
	struct kafka_message message;
	uint64_t number; /* for the log; the handler sets it as soon as it knows */
	/* Set by item_dead; or before the batch is handled, when an earlier try has shown that it
	 * would keep the batch from ever being done (runtime_refuse). Handlers pass over it. */
	bool dead;
	struct err reason;
};

/* To the dead letters with this one; its neighbours go on. The reason holds none of its content. */
void item_dead(struct item *item, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, when the message has a fault; content: what it was unpacked to, or NULL. */
bool item_faulty(struct item *item, const ProtobufCMessage *content, int32_t partitions,
		 int64_t now_ms);

struct batch {
	struct item *items;
	size_t count;
	struct arena *arena; /* reset after the batch */
	int64_t now_ms;
};

struct outbox;
/*
 * A message to be published with the batch. value must live until the batch ends (the arena's
 * does). partition is the one of number. type becomes ce_type ("redress.case.event").
 */
void outbox_add(struct outbox *outbox, const char *topic, uint64_t number, const char *type,
		const void *value, size_t len);
/* What the following messages come from: its traceparent is passed on. NULL: nothing. */
void outbox_cause(struct outbox *outbox, const struct item *item);
size_t outbox_count(const struct outbox *outbox);

enum service_offsets {
	OFFSETS_NONE,        /* no input: an HTTP daemon */
	OFFSETS_TRANSACTION, /* output and offsets in one Kafka transaction */
	OFFSETS_OWN, /* the service keeps them with its data; assigned() says where to start */
};

struct runtime;

struct service {
	const char *name;    /* a row of the pipeline table */
	const char *summary; /* one sentence for --help */
	const struct setting *const
	    *settings; /* NULL-ended list of tables, beside the common one */
	enum service_offsets offsets;

	/* --check: can what the settings name be loaded? Nothing is started. May be NULL. */
	int (*check)(const struct settings *settings, struct err *err);
	/* *self is handed to every other hook. -1 ends the process with the reason; stop is then
	 * handed what there is, unless *self is NULL. */
	int (*start)(struct runtime *runtime, void **self, struct err *err);
	void (*stop)(void *self);
	/* SIGHUP: take the new files or keep the old ones and say why not. May be NULL. */
	int (*reload)(void *self, struct err *err);
	/* Ready to work? Called by /readyz from another thread; -1 and why not; 0 and a text: work
	 * goes on, but somebody should look. May be NULL. */
	int (*ready)(void *self, struct err *err);

	/* ---- stream daemons; all on the main thread ---- */
	/* Partitions are ours: restore what is known of them. OFFSETS_OWN sets partitions[].offset.
	 */
	int (*assigned)(void *self, struct kafka_partition *partitions, size_t count,
			struct err *err);
	void (*revoked)(void *self, const struct kafka_partition *partitions, size_t count);
	/* -1: nothing of this batch has happened; it comes again after a pause. */
	int (*handle)(void *self, struct batch *batch, struct outbox *outbox, struct err *err);
	/* OFFSETS_OWN: store the batch's data and offsets; called after handle, when the outbox and
	 * the dead letters are safe in Kafka. -1 as in handle. */
	int (*settle)(void *self, struct batch *batch, struct err *err);
	/* Called between batches, at least every 100 ms: timers, things that finished. May be NULL.
	 * -1 as in handle. What it puts into the outbox is published in a transaction of its own.
	 */
	int (*tick)(void *self, struct arena *arena, int64_t now_ms, struct outbox *outbox,
		    struct err *err);
	/* The last handle's (or tick's) output is committed; written: the offset after the last
	 * message of each topic and partition. aborted: it was thrown away. Both may be NULL. */
	void (*committed)(void *self, const struct kafka_partition *written, size_t count);
	void (*aborted)(void *self);
};

/* main() is: return service_main(argc, argv, &the_service); */
int service_main(int argc, char **argv, const struct service *service);

/* ---- what hooks may ask of the runtime ------------------------------------------------------ */

const struct settings *runtime_settings(const struct runtime *runtime);
int32_t runtime_partitions(const struct runtime *runtime); /* of every topic of the pipeline */
/* ce_source of what this process sends: "redress/<service>/<node>". */
const char *runtime_source(const struct runtime *runtime);
/*
 * This message is what keeps its batch from being done, for a reason that will not go away: from
 * now on its items come as dead, with that reason. To be called where the batch fails; the hook
 * then returns -1, and the batch comes again without it.
 */
void runtime_refuse(struct runtime *runtime, const struct kafka_message *message,
		    const char *reason);
/* True once SIGTERM has come: long waits should end. From any thread. */
bool runtime_stopping(const struct runtime *runtime);

#endif
