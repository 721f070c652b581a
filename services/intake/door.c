#include "door.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/key_file.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/hot_key.h"
#include "domain/pipeline.h"
#include "domain/receipt.h"
#include "runtime/metrics.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define RECEIVED_TYPE "redress.grievance.received"
#define RESERVED_SIZE 25   /* number, fingerprint, 0 reserved or 1 done */
#define REDIS_AWAY_MS 1000 /* do without it for so long, then ask again */
#define PROBE_MS      500  /* how often a broker that failed is tried again */
#define POLL_MS       50
#define WAIT_MS       100
#define SLOT_MS       8

const struct setting door_settings[] = {
    {"intake.under_way", SETTING_INT, "20000", 1, 10000000,
     "submissions that wait for the broker at most; more are answered 503"},
    {"intake.broker_patience", SETTING_DURATION, "3s", 100, 60000,
     "how long a submission waits for the broker before it is answered 503"},
    {"intake.vault_keep", SETTING_DURATION, "3d", 60000, INT64_C(90) * 86400000,
     "how long Redis keeps what the record will have"},
    {"intake.ask_keep", SETTING_DURATION, "2d", 60000, INT64_C(90) * 86400000,
     "how long an Idempotency-Key gets the same answer without asking further"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* An Idempotency-Key whose submission is safe: to be noted in Redis. */
struct settled {
	uint64_t number;
	uint8_t ask_key[16], fingerprint[16];
};

struct door {
	struct runtime *runtime;
	struct sealer *sealer;
	struct kafka_producer *producer;
	uint8_t receipt_key[RECEIPT_KEY_SIZE], ask_key[32];
	int64_t vault_keep_ms, ask_keep_ms, most;
	int32_t partitions;

	pthread_mutex_t number_lock;
	struct case_number_source numbers;

	pthread_t desk, poller;
	atomic_bool stopping;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct door_entry *first, **last;
	struct settled *settled;
	size_t settled_count, settled_room;

	_Atomic int64_t under_way;
	_Atomic int64_t broken_ms; /* since when the broker fails; 0: it does not */
	_Atomic int64_t probed_ms;

	/* the desk's own */
	struct redis *redis;
	int64_t redis_away_ms;
	struct arena *arena;

	struct metric *taken, *repeated, *conflicts, *busy, *without_redis;
};

/* ---- numbers and hashes --------------------------------------------------------------------- */

void door_receipt(const struct door *door, uint64_t number, char *text)
{
	receipt_make(door->receipt_key, number, text);
}

void door_hash(const struct door *door, uint8_t hash[16], const char *context, const void *data,
	       size_t size)
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, door->ask_key, sizeof(door->ask_key), 16);
	crypto_generichash_update(&state, (const uint8_t *)context, strlen(context) + 1);
	crypto_generichash_update(&state, data, size);
	crypto_generichash_final(&state, hash, 16);
}

/*
 * The slot decides the partition: that of the key, so that what is asked twice meets; else the same
 * one for some milliseconds, so that what comes together goes to the broker in one request and not
 * in one for each partition.
 */
static uint64_t next_number(struct door *door, const struct door_entry *entry, int64_t now_ms)
{
	pthread_mutex_lock(&door->number_lock);
	uint8_t slot = entry->has_ask ? entry->ask_key[0] : (uint8_t)(now_ms / SLOT_MS);
	uint64_t number = case_number_next(&door->numbers, now_ms, slot);
	pthread_mutex_unlock(&door->number_lock);
	return number;
}

