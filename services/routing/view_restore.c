/* Restoring the view from cases.events. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "domain/case_state.h"
#include "domain/hot_key.h"
#include "domain/pipeline.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "view_private.h"

#define REPLAY_CHUNK 2000

/* Puts our fence in and learns how far the view had come. */
static int take_fences(struct view *view, struct arena *arena, const int32_t *partitions,
		       size_t count, struct err *err)
{
	char key[HOT_KEY_SIZE];
	struct redis_reply *replies;
	size_t replied;
	for (size_t i = 0; i < count; i++) {
		const struct redis_arg get[] = {
		    REDIS_ARG("GET"), view_arg(arena, key, hot_key_position(key, partitions[i]))};
		redis_queue(view->redis, get, 2);
	}
	if (redis_run(view->redis, arena, &replies, &replied, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct part *part = &view->parts[partitions[i]];
		const char *colon =
		    replies[i].kind == REDIS_STRING ? strchr(replies[i].data, ':') : NULL;
		part->ours = true;
		part->events_next = colon ? strtoll(colon + 1, NULL, 10) : 0;
		view_fence(view, part->events_next, part->fence);
		const struct redis_arg set[] = {
		    REDIS_ARG("SET"), view_arg(arena, key, hot_key_position(key, partitions[i])),
		    view_arg(arena, part->fence, strlen(part->fence))};
		redis_queue(view->redis, set, 3);
	}
	return redis_run_all_ok(view->redis, err);
}

/* Events of a replay, folded into the view some thousands at a time. */
struct restore {
	struct view *view;
	struct arena *arena;
	Redress__CaseEvent **events;
	int64_t *offsets;
	int32_t *partitions;
	size_t count, total;
};

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = ((const struct hot_case *)a)->number, y = ((const struct hot_case *)b)->number;
	return x < y ? -1 : x > y;
}

/* One entry for each case of the chunk, sorted by number. */
static void list_cases(struct restore *restore, struct hot_set *set)
{
	set->cases = arena_zero(restore->arena, restore->count * sizeof(*set->cases));
	for (size_t i = 0; i < restore->count; i++)
		set->cases[i] = (struct hot_case){restore->events[i]->number,
						  restore->partitions[i], NULL, false};
	qsort(set->cases, restore->count, sizeof(*set->cases), compare_numbers);
	for (size_t i = 0; i < restore->count; i++) {
		if (!set->case_count ||
		    set->cases[set->case_count - 1].number != set->cases[i].number)
			set->cases[set->case_count++] = set->cases[i];
	}
}

static void restore_ask(struct hot_set *set, const Redress__CaseEvent *event, int32_t partition)
{
	if (event->body_case != REDRESS__CASE_EVENT__BODY_OPENED || !event->opened->grievance ||
	    event->opened->grievance->ask_key.len != ASK_KEY_SIZE ||
	    event->opened->grievance->fingerprint.len != ASK_KEY_SIZE)
		return;
	struct hot_ask *a = &set->asks[set->ask_count++];
	*a = (struct hot_ask){
	    partition, event->opened->grievance->ask_key.data, event->number, {0}, true};
	memcpy(a->fingerprint, event->opened->grievance->fingerprint.data, sizeof(a->fingerprint));
}

static int fold_event(struct restore *restore, struct hot_set *set, size_t i, struct err *err)
{
	const Redress__CaseEvent *event = restore->events[i];
	struct hot_case probe = {.number = event->number};
	struct hot_case *c =
	    bsearch(&probe, set->cases, set->case_count, sizeof(probe), compare_numbers);
	if (c->state && c->state->version >= event->version)
		return 0;
	if (case_apply(restore->arena, c->state, event, &c->state, err))
		return err_context(err, "the view cannot be restored");
	c->changed = true;
	restore_ask(set, event, restore->partitions[i]);
	return 0;
}

static int flush_restore(struct restore *restore, struct err *err)
{
	struct view *view = restore->view;
	struct hot_set set = {NULL, 0, NULL, 0};
	bool *stale = arena_zero(restore->arena, (size_t)view->partitions);
	struct kafka_partition *written =
	    arena_take(restore->arena, (restore->count + 1) * sizeof(*written));
	if (!restore->count)
		return 0;
	list_cases(restore, &set);
	if (view_read(view, restore->arena, &set, stale, err))
		return -1;
	set.asks = arena_zero(restore->arena, restore->count * sizeof(*set.asks));
	for (size_t i = 0; i < restore->count; i++) {
		if (fold_event(restore, &set, i, err))
			return -1;
		/* the last one of a partition is found first */
		written[restore->count - 1 - i] = (struct kafka_partition){
		    TOPIC_EVENTS, restore->partitions[i], restore->offsets[i] + 1};
	}
	/* events that were there already still move the fence */
	for (size_t i = 0; i < set.case_count; i++)
		set.cases[i].changed |= set.cases[i].state != NULL;
	view_store(view, restore->arena, &set, written, restore->count, clock_now_ms());
	restore->total += restore->count;
	restore->count = 0;
	arena_reset(restore->arena);
	return 0;
}

static int restore_event(void *self, const struct kafka_message *message, struct err *err)
{
	struct restore *restore = self;
	Redress__CaseEvent *event = redress__case_event__unpack(arena_protobuf(restore->arena),
								message->len, message->value);
	/* a stranger's message, or a refusal, is no part of any history */
	if (!event || !event->version)
		return 0;
	restore->events[restore->count] = event;
	restore->offsets[restore->count] = message->offset;
	restore->partitions[restore->count] = message->partition;
	restore->count++;
	return restore->count == REPLAY_CHUNK ? flush_restore(restore, err) : 0;
}

static int replay(struct view *view, const int32_t *partitions, size_t count, size_t *total,
		  struct err *err)
{
	struct restore restore = {.view = view, .arena = arena_new()};
	struct kafka_partition *from = x_calloc(count, sizeof(*from));
	restore.events = x_calloc(REPLAY_CHUNK, sizeof(*restore.events));
	restore.offsets = x_calloc(REPLAY_CHUNK, sizeof(*restore.offsets));
	restore.partitions = x_calloc(REPLAY_CHUNK, sizeof(*restore.partitions));
	for (size_t i = 0; i < count; i++) {
		int64_t next = view->parts[partitions[i]].events_next;
		from[i] = (struct kafka_partition){TOPIC_EVENTS, partitions[i],
						   next ? next : KAFKA_BEGINNING};
	}
	int result = kafka_replay(view->settings, from, count, restore_event, &restore, err);
	if (!result)
		result = flush_restore(&restore, err);
	*total = restore.total;
	arena_free(&restore.arena);
	free(restore.events);
	free(restore.offsets);
	free(restore.partitions);
	free(from);
	return result;
}

int view_claim(struct view *view, const int32_t *partitions, size_t count, struct err *err)
{
	struct arena *arena = arena_new();
	size_t total = 0;
	int64_t begun = clock_mono_us();
	randombytes_buf(&view->owner, sizeof(view->owner));
	int result = take_fences(view, arena, partitions, count, err);
	for (size_t i = 0; !result && i < count; i++)
		view->parts[partitions[i]].valid = true; /* so that the replay may write */
	if (!result)
		result = replay(view, partitions, count, &total, err);
	for (size_t i = 0; result && i < count; i++)
		view->parts[partitions[i]].valid = false;
	arena_free(&arena);
	if (!result)
		log_info(0, "view of %zu partitions restored, %zu events in %" PRId64 " ms", count,
			 total, (clock_mono_us() - begun) / 1000);
	return result;
}
