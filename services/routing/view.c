#include "view_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/hot_key.h"
#include "util/alloc.h"
#include "util/log.h"

const struct setting view_settings[] = {
    {"routing.closed_keep", SETTING_DURATION, "90d", 86400000, INT64_C(3650) * 86400000,
     "how long a closed case can be reopened and stays in Redis"},
    {"routing.ask_keep", SETTING_DURATION, "7d", 60000, INT64_C(3650) * 86400000,
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
	view->ask_keep_ms = settings_int(settings, "routing.ask_keep");
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

int view_load(struct view *view, struct arena *arena, struct hot_set *set, struct err *err)
{
	bool *stale = arena_zero(arena, (size_t)view->partitions);
	size_t restored;
	if (view_read(view, arena, set, stale, err) ||
	    reclaim_stale(view, arena, stale, &restored, err))
		return -1;
	if (!restored)
		return 0;
	memset(stale, 0, (size_t)view->partitions);
	if (view_read(view, arena, set, stale, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (stale[p])
			return err_set(err, "the view of partition %d was taken from us again", p);
	}
	return 0;
}

/* ---- clocks --------------------------------------------------------------------------------- */

static void queue_overdue(struct view *view, struct arena *arena, int64_t now_ms, size_t max)
{
	char key[HOT_KEY_SIZE], until[24], most[24];
	snprintf(until, sizeof(until), "%" PRId64, now_ms);
	snprintf(most, sizeof(most), "%zu", max);
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!view->parts[p].ours)
			continue;
		const struct redis_arg fence[] = {REDIS_ARG("GET"),
						  view_arg(arena, key, hot_key_position(key, p))};
		redis_queue(view->redis, fence, 2);
		const struct redis_arg args[] = {
		    REDIS_ARG("ZRANGEBYSCORE"), view_arg(arena, key, hot_key_due(key, p)),
		    REDIS_ARG("-inf"),          {until, strlen(until)},
		    REDIS_ARG("LIMIT"),         REDIS_ARG("0"),
		    {most, strlen(most)}};
		redis_queue(view->redis, args, sizeof(args) / sizeof(*args));
	}
}

/* Looks at the fences too: a Redis that was flushed while nothing comes in has no clocks either. */
static int overdue_once(struct view *view, struct arena *arena, int64_t now_ms, size_t max,
			struct hot_set *set, bool *stale, struct err *err)
{
	struct redis_reply *replies;
	size_t count, used = 0;
	queue_overdue(view, arena, now_ms, max);
	if (redis_run(view->redis, arena, &replies, &count, err))
		return -1;
	*set = (struct hot_set){arena_zero(arena, (count * max + 1) * sizeof(*set->cases)), 0, NULL,
				0};
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!view->parts[p].ours)
			continue;
		stale[p] = !view_fence_is_ours(view, p, &replies[used]);
		const struct redis_reply *due = &replies[used + 1];
		for (size_t i = 0; due->kind == REDIS_LIST && i < due->count; i++)
			set->cases[set->case_count++] = (struct hot_case){
			    strtoull(due->items[i].data, NULL, 16), p, NULL, false};
		used += 2;
	}
	return 0;
}

int view_overdue(struct view *view, struct arena *arena, int64_t now_ms, size_t max,
		 struct hot_set *set, struct err *err)
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
