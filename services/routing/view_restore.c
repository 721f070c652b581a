/* Restoring the view from cases.events. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/case_state.h"
#include "client/redis_key.h"
#include "domain/message_fault.h"
#include "domain/pipeline.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "view_private.h"

#define REPLAY_CHUNK 2000

#define TOLD_MOST 5 /* events set aside, one by one; then only how many */

/* ---- whose view it is ------------------------------------------------------------------------ */

static void queue_key(struct view *view, struct arena *arena, const char *command, const char *key,
		      size_t len)
{
	const struct redis_arg args[] = {{command, strlen(command)}, view_arg(arena, key, len)};
	redis_queue(view->redis, args, 2);
}

static void queue_look(struct view *view, struct arena *arena, int32_t partition)
{
	char key[REDIS_KEY_SIZE];
	queue_key(view, arena, "GET", key, redis_key_position(key, partition));
	queue_key(view, arena, "ZCARD", key, redis_key_due(key, partition));
	const struct redis_arg mark[] = {REDIS_ARG("HGET"),
					 view_arg(arena, key, redis_key_idem(key, partition)),
					 REDIS_ARG(VIEW_IDEM_MARK)};
	redis_queue(view->redis, mark, 3);
}

/* "owner:offset:cases". What is there is only of use when all that belongs to it is there too. */
static void read_fence(struct view *view, int32_t partition, const struct redis_reply *replies)
{
	struct part *part = &view->parts[partition];
	int64_t next = 0, cases = 0;
	bool known =
	    replies[0].kind == REDIS_STRING &&
	    sscanf(replies[0].data, "%*16[0-9a-f]:%" SCNd64 ":%" SCNd64, &next, &cases) == 2;
	*part = (struct part){.ours = true, .cases = cases};
	if (!known || next < 0 || !view_is_whole(view, partition, &replies[1], &replies[2]))
		next = part->cases = 0;
	view_fence_written(view, partition, next, part->cases);
}

static void queue_fence(struct view *view, struct arena *arena, int32_t partition)
{
	char key[REDIS_KEY_SIZE];
	const struct part *part = &view->parts[partition];
	if (!part->events_next) {
		queue_key(view, arena, "UNLINK", key, redis_key_due(key, partition));
		queue_key(view, arena, "UNLINK", key, redis_key_idem(key, partition));
	}
	const struct redis_arg set[] = {REDIS_ARG("SET"),
					view_arg(arena, key, redis_key_position(key, partition)),
					view_arg(arena, part->fence, strlen(part->fence))};
	redis_queue(view->redis, set, 3);
	const struct redis_arg mark[] = {REDIS_ARG("HSET"),
					 view_arg(arena, key, redis_key_idem(key, partition)),
					 REDIS_ARG(VIEW_IDEM_MARK), REDIS_ARG("")};
	redis_queue(view->redis, mark, 4);
}

/* Puts our fence in and learns how far the view had come. */
static int take_fences(struct view *view, struct arena *arena, const int32_t *partitions,
		       size_t count, struct err *err)
{
	struct redis_reply *replies;
	size_t replied;
	for (size_t i = 0; i < count; i++)
		queue_look(view, arena, partitions[i]);
	if (redis_run(view->redis, arena, &replies, &replied, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		read_fence(view, partitions[i], replies + 3 * i);
		queue_fence(view, arena, partitions[i]);
	}
	return redis_run_all_ok(view->redis, err);
}

/* ---- what it is made of ---------------------------------------------------------------------- */

Redress__CaseEvent *view_event(const struct view *view, struct arena *arena,
			       const struct kafka_message *message)
{
	struct err fault;
	const struct message_place place = {message->partition, view->partitions,
					    message_time(message->timestamp_ms, clock_now_ms())};
	if (!pipeline_is_for("archival", message->key, message->key_len))
		return NULL;
	Redress__CaseEvent *event =
	    redress__case_event__unpack(arena_protobuf(arena), message->len, message->value);
	bool faulty = message_fault(event ? &event->base : NULL, &place, &fault);
	return faulty || !event->version ? NULL : event;
}

/* Events of a replay, folded into the view some thousands at a time. */
struct restore {
	struct view *view;
	struct arena *arena;
	Redress__CaseEvent **events;
	int64_t *offsets;
	int32_t *partitions;
	size_t count, total, set_aside;
};

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = ((const struct view_case *)a)->number,
		 y = ((const struct view_case *)b)->number;
	return x < y ? -1 : x > y;
}

