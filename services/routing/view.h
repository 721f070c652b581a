/*
 * The hot view of open cases in Redis: the fold of cases.events, written by routing alone.
 *
 * A fence for each partition, "owner:offset:cases", stands beside the cases and is read in the same
 * MGET as they are. It says whose view this is, up to which offset of cases.events it is complete,
 * and how many cases its index holds. If it is not exactly what this process wrote last (Redis was
 * flushed or replaced, or another routing took over), or the index has lost any, the view is
 * restored from cases.events before anything is decided.
 *
 * That a case is not there proves nothing: Redis may have evicted it. The index names every case
 * that has to be there, and what it names but is missing is looked up in cases.events. So only what
 * neither has is taken for unknown, and asking for numbers that never were costs nothing.
 */
#ifndef ROUTING_VIEW_H
#define ROUTING_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case.pb-c.h"
#include "client/kafka.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

struct view;

/* A case of a batch: what the view knows and what the batch makes of it. */
struct view_case {
	uint64_t number;
	int32_t partition;
	Redress__CaseState *state; /* NULL: there is no such case */
	bool indexed;              /* the index names it */
	bool changed;
};

/* An Idempotency-Key of a batch, and the case it became. */
struct view_key {
	int32_t partition;
	const uint8_t *key; /* 16 bytes */
	uint64_t number;    /* 0: none yet */
	uint8_t fingerprint[16];
	bool changed;
};

#define IDEMPOTENCY_KEY_SIZE 16

struct view_set {
	struct view_case *cases;
	size_t case_count;
	struct view_key *keys;
	size_t key_count;
};

extern const struct setting view_settings[];

struct view *view_new(const struct settings *settings, int32_t partitions,
		      struct err *err) MUST_CHECK;
void view_free(struct view **view);

/* These partitions are ours now: restores what is missing. -1: Redis or Kafka cannot be reached. */
int view_claim(struct view *view, const int32_t *partitions, size_t count,
	       struct err *err) MUST_CHECK;
void view_give_up(struct view *view, int32_t partition);

/* Fills in what is known of every case and key of the set, restoring the view first if need be. */
int view_load(struct view *view, struct arena *arena, struct view_set *set,
	      struct err *err) MUST_CHECK;

/*
 * Writes what changed; written says where the events ended up. On failure the fence no longer
 * agrees, and the next load restores what was not written.
 */
void view_store(struct view *view, struct arena *arena, const struct view_set *set,
		const struct kafka_partition *written, size_t written_count, int64_t now_ms);

/* Looks whether some cases that the index names are still there, and brings back those that are
 * not: each call the next ones of one partition, until it has been through all, and begins again.
 */
int view_sweep(struct view *view, struct arena *arena, int64_t now_ms, struct err *err) MUST_CHECK;

/* Shows every case of our partitions that the index names, one part of them after the other. -1:
 * Redis is away, or the view is not complete: then not all were shown. */
int view_each(struct view *view, void (*show)(void *self, const Redress__CaseState *state),
	      void *self, struct err *err) MUST_CHECK;

/* Why this Redis may lose single keys, as it said last; false: it does not. From any thread. */
bool view_may_lose(const struct view *view, struct err *why);

/* Up to max cases of our partitions whose clock has run out, oldest first. -1: Redis is away. */
int view_overdue(struct view *view, struct arena *arena, int64_t now_ms, size_t max,
		 struct view_set *set, struct err *err) MUST_CHECK;

#endif
