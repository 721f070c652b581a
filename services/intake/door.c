#include "door.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/cloud_event.h"
#include "client/key_file.h"
#include "domain/case_number.h"
#include "domain/pipeline.h"
#include "domain/receipt.h"
#include "hot.h"
#include "runtime/metrics.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define RECEIVED_TYPE "redress.grievance.received"
#define PROBE_MS      500 /* how often a broker that failed is tried again */
#define POLL_MS       50
#define WAIT_MS       100
#define SLOT_MS       8

const struct setting door_settings[] = {
    {"intake.under_way", SETTING_INT, "20000", 1, 10000000,
     "submissions that wait for the broker at most; more are answered 503"},
    {"intake.broker_patience", SETTING_DURATION, "3s", 100, 60000,
     "how long a submission waits for the broker before it is answered 503"},
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
	int64_t most;
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

	struct hot *hot; /* the desk's own */

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
	char key[CASE_NUMBER_TEXT_SIZE], time[CLOCK_RFC3339_SIZE];
	struct kafka_header headers[CLOUD_EVENT_HEADERS];
	case_number_format(entry->number, key);
	cloud_event(headers, key, RECEIVED_TYPE, runtime_source(door->runtime),
		    clock_rfc3339(clock_now_ms(), time));
	enum kafka_sent sent = kafka_produce(
	    door->producer, TOPIC_RECEIVED, case_number_partition(entry->number, door->partitions),
	    key, strlen(key), entry->sealed.received, entry->sealed.received_size, headers,
	    CLOUD_EVENT_HEADERS, entry, &err);
	if (sent == KAFKA_SENT)
		return;
	if (sent == KAFKA_REFUSED)
		log_error(entry->number, "not taken: %s", err.text);
	finish(door, entry, DOOR_BUSY);
}

/* ---- Redis ---------------------------------------------------------------------------------- */

/* true: goes on its way. */
static bool use_reservation(struct door *door, struct door_entry *entry)
{
	struct reservation before;
	if (!hot_reserved(door->hot, entry->ticket, &before))
		return true;
	if (sodium_memcmp(before.fingerprint, entry->fingerprint, 16) != 0) {
		finish(door, entry, DOOR_CONFLICT);
		return false;
	}
	entry->number = before.number;
	entry->before = true;
	if (before.settled) {
		finish(door, entry, DOOR_TAKEN_BEFORE);
		return false;
	}
	/* Reserved, but not known to be safe: sent again under that number. */
	seal_entry(door, entry, clock_now_ms());
	return true;
}

/* false: we do without Redis. */
static bool ask_redis(struct door *door, struct door_entry *entries, const struct settled *settled,
		      size_t settled_count)
{
	const struct door_entry *last = NULL;
	if (hot_is_away(door->hot))
		return false;
	for (struct door_entry *entry = entries; entry; last = entry, entry = entry->next) {
		if (entry->has_ask)
			entry->ticket = hot_reserve(door->hot, entry->number, entry->ask_key,
						    entry->fingerprint);
		hot_keep_vault(door->hot, entry->number, &entry->sealed);
	}
	/* every time: a flushed Redis gets it back with the next submissions */
	if (last)
		hot_keep_epoch(door->hot, &last->sealed);
	for (size_t i = 0; i < settled_count; i++)
		hot_settle(door->hot, settled[i].number, settled[i].ask_key,
			   settled[i].fingerprint);
	return hot_run(door->hot);
}

static void serve(struct door *door, struct door_entry *entries, const struct settled *settled,
		  size_t settled_count)
{
	bool asked = ask_redis(door, entries, settled, settled_count);
	struct door_entry *next;
	for (struct door_entry *entry = entries; entry; entry = next) {
		next = entry->next; /* entry is gone once it is answered */
		if (!asked)
			metric_add(door->without_redis, 1);
		if (!asked || !entry->has_ask || use_reservation(door, entry))
			produce(door, entry);
	}
	hot_end(door->hot);
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
	door->hot = hot_new(settings, door->partitions, err);
	if (!door->hot)
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
	door->last = &door->first;
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
	hot_free(&door->hot);
	sealer_free(&door->sealer);
	pthread_mutex_destroy(&door->number_lock);
	pthread_mutex_destroy(&door->lock);
	pthread_cond_destroy(&door->wake);
	free(door->settled);
	sodium_memzero(door, sizeof(*door));
	free(door);
	*handle = NULL;
}
