/* Writing the view: what a batch changed, one script for each partition. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/hot_key.h"
#include "domain/pipeline.h"
#include "util/log.h"
#include "util/text.h"
#include "view_private.h"

/* What is past its time is still kept for a while: a replay may yet meet later events of it. */
#define SHORTEST_KEEP_S 3600

/* KEYS: fence, due, then one for each value. ARGV: the fence expected and the new one, then ttl and
 * value for each key, then score and member for each clock ("" as score: no clock). */
static const char store_script[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
    "local a = 3\n"
    "for i = 3, #KEYS do\n"
    "  if ARGV[a] == '0' then redis.call('SET', KEYS[i], ARGV[a + 1])\n"
    "  else redis.call('SET', KEYS[i], ARGV[a + 1], 'EX', ARGV[a]) end\n"
    "  a = a + 2\n"
    "end\n"
    "while a < #ARGV do\n"
    "  if ARGV[a] == '' then redis.call('ZREM', KEYS[2], ARGV[a + 1])\n"
    "  else redis.call('ZADD', KEYS[2], ARGV[a], ARGV[a + 1]) end\n"
    "  a = a + 2\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[2])\n"
    "return 1\n";

/* What one partition's script is given. */
struct store {
	struct arena *arena;
	struct redis_arg *keys, *values, *clocks;
	size_t key_count, value_count, clock_count;
	size_t most; /* cases and keys that changed; 0: nothing to store */
};

static void add_text(struct store *store, struct redis_arg *list, size_t *count, const char *text)
{
	list[(*count)++] = view_arg(store->arena, text, strlen(text));
}

static void add_value(struct store *store, const char *key, size_t key_len, int64_t keep_ms,
		      const void *value, size_t len)
{
	char ttl[24];
	int64_t seconds = keep_ms / 1000;
	if (keep_ms && seconds < SHORTEST_KEEP_S)
		seconds = SHORTEST_KEEP_S;
	text_decimal(ttl, keep_ms ? seconds : 0);
	store->keys[store->key_count++] = view_arg(store->arena, key, key_len);
	add_text(store, store->values, &store->value_count, ttl);
	store->values[store->value_count++] = (struct redis_arg){value, len};
}

static void add_clock(struct store *store, const struct hot_case *c)
{
	char member[17], score[24] = "";
	uint8_t number[8];
	text_put_be64(number, c->number);
	text_hex(member, number, sizeof(number));
	if (c->state && c->state->deadline_ms)
		text_decimal(score, c->state->deadline_ms);
	add_text(store, store->clocks, &store->clock_count, score);
	add_text(store, store->clocks, &store->clock_count, member);
}

static void add_case(const struct view *view, struct store *store, const struct hot_case *c,
		     int64_t now_ms)
{
	char key[HOT_KEY_SIZE];
	add_clock(store, c);
	if (!c->state)
		return;
	size_t len = redress__case_state__get_packed_size(c->state);
	uint8_t *packed = arena_take(store->arena, len);
	redress__case_state__pack(c->state, packed);
	int64_t keep = 0;
	if (case_is_over(c->state->status)) {
		keep = c->state->updated_at_ms + view->closed_keep_ms - now_ms;
		if (keep <= 0)
			keep = 1; /* as short as anything is kept */
	}
	add_value(store, key, hot_key_case(key, c->partition, c->number), keep, packed, len);
}

static void add_ask(const struct view *view, struct store *store, const struct hot_ask *a,
		    int64_t now_ms)
{
	char key[HOT_KEY_SIZE], *value = arena_take(store->arena, 64);
	int64_t keep = case_number_time_ms(a->number) + view->ask_keep_ms - now_ms;
	uint8_t number[8];
	text_put_be64(number, a->number);
	text_hex(value, number, sizeof(number));
	value[16] = ' ';
	text_hex(value + 17, a->fingerprint, sizeof(a->fingerprint));
	add_value(store, key, hot_key_idem(key, a->partition, a->key, ASK_KEY_SIZE),
		  keep > 0 ? keep : 1, value, strlen(value));
}

void view_fence(const struct view *view, int64_t events_next, char fence[VIEW_FENCE_SIZE])
{
	snprintf(fence, VIEW_FENCE_SIZE, "%016" PRIx64 ":%" PRId64, view->owner, events_next);
}

static void begin_store(const struct view *view, struct store *store, struct arena *arena,
			int32_t partition, int64_t events_next)
{
	char key[HOT_KEY_SIZE], fence[VIEW_FENCE_SIZE];
	store->arena = arena;
	store->keys = arena_take(arena, (store->most + 2) * sizeof(*store->keys));
	store->values = arena_take(arena, 2 * (store->most + 1) * sizeof(*store->values));
	store->clocks = arena_take(arena, 2 * store->most * sizeof(*store->clocks));
	store->keys[store->key_count++] = view_arg(arena, key, hot_key_position(key, partition));
	store->keys[store->key_count++] = view_arg(arena, key, hot_key_due(key, partition));
	add_text(store, store->values, &store->value_count, view->parts[partition].fence);
	view_fence(view, events_next, fence);
	add_text(store, store->values, &store->value_count, fence);
}

/* Queues the script for one partition. */
static void queue_store(struct view *view, const struct store *store, int32_t partition,
			int64_t events_next)
{
	char count[24];
	struct part *part = &view->parts[partition];
	size_t total = 3 + store->key_count + store->value_count + store->clock_count;
	struct redis_arg *args = arena_take(store->arena, total * sizeof(*args)), *at = args;
	*at++ = REDIS_ARG("EVAL");
	*at++ = REDIS_ARG(store_script);
	*at++ = (struct redis_arg){count, text_decimal(count, (int64_t)store->key_count)};
	memcpy(at, store->keys, store->key_count * sizeof(*args));
	at += store->key_count;
	memcpy(at, store->values, store->value_count * sizeof(*args));
	at += store->value_count;
	memcpy(at, store->clocks, store->clock_count * sizeof(*args));
	redis_queue(view->redis, args, total);
	view_fence(view, events_next, part->fence);
	part->events_next = events_next;
}

static int64_t written_next(const struct view *view, int32_t partition,
			    const struct kafka_partition *written, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (written[i].partition == partition &&
		    strcmp(written[i].topic, TOPIC_EVENTS) == 0)
			return written[i].offset;
	}
	return view->parts[partition].events_next;
}

