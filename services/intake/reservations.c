#include "reservations.h"

#include <stdlib.h>
#include <string.h>

#include "client/redis.h"
#include "domain/case_number.h"
#include "client/redis_key.h"
#include "util/alloc.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define AWAY_MS 1000 /* do without it for so long, then ask again */

/*
 * KEYS: the hash. ARGV: key, value. Gives back the mark and what the key has then.
 */
static const char settle_script[] =
    "local v = redis.call('HMGET', KEYS[1], '" RESERVATION_MARK "', ARGV[1])\n"
    "if v[1] and (not v[2] or string.sub(v[2], 1, 24) == string.sub(ARGV[2], 1, 24)) then\n"
    "  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])\n"
    "  v[2] = ARGV[2]\n"
    "end\n"
    "return v\n";

const struct setting reservations_settings[] = {
    {"intake.contact_keep", SETTING_DURATION, "3d", 60000, INT64_C(90) * 86400000,
     "how long Redis keeps what the record will have"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct reservations {
	struct redis *redis;
	int32_t partitions;
	int64_t contact_keep_ms;
	int64_t away_until_us; /* of the clock that nobody sets */

	struct arena *arena; /* of a round trip */
	size_t queued;
	struct redis_reply *replies;
};

struct reservations *reservations_new(const struct settings *settings, int32_t partitions,
				      struct err *err)
{
	struct reservations *reservations = x_calloc(1, sizeof(*reservations));
	reservations->partitions = partitions;
	reservations->contact_keep_ms = settings_int(settings, "intake.contact_keep");
	reservations->arena = arena_new();
	reservations->redis = redis_new(settings, err);
	if (!reservations->redis)
		reservations_free(&reservations);
	return reservations;
}

void reservations_free(struct reservations **reservations)
{
	if (!*reservations)
		return;
	redis_free(&(*reservations)->redis);
	arena_free(&(*reservations)->arena);
	free(*reservations);
	*reservations = NULL;
}

/* ---- commands ------------------------------------------------------------------------------- */

/* Gives back which reply of the round trip will be the command's. */
static size_t queue(struct reservations *reservations, const struct redis_arg *args, size_t count)
{
	redis_queue(reservations->redis, args, count);
	return reservations->queued++;
}

void reservation_write(uint8_t value[RESERVATION_SIZE], uint64_t number, const uint8_t *fingerprint,
		       bool settled)
{
	text_put_be64(value, number);
	memcpy(value + 8, fingerprint, 16);
	value[24] = settled;
}

static struct redis_arg hash_arg(struct reservations *reservations, const uint8_t *key)
{
	char *name = arena_take(reservations->arena, REDIS_KEY_SIZE);
	size_t len = redis_key_reservations(
	    name, case_number_slot_partition(key[0], reservations->partitions));
	return (struct redis_arg){name, len};
}

static struct redis_arg value_arg(struct reservations *reservations, uint64_t number,
				  const uint8_t *fingerprint, bool settled)
{
	uint8_t *value = arena_take(reservations->arena, RESERVATION_SIZE);
	reservation_write(value, number, fingerprint, settled);
	return (struct redis_arg){value, RESERVATION_SIZE};
}

size_t reservations_look_up(struct reservations *reservations, const uint8_t *key)
{
	const struct redis_arg args[] = {REDIS_ARG("HMGET"),
					 hash_arg(reservations, key),
					 REDIS_ARG(RESERVATION_MARK),
					 {key, RESERVATION_KEY_SIZE}};
	return queue(reservations, args, 4);
}

/* Should the hash be one that was lost, this leaves a number in it that is nobody's: the answer is
 * then that nothing is known, and what the keeper finds in Kafka counts before it. */
size_t reservations_reserve(struct reservations *reservations, uint64_t number, const uint8_t *key,
			    const uint8_t *fingerprint)
{
	const struct redis_arg args[] = {REDIS_ARG("HSETNX"),
					 hash_arg(reservations, key),
					 {key, RESERVATION_KEY_SIZE},
					 value_arg(reservations, number, fingerprint, false)};
	queue(reservations, args, 4);
	return reservations_look_up(reservations, key);
}

size_t reservations_settle(struct reservations *reservations, uint64_t number, const uint8_t *key,
			   const uint8_t *fingerprint)
{
	const struct redis_arg args[] = {REDIS_ARG("EVAL"),
					 REDIS_ARG(settle_script),
					 REDIS_ARG("1"),
					 hash_arg(reservations, key),
					 {key, RESERVATION_KEY_SIZE},
					 value_arg(reservations, number, fingerprint, true)};
	return queue(reservations, args, 6);
}

static struct redis_arg number_arg(struct reservations *reservations, int64_t value)
{
	const char *text = arena_printf(reservations->arena, "%lld", (long long)value);
	return (struct redis_arg){text, strlen(text)};
}

static void set(struct reservations *reservations, struct redis_arg key, struct redis_arg value,
		int64_t keep_ms)
{
	const struct redis_arg args[] = {REDIS_ARG("SET"), key, value, REDIS_ARG("PX"),
					 number_arg(reservations, keep_ms)};
	queue(reservations, args, 5);
}

static struct redis_arg contact_key(struct reservations *reservations, uint64_t number)
{
	char *name = arena_take(reservations->arena, REDIS_KEY_SIZE);
	size_t len = redis_key_contact(
	    name, case_number_partition(number, reservations->partitions), number);
	return (struct redis_arg){name, len};
}

void reservations_keep_contact(struct reservations *reservations, uint64_t number,
			       const struct sealed *sealed)
{
	set(reservations, contact_key(reservations, number),
	    (struct redis_arg){sealed->contact, sealed->contact_size},
	    reservations->contact_keep_ms);
}

void reservations_forget_contact(struct reservations *reservations, uint64_t number)
{
	const struct redis_arg args[] = {REDIS_ARG("DEL"), contact_key(reservations, number)};
	queue(reservations, args, 2);
}

void reservations_keep_epoch(struct reservations *reservations, const struct sealed *sealed)
{
	char key[REDIS_KEY_SIZE];
	size_t len = redis_key_epoch(key, sealed->epoch_id, sizeof(sealed->epoch_id));
	set(reservations, (struct redis_arg){key, len},
	    (struct redis_arg){sealed->epoch, sealed->epoch_size}, reservations->contact_keep_ms);
}

/* ---- the round trip ------------------------------------------------------------------------- */

bool reservations_is_away(const struct reservations *reservations)
{
	return clock_mono_us() < reservations->away_until_us;
}

bool reservations_run(struct reservations *reservations)
{
	struct err err;
	size_t count;
	if (!redis_run(reservations->redis, reservations->arena, &reservations->replies, &count,
		       &err))
		return true;
	log_warn(0, "going on without Redis, will try again: %s", err.text);
	reservations->away_until_us = clock_mono_us() + AWAY_MS * INT64_C(1000);
	return false;
}

enum reservation_state reservations_answer(const struct reservations *reservations, size_t ticket,
					   struct reservation *held)
{
	const struct redis_reply *reply = &reservations->replies[ticket];
	if (reply->kind != REDIS_LIST || reply->count != 2 || reply->items[0].kind != REDIS_STRING)
		return RESERVATION_LOST;
	const struct redis_reply *value = &reply->items[1];
	if (value->kind == REDIS_NIL)
		return RESERVATION_NONE;
	if (value->kind != REDIS_STRING || value->len != RESERVATION_SIZE)
		return RESERVATION_LOST;
	const uint8_t *data = (const uint8_t *)value->data;
	*held = (struct reservation){text_get_be64(data), data + 8, data[24] != 0};
	return RESERVATION_HELD;
}

void reservations_end(struct reservations *reservations)
{
	arena_reset(reservations->arena);
	reservations->queued = 0;
	reservations->replies = NULL;
}
