/*
 * The handler: reads a batch's messages, makes a record batch of them with what the record knows of
 * their cases, and has it stored; and knows up to where each partition is stored.
 */
#include "archival.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/key_file.h"
#include "client/postgres.h"
#include "domain/pipeline.h"
#include "util/metrics.h"
#include "store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define WAIT_STEP_US 500000
#define CULPRITS_AT_ONCE                                                                           \
	64 /* the group must not wait too long; the others come with the next try */

struct archival {
	struct runtime *runtime;
	struct store *store;
	struct position *positions; /* [topic of the stage][partition] */
	size_t position_count;
	const struct pipeline_stage *stage;
	int32_t partitions;
	struct record_message *messages; /* of the batch, in its arena */
	size_t message_count;
	struct record_batch batch; /* the same */
	struct epochs_known epochs;
	struct ledger_signer signer;
	struct metric *events, *grievances, *number_taken, *delay;
};

/* ---- positions ------------------------------------------------------------------------------ */

static struct position *position_of(struct archival *archival, const char *topic, int32_t partition)
{
	size_t at = 0;
	while (strcmp(archival->stage->reads[at], topic) != 0)
		at++;
	return &archival->positions[at * (size_t)archival->partitions + (size_t)partition];
}

static void forget_positions(struct archival *archival)
{
	for (size_t i = 0; i < archival->position_count; i++)
		archival->positions[i].known = false;
}

/* ---- a batch -------------------------------------------------------------------------------- */

/* What has not been stored before and is as it should be. */
static size_t read_batch(struct archival *archival, struct batch *batch,
			 struct record_message *messages)
{
	size_t count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		const struct kafka_message *message = &item->message;
		struct position *position =
		    position_of(archival, message->topic, message->partition);
		if (message->offset < position->next)
			continue;
		position->reached = message->offset + 1;
		if (!item->dead && record_message_read(&messages[count], item, archival->partitions,
						       batch->now_ms, batch->arena))
			count++;
	}
	return count;
}

static struct leaves *leaves_of(struct archival *archival, size_t kind, int32_t partition)
{
	return &archival->batch.leaves[kind * (size_t)archival->partitions + (size_t)partition];
}

static struct ledger_tree *tree_of(struct archival *archival, size_t kind, int32_t partition)
{
	return &position_of(archival, sealed_kinds[kind].topic, partition)->trees[kind];
}

/* Tells the record batch what the record knows. */
static int load_known(struct archival *archival, struct arena *arena, struct err *err)
{
	struct record_batch *batch = &archival->batch;
	for (size_t kind = 0; kind < SEALED_KINDS; kind++) {
		for (int32_t p = 0; p < archival->partitions; p++)
			leaves_of(archival, kind, p)->tree = *tree_of(archival, kind, p);
	}
	if (store_load_cases(archival->store, arena, batch->case_numbers, batch->case_count,
			     record_batch_know_case, batch, err))
		return -1;
	return store_load_grievances(archival->store, arena, batch->grievance_numbers,
				     batch->grievance_count, record_batch_know_grievance, batch,
				     err);
}

/* The record batch of the batch's first count messages. */
static int make_record_batch(struct archival *archival, const struct batch *batch, size_t count,
			     struct err *err)
{
	record_batch_begin(&archival->batch, batch->arena, archival->partitions, archival->messages,
			   count);
	if (load_known(archival, batch->arena, err))
		return -1;
	for (size_t i = 0; i < count; i++)
		record_batch_add(&archival->batch, &archival->messages[i]);
	record_batch_end(&archival->batch, batch->now_ms);
	return 0;
}

static int handle(void *self, struct batch *batch, struct outbox *outbox, struct err *err)
{
	(void)outbox;
	struct archival *archival = self;
	archival->messages =
	    arena_take(batch->arena, (batch->count + 1) * sizeof(struct record_message));
	if (store_load_positions(archival->store, batch->arena, archival->positions,
				 archival->position_count, err))
		return -1;
	archival->message_count = read_batch(archival, batch, archival->messages);
	return make_record_batch(archival, batch, archival->message_count, err);
}

