#include "hot.h"

#include <stdlib.h>
#include <string.h>

#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/hot_key.h"
#include "util/alloc.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define RESERVATION_SIZE 25   /* number, fingerprint, 0 reserved or 1 settled */
#define AWAY_MS          1000 /* do without it for so long, then ask again */

const struct setting hot_settings[] = {
    {"intake.vault_keep", SETTING_DURATION, "3d", 60000, INT64_C(90) * 86400000,
     "how long Redis keeps what the record will have"},
    {"intake.ask_keep", SETTING_DURATION, "2d", 60000, INT64_C(90) * 86400000,
     "how long an Idempotency-Key gets the same answer without asking further"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct hot {
	struct redis *redis;
	int32_t partitions;
	int64_t vault_keep_ms, ask_keep_ms;
	int64_t failed_ms;

	struct arena *arena; /* of a round trip */
	size_t queued;
	struct redis_reply *replies;
};

struct hot *hot_new(const struct settings *settings, int32_t partitions, struct err *err)
{
	struct hot *hot = x_calloc(1, sizeof(*hot));
	hot->partitions = partitions;
	hot->vault_keep_ms = settings_int(settings, "intake.vault_keep");
	hot->ask_keep_ms = settings_int(settings, "intake.ask_keep");
	hot->arena = arena_new();
	hot->redis = redis_new(settings, err);
	if (!hot->redis)
		hot_free(&hot);
	return hot;
}

void hot_free(struct hot **hot)
{
	if (!*hot)
		return;
	redis_free(&(*hot)->redis);
	arena_free(&(*hot)->arena);
	free(*hot);
	*hot = NULL;
}

/* ---- commands ------------------------------------------------------------------------------- */

/* Gives back which reply of the round trip will be the command's. */
static size_t queue(struct hot *hot, const struct redis_arg *args, size_t count)
{
	redis_queue(hot->redis, args, count);
	return hot->queued++;
}

static struct redis_arg number_arg(struct hot *hot, int64_t value)
{
	const char *text = arena_printf(hot->arena, "%lld", (long long)value);
	return (struct redis_arg){text, strlen(text)};
}

static struct redis_arg ask_key(struct hot *hot, uint64_t number, const uint8_t *key)
{
	char *name = arena_take(hot->arena, HOT_KEY_SIZE);
	size_t len = hot_key_ask(name, case_number_partition(number, hot->partitions), key, 16);
	return (struct redis_arg){name, len};
}

static struct redis_arg reservation(struct hot *hot, uint64_t number, const uint8_t *fingerprint,
				    bool settled)
{
	uint8_t *value = arena_take(hot->arena, RESERVATION_SIZE);
	text_put_be64(value, number);
	memcpy(value + 8, fingerprint, 16);
	value[24] = settled;
	return (struct redis_arg){value, RESERVATION_SIZE};
}

size_t hot_reserve(struct hot *hot, uint64_t number, const uint8_t *key, const uint8_t *fingerprint)
{
	const struct redis_arg args[] = {REDIS_ARG("SET"),
					 ask_key(hot, number, key),
					 reservation(hot, number, fingerprint, false),
					 REDIS_ARG("NX"),
					 REDIS_ARG("GET"),
					 REDIS_ARG("PX"),
					 number_arg(hot, hot->ask_keep_ms)};
	return queue(hot, args, 7);
}

static void set(struct hot *hot, struct redis_arg key, struct redis_arg value, int64_t keep_ms)
{
	const struct redis_arg args[] = {REDIS_ARG("SET"), key, value, REDIS_ARG("PX"),
					 number_arg(hot, keep_ms)};
	queue(hot, args, 5);
}

void hot_settle(struct hot *hot, uint64_t number, const uint8_t *key, const uint8_t *fingerprint)
{
	set(hot, ask_key(hot, number, key), reservation(hot, number, fingerprint, true),
	    hot->ask_keep_ms);
}

void hot_keep_vault(struct hot *hot, uint64_t number, const struct sealed *sealed)
{
	char key[HOT_KEY_SIZE];
	size_t len = hot_key_vault(key, case_number_partition(number, hot->partitions), number);
	set(hot, (struct redis_arg){key, len},
	    (struct redis_arg){sealed->vault, sealed->vault_size}, hot->vault_keep_ms);
}

void hot_keep_epoch(struct hot *hot, const struct sealed *sealed)
{
	char key[HOT_KEY_SIZE];
	size_t len = hot_key_epoch(key, sealed->epoch_id, sizeof(sealed->epoch_id));
	set(hot, (struct redis_arg){key, len},
	    (struct redis_arg){sealed->epoch, sealed->epoch_size}, hot->vault_keep_ms);
}

/* ---- the round trip ------------------------------------------------------------------------- */

bool hot_is_away(const struct hot *hot)
{
	return clock_now_ms() - hot->failed_ms < AWAY_MS;
}

bool hot_run(struct hot *hot)
{
	struct err err;
	size_t count;
	if (!redis_run(hot->redis, hot->arena, &hot->replies, &count, &err))
		return true;
	log_warn(0, "going on without Redis, will try again: %s", err.text);
	hot->failed_ms = clock_now_ms();
	return false;
}

bool hot_reserved(const struct hot *hot, size_t ticket, struct reservation *before)
{
	const struct redis_reply *reply = &hot->replies[ticket];
	if (reply->kind != REDIS_STRING || reply->len != RESERVATION_SIZE)
		return false;
	const uint8_t *value = (const uint8_t *)reply->data;
	*before = (struct reservation){text_get_be64(value), value + 8, value[24] != 0};
	return true;
}

void hot_end(struct hot *hot)
{
	arena_reset(hot->arena);
	hot->queued = 0;
	hot->replies = NULL;
}