/* One entry for each case of the chunk, sorted by number. */
static void list_cases(struct restore *restore, struct view_set *set)
{
	set->cases = arena_zero(restore->arena, restore->count * sizeof(*set->cases));
	for (size_t i = 0; i < restore->count; i++)
		set->cases[i] = (struct view_case){.number = restore->events[i]->number,
						   .partition = restore->partitions[i]};
	qsort(set->cases, restore->count, sizeof(*set->cases), compare_numbers);
	for (size_t i = 0; i < restore->count; i++) {
		if (!set->case_count ||
		    set->cases[set->case_count - 1].number != set->cases[i].number)
			set->cases[set->case_count++] = set->cases[i];
	}
}

static void restore_key(struct view_set *set, const Redress__CaseEvent *event, int32_t partition)
{
	if (event->body_case != REDRESS__CASE_EVENT__BODY_OPENED ||
	    event->opened->grievance->idempotency_key.len != IDEMPOTENCY_KEY_SIZE ||
	    event->opened->grievance->fingerprint.len != IDEMPOTENCY_KEY_SIZE)
		return;
	struct view_key *a = &set->keys[set->key_count++];
	*a = (struct view_key){
	    partition, event->opened->grievance->idempotency_key.data, event->number, {0}, true};
	memcpy(a->fingerprint, event->opened->grievance->fingerprint.data, sizeof(a->fingerprint));
}

/* An event that does not follow is no part of the case's history, here as in the record: the case
 * goes on without it. */
static void set_aside(struct restore *restore, const Redress__CaseEvent *event, size_t i,
		      const struct err *why)
{
	metric_add(restore->view->set_aside, 1);
	if (++restore->set_aside <= TOLD_MOST)
		log_warn(event->number,
			 "passed over while restoring: " TOPIC_EVENTS
			 " partition %d offset %" PRId64 ": %s",
			 restore->partitions[i], restore->offsets[i], why->text);
}

static void fold_event(struct restore *restore, struct view_set *set, size_t i)
{
	struct err err;
	const Redress__CaseEvent *event = restore->events[i];
	struct view_case probe = {.number = event->number};
	struct view_case *c =
	    bsearch(&probe, set->cases, set->case_count, sizeof(probe), compare_numbers);
	if (!c->state || c->state->version < event->version) {
		if (case_apply(restore->arena, c->state, event, &c->state, &err)) {
			set_aside(restore, event, i, &err);
			return;
		}
		c->changed = true;
	}
	restore_key(set, event, restore->partitions[i]);
}

static int flush_restore(struct restore *restore, struct err *err)
{
	struct view *view = restore->view;
	struct view_set set = {NULL, 0, NULL, 0};
	bool *stale = arena_zero(restore->arena, (size_t)view->partitions);
	struct kafka_partition *written =
	    arena_take(restore->arena, (restore->count + 1) * sizeof(*written));
	if (!restore->count)
		return 0;
	list_cases(restore, &set);
	if (view_read(view, restore->arena, &set, stale, err) ||
	    view_find_lost(view, restore->arena, &set, err))
		return -1;
	set.keys = arena_zero(restore->arena, restore->count * sizeof(*set.keys));
	for (size_t i = 0; i < restore->count; i++) {
		fold_event(restore, &set, i);
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
	Redress__CaseEvent *event = view_event(restore->view, restore->arena, message);
	if (!event)
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
	if (restore.set_aside > TOLD_MOST)
		log_warn(0, "passed over %zu events while restoring, the first %d of them told",
			 restore.set_aside, TOLD_MOST);
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
