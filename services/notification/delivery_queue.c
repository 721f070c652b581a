#include "delivery_queue.h"

#include <assert.h>
#include <stdlib.h>

#include "job.h"
#include "util/alloc.h"
#include "util/text.h"

void delivery_put(struct delivery *delivery, const Redress__NotificationOutcome *outcome)
{
	delivery->size = redress__notification_outcome__get_packed_size(outcome);
	delivery->outcome = x_realloc(delivery->outcome, delivery->size, 1);
	redress__notification_outcome__pack(outcome, delivery->outcome);
	delivery->number = outcome->job->number;
	delivery->key = text_get_be64(outcome->job->key.data);
	delivery->again = outcome->attempts > 0;
	delivery->urgent = job_is_emergency(outcome->job);
	delivery->next_at_ms = delivery->due_ms = outcome->next_at_ms;
}

struct delivery *delivery_queue_add(struct delivery_queue *deliveries,
				    const Redress__NotificationOutcome *outcome,
				    enum delivery_state state)
{
	if (deliveries->count == deliveries->room) {
		deliveries->room = deliveries->room ? 2 * deliveries->room : 256;
		deliveries->list =
		    x_realloc(deliveries->list, deliveries->room, sizeof(*deliveries->list));
	}
	struct delivery *delivery = x_calloc(1, sizeof(*delivery));
	delivery_put(delivery, outcome);
	delivery->state = state;
	deliveries->list[deliveries->count++] = delivery;
	return delivery;
}

static void free_delivery(struct delivery *delivery)
{
	assert(!delivery->attempt && "a message under way is ended first");
	lane_leave(delivery->lane);
	free(delivery->outcome);
	free(delivery);
}

void delivery_queue_sweep(struct delivery_queue *deliveries,
			  bool (*is_over)(const struct delivery *, const void *), const void *facts)
{
	size_t kept = 0;
	for (size_t i = 0; i < deliveries->count; i++) {
		if (is_over(deliveries->list[i], facts))
			free_delivery(deliveries->list[i]);
		else
			deliveries->list[kept++] = deliveries->list[i];
	}
	deliveries->count = kept;
}

static int by_due(const void *a, const void *b)
{
	const int64_t *one = a, *other = b;
	return (*one > *other) - (*one < *other);
}

struct after {
	int64_t due_ms;
	size_t equal; /* how many that are due then may stay */
};

static bool is_after(const struct delivery *delivery, const void *facts)
{
	struct after *after = (struct after *)(uintptr_t)facts;
	if (delivery->state != DELIVERY_WAITING || delivery->due_ms < after->due_ms)
		return false;
	if (delivery->due_ms > after->due_ms || !after->equal)
		return true;
	after->equal--;
	return false;
}

int64_t delivery_queue_forget_latest(struct delivery_queue *deliveries, size_t most)
{
	size_t waiting = 0, stay = 0;
	int64_t *dues = x_calloc(deliveries->count + 1, sizeof(*dues));
	for (size_t i = 0; i < deliveries->count; i++) {
		if (deliveries->list[i]->state == DELIVERY_WAITING)
			dues[waiting++] = deliveries->list[i]->due_ms;
	}
	if (deliveries->count <= most || !waiting) {
		free(dues);
		return 0;
	}
	qsort(dues, waiting, sizeof(*dues), by_due);
	size_t busy = deliveries->count - waiting;
	stay = most > busy ? most - busy : 0;
	struct after after = {dues[stay], 0};
	for (size_t i = 0; i < stay; i++)
		after.equal += dues[i] == dues[stay];
	free(dues);
	delivery_queue_sweep(deliveries, is_after, &after);
	return after.due_ms;
}

void delivery_queue_free(struct delivery_queue *deliveries)
{
	for (size_t i = 0; i < deliveries->count; i++)
		free_delivery(deliveries->list[i]);
	free(deliveries->list);
	*deliveries = (struct delivery_queue){NULL, 0, 0};
}