static void seal_entry(struct door *door, struct door_entry *entry, int64_t now_ms)
{
	char receipt[RECEIPT_TEXT_SIZE];
	uint8_t hash[RECEIPT_HASH_SIZE];
	door_receipt(door, entry->number, receipt);
	receipt_hash(receipt, entry->number, hash);
	const struct seal_facts facts = {
	    .number = entry->number,
	    .received_at_ms = now_ms,
	    .ask_key = entry->has_ask ? entry->ask_key : NULL,
	    .fingerprint = entry->has_ask ? entry->fingerprint : NULL,
	    .receipt_hash = hash,
	};
	entry->sealed = sealer_seal(door->sealer, entry->arena, entry->submission, &facts);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void finish(struct door *door, struct door_entry *entry, enum door_outcome outcome)
{
	metric_add(outcome == DOOR_TAKEN          ? door->taken
		   : outcome == DOOR_TAKEN_BEFORE ? door->repeated
		   : outcome == DOOR_CONFLICT     ? door->conflicts
						  : door->busy,
		   1);
	door->under_way--;
	entry->done(entry, outcome);
}

static void note_settled(struct door *door, const struct door_entry *entry)
{
	pthread_mutex_lock(&door->lock);
	if (door->settled_count == door->settled_room) {
		door->settled_room = door->settled_room ? 2 * door->settled_room : 256;
		door->settled =
		    x_realloc(door->settled, door->settled_room, sizeof(*door->settled));
	}
	struct settled *settled = &door->settled[door->settled_count++];
	settled->number = entry->number;
	memcpy(settled->ask_key, entry->ask_key, sizeof(settled->ask_key));
	memcpy(settled->fingerprint, entry->fingerprint, sizeof(settled->fingerprint));
	pthread_cond_signal(&door->wake);
	pthread_mutex_unlock(&door->lock);
}

static void on_delivered(void *self, void *tag, int32_t partition, int64_t offset,
			 const char *error)
{
	(void)partition;
	(void)offset;
	struct door *door = self;
	struct door_entry *entry = tag;
	if (error) {
		int64_t working = 0;
		if (atomic_compare_exchange_strong(&door->broken_ms, &working, clock_now_ms()))
			log_warn(0, "the broker does not take submissions, answering 503: %s",
				 error);
		finish(door, entry, DOOR_BUSY);
		return;
	}
	if (atomic_exchange(&door->broken_ms, 0))
		log_info(0, "the broker takes submissions again");
	if (entry->has_ask)
		note_settled(door, entry);
	finish(door, entry, entry->before ? DOOR_TAKEN_BEFORE : DOOR_TAKEN);
}

int door_ready(struct door *door, struct err *err)
{
	return door->broken_ms ? err_set(err, "the broker does not take submissions") : 0;
}

/* ---- into Kafka ----------------------------------------------------------------------------- */

static void produce(struct door *door, struct door_entry *entry)
{
	struct err err;
	char key[CASE_NUMBER_TEXT_SIZE], id[40], time[CLOCK_RFC3339_SIZE];
	case_number_format(entry->number, key);
	snprintf(id, sizeof(id), "%s", key);
	clock_rfc3339(clock_now_ms(), time);
	const char *source = runtime_source(door->runtime);
	const struct kafka_header headers[] = {
	    {"ce_specversion", "1.0", 3},
	    {"ce_id", id, strlen(id)},
	    {"ce_type", RECEIVED_TYPE, strlen(RECEIVED_TYPE)},
	    {"ce_source", source, strlen(source)},
	    {"ce_time", time, strlen(time)},
	    {"content-type", "application/protobuf", 20},
	};
	enum kafka_sent sent = kafka_produce(
	    door->producer, TOPIC_RECEIVED, case_number_partition(entry->number, door->partitions),
	    key, strlen(key), entry->sealed.received, entry->sealed.received_size, headers,
	    sizeof(headers) / sizeof(*headers), entry, &err);
	if (sent == KAFKA_SENT)
		return;
	if (sent == KAFKA_REFUSED)
		log_error(entry->number, "not taken: %s", err.text);
	finish(door, entry, DOOR_BUSY);
}

/* ---- Redis ---------------------------------------------------------------------------------- */

static struct redis_arg number_arg(struct arena *arena, int64_t value)
{
	const char *text = arena_printf(arena, "%lld", (long long)value);
	return (struct redis_arg){text, strlen(text)};
}

static const void *reserved_value(struct arena *arena, uint64_t number, const uint8_t *fingerprint,
				  uint8_t done)
{
	uint8_t *value = arena_take(arena, RESERVED_SIZE);
	text_put_be64(value, number);
	memcpy(value + 8, fingerprint, 16);
	value[24] = done;
	return value;
}

static void queue_ask(struct door *door, const struct door_entry *entry)
{
	char key[HOT_KEY_SIZE];
	size_t len = hot_key_ask(key, case_number_partition(entry->number, door->partitions),
				 entry->ask_key, sizeof(entry->ask_key));
	const struct redis_arg args[] = {
	    REDIS_ARG("SET"),
	    {key, len},
	    {reserved_value(door->arena, entry->number, entry->fingerprint, 0), RESERVED_SIZE},
	    REDIS_ARG("NX"),
	    REDIS_ARG("GET"),
	    REDIS_ARG("PX"),
	    number_arg(door->arena, door->ask_keep_ms)};
	redis_queue(door->redis, args, 7);
}

static void queue_vault(struct door *door, const struct door_entry *entry)
{
	char key[HOT_KEY_SIZE];
	size_t len = hot_key_vault(key, case_number_partition(entry->number, door->partitions),
				   entry->number);
	const struct redis_arg args[] = {REDIS_ARG("SET"),
					 {key, len},
					 {entry->sealed.vault, entry->sealed.vault_size},
					 REDIS_ARG("PX"),
					 number_arg(door->arena, door->vault_keep_ms)};
	redis_queue(door->redis, args, 5);
}

/* Every time: a flushed Redis gets it back with the next submissions. */
static void queue_epoch(struct door *door, const struct door_entry *entry)
{
	char key[HOT_KEY_SIZE];
	size_t len = hot_key_epoch(key, entry->sealed.epoch_id, sizeof(entry->sealed.epoch_id));
	const struct redis_arg args[] = {REDIS_ARG("SET"),
					 {key, len},
					 {entry->sealed.epoch, entry->sealed.epoch_size},
					 REDIS_ARG("PX"),
					 number_arg(door->arena, door->vault_keep_ms)};
	redis_queue(door->redis, args, 5);
}

static void queue_settled(struct door *door, const struct settled *settled)
{
	char key[HOT_KEY_SIZE];
	size_t len = hot_key_ask(key, case_number_partition(settled->number, door->partitions),
				 settled->ask_key, sizeof(settled->ask_key));
	const struct redis_arg args[] = {
	    REDIS_ARG("SET"),
	    {key, len},
	    {reserved_value(door->arena, settled->number, settled->fingerprint, 1), RESERVED_SIZE},
	    REDIS_ARG("PX"),
	    number_arg(door->arena, door->ask_keep_ms)};
	redis_queue(door->redis, args, 5);
}

/* true: goes on its way. */
static bool use_reservation(struct door *door, struct door_entry *entry,
			    const struct redis_reply *reply)
{
	if (reply->kind != REDIS_STRING || reply->len != RESERVED_SIZE)
		return true;
	const uint8_t *value = (const uint8_t *)reply->data;
	if (sodium_memcmp(value + 8, entry->fingerprint, 16) != 0) {
		finish(door, entry, DOOR_CONFLICT);
		return false;
	}
	entry->number = text_get_be64(value);
	entry->before = true;
	if (value[24]) {
		finish(door, entry, DOOR_TAKEN_BEFORE);
		return false;
	}
	/* Reserved, but not known to be safe: sent again under that number. */
	seal_entry(door, entry, clock_now_ms());
	return true;
}

static void queue_all(struct door *door, const struct door_entry *entries,
		      const struct settled *settled, size_t settled_count)
{
	const struct door_entry *last = NULL;
	for (const struct door_entry *entry = entries; entry; last = entry, entry = entry->next) {
		if (entry->has_ask)
			queue_ask(door, entry);
		queue_vault(door, entry);
	}
	if (last)
		queue_epoch(door, last);
	for (size_t i = 0; i < settled_count; i++)
		queue_settled(door, &settled[i]);
}

static bool redis_is_away(const struct door *door)
{
	return clock_now_ms() - door->redis_away_ms < REDIS_AWAY_MS;
}

/* The replies in the order of the submissions; NULL: Redis is away, and we do without. */
static struct redis_reply *ask_redis(struct door *door, const struct door_entry *entries,
				     const struct settled *settled, size_t settled_count)
{
	struct err err;
	size_t count;
	struct redis_reply *replies;
	if (redis_is_away(door))
		return NULL;
	queue_all(door, entries, settled, settled_count);
	if (!redis_run(door->redis, door->arena, &replies, &count, &err))
		return replies;
	log_warn(0, "going on without Redis, will try again: %s", err.text);
	door->redis_away_ms = clock_now_ms();
	return NULL;
}

static void serve(struct door *door, struct door_entry *entries, const struct settled *settled,
		  size_t settled_count)
{
	struct redis_reply *reply = ask_redis(door, entries, settled, settled_count);
	struct door_entry *next;
	for (struct door_entry *entry = entries; entry; entry = next) {
		next = entry->next; /* entry is gone once it is answered */
		bool has_ask = entry->has_ask;
		if (!reply)
			metric_add(door->without_redis, 1);
		if (!reply || !has_ask || use_reservation(door, entry, reply))
			produce(door, entry);
		if (reply)
			reply += has_ask ? 2 : 1;
	}
	arena_reset(door->arena);
}

/* ---- threads -------------------------------------------------------------------------------- */

static void wait_for_work(struct door *door)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	if (!door->first && !door->settled_count)
		pthread_cond_timedwait(&door->wake, &door->lock, &until);
}

