/*
 * The messages that have not ended: one for each event and recipient, with its last outcome as it
 * was published. Only those that are due soonest are held; of the others the outcome in Kafka is
 * all there is, and they are read back when there is room (delivery_queue_forget_latest).
 */
#ifndef NOTIFICATION_DELIVERY_QUEUE_H
#define NOTIFICATION_DELIVERY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lane.h"
#include "notification.pb-c.h"

/* FRESH: its event is not committed yet. REPORTED: its last outcome is not committed yet. */
enum delivery_state {
	DELIVERY_FRESH,
	DELIVERY_WAITING,
	DELIVERY_RUNNING,
	DELIVERY_TO_REPORT,
	DELIVERY_REPORTED
};

struct attempt;

struct delivery {
	enum delivery_state state;
	bool again;         /* it has been tried */
	bool urgent;        /* an emergency */
	int64_t next_at_ms; /* when to try again, as published; 0: it has ended */
	int64_t due_ms;     /* the same, or later when its lane is closed */
	uint64_t number;
	uint64_t key;            /* of the job: its first 8 bytes */
	struct lane *lane;       /* NULL: not known yet */
	struct attempt *attempt; /* RUNNING only */
	uint8_t *outcome;        /* packed */
	size_t size;
};

struct delivery_queue {
	struct delivery **list; /* in the order in which they came */
	size_t count, room;
};

struct delivery *delivery_queue_add(struct delivery_queue *deliveries,
				    const Redress__NotificationOutcome *outcome,
				    enum delivery_state state);
/* Takes the outcome over; packed is copied. */
void delivery_put(struct delivery *delivery, const Redress__NotificationOutcome *outcome);
/* Takes out and frees what the function says, keeping the order; none of it may be RUNNING. */
void delivery_queue_sweep(struct delivery_queue *deliveries,
			  bool (*is_over)(const struct delivery *, const void *),
			  const void *facts);
/* Takes out and frees the WAITING ones that are due last, until most are left or none is WAITING.
 * The least due_ms of what was taken out; 0: nothing was. */
int64_t delivery_queue_forget_latest(struct delivery_queue *deliveries, size_t most);
void delivery_queue_free(struct delivery_queue *deliveries);

#endif
