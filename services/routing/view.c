#include "view.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/hot_key.h"
#include "domain/pipeline.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define FENCE_SIZE   48
#define DAY_MS       INT64_C(86400000)
#define REPLAY_CHUNK 2000
/* What is past its time is still kept for a while: a replay may yet meet later events of it. */
#define SHORTEST_KEEP_S 3600

const struct setting view_settings[] = {
    {"routing.closed_keep", SETTING_DURATION, "90d", 86400000, INT64_C(3650) * 86400000,
     "how long a closed case can be reopened and stays in Redis"},
    {"routing.ask_keep", SETTING_DURATION, "7d", 60000, INT64_C(3650) * 86400000,
     "how long a repeated Idempotency-Key finds its case"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct part {
	bool ours, valid;
	char fence[FENCE_SIZE]; /* as we wrote it last */
	int64_t events_next;
};

struct view {
	const struct settings *settings;
	struct redis *redis;
	int32_t partitions;
	struct part *parts;
	uint64_t owner; /* random: this claim is nobody else's */
	int64_t closed_keep_ms, ask_keep_ms;
};

struct view *view_new(const struct settings *settings, int32_t partitions, struct err *err)
{
	struct view *view = x_calloc(1, sizeof(*view));
	view->settings = settings;
	view->partitions = partitions;
	view->parts = x_calloc((size_t)partitions, sizeof(*view->parts));
	view->closed_keep_ms = settings_int(settings, "routing.closed_keep");
	view->ask_keep_ms = settings_int(settings, "routing.ask_keep");
	view->redis = redis_new(settings_str(settings, "redis.address"),
				settings_str(settings, "redis.password"),
				settings_int(settings, "redis.timeout"), err);
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

/* ---- reading -------------------------------------------------------------------------------- */

static struct redis_arg arg(struct arena *arena, const char *text, size_t len)
{
	return (struct redis_arg){arena_copy(arena, text, len), len};
}

/* What one MGET of a partition asks for, in order: the fence, the cases, the keys. */
struct question {
	struct redis_arg *args;
	size_t count;
};

static void ask(struct arena *arena, struct question *q, const char *key, size_t len)
{
	q->args[q->count++] = arg(arena, key, len);
}

static struct question *make_questions(const struct view *view, struct arena *arena,
				       const struct hot_set *set)
{
	char key[HOT_KEY_SIZE];
	size_t *sizes = arena_zero(arena, (size_t)view->partitions * sizeof(*sizes));
	struct question *questions =
	    arena_zero(arena, (size_t)view->partitions * sizeof(*questions));
	for (size_t i = 0; i < set->case_count; i++)
		sizes[set->cases[i].partition]++;
	for (size_t i = 0; i < set->ask_count; i++)
		sizes[set->asks[i].partition]++;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!sizes[p])
			continue;
		questions[p].args = arena_take(arena, (sizes[p] + 2) * sizeof(struct redis_arg));
		questions[p].args[questions[p].count++] = REDIS_ARG("MGET");
		ask(arena, &questions[p], key, hot_key_position(key, p));
	}
	for (size_t i = 0; i < set->case_count; i++) {
		const struct hot_case *c = &set->cases[i];
		ask(arena, &questions[c->partition], key,
		    hot_key_case(key, c->partition, c->number));
	}
	for (size_t i = 0; i < set->ask_count; i++) {
		const struct hot_ask *a = &set->asks[i];
		ask(arena, &questions[a->partition], key,
		    hot_key_idem(key, a->partition, a->key, ASK_KEY_SIZE));
	}
	return questions;
}

static int read_case(struct arena *arena, const struct redis_reply *reply, struct hot_case *c,
		     struct err *err)
{
	c->state = NULL;
	if (reply->kind != REDIS_STRING)
		return 0;
	c->state = redress__case_state__unpack(arena_protobuf(arena), reply->len,
					       (const uint8_t *)reply->data);
	return c->state ? 0 : err_set(err, "redis holds something else for a case");
}

/* "number fingerprint", both hex. */
static void read_ask(const struct redis_reply *reply, struct hot_ask *a)
{
	a->number = 0;
	if (reply->kind != REDIS_STRING || reply->len != 49)
		return;
	uint64_t number = strtoull(reply->data, NULL, 16);
	if (text_unhex(a->fingerprint, sizeof(a->fingerprint), reply->data + 17) == 0)
		a->number = number;
}

/* The replies of a partition are used up in the order the questions were made. */
struct answers {
	const struct redis_reply **lists; /* by partition */
	size_t *next;
};

static const struct redis_reply *next_answer(struct answers *answers, int32_t partition)
{
	return &answers->lists[partition]->items[answers->next[partition]++];
}

static int run_questions(struct view *view, struct arena *arena, struct question *questions,
			 struct answers *answers, struct err *err)
{
	struct redis_reply *replies;
	size_t count, used = 0;
	answers->lists = arena_zero(arena, (size_t)view->partitions * sizeof(struct redis_reply *));
	answers->next = arena_zero(arena, (size_t)view->partitions * sizeof(size_t));
	for (int32_t p = 0; p < view->partitions; p++) {
		if (questions[p].count)
			redis_queue(view->redis, questions[p].args, questions[p].count);
	}
	if (redis_run(view->redis, arena, &replies, &count, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!questions[p].count)
			continue;
		const struct redis_reply *reply = &replies[used++];
		if (reply->kind != REDIS_LIST || reply->count != questions[p].count - 1)
			return err_set(err, "redis refused to be read: %.100s",
				       reply->kind == REDIS_FAILED ? reply->data : "odd reply");
		answers->lists[p] = reply;
	}
	return 0;
}

static bool is_our_fence(const struct view *view, int32_t partition,
			 const struct redis_reply *fence)
{
	return view->parts[partition].valid && fence->kind == REDIS_STRING &&
	       strcmp(fence->data, view->parts[partition].fence) == 0;
}

/* stale: set for each partition whose fence is not ours. */
static int load_once(struct view *view, struct arena *arena, struct hot_set *set, bool *stale,
		     struct err *err)
{
	struct answers answers;
	struct question *questions = make_questions(view, arena, set);
	if (run_questions(view, arena, questions, &answers, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!answers.lists[p])
			continue;
		const struct redis_reply *fence = next_answer(&answers, p);
		stale[p] = !is_our_fence(view, p, fence);
	}
	int result = 0;
	for (size_t i = 0; !result && i < set->case_count; i++)
		result = read_case(arena, next_answer(&answers, set->cases[i].partition),
				   &set->cases[i], err);
	for (size_t i = 0; !result && i < set->ask_count; i++)
		read_ask(next_answer(&answers, set->asks[i].partition), &set->asks[i]);
	return result;
}

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
	if (load_once(view, arena, set, stale, err) ||
	    reclaim_stale(view, arena, stale, &restored, err))
		return -1;
	if (!restored)
		return 0;
	memset(stale, 0, (size_t)view->partitions);
	if (load_once(view, arena, set, stale, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (stale[p])
			return err_set(err, "the view of partition %d was taken from us again", p);
	}
	return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

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

struct store {
	struct arena *arena;
	struct redis_arg *keys, *values, *clocks;
	size_t key_count, value_count, clock_count;
};

static void add_text(struct store *store, struct redis_arg *list, size_t *count, const char *text)
{
	list[(*count)++] = arg(store->arena, text, strlen(text));
}

static void add_value(struct store *store, const char *key, size_t key_len, int64_t keep_ms,
		      const void *value, size_t len)
{
	char ttl[24] = "0";
	if (keep_ms) {
		int64_t seconds = keep_ms / 1000;
		snprintf(ttl, sizeof(ttl), "%" PRId64,
			 seconds > SHORTEST_KEEP_S ? seconds : SHORTEST_KEEP_S);
	}
	store->keys[store->key_count++] = arg(store->arena, key, key_len);
	add_text(store, store->values, &store->value_count, ttl);
	store->values[store->value_count++] = (struct redis_arg){value, len};
}

static void add_clock(struct store *store, const struct hot_case *c)
{
	char member[20], score[24] = "";
	snprintf(member, sizeof(member), "%016" PRIx64, c->number);
	if (c->state && c->state->deadline_ms)
		snprintf(score, sizeof(score), "%" PRId64, c->state->deadline_ms);
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
	int len = snprintf(value, 64, "%016" PRIx64 " ", a->number);
	text_hex(value + len, a->fingerprint, sizeof(a->fingerprint));
	add_value(store, key, hot_key_idem(key, a->partition, a->key, ASK_KEY_SIZE),
		  keep > 0 ? keep : 1, value, strlen(value));
}

static void write_fence(const struct view *view, int64_t events_next, char fence[FENCE_SIZE])
{
	snprintf(fence, FENCE_SIZE, "%016" PRIx64 ":%" PRId64, view->owner, events_next);
}

/* Queues the script for one partition. */
static void queue_store(struct view *view, const struct hot_set *set, int32_t partition,
			int64_t events_next, int64_t now_ms, struct arena *arena)
{
	char key[HOT_KEY_SIZE], count[24], fence[FENCE_SIZE];
	struct part *part = &view->parts[partition];
	size_t most = 2 * (set->case_count + set->ask_count) + 8;
	struct store store = {.arena = arena};
	store.keys = arena_take(arena, most * sizeof(*store.keys));
	store.values = arena_take(arena, most * sizeof(*store.values));
	store.clocks = arena_take(arena, most * sizeof(*store.clocks));
	store.keys[store.key_count++] = arg(arena, key, hot_key_position(key, partition));
	store.keys[store.key_count++] = arg(arena, key, hot_key_due(key, partition));
	add_text(&store, store.values, &store.value_count, part->fence);
	write_fence(view, events_next, fence);
	add_text(&store, store.values, &store.value_count, fence);
	for (size_t i = 0; i < set->case_count; i++) {
		if (set->cases[i].changed && set->cases[i].partition == partition)
			add_case(view, &store, &set->cases[i], now_ms);
	}
	for (size_t i = 0; i < set->ask_count; i++) {
		if (set->asks[i].changed && set->asks[i].partition == partition)
			add_ask(view, &store, &set->asks[i], now_ms);
	}
	size_t total = 3 + store.key_count + store.value_count + store.clock_count;
	struct redis_arg *args = arena_take(arena, total * sizeof(*args));
	args[0] = REDIS_ARG("EVAL");
	args[1] = REDIS_ARG(store_script);
	int len = snprintf(count, sizeof(count), "%zu", store.key_count);
	args[2] = arg(arena, count, (size_t)len);
	memcpy(args + 3, store.keys, store.key_count * sizeof(*args));
	memcpy(args + 3 + store.key_count, store.values, store.value_count * sizeof(*args));
	memcpy(args + 3 + store.key_count + store.value_count, store.clocks,
	       store.clock_count * sizeof(*args));
	redis_queue(view->redis, args, total);
	memcpy(part->fence, fence, sizeof(fence));
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

/* Which partitions of the set changed. */
static bool *changed_partitions(const struct view *view, struct arena *arena,
				const struct hot_set *set)
{
	bool *changed = arena_zero(arena, (size_t)view->partitions);
	for (size_t i = 0; i < set->case_count; i++)
		changed[set->cases[i].partition] |= set->cases[i].changed;
	for (size_t i = 0; i < set->ask_count; i++)
		changed[set->asks[i].partition] |= set->asks[i].changed;
	return changed;
}

static void invalidate(struct view *view, const bool *changed)
{
	for (int32_t p = 0; p < view->partitions; p++) {
		if (changed[p])
			view->parts[p].valid = false;
	}
}

void view_store(struct view *view, struct arena *arena, const struct hot_set *set,
		const struct kafka_partition *written, size_t written_count, int64_t now_ms)
{
	struct err err;
	struct redis_reply *replies;
	size_t count, used = 0;
	bool *changed = changed_partitions(view, arena, set);
	for (int32_t p = 0; p < view->partitions; p++) {
		if (changed[p])
			queue_store(view, set, p, written_next(view, p, written, written_count),
				    now_ms, arena);
	}
	if (redis_run(view->redis, arena, &replies, &count, &err)) {
		log_info(0, "the view will be restored: %s", err.text);
		invalidate(view, changed);
		return;
	}
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!changed[p])
			continue;
		const struct redis_reply *reply = &replies[used++];
		if (reply->kind == REDIS_INTEGER && reply->integer == 1)
			continue;
		view->parts[p].valid = false;
		log_info(0, "the view of partition %d will be restored: %.100s", p,
			 reply->kind == REDIS_FAILED ? reply->data : "its fence has changed");
	}
}

/* ---- restoring ------------------------------------------------------------------------------ */

/* Puts our fence in and learns how far the view had come. */
static int take_fences(struct view *view, struct arena *arena, const int32_t *partitions,
		       size_t count, struct err *err)
{
	char key[HOT_KEY_SIZE];
	struct redis_reply *replies;
	size_t replied;
	for (size_t i = 0; i < count; i++) {
		const struct redis_arg get[] = {
		    REDIS_ARG("GET"), arg(arena, key, hot_key_position(key, partitions[i]))};
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
		write_fence(view, part->events_next, part->fence);
		const struct redis_arg set[] = {
		    REDIS_ARG("SET"), arg(arena, key, hot_key_position(key, partitions[i])),
		    arg(arena, part->fence, strlen(part->fence))};
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
	if (load_once(view, restore->arena, &set, stale, err))
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

/* ---- clocks --------------------------------------------------------------------------------- */

static void queue_overdue(struct view *view, struct arena *arena, int64_t now_ms, size_t max)
{
	char key[HOT_KEY_SIZE], until[24], most[24];
	snprintf(until, sizeof(until), "%" PRId64, now_ms);
	snprintf(most, sizeof(most), "%zu", max);
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!view->parts[p].ours)
			continue;
		const struct redis_arg fence[] = {
		    REDIS_ARG("GET"), arg(arena, key, hot_key_position(key, p))};
		redis_queue(view->redis, fence, 2);
		const struct redis_arg args[] = {
		    REDIS_ARG("ZRANGEBYSCORE"), arg(arena, key, hot_key_due(key, p)),
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
		stale[p] = !is_our_fence(view, p, &replies[used]);
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
