#include "view_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/redis_key.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

const struct setting view_settings[] = {
    {"routing.closed_keep", SETTING_DURATION, "90d", 86400000, INT64_C(3650) * 86400000,
     "how long a closed case can be reopened and stays in Redis"},
    {"routing.idempotency_keep", SETTING_DURATION, "7d", 60000, INT64_C(3650) * 86400000,
     "how long a repeated Idempotency-Key finds its case"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct view *view_new(const struct settings *settings, int32_t partitions, struct err *err)
{
	struct view *view = x_calloc(1, sizeof(*view));
	view->settings = settings;
	view->partitions = partitions;
	view->parts = x_calloc((size_t)partitions, sizeof(*view->parts));
	view->closed_keep_ms = settings_int(settings, "routing.closed_keep");
	view->idempotency_keep_ms = settings_int(settings, "routing.idempotency_keep");
	view->lost = metric_counter("redress_routing_lost_total", NULL,
				    "Cases that Redis lost one by one and that were restored.");
	view->set_aside = metric_counter("redress_routing_set_aside_total", NULL,
					 "Events passed over while restoring the view.");
	view->redis = redis_new(settings, err);
	if (!view->redis)
		view_free(&view);
	return view;
}

void view_free(struct view **view)
{
	if (!*view)
		return;
	redis_free(&(*view)->redis);
	free((*view)->parts);
	free(*view);
	*view = NULL;
}

void view_give_up(struct view *view, int32_t partition)
{
	view->parts[partition] = (struct part){0};
}

/* ---- what is known of a batch ---------------------------------------------------------------- */

static int reclaim_stale(struct view *view, struct arena *arena, const bool *stale, size_t *count,
			 struct err *err)
{
	int32_t *partitions = arena_take(arena, (size_t)view->partitions * sizeof(*partitions));
	*count = 0;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (stale[p])
			partitions[(*count)++] = p;
	}
	if (!*count)
		return 0;
	log_info(0, "the view in Redis is not ours for %zu partitions: restoring it", *count);
	return view_claim(view, partitions, *count, err);
}

int view_load(struct view *view, struct arena *arena, struct view_set *set, struct err *err)
{
	bool *stale = arena_zero(arena, (size_t)view->partitions);
	size_t restored;
	if (view_read(view, arena, set, stale, err) ||
	    reclaim_stale(view, arena, stale, &restored, err))
		return -1;
	if (!restored)
		return view_find_lost(view, arena, set, err);
	memset(stale, 0, (size_t)view->partitions);
	if (view_read(view, arena, set, stale, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (stale[p])
			return err_set(err, "the view of partition %d was taken from us again", p);
	}
	return view_find_lost(view, arena, set, err);
}

/* ---- clocks --------------------------------------------------------------------------------- */

#define OVERDUE_REPLIES 5 /* of each partition */

static void queue_range(struct view *view, struct redis_arg index, const char *command,
			const char *from, const char *until, const char *most)
{
	const struct redis_arg args[] = {{command, strlen(command)}, index,
					 {from, strlen(from)},       {until, strlen(until)},
					 REDIS_ARG("LIMIT"),         REDIS_ARG("0"),
					 {most, strlen(most)}};
	redis_queue(view->redis, args, *most ? 7 : 4);
}

/* The fence, the index's size, the keys' mark; how many are to leave the index, which clocks ran
 * out. */
static void queue_overdue(struct view *view, struct arena *arena, int64_t now_ms, size_t max)
{
	char key[REDIS_KEY_SIZE], now[24], least[24], most[24];
	snprintf(now, sizeof(now), "%" PRId64, now_ms);
	snprintf(least, sizeof(least), "-%" PRId64, now_ms);
	snprintf(most, sizeof(most), "%zu", max);
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!view->parts[p].ours)
			continue;
		const struct redis_arg fence[] = {REDIS_ARG("GET"),
						  view_arg(arena, key, redis_key_position(key, p))};
		redis_queue(view->redis, fence, 2);
		struct redis_arg index = view_arg(arena, key, redis_key_due(key, p));
		const struct redis_arg size[] = {REDIS_ARG("ZCARD"), index};
		redis_queue(view->redis, size, 2);
		const struct redis_arg mark[] = {REDIS_ARG("HGET"),
						 view_arg(arena, key, redis_key_idem(key, p)),
						 REDIS_ARG(VIEW_IDEM_MARK)};
		redis_queue(view->redis, mark, 3);
		queue_range(view, index, "ZCOUNT", least, "-1", "");
		queue_range(view, index, "ZRANGEBYSCORE", "1", now, most);
	}
}

