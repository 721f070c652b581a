#include "admission.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/cloud_event.h"
#include "client/http.h"
#include "client/key_file.h"
#include "domain/case_number.h"
#include "domain/pipeline.h"
#include "domain/receipt.h"
#include "reservation_keeper.h"
#include "reservations.h"
#include "numbers.h"
#include "runtime/submitter.h"
#include "util/metrics.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define RECEIVED_TYPE "redress.grievance.received"
#define WAIT_MS       100
#define SLOT_MS       8
#define UNTAKEN_MOST  100000 /* beyond that intake.contact_keep ends what Redis shows */

const struct setting admission_settings[] = {
    {"intake.under_way", SETTING_INT, "20000", 1, 10000000,
     "submissions that wait for the broker at most; more are answered 503"},
    {"intake.broker_patience", SETTING_DURATION, "3s", 100, 60000,
     "how long a submission waits for the broker before it is answered 503"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* What the worker has to do next. */
struct work {
	struct admission_entry *entered; /* to be reserved and sent */
	struct admission_entry *stored;  /* that have a key: to be settled and answered */
	uint64_t *untaken;               /* numbers that must not be shown as received */
	size_t untaken_count, untaken_room;
};

struct admission {
	struct runtime *runtime;
	struct sealer *sealer;
	struct submitter *submitter;
	uint8_t receipt_key[RECEIPT_KEY_SIZE], hash_key[32];
	int32_t partitions;

	struct numbers *numbers;

	pthread_t worker;
	atomic_bool stopping;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct work work;
	struct admission_entry **entered_last, **stored_last;

	struct reservations *reservations; /* the worker's own */
	struct reservation_keeper *keeper;

	struct metric *outcomes[ADMISSION_NEW + 1], *without_redis, *key_unsure;
};

/* ---- numbers and hashes --------------------------------------------------------------------- */

void admission_receipt(const struct admission *admission, uint64_t number, char *text)
{
	receipt_make(admission->receipt_key, number, text);
}

void admission_hash(const struct admission *admission, uint8_t hash[16], const char *context,
		    const void *data, size_t size)
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, admission->hash_key, sizeof(admission->hash_key), 16);
	crypto_generichash_update(&state, (const uint8_t *)context, strlen(context) + 1);
	crypto_generichash_update(&state, data, size);
	crypto_generichash_final(&state, hash, 16);
}

/*
 * The slot decides the partition: that of the key, so that what is asked twice meets; else the same
 * one for some milliseconds, so that what comes together goes to the broker in one request and not
 * in one for each partition.
 */
static bool take_number(struct admission *admission, struct admission_entry *entry, int64_t now_ms)
{
	uint8_t slot =
	    entry->has_idempotency_key ? entry->idempotency_key[0] : (uint8_t)(now_ms / SLOT_MS);
	if (!numbers_next(admission->numbers, now_ms, slot, &entry->number))
		return false;
	/* without a key it can only be the same as itself: equal texts of two people are not to be
	 * seen as equal by who reads the record */
	if (!entry->has_idempotency_key) {
		uint8_t both[24];
		memcpy(both, entry->fingerprint, 16);
		memcpy(both + 16, &entry->number, 8);
		admission_hash(admission, entry->fingerprint, "this one", both, sizeof(both));
	}
	return true;
}

