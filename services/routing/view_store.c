/* Writing the view: what a batch changed, one script for each partition. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/case_state.h"
#include "client/redis_key.h"
#include "domain/pipeline.h"
#include "util/log.h"
#include "util/text.h"
#include "view_private.h"

/* A case that is over outlives its name in the index for so long: what the index names is there. */
#define AFTER_INDEX_S 86400

/*
 * KEYS: fence, index, keys, then one for each case. ARGV: the fence expected, the new one without
 * the index's size, the size expected, how many cases of the index change; then ttl and value for
 * each case, score and member for each of the index ("" as score: it leaves), field and value for
 * each Idempotency-Key. Gives back the index's new size; negative: the view is not what it should
 * be.
 */
static const char store_script[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end\n"
    "if redis.call('ZCARD', KEYS[2]) ~= tonumber(ARGV[3]) then return -2 end\n"
    "local a = 5\n"
    "for i = 4, #KEYS do\n"
    "  if ARGV[a] == '0' then redis.call('SET', KEYS[i], ARGV[a + 1])\n"
    "  else redis.call('SET', KEYS[i], ARGV[a + 1], 'EX', ARGV[a]) end\n"
    "  a = a + 2\n"
    "end\n"
    "for i = 1, tonumber(ARGV[4]) do\n"
    "  if ARGV[a] == '' then redis.call('ZREM', KEYS[2], ARGV[a + 1])\n"
    "  else redis.call('ZADD', KEYS[2], ARGV[a], ARGV[a + 1]) end\n"
    "  a = a + 2\n"
    "end\n"
    "while a < #ARGV do\n"
    "  redis.call('HSET', KEYS[3], ARGV[a], ARGV[a + 1])\n"
    "  a = a + 2\n"
    "end\n"
    "local size = redis.call('ZCARD', KEYS[2])\n"
    "redis.call('SET', KEYS[1], ARGV[2] .. ':' .. size)\n"
    "return size\n";

/* What one partition's script is given. */
struct store {
	struct arena *arena;
	struct redis_arg *keys, *head, *values, *clocks, *idem;
	size_t key_count, head_count, value_count, clock_count, idem_count;
	size_t most; /* cases and keys that changed; 0: nothing to store */
};

static void add_text(struct store *store, struct redis_arg *list, size_t *count, const char *text)
{
	list[(*count)++] = view_arg(store->arena, text, strlen(text));
}

/* When the case leaves the view; 0: it stays. */
static int64_t kept_until(const struct view *view, const struct view_case *c)
{
	return case_is_over(c->state->status) ? c->state->updated_at_ms + view->closed_keep_ms : 0;
}

/* As client/redis_key.h says. */
static void add_clock(const struct view *view, struct store *store, const struct view_case *c)
{
	char member[VIEW_MEMBER_SIZE], score[24] = "";
	view_member(member, c->number);
	if (c->state && kept_until(view, c))
		text_decimal(score, -kept_until(view, c));
	else if (c->state && case_rings_ms(c->state))
		text_decimal(score, case_rings_ms(c->state));
	else if (c->state)
		strcpy(score, "+inf");
	add_text(store, store->clocks, &store->clock_count, score);
	add_text(store, store->clocks, &store->clock_count, member);
}

static void add_case(const struct view *view, struct store *store, const struct view_case *c,
		     int64_t now_ms)
{
	char key[REDIS_KEY_SIZE], ttl[24];
	add_clock(view, store, c);
	if (!c->state)
		return;
	size_t len = redress__case_state__get_packed_size(c->state);
	uint8_t *packed = arena_take(store->arena, len);
	redress__case_state__pack(c->state, packed);
	int64_t until = kept_until(view, c), left_s = until > now_ms ? (until - now_ms) / 1000 : 0;
	text_decimal(ttl, until ? left_s + AFTER_INDEX_S : 0);
	store->keys[store->key_count++] =
	    view_arg(store->arena, key, redis_key_case(key, c->partition, c->number));
	add_text(store, store->values, &store->value_count, ttl);
	store->values[store->value_count++] = (struct redis_arg){packed, len};
}

static void add_key(const struct view *view, struct store *store, const struct view_key *a,
		    int64_t now_ms)
{
	char field[2 * IDEMPOTENCY_KEY_SIZE + 1], value[64];
	if (case_number_time_ms(a->number) + view->idempotency_keep_ms <= now_ms)
		return;
	text_hex(field, a->key, IDEMPOTENCY_KEY_SIZE);
	view_member(value, a->number);
	value[16] = ' ';
	text_hex(value + 17, a->fingerprint, sizeof(a->fingerprint));
	add_text(store, store->idem, &store->idem_count, field);
	add_text(store, store->idem, &store->idem_count, value);
}

void view_fence(const struct view *view, int64_t events_next, char fence[VIEW_FENCE_SIZE])
{
	snprintf(fence, VIEW_FENCE_SIZE, "%016" PRIx64 ":%" PRId64, view->owner, events_next);
}

void view_fence_written(struct view *view, int32_t partition, int64_t events_next, int64_t cases)
{
	struct part *part = &view->parts[partition];
	view_fence(view, events_next, part->fence);
	size_t used = strlen(part->fence);
	snprintf(part->fence + used, sizeof(part->fence) - used, ":%" PRId64, cases);
	part->events_next = events_next;
	part->cases = cases;
}

static void begin_store(const struct view *view, struct store *store, struct arena *arena,
			int32_t partition, int64_t events_next)
{
	char key[REDIS_KEY_SIZE], fence[VIEW_FENCE_SIZE], size[24];
	store->arena = arena;
	store->keys = arena_take(arena, (store->most + 3) * sizeof(*store->keys));
	store->head = arena_take(arena, 4 * sizeof(*store->head));
	store->values = arena_take(arena, 2 * store->most * sizeof(*store->values));
	store->clocks = arena_take(arena, 2 * store->most * sizeof(*store->clocks));
	store->idem = arena_take(arena, 2 * store->most * sizeof(*store->idem));
	store->keys[store->key_count++] = view_arg(arena, key, redis_key_position(key, partition));
	store->keys[store->key_count++] = view_arg(arena, key, redis_key_due(key, partition));
	store->keys[store->key_count++] = view_arg(arena, key, redis_key_idem(key, partition));
	add_text(store, store->head, &store->head_count, view->parts[partition].fence);
	view_fence(view, events_next, fence);
	add_text(store, store->head, &store->head_count, fence);
	text_decimal(size, view->parts[partition].cases);
	add_text(store, store->head, &store->head_count, size);
}

static struct redis_arg *append(struct redis_arg *at, const struct redis_arg *list, size_t count)
{
	memcpy(at, list, count * sizeof(*at));
	return at + count;
}

/* Queues the script for one partition. */
static void queue_store(struct view *view, struct store *store)
{
	char count[24];
	text_decimal(count, (int64_t)store->clock_count / 2);
	add_text(store, store->head, &store->head_count, count);
	size_t total = 3 + store->key_count + store->head_count + store->value_count +
		       store->clock_count + store->idem_count;
	struct redis_arg *args = arena_take(store->arena, total * sizeof(*args)), *at = args;
	*at++ = REDIS_ARG("EVAL");
	*at++ = REDIS_ARG(store_script);
	text_decimal(count, (int64_t)store->key_count);
	*at++ = view_arg(store->arena, count, strlen(count));
	at = append(at, store->keys, store->key_count);
	at = append(at, store->head, store->head_count);
	at = append(at, store->values, store->value_count);
	at = append(at, store->clocks, store->clock_count);
	append(at, store->idem, store->idem_count);
	redis_queue(view->redis, args, total);
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
				   const struct view_set *set)
{
	struct store *stores = arena_zero(arena, (size_t)view->partitions * sizeof(*stores));
	for (size_t i = 0; i < set->case_count; i++)
		stores[set->cases[i].partition].most += set->cases[i].changed;
	for (size_t i = 0; i < set->key_count; i++)
		stores[set->keys[i].partition].most += set->keys[i].changed;
	return stores;
}

static void add_changes(const struct view *view, struct store *stores, const struct view_set *set,
			int64_t now_ms)
{
	for (size_t i = 0; i < set->case_count; i++) {
		if (set->cases[i].changed)
			add_case(view, &stores[set->cases[i].partition], &set->cases[i], now_ms);
	}
	for (size_t i = 0; i < set->key_count; i++) {
		if (set->keys[i].changed)
			add_key(view, &stores[set->keys[i].partition], &set->keys[i], now_ms);
	}
}

static void invalidate(struct view *view, const struct store *stores)
{
	for (int32_t p = 0; p < view->partitions; p++) {
		if (stores[p].most)
			view->parts[p].valid = false;
	}
}

void view_store(struct view *view, struct arena *arena, const struct view_set *set,
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
			queue_store(view, &stores[p]);
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
		if (reply->kind == REDIS_INTEGER && reply->integer >= 0) {
			view_fence_written(view, p, next[p], reply->integer);
			continue;
		}
		view->parts[p].valid = false;
		log_info(0, "the view of partition %d will be restored: %.100s", p,
			 reply->kind == REDIS_FAILED ? reply->data
						     : "its fence or index has changed");
	}
}

