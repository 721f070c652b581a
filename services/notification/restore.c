#include "restore.h"

#include "domain/message_fault.h"
#include "domain/pipeline.h"
#include "job.h"
#include "util/number_map.h"
#include "util/text.h"
#include "verdict.h"

/* The longest wait between two attempts, and some more: job_next_ms, notification.wait_most. */
#define LONGEST_WAIT_MS (INT64_C(2) * 86400000)

struct restoring {
	struct delivery_queue *deliveries;
	size_t before; /* so many of the deliveries were there already */
	bool resend;
	int64_t now_ms;
	struct arena *arena; /* of one message */
	struct number_map map;
	int32_t partitions;
};

/* What has failed, as if its event came now. */
static void begin_anew(Redress__NotificationOutcome *outcome, int64_t now_ms)
{
	outcome->delivery = REDRESS__DELIVERY__TRYING;
	outcome->attempts = 0;
	outcome->first_at_ms = outcome->next_at_ms = now_ms;
}

static int take_outcome(void *handle, const struct kafka_message *message, struct err *err)
{
	(void)err;
	struct err fault;
	struct restoring *restoring = handle;
	const struct message_place place = {message->partition, restoring->partitions,
					    message_time(message->timestamp_ms, restoring->now_ms)};
	Redress__NotificationOutcome *outcome = redress__notification_outcome__unpack(
	    arena_protobuf(restoring->arena), message->len, message->value);
	/* what has a fault, archival has set aside */
	if (!message_fault(outcome ? &outcome->base : NULL, &place, &fault)) {
		uint32_t *at =
		    number_map_at(&restoring->map, text_get_be64(outcome->job->key.data));
		if (restoring->resend && outcome->delivery == REDRESS__DELIVERY__FAILED &&
		    reason_is_curable(outcome->reason))
			begin_anew(outcome, restoring->now_ms);
		if (*at > restoring->before) {
			delivery_put(restoring->deliveries->list[*at - 1], outcome);
		} else if (!*at) {
			delivery_queue_add(restoring->deliveries, outcome, DELIVERY_WAITING);
			*at = (uint32_t)restoring->deliveries->count;
		}
	}
	arena_reset(restoring->arena);
	return 0;
}

static bool has_ended(const struct delivery *delivery, const void *facts)
{
	(void)facts;
	return delivery->state == DELIVERY_WAITING && !delivery->next_at_ms;
}

static void know_works(struct restoring *restoring)
{
	for (size_t i = 0; i < restoring->before; i++)
		*number_map_at(&restoring->map, restoring->deliveries->list[i]->key) =
		    (uint32_t)i + 1;
}

int restore_deliveries(const struct settings *settings, const struct kafka_partition *partitions,
		       size_t count, int32_t of, bool resend, int64_t now_ms,
		       struct delivery_queue *deliveries, struct err *err)
{
	struct arena *arena = arena_new();
	struct kafka_partition *own = arena_take(arena, (count + 1) * sizeof(*own));
	int64_t since_ms =
	    now_ms - 2 * settings_int(settings, "notification.give_up") - LONGEST_WAIT_MS;
	int64_t most = 0, first, next;
	int failed = 0;
	for (size_t i = 0; i < count && !failed; i++) {
		own[i] = (struct kafka_partition){TOPIC_OUTCOMES, partitions[i].partition, 0};
		failed = kafka_offset_range(settings, TOPIC_OUTCOMES, partitions[i].partition,
					    &first, &next, err);
		most += failed ? 0 : next - first;
	}
	if (!failed)
		failed = kafka_offsets_at(settings, own, count, since_ms, err);
	struct restoring restoring = {.deliveries = deliveries,
				      .before = deliveries->count,
				      .resend = resend,
				      .now_ms = now_ms,
				      .arena = arena_new(),
				      .map =
					  number_map(arena, (size_t)most + deliveries->count + 1),
				      .partitions = of};
	know_works(&restoring);
	if (!failed && count)
		failed = kafka_replay(settings, own, count, take_outcome, &restoring, err);
	arena_free(&restoring.arena);
	arena_free(&arena);
	delivery_queue_sweep(deliveries, has_ended, NULL);
	return failed ? -1 : 0;
}
