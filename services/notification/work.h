/*
 * The messages that have not ended: one for each event and recipient, with its last outcome as it
 * was published. Kept small, since a provider that is away for a day lets many of them gather.
 */
#ifndef NOTIFICATION_WORK_H
#define NOTIFICATION_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notification.pb-c.h"

/* FRESH: its event is not committed yet. REPORTED: its last outcome is not committed yet. */
enum work_state { WORK_FRESH, WORK_WAITING, WORK_RUNNING, WORK_TO_REPORT, WORK_REPORTED };

struct attempt;

struct work {
	enum work_state state;
	int64_t next_at_ms; /* when to try again; 0: it has ended */
	uint64_t number;
	struct attempt *attempt; /* RUNNING only */
	uint8_t *outcome;        /* packed */
	size_t size;
};

struct works {
	struct work **list; /* in the order in which they came */
	size_t count, room;
};

struct work *works_add(struct works *works, const Redress__NotificationOutcome *outcome,
		       enum work_state state);
/* Takes the outcome over; packed is copied. */
void work_put(struct work *work, const Redress__NotificationOutcome *outcome);
/* Takes out and frees what the function says, keeping the order; none of it may be RUNNING. */
void works_sweep(struct works *works, bool (*is_over)(const struct work *, const void *),
		 const void *facts);
void works_free(struct works *works);

#endif