/* ---- what leaves ------------------------------------------------------------------------------
 */

/* KEYS: fence, index. ARGV: the fence expected, the new one without the size, minus the time. */
static const char retire_script[] = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end\n"
				    "redis.call('ZREMRANGEBYSCORE', KEYS[2], ARGV[3], '-1')\n"
				    "local size = redis.call('ZCARD', KEYS[2])\n"
				    "redis.call('SET', KEYS[1], ARGV[2] .. ':' .. size)\n"
				    "return size\n";

void view_retire(struct view *view, int32_t partition, int64_t now_ms)
{
	struct err err;
	char position[REDIS_KEY_SIZE], due[REDIS_KEY_SIZE], fence[VIEW_FENCE_SIZE], until[24];
	struct part *part = &view->parts[partition];
	struct arena *arena = arena_new_small();
	struct redis_reply *reply;
	size_t count;
	view_fence(view, part->events_next, fence);
	text_decimal(until, -now_ms);
	const struct redis_arg args[] = {REDIS_ARG("EVAL"),
					 REDIS_ARG(retire_script),
					 REDIS_ARG("2"),
					 {position, redis_key_position(position, partition)},
					 {due, redis_key_due(due, partition)},
					 {part->fence, strlen(part->fence)},
					 {fence, strlen(fence)},
					 {until, strlen(until)}};
	redis_queue(view->redis, args, sizeof(args) / sizeof(*args));
	if (redis_run(view->redis, arena, &reply, &count, &err) || reply->kind != REDIS_INTEGER ||
	    reply->integer < 0)
		part->valid = false;
	else
		view_fence_written(view, partition, part->events_next, reply->integer);
	arena_free(&arena);
}