static void seal_entry(struct admission *admission, struct admission_entry *entry, int64_t now_ms)
{
	char receipt[RECEIPT_TEXT_SIZE];
	uint8_t hash[RECEIPT_HASH_SIZE];
	admission_receipt(admission, entry->number, receipt);
	receipt_hash(receipt, entry->number, hash);
	const struct seal_facts facts = {
	    .number = entry->number,
	    .received_at_ms = now_ms,
	    .idempotency_key = entry->has_idempotency_key ? entry->idempotency_key : NULL,
	    .fingerprint = entry->fingerprint,
	    .receipt_hash = hash,
	    .receipt = receipt,
	};
	entry->sealed = sealer_seal(admission->sealer, entry->arena, entry->submission, &facts);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void finish(struct admission *admission, struct admission_entry *entry,
		   enum admission_outcome outcome)
{
	if (admission->outcomes[outcome])
		metric_add(admission->outcomes[outcome], 1);
	submitter_leave(admission->submitter);
	entry->done(entry, outcome);
}

/* The lock is held. */
static void add_untaken(struct work *work, uint64_t number)
{
	if (work->untaken_count == UNTAKEN_MOST)
		return;
	if (work->untaken_count == work->untaken_room) {
		work->untaken_room = work->untaken_room ? 2 * work->untaken_room : 256;
		work->untaken =
		    x_realloc(work->untaken, work->untaken_room, sizeof(*work->untaken));
	}
	work->untaken[work->untaken_count++] = number;
}

static void note_untaken(struct admission *admission, uint64_t number)
{
	pthread_mutex_lock(&admission->lock);
	add_untaken(&admission->work, number);
	pthread_cond_signal(&admission->wake);
	pthread_mutex_unlock(&admission->lock);
}

static void note_stored(struct admission *admission, struct admission_entry *entry)
{
	entry->next = NULL;
	pthread_mutex_lock(&admission->lock);
	*admission->stored_last = entry;
	admission->stored_last = &entry->next;
	pthread_cond_signal(&admission->wake);
	pthread_mutex_unlock(&admission->lock);
}

/* This try has failed for certain; but an earlier one under the same number may not have. */
static void finish_untaken(struct admission *admission, struct admission_entry *entry)
{
	finish(admission, entry, entry->before ? ADMISSION_UNKNOWN : ADMISSION_BUSY);
}

static void on_submitted(void *self, void *tag, enum submit_outcome outcome)
{
	struct admission *admission = self;
	struct admission_entry *entry = tag;
	if (outcome == SUBMIT_TAKEN && entry->has_idempotency_key) {
		note_stored(admission, entry);
		return;
	}
	if (outcome != SUBMIT_TAKEN)
		note_untaken(admission, entry->number);
	if (outcome == SUBMIT_TAKEN)
		finish(admission, entry, ADMISSION_TAKEN);
	else if (outcome == SUBMIT_UNKNOWN)
		finish(admission, entry, ADMISSION_UNKNOWN);
	else
		finish_untaken(admission, entry);
}

int admission_ready(struct admission *admission, struct err *err)
{
	if (submitter_ready(admission->submitter, err) || numbers_ready(admission->numbers, err))
		return -1;
	if (!reservation_keeper_has_looked(admission->keeper))
		return err_set(err, "waiting for the Idempotency-Keys");
	return 0;
}

/* ---- into Kafka ----------------------------------------------------------------------------- */

static void produce(struct admission *admission, struct admission_entry *entry)
{
	char id[CASE_NUMBER_TEXT_SIZE], time[CLOCK_RFC3339_SIZE];
	struct kafka_header headers[CLOUD_EVENT_HEADERS];
	case_number_format(entry->number, id);
	cloud_event(headers, id, RECEIVED_TYPE, runtime_source(admission->runtime),
		    clock_rfc3339(clock_now_ms(), time));
	submitter_send(admission->submitter, entry->number, TOPIC_RECEIVED,
		       case_number_partition(entry->number, admission->partitions),
		       entry->sealed.received, entry->sealed.received_size, headers,
		       CLOUD_EVENT_HEADERS, entry);
}

/* ---- Redis ---------------------------------------------------------------------------------- */

static void refuse_for_now(struct admission *admission, struct admission_entry *entry)
{
	metric_add(admission->key_unsure, 1);
	if (!entry->only_if_before)
		note_untaken(admission, entry->number);
	finish(admission, entry, ADMISSION_BUSY);
}

/* The key has this number already. */
static void repeat(struct admission *admission, struct admission_entry *entry,
		   const struct reservation *held)
{
	if (!entry->only_if_before)
		note_untaken(admission, entry->number);
	if (sodium_memcmp(held->fingerprint, entry->fingerprint, 16) != 0) {
		finish(admission, entry, ADMISSION_CONFLICT);
		return;
	}
	entry->number = held->number;
	entry->before = true;
	if (held->settled) {
		finish(admission, entry, ADMISSION_TAKEN_BEFORE);
		return;
	}
	/* Reserved, so it could be taken then, but not known to be safe: sent again under that
	 * number. */
	seal_entry(admission, entry, clock_now_ms());
	produce(admission, entry);
}

static void go_on_with_key(struct admission *admission, struct admission_entry *entry)
{
	struct reservation held;
	enum reservation_state state =
	    reservations_answer(admission->reservations, entry->ticket, &held);
	if (state == RESERVATION_NONE && entry->only_if_before)
		finish(admission, entry, ADMISSION_NEW);
	else if (state != RESERVATION_HELD)
		refuse_for_now(admission, entry); /* a second number could be given */
	else if (!entry->only_if_before && held.number == entry->number)
		produce(admission, entry);
	else
		repeat(admission, entry, &held);
}

static void go_on(struct admission *admission, struct admission_entry *entry, bool asked)
{
	if (!asked)
		metric_add(admission->without_redis, 1);
	if (!entry->has_idempotency_key)
		produce(admission, entry);
	else if (asked)
		go_on_with_key(admission, entry);
	else
		refuse_for_now(admission, entry);
}

/*
 * It is in Kafka. But Redis may have lost the reservation meanwhile, and another intake, which did
 * not find it in Kafka yet, have given the key another number: the one that Redis has counts.
 */
static void answer_stored(struct admission *admission, struct admission_entry *entry, bool asked)
{
	struct reservation held;
	enum reservation_state state =
	    asked ? reservations_answer(admission->reservations, entry->ticket, &held)
		  : RESERVATION_LOST;
	enum admission_outcome outcome = ADMISSION_UNKNOWN;
	if (state == RESERVATION_HELD && held.number == entry->number) {
		outcome = entry->before ? ADMISSION_TAKEN_BEFORE : ADMISSION_TAKEN;
	} else if (state == RESERVATION_HELD) {
		entry->number = held.number;
		if (sodium_memcmp(held.fingerprint, entry->fingerprint, 16) != 0)
			outcome = ADMISSION_CONFLICT;
		else if (held.settled)
			outcome = ADMISSION_TAKEN_BEFORE;
	}
	finish(admission, entry, outcome);
}

static void reserve(struct admission *admission, struct admission_entry *entry)
{
	if (entry->only_if_before) {
		entry->ticket =
		    reservations_look_up(admission->reservations, entry->idempotency_key);
		return;
	}
	if (entry->has_idempotency_key)
		entry->ticket = reservations_reserve(admission->reservations, entry->number,
						     entry->idempotency_key, entry->fingerprint);
	reservations_keep_contact(admission->reservations, entry->number, &entry->sealed);
}

/* false: we do without Redis. */
static bool use_redis(struct admission *admission, const struct work *work)
{
	const struct admission_entry *sealed = NULL;
	struct reservations *reservations = admission->reservations;
	if (reservations_is_away(reservations))
		return false;
	for (struct admission_entry *entry = work->entered; entry; entry = entry->next) {
		reserve(admission, entry);
		if (!entry->only_if_before)
			sealed = entry;
	}
	/* every time: a flushed Redis gets it back with the next submissions */
	if (sealed)
		reservations_keep_epoch(reservations, &sealed->sealed);
	for (struct admission_entry *entry = work->stored; entry; entry = entry->next)
		entry->ticket = reservations_settle(reservations, entry->number,
						    entry->idempotency_key, entry->fingerprint);
	for (size_t i = 0; i < work->untaken_count; i++)
		reservations_forget_contact(reservations, work->untaken[i]);
	return reservations_run(reservations);
}

/* Until Redis is there again. */
static void put_back_untaken(struct admission *admission, const struct work *work)
{
	pthread_mutex_lock(&admission->lock);
	for (size_t i = 0; i < work->untaken_count; i++)
		add_untaken(&admission->work, work->untaken[i]);
	pthread_mutex_unlock(&admission->lock);
}

static void serve(struct admission *admission, const struct work *work)
{
	bool asked = use_redis(admission, work);
	struct admission_entry *next;
	http_batch_begin();
	for (struct admission_entry *entry = work->entered; entry; entry = next) {
		next = entry->next; /* entry is gone once it is answered */
		go_on(admission, entry, asked);
	}
	for (struct admission_entry *entry = work->stored; entry; entry = next) {
		next = entry->next;
		answer_stored(admission, entry, asked);
	}
	http_batch_end();
	reservations_end(admission->reservations);
	if (!asked)
		put_back_untaken(admission, work);
}

/* ---- threads -------------------------------------------------------------------------------- */

static void wait_for_work(struct admission *admission)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	/* what is untaken may have to wait for Redis */
	if (!admission->work.entered && !admission->work.stored)
		pthread_cond_timedwait(&admission->wake, &admission->lock, &until);
}