/* ---- what PostgreSQL will not have ------------------------------------------------------------
 */

static enum store_outcome try_first(struct archival *archival, const struct batch *batch,
				    size_t count)
{
	struct err err;
	if (make_record_batch(archival, batch, count, &err))
		return STORE_FAILED;
	return store_try(archival->store, batch->arena, &archival->batch, archival->positions,
			 archival->position_count, &err);
}

/* How many of the first messages it takes to be refused; 0: cannot be said. */
static size_t fewest_refused(struct archival *archival, const struct batch *batch)
{
	size_t taken = 0, refused = archival->message_count;
	if (try_first(archival, batch, 0) != STORE_DONE)
		return 0;
	while (refused - taken > 1) {
		size_t middle = taken + (refused - taken) / 2;
		enum store_outcome outcome = try_first(archival, batch, middle);
		if (outcome == STORE_FAILED)
			return 0;
		*(outcome == STORE_DONE ? &taken : &refused) = middle;
	}
	return refused;
}

/*
 * A batch that PostgreSQL refuses for its data would be refused for ever. By halves it is found
 * which message does it: that one goes to the dead letters and its neighbours are stored.
 */
static void find_culprits(struct archival *archival, const struct batch *batch)
{
	for (int found = 0; found < CULPRITS_AT_ONCE && archival->message_count; found++) {
		if (try_first(archival, batch, archival->message_count) != STORE_REFUSED)
			return;
		size_t count = fewest_refused(archival, batch);
		if (!count)
			return;
		char reason[64];
		struct record_message *culprit = &archival->messages[count - 1];
		snprintf(reason, sizeof(reason), "PostgreSQL refuses it, SQLSTATE %s",
			 store_refusal(archival->store));
		runtime_refuse(archival->runtime, &culprit->item->message, reason);
		memmove(culprit, culprit + 1, (archival->message_count - count) * sizeof(*culprit));
		archival->message_count--;
	}
}

/* ---- the batch is stored ----------------------------------------------------------------------
 */

static void remember(struct archival *archival)
{
	const struct record_batch *batch = &archival->batch;
	for (size_t i = 0; i < archival->position_count; i++)
		archival->positions[i].next = archival->positions[i].reached;
	for (size_t kind = 0; kind < SEALED_KINDS; kind++) {
		for (int32_t p = 0; p < archival->partitions; p++) {
			if (leaves_of(archival, kind, p)->count)
				*tree_of(archival, kind, p) = leaves_of(archival, kind, p)->tree;
		}
	}
	for (size_t i = 0; i < batch->epoch_count; i++)
		memcpy(archival->epochs.ids[archival->epochs.next++ % EPOCHS_KNOWN],
		       batch->epochs[i]->id.data, 16);
	int64_t now_ms = clock_now_ms();
	for (size_t i = 0; i < batch->case_count; i++) {
		const struct folded *folded = &batch->cases[i];
		if (folded->is_new && folded->changed)
			metric_observe_us(archival->delay,
					  (now_ms - folded->state->opened_at_ms) * 1000);
	}
	metric_add(archival->events, (int64_t)batch->counts[RECORD_EVENTS]);
	metric_add(archival->grievances, (int64_t)batch->counts[RECORD_GRIEVANCES]);
	metric_add(archival->number_taken, (int64_t)batch->number_taken);
	if (batch->number_taken)
		log_error(0, "%zu grievances under case numbers of others, see the dead letters",
			  batch->number_taken);
}

static int settle(void *self, struct batch *batch, struct err *err)
{
	struct archival *archival = self;
	enum store_outcome outcome =
	    store_commit(archival->store, batch->arena, &archival->batch, archival->positions,
			 archival->position_count, err);
	if (outcome != STORE_DONE) {
		if (outcome == STORE_REFUSED)
			find_culprits(archival, batch);
		/* whether it was stored is only known to PostgreSQL: ask before doing it again */
		forget_positions(archival);
		return -1;
	}
	remember(archival);
	return 0;
}

