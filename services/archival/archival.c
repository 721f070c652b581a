/*
 * The handler: reads a batch's letters, makes an entry of them with what the record knows of their
 * cases, and has it stored; and knows up to where each partition is stored.
 */
#include "archival.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/key_file.h"
#include "client/postgres.h"
#include "domain/pipeline.h"
#include "runtime/metrics.h"
#include "store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define WAIT_STEP_US 500000

struct archival {
	struct runtime *runtime;
	struct store *store;
	struct position *positions; /* [topic of the stage][partition] */
	size_t position_count;
	const struct pipeline_stage *stage;
	int32_t partitions;
	struct entry entry; /* of the batch */
	struct epochs_known epochs;
	struct ledger_signer signer;
	struct metric *events, *grievances, *delay;
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
static size_t read_batch(struct archival *archival, struct batch *batch, struct letter *letters)
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
		const char *wrong =
		    letter_read(&letters[count], item, archival->partitions, batch->arena);
		if (wrong)
			item_dead(item, "%s", wrong);
		else
			count++;
	}
	return count;
}

/* Tells the entry what the record knows. */
static int load_known(struct archival *archival, struct arena *arena, struct err *err)
{
	struct entry *entry = &archival->entry;
	for (int32_t p = 0; p < archival->partitions; p++)
		entry->leaves[p].tree = position_of(archival, TOPIC_EVENTS, p)->tree;
	if (store_load_cases(archival->store, arena, entry->case_numbers, entry->case_count,
			     entry_know_case, entry, err))
		return -1;
	return store_load_grievances(archival->store, arena, entry->grievance_numbers,
				     entry->grievance_count, entry_know_grievance, entry, err);
}

static int handle(void *self, struct batch *batch, struct outbox *outbox, struct err *err)
{
	(void)outbox;
	struct archival *archival = self;
	struct letter *letters = arena_take(batch->arena, (batch->count + 1) * sizeof(*letters));
	if (store_load_positions(archival->store, batch->arena, archival->positions,
				 archival->position_count, err))
		return -1;
	size_t count = read_batch(archival, batch, letters);
	entry_begin(&archival->entry, batch->arena, archival->partitions, letters, count);
	if (load_known(archival, batch->arena, err))
		return -1;
	for (size_t i = 0; i < count; i++)
		entry_add(&archival->entry, &letters[i]);
	entry_end(&archival->entry, batch->now_ms);
	return 0;
}

static void remember(struct archival *archival)
{
	const struct entry *entry = &archival->entry;
	for (size_t i = 0; i < archival->position_count; i++)
		archival->positions[i].next = archival->positions[i].reached;
	for (int32_t p = 0; p < archival->partitions; p++)
		position_of(archival, TOPIC_EVENTS, p)->tree = entry->leaves[p].tree;
	for (size_t i = 0; i < entry->epoch_count; i++)
		memcpy(archival->epochs.ids[archival->epochs.next++ % EPOCHS_KNOWN],
		       entry->epochs[i]->id.data, 16);
	int64_t now_ms = clock_now_ms();
	for (size_t i = 0; i < entry->case_count; i++) {
		const struct folded *folded = &entry->cases[i];
		if (folded->is_new && folded->changed)
			metric_observe_us(archival->delay,
					  (now_ms - folded->state->opened_at_ms) * 1000);
	}
	metric_add(archival->events, (int64_t)entry->counts[RECORD_EVENTS]);
	metric_add(archival->grievances, (int64_t)entry->counts[RECORD_GRIEVANCES]);
}

static int settle(void *self, struct batch *batch, struct err *err)
{
	struct archival *archival = self;
	if (store_commit(archival->store, batch->arena, &archival->entry, archival->positions,
			 archival->position_count, err)) {
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
				      .partition = (int32_t)(i % partitions)};
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
	archival->entry.epochs_known = &archival->epochs;
	archival->entry.signer = &archival->signer;
	make_positions(archival);
	archival->events = metric_counter("redress_archival_events_total", NULL, "Events stored.");
	archival->grievances =
	    metric_counter("redress_archival_grievances_total", NULL, "Grievances stored.");
	archival->delay = metric_histogram("redress_archival_door_to_archive_seconds", NULL,
					   "From the door to the record.");
	return 0;
}

static void stop(void *self)
{
	struct archival *archival = self;
	entry_free(&archival->entry);
	store_free(&archival->store);
	free(archival->positions);
	sodium_memzero(&archival->signer, sizeof(archival->signer));
	free(archival);
}

static const struct setting *const settings[] = {postgres_settings, key_file_settings, NULL};

const struct service archival_service = {
    .name = "archival",
    .summary = "writes the permanent record into PostgreSQL",
    .settings = settings,
    .offsets = OFFSETS_OWN,
    .start = start,
    .stop = stop,
    .assigned = assigned,
    .handle = handle,
    .settle = settle,
    .aborted = aborted,
};
