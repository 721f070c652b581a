#include "reservation_keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka.h"
#include "client/redis.h"
#include "client/redis_key.h"
#include "domain/case_number.h"
#include "domain/message.h"
#include "domain/message_fault.h"
#include "domain/number_book.h"
#include "domain/pipeline.h"
#include "reservations.h"
#include "util/metrics.h"
#include "util/alloc.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define LOOK_MS    250
#define AGAIN_MS   1000   /* after a failure */
#define CHUNK      2000   /* reservations put back with one round trip */
#define SWEEP_TEXT "1000" /* fields looked at with each look, whether they are too old */
#define TOKEN_SIZE 17

/* The topic keeps grievances for seven days, which must cover the margin (oldest_ms) too. */
const struct setting reservation_keeper_settings[] = {
    {"intake.idempotency_keep", SETTING_DURATION, "2d", 60000, INT64_C(6) * 86400000,
     "for how long at least an Idempotency-Key gets the same answer"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/*
 * KEYS: the hash. ARGV: our token, "1" with the last ones, then key and value of each. The first in
 * the topic counts, and all that is there before what was only reserved. Gives back 0 when the
 * token is gone, and with it all that was put back before.
 */
static const char restore_script[] =
    "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end\n"
    "for i = 3, #ARGV, 2 do\n"
    "  local held = redis.call('HGET', KEYS[1], ARGV[i])\n"
    "  if not held or string.byte(held, 25) == 0 then\n"
    "    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])\n"
    "  end\n"
    "end\n"
    "if ARGV[2] == '1' then\n"
    "  redis.call('HSET', KEYS[1], '" RESERVATION_MARK "', '')\n"
    "  redis.call('HDEL', KEYS[1], ARGV[1])\n"
    "end\n"
    "return 1\n";

struct reservation_keeper {
	const struct settings *settings;
	struct numbers *numbers;
	struct redis *redis;
	struct arena *arena; /* of a look */
	int32_t partitions;
	int64_t keep_ms;
	char token[TOKEN_SIZE + 1]; /* of a length that no other field has */

	int32_t sweeping; /* the partition, and how far it has come there: HSCAN's cursor */
	uint64_t swept;
	bool failing; /* and it has been said */

	pthread_t thread;
	pthread_mutex_t lock; /* of stopping, for wake */
	pthread_cond_t wake;
	atomic_bool stopping, has_looked;
	struct metric *lost;
};

static struct redis_arg hash_arg(struct arena *arena, int32_t partition)
{
	char *name = arena_take(arena, REDIS_KEY_SIZE);
	return (struct redis_arg){name, redis_key_reservations(name, partition)};
}

static struct redis_arg token_arg(const struct reservation_keeper *keeper)
{
	return (struct redis_arg){keeper->token, TOKEN_SIZE};
}

/*
 * What is younger must be known. By number-time, which follows the broker's clock and may run ahead
 * of it: this machine's clock alone must not make anything be forgotten. false: the time is not
 * known yet.
 */
static bool oldest_ms(struct reservation_keeper *keeper, int64_t *oldest)
{
	if (!numbers_time(keeper->numbers, oldest))
		return false;
	*oldest -= keeper->keep_ms + NUMBER_AHEAD_MS;
	return true;
}

/* ---- putting back ---------------------------------------------------------------------------- */

struct restoring {
	struct reservation_keeper *keeper;
	struct arena *arena;   /* of the chunk's commands */
	struct arena *scratch; /* of one message */
	struct {
		int32_t partition;
		uint8_t key[RESERVATION_KEY_SIZE], value[RESERVATION_SIZE];
	} chunk[CHUNK];
	size_t count, total;
};

/* As classification decides what becomes a case. NULL: this does not, or has no key. */
static const Redress__Grievance *grievance_of(struct restoring *restoring,
					      const struct kafka_message *message)
{
	struct err fault;
	const struct message_place place = {message->partition, restoring->keeper->partitions,
					    message_time(message->timestamp_ms, clock_now_ms())};
	const Redress__GrievanceReceived *received = redress__grievance_received__unpack(
	    arena_protobuf(restoring->scratch), message->len, message->value);
	if (message_fault(received ? &received->base : NULL, &place, &fault))
		return NULL;
	const Redress__Grievance *grievance = received->grievance;
	if (grievance->idempotency_key.len != RESERVATION_KEY_SIZE ||
	    grievance->fingerprint.len != 16 ||
	    grievance->idempotency_key.data[0] != case_number_slot(grievance->number))
		return NULL;
	return grievance;
}

/* Queues the chunk's reservations from `from` on that are of one partition; gives back where the
 * next one's begin. */
static size_t queue_run(struct restoring *restoring, size_t from)
{
	struct reservation_keeper *keeper = restoring->keeper;
	int32_t partition = restoring->chunk[from].partition;
	struct redis_arg *args =
	    arena_take(restoring->arena, (6 + 2 * (restoring->count - from)) * sizeof(*args));
	size_t used = 0, at = from;
	args[used++] = REDIS_ARG("EVAL");
	args[used++] = REDIS_ARG(restore_script);
	args[used++] = REDIS_ARG("1");
	args[used++] = hash_arg(restoring->arena, partition);
	args[used++] = token_arg(keeper);
	args[used++] = REDIS_ARG("0");
	for (; at < restoring->count && restoring->chunk[at].partition == partition; at++) {
		args[used++] = (struct redis_arg){restoring->chunk[at].key, RESERVATION_KEY_SIZE};
		args[used++] = (struct redis_arg){restoring->chunk[at].value, RESERVATION_SIZE};
	}
	redis_queue(keeper->redis, args, used);
	return at;
}

/* Runs restore scripts that are queued. */
static int run_scripts(struct restoring *restoring, struct err *err)
{
	struct redis_reply *replies;
	size_t count;
	if (redis_run(restoring->keeper->redis, restoring->arena, &replies, &count, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (replies[i].kind == REDIS_FAILED)
			return err_set(err, "redis: %.200s", replies[i].data);
		if (replies[i].kind != REDIS_INTEGER || replies[i].integer != 1)
			return err_set(err, "Redis lost them again meanwhile");
	}
	arena_reset(restoring->arena);
	return 0;
}

static int flush_chunk(struct restoring *restoring, struct err *err)
{
	for (size_t at = 0; at < restoring->count;)
		at = queue_run(restoring, at);
	restoring->total += restoring->count;
	restoring->count = 0;
	return run_scripts(restoring, err);
}

static int take_message(void *self, const struct kafka_message *message, struct err *err)
{
	struct restoring *restoring = self;
	if (restoring->keeper->stopping)
		return err_set(err, "stopping");
	const Redress__Grievance *grievance = grievance_of(restoring, message);
	if (grievance) {
		restoring->chunk[restoring->count].partition = message->partition;
		memcpy(restoring->chunk[restoring->count].key, grievance->idempotency_key.data,
		       RESERVATION_KEY_SIZE);
		reservation_write(restoring->chunk[restoring->count++].value, grievance->number,
				  grievance->fingerprint.data, true);
	}
	arena_reset(restoring->scratch);
	return restoring->count == CHUNK ? flush_chunk(restoring, err) : 0;
}

/* From here on what Redis loses is seen. */
static int put_tokens(struct reservation_keeper *keeper, const struct kafka_partition *from,
		      size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct redis_arg args[] = {REDIS_ARG("HSET"),
						 hash_arg(keeper->arena, from[i].partition),
						 token_arg(keeper), REDIS_ARG("")};
		redis_queue(keeper->redis, args, 4);
	}
	return redis_run_all_ok(keeper->redis, err);
}

static int put_marks(struct restoring *restoring, const struct kafka_partition *from, size_t count,
		     struct err *err)
{
	struct reservation_keeper *keeper = restoring->keeper;
	for (size_t i = 0; i < count; i++) {
		const struct redis_arg args[] = {
		    REDIS_ARG("EVAL"), REDIS_ARG(restore_script),
		    REDIS_ARG("1"),    hash_arg(keeper->arena, from[i].partition),
		    token_arg(keeper), REDIS_ARG("1")};
		redis_queue(keeper->redis, args, 6);
	}
	return run_scripts(restoring, err);
}

/* The order matters: what another intake has in Kafka later than we read it is found out when it
 * settles (admission.c). */
static int replay(struct restoring *restoring, struct kafka_partition *from, size_t count,
		  struct err *err)
{
	struct reservation_keeper *keeper = restoring->keeper;
	int64_t since_ms;
	if (!oldest_ms(keeper, &since_ms))
		return err_set(err, "the time is not known yet");
	if (put_tokens(keeper, from, count, err) ||
	    kafka_offsets_at(keeper->settings, from, count, since_ms, err) ||
	    kafka_replay(keeper->settings, from, count, take_message, restoring, err) ||
	    flush_chunk(restoring, err))
		return -1;
	return put_marks(restoring, from, count, err);
}

static int restore(struct reservation_keeper *keeper, struct kafka_partition *from, size_t count,
		   struct err *err)
{
	int64_t begun_us = clock_mono_us();
	struct restoring *restoring = x_calloc(1, sizeof(*restoring));
	restoring->keeper = keeper;
	restoring->arena = arena_new();
	restoring->scratch = arena_new();
	int result = replay(restoring, from, count, err);
	if (!result)
		log_info(0,
			 "Idempotency-Keys of %zu partitions put back into Redis, %zu in %" PRId64
			 " ms",
			 count, restoring->total, (clock_mono_us() - begun_us) / 1000);
	arena_free(&restoring->arena);
	arena_free(&restoring->scratch);
	free(restoring);
	return result;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* The partitions without a mark, in the arena. */
static int find_lost(struct reservation_keeper *keeper, struct kafka_partition **lost,
		     size_t *lost_count, struct err *err)
{
	struct redis_reply *replies;
	size_t count;
	for (int32_t p = 0; p < keeper->partitions; p++) {
		const struct redis_arg args[] = {REDIS_ARG("HEXISTS"), hash_arg(keeper->arena, p),
						 REDIS_ARG(RESERVATION_MARK)};
		redis_queue(keeper->redis, args, 3);
	}
	if (redis_run(keeper->redis, keeper->arena, &replies, &count, err))
		return -1;
	*lost = arena_take(keeper->arena, (size_t)keeper->partitions * sizeof(**lost));
	*lost_count = 0;
	for (int32_t p = 0; p < keeper->partitions; p++) {
		if (replies[p].kind == REDIS_FAILED)
			return err_set(err, "redis: %.200s", replies[p].data);
		if (!replies[p].integer)
			(*lost)[(*lost_count)++] = (struct kafka_partition){TOPIC_RECEIVED, p, 0};
	}
	metric_set(keeper->lost, (int64_t)*lost_count);
	return 0;
}

/* Keys that are past their time, and tokens of a restoring that did not come to its end. */
static size_t list_old(const struct redis_reply *found, int64_t oldest, struct redis_arg *args)
{
	size_t count = 0;
	for (size_t i = 0; i + 1 < found->count; i += 2) {
		const struct redis_reply *field = &found->items[i], *value = field + 1;
		bool old = field->len == TOKEN_SIZE;
		if (value->len == RESERVATION_SIZE)
			old = case_number_time_ms(text_get_be64((const uint8_t *)value->data)) <
			      oldest;
		if (old)
			args[count++] = (struct redis_arg){field->data, field->len};
	}
	return count;
}

/* Some fields of one partition. */
static int sweep(struct reservation_keeper *keeper, struct err *err)
{
	char cursor[24];
	int64_t oldest;
	struct redis_reply *reply;
	size_t count;
	struct redis_arg hash = hash_arg(keeper->arena, keeper->sweeping);
	text_decimal(cursor, (int64_t)keeper->swept);
	const struct redis_arg scan[] = {REDIS_ARG("HSCAN"),
					 hash,
					 {cursor, strlen(cursor)},
					 REDIS_ARG("COUNT"),
					 REDIS_ARG(SWEEP_TEXT)};
	if (!oldest_ms(keeper, &oldest))
		return 0;
	redis_queue(keeper->redis, scan, 5);
	if (redis_run(keeper->redis, keeper->arena, &reply, &count, err))
		return -1;
	if (reply->kind != REDIS_LIST || reply->count != 2 || reply->items[1].kind != REDIS_LIST)
		return 0;
	keeper->swept = strtoull(reply->items[0].data, NULL, 10);
	if (!keeper->swept)
		keeper->sweeping = (keeper->sweeping + 1) % keeper->partitions;
	struct redis_arg *args =
	    arena_take(keeper->arena, (reply->items[1].count + 2) * sizeof(*args));
	args[0] = REDIS_ARG("HDEL");
	args[1] = hash;
	count = list_old(&reply->items[1], oldest, args + 2);
	if (!count)
		return 0;
	redis_queue(keeper->redis, args, count + 2);
	return redis_run_all_ok(keeper->redis, err);
}

static int look(struct reservation_keeper *keeper, struct err *err)
{
	struct kafka_partition *lost;
	size_t count;
	if (find_lost(keeper, &lost, &count, err))
		return -1;
	return count ? restore(keeper, lost, count, err) : sweep(keeper, err);
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* false: asked to stop. */
static bool wait_for(struct reservation_keeper *keeper, int64_t wait_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	int waited = 0;
	pthread_mutex_lock(&keeper->lock);
	while (!keeper->stopping && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
	pthread_mutex_unlock(&keeper->lock);
	return !keeper->stopping;
}

static void *run(void *self)
{
	struct reservation_keeper *keeper = self;
	int64_t wait_ms = 0, time_ms;
	while (wait_for(keeper, wait_ms)) {
		struct err err;
		wait_ms = LOOK_MS;
		if (!numbers_time(keeper->numbers, &time_ms))
			continue;
		bool failed = look(keeper, &err) != 0;
		if (failed && !keeper->failing && !keeper->stopping)
			log_warn(0, "Idempotency-Keys cannot be looked after, will try again: %s",
				 err.text);
		keeper->failing = failed;
		keeper->has_looked = true;
		wait_ms = failed ? AGAIN_MS : LOOK_MS;
		arena_reset(keeper->arena);
	}
	return NULL;
}

bool reservation_keeper_has_looked(struct reservation_keeper *keeper)
{
	return keeper->has_looked;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void start(struct reservation_keeper *keeper)
{
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&keeper->thread, NULL, run, keeper))
		fatal("no more threads");
}

struct reservation_keeper *reservation_keeper_new(const struct settings *settings,
						  int32_t partitions, struct numbers *numbers,
						  struct err *err)
{
	struct redis *redis = redis_new(settings, err);
	if (!redis)
		return NULL;
	struct reservation_keeper *keeper = x_calloc(1, sizeof(*keeper));
	uint8_t random[(TOKEN_SIZE - 1) / 2];
	randombytes_buf(random, sizeof(random));
	keeper->token[0] = '~';
	text_hex(keeper->token + 1, random, sizeof(random));
	keeper->settings = settings;
	keeper->numbers = numbers;
	keeper->redis = redis;
	keeper->arena = arena_new();
	keeper->partitions = partitions;
	keeper->keep_ms = settings_int(settings, "intake.idempotency_keep");
	keeper->lost = metric_gauge(
	    "redress_intake_reservations_lost_partitions", NULL,
	    "Partitions whose Idempotency-Keys Redis has lost, until they are put back.");
	pthread_mutex_init(&keeper->lock, NULL);
	start(keeper);
	return keeper;
}

void reservation_keeper_free(struct reservation_keeper **handle)
{
	struct reservation_keeper *keeper = *handle;
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->stopping = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	redis_free(&keeper->redis);
	arena_free(&keeper->arena);
	pthread_mutex_destroy(&keeper->lock);
	pthread_cond_destroy(&keeper->wake);
	free(keeper);
	*handle = NULL;
}