static void take_overdue(struct view_set *set, int32_t partition, const struct redis_reply *due)
{
	for (size_t i = 0; due->kind == REDIS_LIST && i < due->count; i++)
		set->cases[set->case_count++] = (struct view_case){
		    .number = strtoull(due->items[i].data, NULL, 16), .partition = partition};
}

/* Looks at the fences too: a Redis that was flushed while nothing comes in has no clocks either. */
static int overdue_once(struct view *view, struct arena *arena, int64_t now_ms, size_t max,
			struct view_set *set, bool *stale, struct err *err)
{
	struct redis_reply *replies;
	size_t count;
	queue_overdue(view, arena, now_ms, max);
	if (redis_run(view->redis, arena, &replies, &count, err))
		return -1;
	*set = (struct view_set){
	    arena_zero(arena, (count / OVERDUE_REPLIES * max + 1) * sizeof(*set->cases)), 0, NULL,
	    0};
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!view->parts[p].ours)
			continue;
		stale[p] = !view_fence_is_ours(view, p, &replies[0]) ||
			   !view_is_whole(view, p, &replies[1], &replies[2]);
		if (!stale[p] && replies[3].kind == REDIS_INTEGER && replies[3].integer)
			view_retire(view, p, now_ms);
		take_overdue(set, p, &replies[4]);
		replies += OVERDUE_REPLIES;
	}
	return 0;
}

int view_overdue(struct view *view, struct arena *arena, int64_t now_ms, size_t max,
		 struct view_set *set, struct err *err)
{
	bool *stale = arena_zero(arena, (size_t)view->partitions);
	size_t restored;
	if (overdue_once(view, arena, now_ms, max, set, stale, err) ||
	    reclaim_stale(view, arena, stale, &restored, err))
		return -1;
	if (restored && overdue_once(view, arena, now_ms, max, set, stale, err))
		return -1;
	return set->case_count ? view_load(view, arena, set, err) : 0;
}

/* ---- what Redis may have lost ------------------------------------------------------------------
 */

#define SWEEP_MOST   1000
#define SWEEP_PAUSE  20    /* times as long as bringing cases back took */
#define POLICY_EVERY 60000 /* ms */

/* Asked of INFO, which every Redis answers; CONFIG is forbidden at many. */
static void ask_policy(struct view *view, struct arena *arena, int64_t now_ms)
{
	struct err err;
	struct redis_reply *reply;
	size_t count;
	const struct redis_arg args[] = {REDIS_ARG("INFO"), REDIS_ARG("memory")};
	if (now_ms - view->policy_at_ms < POLICY_EVERY)
		return;
	redis_queue(view->redis, args, 2);
	if (redis_run(view->redis, arena, &reply, &count, &err) || reply->kind != REDIS_STRING)
		return;
	view->policy_at_ms = now_ms;
	bool evicts = strstr(reply->data, "maxmemory_policy:") &&
		      !strstr(reply->data, "maxmemory_policy:noeviction") &&
		      !strstr(reply->data, "\nmaxmemory:0\r");
	if (evicts && !view->evicts)
		log_warn(0, "Redis drops keys when it is full: set its maxmemory-policy to "
			    "noeviction. What it loses is restored, at the cost of time");
	view->evicts = evicts;
}

bool view_may_lose(const struct view *view, struct err *why)
{
	if (view->evicts)
		err_set(why,
			"Redis drops keys when it is full (maxmemory-policy is not noeviction)");
	return view->evicts;
}

/* Names of a partition's index from the place on; NULL: Redis is away. */
static const struct redis_reply *names_from(struct view *view, struct arena *arena,
					    int32_t partition, size_t place, struct err *err)
{
	char key[REDIS_KEY_SIZE], from[24], to[24];
	size_t count;
	struct redis_reply *reply;
	snprintf(from, sizeof(from), "%zu", place);
	snprintf(to, sizeof(to), "%zu", place + SWEEP_MOST - 1);
	const struct redis_arg args[] = {REDIS_ARG("ZRANGE"),
					 view_arg(arena, key, redis_key_due(key, partition)),
					 {from, strlen(from)},
					 {to, strlen(to)}};
	redis_queue(view->redis, args, 4);
	return redis_run(view->redis, arena, &reply, &count, err) ? NULL : reply;
}