static struct work take_work(struct admission *admission)
{
	struct work work = admission->work;
	admission->work = (struct work){0};
	admission->entered_last = &admission->work.entered;
	admission->stored_last = &admission->work.stored;
	return work;
}

static void *run_worker(void *self)
{
	struct admission *admission = self;
	bool stopping;
	do {
		stopping = admission->stopping; /* and then what is left is done */
		pthread_mutex_lock(&admission->lock);
		wait_for_work(admission);
		struct work work = take_work(admission);
		pthread_mutex_unlock(&admission->lock);
		if (work.entered || work.stored || work.untaken_count)
			serve(admission, &work);
		free(work.untaken);
	} while (!stopping);
	return NULL;
}

/* Whether it goes on its way, with a number and sealed. */
static bool is_admitted(struct admission *admission, struct admission_entry *entry, int64_t now_ms)
{
	entry->before = false;
	if (!submitter_enter(admission->submitter, !entry->only_if_before) ||
	    (!entry->only_if_before && !take_number(admission, entry, now_ms)))
		return false;
	if (!entry->only_if_before)
		seal_entry(admission, entry, now_ms);
	return true;
}

void admission_enter(struct admission *admission, struct admission_entry *entries)
{
	int64_t now_ms = clock_now_ms();
	struct admission_entry *taken = NULL, **last = &taken, *busy = NULL, *next;
	for (struct admission_entry *entry = entries; entry; entry = next) {
		next = entry->next;
		entry->next = NULL;
		if (is_admitted(admission, entry, now_ms)) {
			*last = entry;
			last = &entry->next;
		} else {
			entry->next = busy;
			busy = entry;
		}
	}
	if (taken) {
		pthread_mutex_lock(&admission->lock);
		*admission->entered_last = taken;
		admission->entered_last = last;
		pthread_cond_signal(&admission->wake);
		pthread_mutex_unlock(&admission->lock);
	}
	/* at the end: whoever is told may take back the memory of all of them with the last one */
	for (struct admission_entry *entry = busy; entry; entry = next) {
		next = entry->next;
		finish(admission, entry, ADMISSION_BUSY);
	}
}

