#include "restore.h"

#include "domain/pipeline.h"
#include "job.h"
#include "util/number_map.h"
#include "util/text.h"

struct restoring {
	struct works *works;
	struct arena *arena; /* of one message */
	struct number_map map;
};

static int take_outcome(void *handle, const struct kafka_message *message, struct err *err)
{
	(void)err;
	struct restoring *restoring = handle;
	const Redress__NotificationOutcome *outcome = redress__notification_outcome__unpack(
	    arena_protobuf(restoring->arena), message->len, message->value);
	/* what is none, archival has set aside */
	if (outcome && outcome->job && outcome->job->key.len == JOB_KEY_SIZE) {
		uint32_t *at =
		    number_map_at(&restoring->map, text_get_be64(outcome->job->key.data));
		if (*at) {
			work_put(restoring->works->list[*at - 1], outcome);
		} else {
			works_add(restoring->works, outcome, WORK_WAITING);
			*at = (uint32_t)restoring->works->count;
		}
	}
	arena_reset(restoring->arena);
	return 0;
}

static bool has_ended(const struct work *work, const void *facts)
{
	(void)facts;
	return work->state == WORK_WAITING && !work->next_at_ms;
}

int restore_works(const struct settings *settings, const struct kafka_partition *partitions,
		  size_t count, int64_t since_ms, struct works *works, struct err *err)
{
	struct arena *arena = arena_new();
	struct kafka_partition *own = arena_take(arena, count * sizeof(*own));
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
	struct restoring restoring = {works, arena_new(), number_map(arena, (size_t)most + 1)};
	if (!failed)
		failed = kafka_replay(settings, own, count, take_outcome, &restoring, err);
	arena_free(&restoring.arena);
	arena_free(&arena);
	works_sweep(works, has_ended, NULL);
	return failed ? -1 : 0;
}