/* The next partition of ours and the next names of its index; -1: there are none, or not now. */
static int next_names(struct view *view, struct arena *arena, int32_t *partition,
		      const struct redis_reply **names, struct err *err)
{
	struct part *part = &view->parts[view->sweeping];
	*partition = view->sweeping;
	*names = NULL;
	if (!part->ours || !part->valid || !part->cases) {
		view->sweeping = (view->sweeping + 1) % view->partitions;
		return 0;
	}
	const struct redis_reply *reply = names_from(view, arena, *partition, part->swept, err);
	if (!reply)
		return -1;
	bool more = reply->kind == REDIS_LIST && reply->count == SWEEP_MOST;
	part->swept = more ? part->swept + SWEEP_MOST : 0;
	if (!more)
		view->sweeping = (view->sweeping + 1) % view->partitions;
	*names = reply->kind == REDIS_LIST ? reply : NULL;
	return 0;
}

/* The cases of up to SWEEP_MOST names; how many names there were, -1 when they cannot be told. */
static int load_from(struct view *view, struct arena *arena, int32_t partition, size_t place,
		     struct view_set *set, struct err *err)
{
	const struct redis_reply *names = names_from(view, arena, partition, place, err);
	if (!names)
		return -1;
	if (names->kind != REDIS_LIST)
		return err_set(err, "Redis holds something else for the index");
	*set = (struct view_set){arena_zero(arena, (names->count + 1) * sizeof(*set->cases)),
				 names->count, NULL, 0};
	for (size_t i = 0; i < names->count; i++)
		set->cases[i] = (struct view_case){
		    .number = strtoull(names->items[i].data, NULL, 16), .partition = partition};
	return names->count && view_load(view, arena, set, err) ? -1 : (int)names->count;
}

static int show_all(struct view *view, struct arena *arena, int32_t partition,
		    void (*show)(void *self, const Redress__CaseState *state), void *self,
		    struct err *err)
{
	struct view_set set;
	int found = SWEEP_MOST;
	for (size_t place = 0; found == SWEEP_MOST; place += SWEEP_MOST) {
		arena_reset(arena);
		found = load_from(view, arena, partition, place, &set, err);
		for (int i = 0; i < found; i++) {
			if (set.cases[i].state)
				show(self, set.cases[i].state);
		}
	}
	return found < 0 ? -1 : 0;
}

int view_each(struct view *view, void (*show)(void *self, const Redress__CaseState *state),
	      void *self, struct err *err)
{
	struct arena *arena = arena_new();
	int result = 0;
	for (int32_t p = 0; p < view->partitions && !result; p++) {
		if (view->parts[p].ours)
			result = show_all(view, arena, p, show, self, err);
	}
	arena_free(&arena);
	return result;
}

/* Of these names those whose case is not there. */
static int list_missing(struct view *view, struct arena *arena, int32_t partition,
			const struct redis_reply *names, struct view_set *set, struct err *err)
{
	char key[REDIS_KEY_SIZE];
	size_t count;
	struct redis_reply *there;
	*set = (struct view_set){arena_zero(arena, (names->count + 1) * sizeof(*set->cases)), 0,
				 NULL, 0};
	for (size_t i = 0; i < names->count; i++) {
		uint64_t number = strtoull(names->items[i].data, NULL, 16);
		const struct redis_arg args[] = {
		    REDIS_ARG("EXISTS"),
		    view_arg(arena, key, redis_key_case(key, partition, number))};
		redis_queue(view->redis, args, 2);
	}
	if (redis_run(view->redis, arena, &there, &count, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (there[i].kind == REDIS_INTEGER && !there[i].integer)
			set->cases[set->case_count++] =
			    (struct view_case){.number = strtoull(names->items[i].data, NULL, 16),
					       .partition = partition};
	}
	return 0;
}

int view_sweep(struct view *view, struct arena *arena, int64_t now_ms, struct err *err)
{
	struct view_set set;
	int32_t partition;
	const struct redis_reply *names;
	ask_policy(view, arena, now_ms);
	if (now_ms < view->sweep_after_ms)
		return 0;
	if (next_names(view, arena, &partition, &names, err))
		return -1;
	view_clean_idem(view, arena, partition, now_ms);
	if (!names || !names->count)
		return 0;
	if (list_missing(view, arena, partition, names, &set, err))
		return -1;
	if (!set.case_count)
		return 0;
	int64_t begun = clock_mono_us();
	if (view_load(view, arena, &set, err))
		return -1;
	view_store(view, arena, &set, NULL, 0, now_ms);
	view->sweep_after_ms = now_ms + SWEEP_PAUSE * (clock_mono_us() - begun) / 1000;
	return 0;
}