/* How much of each partition changed. */
static struct store *count_changes(const struct view *view, struct arena *arena,
				   const struct hot_set *set)
{
	struct store *stores = arena_zero(arena, (size_t)view->partitions * sizeof(*stores));
	for (size_t i = 0; i < set->case_count; i++)
		stores[set->cases[i].partition].most += set->cases[i].changed;
	for (size_t i = 0; i < set->ask_count; i++)
		stores[set->asks[i].partition].most += set->asks[i].changed;
	return stores;
}

static void add_changes(const struct view *view, struct store *stores, const struct hot_set *set,
			int64_t now_ms)
{
	for (size_t i = 0; i < set->case_count; i++) {
		if (set->cases[i].changed)
			add_case(view, &stores[set->cases[i].partition], &set->cases[i], now_ms);
	}
	for (size_t i = 0; i < set->ask_count; i++) {
		if (set->asks[i].changed)
			add_ask(view, &stores[set->asks[i].partition], &set->asks[i], now_ms);
	}
}

static void invalidate(struct view *view, const struct store *stores)
{
	for (int32_t p = 0; p < view->partitions; p++) {
		if (stores[p].most)
			view->parts[p].valid = false;
	}
}

void view_store(struct view *view, struct arena *arena, const struct hot_set *set,
		const struct kafka_partition *written, size_t written_count, int64_t now_ms)
{
	struct err err;
	struct redis_reply *replies;
	size_t count, used = 0;
	struct store *stores = count_changes(view, arena, set);
	int64_t *next = arena_take(arena, (size_t)view->partitions * sizeof(*next));
	for (int32_t p = 0; p < view->partitions; p++) {
		next[p] = written_next(view, p, written, written_count);
		if (stores[p].most)
			begin_store(view, &stores[p], arena, p, next[p]);
	}
	add_changes(view, stores, set, now_ms);
	for (int32_t p = 0; p < view->partitions; p++) {
		if (stores[p].most)
			queue_store(view, &stores[p], p, next[p]);
	}
	if (redis_run(view->redis, arena, &replies, &count, &err)) {
		log_info(0, "the view will be restored: %s", err.text);
		invalidate(view, stores);
		return;
	}
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!stores[p].most)
			continue;
		const struct redis_reply *reply = &replies[used++];
		if (reply->kind == REDIS_INTEGER && reply->integer == 1)
			continue;
		view->parts[p].valid = false;
		log_info(0, "the view of partition %d will be restored: %.100s", p,
			 reply->kind == REDIS_FAILED ? reply->data : "its fence has changed");
	}
}
