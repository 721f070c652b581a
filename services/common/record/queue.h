/* An office's list of open cases, read page by page: however long it is, each page is one range of
 * an index. */
#ifndef RECORD_QUEUE_H
#define RECORD_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "client/postgres.h"
#include "util/arena.h"

struct queue_row {
	uint64_t number;
	uint32_t version;
	int64_t deadline_ms;
	const char *status, *category;
};

/* Where a page begins: after this row of the one before; zero: at the first. */
struct queue_place {
	int64_t deadline_us; /* as the record has it */
	uint64_t number;
};

/*
 * The office's cases whose clock runs, the earliest deadline first. *count: how many there are of
 * most, less only at the end. place goes on behind them. Strings are in the arena.
 */
int queue_due(struct postgres *postgres, struct arena *arena, const char *office,
	      struct queue_place *place, struct queue_row *rows, size_t most, size_t *count,
	      struct err *err) MUST_CHECK;

#endif