static void aborted(void *self)
{
	forget_positions(self);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* PostgreSQL says where to go on, so without it there is nothing to do but wait. */
static int assigned(void *self, struct kafka_partition *partitions, size_t count, struct err *err)
{
	struct archival *archival = self;
	struct arena *arena = arena_new();
	bool told = false;
	forget_positions(archival);
	while (store_load_positions(archival->store, arena, archival->positions,
				    archival->position_count, err)) {
		if (runtime_stopping(archival->runtime)) {
			arena_free(&arena);
			return -1;
		}
		if (!told)
			log_warn(0, "waiting for PostgreSQL, will try again: %s", err->text);
		told = true;
		usleep(WAIT_STEP_US);
	}
	arena_free(&arena);
	for (size_t i = 0; i < count; i++) {
		const struct position *position =
		    position_of(archival, partitions[i].topic, partitions[i].partition);
		partitions[i].offset = position->next ? position->next : KAFKA_BEGINNING;
	}
	return 0;
}

static void make_positions(struct archival *archival)
{
	size_t topics = 0, partitions = (size_t)archival->partitions;
	while (archival->stage->reads[topics])
		topics++;
	archival->position_count = topics * partitions;
	archival->positions = x_calloc(archival->position_count, sizeof(*archival->positions));
	for (size_t i = 0; i < archival->position_count; i++)
		archival->positions[i] =
		    (struct position){.topic = archival->stage->reads[i / partitions],
				      .partition = (int32_t)(i % partitions),
				      .trees = x_calloc(SEALED_KINDS, sizeof(struct ledger_tree))};
}

static int read_key(struct archival *archival, struct err *err)
{
	uint8_t seed[LEDGER_KEY_SIZE];
	const char *folder = settings_str(runtime_settings(archival->runtime), "keys.folder");
	if (key_file_read(folder, "ledger.key", seed, err))
		return -1;
	ledger_signer_init(&archival->signer, seed);
	sodium_memzero(seed, sizeof(seed));
	return 0;
}

static int start(struct runtime *runtime, void **self, struct err *err)
{
	struct archival *archival = x_calloc(1, sizeof(*archival));
	archival->runtime = runtime;
	if (read_key(archival, err)) {
		free(archival);
		return -1;
	}
	*self = archival;
	archival->stage = pipeline_stage("archival");
	archival->partitions = runtime_partitions(runtime);
	archival->store = store_new(runtime_settings(runtime));
	archival->batch.epochs_known = &archival->epochs;
	archival->batch.signer = &archival->signer;
	make_positions(archival);
	archival->events = metric_counter("redress_archival_events_total", NULL, "Events stored.");
	archival->grievances =
	    metric_counter("redress_archival_grievances_total", NULL, "Grievances stored.");
	archival->number_taken =
	    metric_counter("redress_archival_number_taken_total", NULL,
			   "Grievances whose case number belongs to another: must never rise.");
	archival->delay = metric_histogram("redress_archival_receipt_to_archive_seconds", NULL,
					   "From the door to the record.");
	return 0;
}

static void stop(void *self)
{
	struct archival *archival = self;
	record_batch_free(&archival->batch);
	store_free(&archival->store);
	for (size_t i = 0; i < archival->position_count; i++)
		free(archival->positions[i].trees);
	free(archival->positions);
	sodium_memzero(&archival->signer, sizeof(archival->signer));
	free(archival);
}

static const struct setting *const settings[] = {postgres_bulk_settings, key_file_settings, NULL};

/* --check */
static int check(const struct settings *given, struct err *err)
{
	static const char *const keys[] = {"ledger.key", NULL};
	return key_file_check(settings_str(given, "keys.folder"), keys, err);
}

const struct service archival_service = {
    .name = "archival",
    .summary = "writes the permanent record into PostgreSQL",
    .settings = settings,
    .offsets = OFFSETS_OWN,
    .check = check,
    .start = start,
    .stop = stop,
    .assigned = assigned,
    .handle = handle,
    .settle = settle,
    .aborted = aborted,
};