/* ---- life ----------------------------------------------------------------------------------- */

static void count_things(struct admission *admission)
{
	/* what was not taken before is counted as refused, by who asked */
	static const char *const labels[ADMISSION_NEW] = {
	    [ADMISSION_TAKEN] = "outcome=\"taken\"",
	    [ADMISSION_TAKEN_BEFORE] = "outcome=\"repeated\"",
	    [ADMISSION_CONFLICT] = "outcome=\"conflict\"",
	    [ADMISSION_BUSY] = "outcome=\"busy\"",
	    [ADMISSION_UNKNOWN] = "outcome=\"unknown\"",
	};
	for (size_t i = 0; i < ADMISSION_NEW; i++)
		admission->outcomes[i] = metric_counter("redress_intake_submissions_total",
							labels[i], "Submissions by outcome.");
	admission->without_redis = metric_counter("redress_intake_without_redis_total", NULL,
						  "Submissions that came while Redis was away.");
	admission->key_unsure = metric_counter(
	    "redress_intake_key_unsure_total", NULL,
	    "Submissions put off because their Idempotency-Key could not be looked up.");
}

static int connect(struct admission *admission, const struct settings *settings, struct err *err)
{
	const char *keys = settings_str(settings, "keys.folder");
	if (key_file_read(keys, "receipt.key", admission->receipt_key, err) ||
	    key_file_read(keys, "idempotency.key", admission->hash_key, err))
		return -1;
	admission->sealer = sealer_new(settings, err);
	if (!admission->sealer)
		return -1;
	admission->reservations = reservations_new(settings, admission->partitions, err);
	if (!admission->reservations)
		return -1;
	const struct submitter_options options = {
	    .what = "submissions",
	    .done = on_submitted,
	    .self = admission,
	    .linger_ms = 1,
	    .patience_ms = settings_int(settings, "intake.broker_patience"),
	    .most = settings_int(settings, "intake.under_way"),
	    .most_bytes = INT64_C(64) * 1024 * 1024,
	};
	admission->submitter = submitter_new(settings, &options, err);
	if (!admission->submitter)
		return -1;
	admission->numbers = numbers_new(settings);
	admission->keeper =
	    reservation_keeper_new(settings, admission->partitions, admission->numbers, err);
	return admission->keeper ? 0 : -1;
}

struct admission *admission_new(struct runtime *runtime, struct err *err)
{
	struct admission *admission = x_calloc(1, sizeof(*admission));
	const struct settings *settings = runtime_settings(runtime);
	admission->runtime = runtime;
	admission->partitions = runtime_partitions(runtime);
	admission->entered_last = &admission->work.entered;
	admission->stored_last = &admission->work.stored;
	pthread_condattr_t monotonic;
	pthread_mutex_init(&admission->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&admission->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	count_things(admission);
	if (connect(admission, settings, err) == 0) {
		if (pthread_create(&admission->worker, NULL, run_worker, admission))
			fatal("no more threads");
		return admission;
	}
	admission->stopping = true;
	admission->worker = 0;
	admission_free(&admission);
	return NULL;
}

void admission_free(struct admission **handle)
{
	struct admission *admission = *handle;
	if (!admission)
		return;
	admission->stopping = true;
	if (admission->worker)
		pthread_join(admission->worker, NULL);
	submitter_free(&admission->submitter);
	reservation_keeper_free(&admission->keeper);
	numbers_free(&admission->numbers);
	reservations_free(&admission->reservations);
	sealer_free(&admission->sealer);
	pthread_mutex_destroy(&admission->lock);
	pthread_cond_destroy(&admission->wake);
	free(admission->work.untaken);
	sodium_memzero(admission, sizeof(*admission));
	free(admission);
	*handle = NULL;
}