static void *run_desk(void *self)
{
	struct door *door = self;
	while (!door->stopping) {
		pthread_mutex_lock(&door->lock);
		wait_for_work(door);
		struct door_entry *entries = door->first;
		struct settled *settled = door->settled;
		size_t settled_count = door->settled_count;
		door->first = NULL;
		door->last = &door->first;
		door->settled = NULL;
		door->settled_count = door->settled_room = 0;
		pthread_mutex_unlock(&door->lock);
		if (entries || settled_count)
			serve(door, entries, settled, settled_count);
		free(settled);
	}
	return NULL;
}

static void *run_poller(void *self)
{
	struct door *door = self;
	while (!door->stopping)
		kafka_producer_poll(door->producer, POLL_MS);
	return NULL;
}

/* Too much is under way, or the broker fails and this one is not to try it. */
static bool is_overloaded(struct door *door, int64_t now_ms)
{
	if (door->under_way > door->most)
		return true;
	if (!door->broken_ms)
		return false;
	int64_t probed = door->probed_ms;
	return now_ms - probed < PROBE_MS ||
	       !atomic_compare_exchange_strong(&door->probed_ms, &probed, now_ms);
}

void door_enter(struct door *door, struct door_entry *entry)
{
	int64_t now_ms = clock_now_ms();
	door->under_way++;
	if (is_overloaded(door, now_ms)) {
		finish(door, entry, DOOR_BUSY);
		return;
	}
	entry->number = next_number(door, entry, now_ms);
	entry->before = false;
	entry->next = NULL;
	seal_entry(door, entry, now_ms);
	pthread_mutex_lock(&door->lock);
	*door->last = entry;
	door->last = &entry->next;
	pthread_cond_signal(&door->wake);
	pthread_mutex_unlock(&door->lock);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void count_things(struct door *door)
{
	const char *name = "redress_intake_submissions_total", *help = "Submissions by outcome.";
	door->taken = metric_counter(name, "outcome=\"taken\"", help);
	door->repeated = metric_counter(name, "outcome=\"repeated\"", help);
	door->conflicts = metric_counter(name, "outcome=\"conflict\"", help);
	door->busy = metric_counter(name, "outcome=\"busy\"", help);
	door->without_redis = metric_counter("redress_intake_without_redis_total", NULL,
					     "Submissions taken while Redis was away.");
}

static int connect(struct door *door, const struct settings *settings, struct err *err)
{
	const char *keys = settings_str(settings, "keys.folder");
	if (key_file_read(keys, "receipt.key", door->receipt_key, err) ||
	    key_file_read(keys, "ask.key", door->ask_key, err))
		return -1;
	door->sealer = sealer_new(settings, err);
	if (!door->sealer)
		return -1;
	door->redis = redis_new(settings_str(settings, "redis.address"),
				settings_str(settings, "redis.password"),
				settings_int(settings, "redis.timeout"), err);
	if (!door->redis)
		return -1;
	const struct kafka_producer_options options = {
	    .delivered = on_delivered,
	    .self = door,
	    .linger_ms = 1,
	    .message_timeout_ms = settings_int(settings, "intake.broker_patience"),
	    .queue_max_messages = door->most + 1,
	    .queue_max_bytes = INT64_C(64) * 1024 * 1024,
	};
	door->producer = kafka_producer_new(settings, &options, err);
	return door->producer ? 0 : -1;
}

struct door *door_new(struct runtime *runtime, struct err *err)
{
	struct door *door = x_calloc(1, sizeof(*door));
	const struct settings *settings = runtime_settings(runtime);
	door->runtime = runtime;
	door->partitions = runtime_partitions(runtime);
	door->numbers.node = (uint8_t)settings_int(settings, "node.id");
	door->most = settings_int(settings, "intake.under_way");
	door->vault_keep_ms = settings_int(settings, "intake.vault_keep");
	door->ask_keep_ms = settings_int(settings, "intake.ask_keep");
	door->last = &door->first;
	door->arena = arena_new();
	pthread_mutex_init(&door->number_lock, NULL);
	pthread_mutex_init(&door->lock, NULL);
	pthread_cond_init(&door->wake, NULL);
	count_things(door);
	if (connect(door, settings, err) == 0) {
		bool desk = pthread_create(&door->desk, NULL, run_desk, door) == 0;
		bool poller = pthread_create(&door->poller, NULL, run_poller, door) == 0;
		if (!desk || !poller)
			fatal("no more threads");
		return door;
	}
	door->stopping = true;
	door->desk = door->poller = 0;
	door_free(&door);
	return NULL;
}

void door_free(struct door **handle)
{
	struct door *door = *handle;
	if (!door)
		return;
	door->stopping = true;
	if (door->desk)
		pthread_join(door->desk, NULL);
	if (door->poller)
		pthread_join(door->poller, NULL);
	kafka_producer_free(&door->producer, 0);
	redis_free(&door->redis);
	sealer_free(&door->sealer);
	arena_free(&door->arena);
	pthread_mutex_destroy(&door->number_lock);
	pthread_mutex_destroy(&door->lock);
	pthread_cond_destroy(&door->wake);
	free(door->settled);
	sodium_memzero(door, sizeof(*door));
	free(door);
	*handle = NULL;
}