/* A key is found for routing.idempotency_keep; afterwards it is only in the way. */
static size_t list_old_asks(const struct view *view, const struct redis_reply *fields,
			    int64_t now_ms, struct redis_arg *old)
{
	size_t count = 0;
	for (size_t i = 0; i + 1 < fields->count; i += 2) {
		uint64_t number = strtoull(fields->items[i + 1].data, NULL, 16);
		if (fields->items[i + 1].len &&
		    case_number_time_ms(number) + view->idempotency_keep_ms <= now_ms)
			old[count++] =
			    (struct redis_arg){fields->items[i].data, fields->items[i].len};
	}
	return count;
}

void view_clean_idem(struct view *view, struct arena *arena, int32_t partition, int64_t now_ms)
{
	struct err err;
	char key[REDIS_KEY_SIZE], cursor[24];
	struct part *part = &view->parts[partition];
	struct redis_reply *reply;
	size_t count;
	snprintf(cursor, sizeof(cursor), "%" PRIu64, part->idem_clean);
	const struct redis_arg idem = view_arg(arena, key, redis_key_idem(key, partition));
	const struct redis_arg scan[] = {REDIS_ARG("HSCAN"),
					 idem,
					 {cursor, strlen(cursor)},
					 REDIS_ARG("COUNT"),
					 REDIS_ARG("1000")};
	if (!part->ours || !part->valid)
		return;
	redis_queue(view->redis, scan, 5);
	if (redis_run(view->redis, arena, &reply, &count, &err) || reply->kind != REDIS_LIST ||
	    reply->count != 2 || reply->items[1].kind != REDIS_LIST)
		return;
	part->idem_clean = strtoull(reply->items[0].data, NULL, 10);
	struct redis_arg *args = arena_take(arena, (reply->items[1].count + 2) * sizeof(*args));
	args[0] = REDIS_ARG("HDEL");
	args[1] = idem;
	count = list_old_asks(view, &reply->items[1], now_ms, args + 2);
	if (!count)
		return;
	redis_queue(view->redis, args, count + 2);
	if (redis_run_all_ok(view->redis, &err))
		log_debug(0, "%s", err.text);
}
