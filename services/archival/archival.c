/*
 * The handler: sorts a batch's messages into the rows of the record, folds events into the cases
 * they change, and has it all stored in one transaction.
 */
#include "archival.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/postgres.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/message_check.h"
#include "domain/pipeline.h"
#include "runtime/metrics.h"
#include "store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/number_map.h"

#define DAY_MS       INT64_C(86400000)
#define EARLIEST_MS  CASE_NUMBER_EPOCH_MS
#define LATEST_MS    INT64_C(4102444800000) /* 2100: further is a broken clock, not an event */
#define EPOCHS_KNOWN 64
#define WAIT_STEP_US 500000

/* A case of this batch. */
struct folded {
	uint64_t number;
	Redress__CaseState *state; /* NULL: not in the record yet */
	bool is_new, changed;
};

/* The events of a partition in this batch, and its ledger's tree with them. */
struct leaves {
	struct ledger_hash *hashes;
	size_t count;
	int64_t first_offset, last_offset;
	struct ledger_tree tree;
};

struct archival {
	struct runtime *runtime;
	struct store *store;
	struct position *positions; /* [topic of the stage][partition] */
	size_t position_count;
	const struct pipeline_stage *stage;
	int32_t partitions;
	uint8_t epochs[EPOCHS_KNOWN][16]; /* stored before: need not be sent again */
	size_t epochs_next;

	/* Of the batch; in its arena, but for the buffers. */
	struct arena *arena;
	struct entry entry;
	struct number_map case_map, tally_map, grievance_map;
	struct folded *cases;
	size_t case_count;
	struct leaves *leaves; /* [partition] */

	struct metric *events, *grievances, *delay;
};

/* ---- what a message is ---------------------------------------------------------------------- */

struct letter {
	struct item *item;
	struct position *position;
	const ProtobufCMessage *content; /* of the type its topic carries */
};

static const ProtobufCMessageDescriptor *type_of(const char *topic)
{
	const char *carries = pipeline_topic(topic)->carries;
	if (strcmp(carries, "GrievanceReceived") == 0)
		return &redress__grievance_received__descriptor;
	if (strcmp(carries, "CaseEvent") == 0)
		return &redress__case_event__descriptor;
	if (strcmp(carries, "NotificationOutcome") == 0)
		return &redress__notification_outcome__descriptor;
	return &redress__dead_letter__descriptor;
}

static bool time_is_sane(int64_t ms)
{
	return ms >= EARLIEST_MS && ms < LATEST_MS;
}

/* PostgreSQL would refuse the whole batch for a time that it cannot have. */
static bool times_are_sane(const Redress__CaseEvent *event)
{
	int64_t deadline_ms = 0;
	switch (event->body_case) {
	case REDRESS__CASE_EVENT__BODY_ASSIGNED:
		deadline_ms = event->assigned->deadline_ms;
		break;
	case REDRESS__CASE_EVENT__BODY_REOPENED:
		deadline_ms = event->reopened->deadline_ms;
		break;
	case REDRESS__CASE_EVENT__BODY_ESCALATED:
		deadline_ms = event->escalated->deadline_ms;
		break;
	case REDRESS__CASE_EVENT__BODY_ALIASED:
		deadline_ms = event->aliased->received_at_ms;
		break;
	default:
		break;
	}
	return time_is_sane(event->at_ms) && (!deadline_ms || time_is_sane(deadline_ms));
}

static const char *fault_of_event(const Redress__CaseEvent *event)
{
	if (!event->number || event->body_case == REDRESS__CASE_EVENT__BODY__NOT_SET)
		return "the event is of no case or says nothing that is known here";
	if (!times_are_sane(event))
		return "the event's time is none that can be";
	if ((event->version == 0) != (event->body_case == REDRESS__CASE_EVENT__BODY_REFUSED))
		return "the event has no version";
	if (event->body_case == REDRESS__CASE_EVENT__BODY_OPENED &&
	    (!event->opened->grievance || !time_is_sane(event->opened->grievance->received_at_ms)))
		return "the grievance that was opened is missing or has no time";
	return NULL;
}

static const char *fault_of_received(const Redress__GrievanceReceived *received)
{
	const Redress__Grievance *grievance = received->grievance;
	if (!grievance || !grievance->number || !received->key || !received->epoch)
		return "the grievance, its key or its epoch is missing";
	if (received->epoch->id.len != 16 || !time_is_sane(received->epoch->started_at_ms) ||
	    !time_is_sane(grievance->received_at_ms))
		return "the grievance's time or epoch is none that can be";
	return NULL;
}

static const char *fault_of_outcome(const Redress__NotificationOutcome *outcome, int32_t partition,
				    int32_t partitions)
{
	if (!outcome->job || outcome->job->key.len != 16 || !outcome->job->number)
		return "the outcome is of no notification";
	/* the offset tells the outcomes of a message apart, within their partition */
	if (case_number_partition(outcome->job->number, partitions) != partition)
		return "its case belongs to another partition";
	if (!time_is_sane(outcome->at_ms) || !time_is_sane(outcome->first_at_ms) ||
	    (outcome->next_at_ms && !time_is_sane(outcome->next_at_ms)))
		return "the outcome's time is none that can be";
	return NULL;
}

static const char *fault_of(const ProtobufCMessage *content, int32_t partition, int32_t partitions)
{
	if (!content)
		return "is not the message that its topic carries";
	if (message_bad_text(content))
		return "has text that is not UTF-8, or a field that cannot be";
	if (content->descriptor == &redress__case_event__descriptor)
		return fault_of_event((const Redress__CaseEvent *)content);
	if (content->descriptor == &redress__grievance_received__descriptor)
		return fault_of_received((const Redress__GrievanceReceived *)content);
	if (content->descriptor == &redress__notification_outcome__descriptor)
		return fault_of_outcome((const Redress__NotificationOutcome *)content, partition,
					partitions);
	return time_is_sane(((const Redress__DeadLetter *)content)->at_ms)
		   ? NULL
		   : "the dead letter's time is none that can be";
}

static struct position *position_of(struct archival *archival, const char *topic, int32_t partition)
{
	size_t at = 0;
	while (strcmp(archival->stage->reads[at], topic) != 0)
		at++;
	return &archival->positions[at * (size_t)archival->partitions + (size_t)partition];
}

/* Unpacks what has not been stored before. */
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
		const ProtobufCMessage *content =
		    protobuf_c_message_unpack(type_of(message->topic), arena_protobuf(batch->arena),
					      message->len, message->value);
		const char *wrong = fault_of(content, message->partition, archival->partitions);
		if (wrong)
			item_dead(item, "%s", wrong);
		else
			letters[count++] = (struct letter){item, position, content};
	}
	return count;
}

/* ---- what the record knows ------------------------------------------------------------------ */

static const Redress__CaseEvent *event_in(const struct letter *letter)
{
	bool is = letter->content->descriptor == &redress__case_event__descriptor;
	return is ? (const Redress__CaseEvent *)letter->content : NULL;
}

static const Redress__GrievanceReceived *received_in(const struct letter *letter)
{
	bool is = letter->content->descriptor == &redress__grievance_received__descriptor;
	return is ? (const Redress__GrievanceReceived *)letter->content : NULL;
}

static void take_case(void *self, uint64_t number, const void *state, size_t size)
{
	struct archival *archival = self;
	struct folded *folded = &archival->cases[*number_map_at(&archival->case_map, number) - 1];
	folded->state = redress__case_state__unpack(arena_protobuf(archival->arena), size, state);
	folded->is_new = false;
}

static void take_grievance(void *self, uint64_t number, const void *state, size_t size)
{
	(void)state;
	(void)size;
	struct archival *archival = self;
	*number_map_at(&archival->grievance_map, number) = 1;
}

static int load_known(struct archival *archival, const struct letter *letters, size_t count,
		      struct err *err)
{
	struct arena *arena = archival->arena;
	int64_t *cases = arena_take(arena, (count + 1) * sizeof(*cases));
	int64_t *grievances = arena_take(arena, (count + 1) * sizeof(*grievances));
	size_t grievance_count = 0;
	archival->cases = arena_take(arena, (count + 1) * sizeof(*archival->cases));
	archival->case_count = 0;
	archival->case_map = number_map(arena, count);
	archival->grievance_map = number_map(arena, count);
	for (size_t i = 0; i < count; i++) {
		const Redress__CaseEvent *event = event_in(&letters[i]);
		const Redress__GrievanceReceived *received = received_in(&letters[i]);
		if (received)
			grievances[grievance_count++] = (int64_t)received->grievance->number;
		uint32_t *at = event ? number_map_at(&archival->case_map, event->number) : NULL;
		if (at && !*at) {
			cases[archival->case_count] = (int64_t)event->number;
			archival->cases[archival->case_count++] =
			    (struct folded){event->number, NULL, true, false};
			*at = (uint32_t)archival->case_count;
		}
	}
	return store_load_cases(archival->store, arena, cases, archival->case_count, take_case,
				archival, err) ||
		       store_load_grievances(archival->store, arena, grievances, grievance_count,
					     take_grievance, archival, err)
		   ? -1
		   : 0;
}

/* ---- what a message leaves in the record ---------------------------------------------------- */

static struct buffer *rows_for(struct archival *archival, enum record record)
{
	archival->entry.counts[record]++;
	return &archival->entry.rows[record];
}

static void tally(struct archival *archival, const Redress__CaseEvent *event,
		  const Redress__CaseState *state)
{
	struct entry *entry = &archival->entry;
	struct tally one = {event->at_ms / DAY_MS, case_event_kind(event), state->agency,
			    state->category, 1};
	uint64_t hash = (uint64_t)one.day;
	const char *const parts[] = {one.kind, one.agency, one.category};
	for (size_t i = 0; i < 3; i++) {
		for (const char *c = parts[i]; *c; c++)
			hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
		hash = (hash ^ '|') * UINT64_C(1099511628211);
	}
	for (;; hash++) {
		uint32_t *at = number_map_at(&archival->tally_map, hash);
		if (!*at) {
			entry->tallies[entry->tally_count++] = one;
			*at = (uint32_t)entry->tally_count;
			return;
		}
		struct tally *known = &entry->tallies[*at - 1];
		if (known->day == one.day && strcmp(known->kind, one.kind) == 0 &&
		    strcmp(known->agency, one.agency) == 0 &&
		    strcmp(known->category, one.category) == 0) {
			known->events++;
			return;
		}
	}
}

static void add_leaf(struct archival *archival, const struct kafka_message *message,
		     const Redress__CaseEvent *event)
{
	struct leaves *leaves = &archival->leaves[message->partition];
	struct ledger_event shown = ledger_event(event, message->value, message->len);
	row_event(rows_for(archival, RECORD_EVENTS), event, message, leaves->tree.size + 1,
		  (int32_t)leaves->count);
	if (!leaves->count)
		leaves->first_offset = message->offset;
	leaves->last_offset = message->offset;
	leaves->hashes[leaves->count++] = ledger_event_leaf(&shown);
}

static void record_event(struct archival *archival, struct item *item,
			 const Redress__CaseEvent *event)
{
	struct err err;
	struct entry *entry = &archival->entry;
	if (!event->version) {
		row_refusal(rows_for(archival, RECORD_REFUSALS), event, &item->message);
		return;
	}
	struct folded *folded =
	    &archival->cases[*number_map_at(&archival->case_map, event->number) - 1];
	if (case_apply(archival->arena, folded->state, event, &folded->state, &err)) {
		item_dead(item, "%s", err.text);
		return;
	}
	folded->changed = true;
	add_leaf(archival, &item->message, event);
	if (event->body_case == REDRESS__CASE_EVENT__BODY_OPENED)
		row_signature(rows_for(archival, RECORD_SIGNATURES), event);
	tally(archival, event, folded->state);
	if (!entry->first_event_ms || event->at_ms < entry->first_event_ms)
		entry->first_event_ms = event->at_ms;
	if (event->at_ms > entry->last_event_ms)
		entry->last_event_ms = event->at_ms;
	if (event->version == 1)
		metric_observe_us(archival->delay,
				  (clock_now_ms() - folded->state->opened_at_ms) * 1000);
}

static bool epoch_is_known(const struct archival *archival, const Redress__Epoch *epoch)
{
	for (size_t i = 0; i < EPOCHS_KNOWN; i++) {
		if (memcmp(archival->epochs[i], epoch->id.data, 16) == 0)
			return true;
	}
	for (size_t i = archival->entry.epoch_count; i > 0; i--) {
		if (memcmp(archival->entry.epochs[i - 1]->id.data, epoch->id.data, 16) == 0)
			return true;
	}
	return false;
}

/* Of a number that was sent twice the first one counts, as for every reader. */
static void record_received(struct archival *archival, const Redress__GrievanceReceived *received)
{
	struct entry *entry = &archival->entry;
	const Redress__Grievance *grievance = received->grievance;
	uint32_t *known = number_map_at(&archival->grievance_map, grievance->number);
	if (*known)
		return;
	*known = 1;
	row_grievance(rows_for(archival, RECORD_GRIEVANCES), grievance);
	row_key(rows_for(archival, RECORD_KEYS), grievance->number, received->key);
	if (!epoch_is_known(archival, received->epoch))
		entry->epochs[entry->epoch_count++] = received->epoch;
}

static void record_dead(struct archival *archival, const struct kafka_message *message,
			const Redress__DeadLetter *letter)
{
	struct entry *entry = &archival->entry;
	if (letter->replayed)
		entry->marks[entry->mark_count++] = (struct mark){
		    message->topic, message->partition, letter->replayed_offset, letter->at_ms};
	else
		row_dead(rows_for(archival, RECORD_DEAD), letter, message);
}

static void record(struct archival *archival, const struct letter *letter)
{
	const struct kafka_message *message = &letter->item->message;
	const ProtobufCMessage *content = letter->content;
	if (event_in(letter))
		record_event(archival, letter->item, event_in(letter));
	else if (received_in(letter))
		record_received(archival, received_in(letter));
	else if (content->descriptor == &redress__notification_outcome__descriptor)
		row_outcome(rows_for(archival, RECORD_OUTCOMES),
			    (const Redress__NotificationOutcome *)content, message);
	else
		record_dead(archival, message, (const Redress__DeadLetter *)content);
}

/* ---- a batch -------------------------------------------------------------------------------- */

static void begin_entry(struct archival *archival, struct arena *arena, size_t count)
{
	struct entry *entry = &archival->entry;
	for (size_t i = 0; i < RECORDS; i++) {
		copy_start(&entry->rows[i]);
		entry->counts[i] = 0;
	}
	entry->epochs = arena_take(arena, (count + 1) * sizeof(*entry->epochs));
	entry->tallies = arena_take(arena, (count + 1) * sizeof(*entry->tallies));
	entry->marks = arena_take(arena, (count + 1) * sizeof(*entry->marks));
	entry->epoch_count = entry->tally_count = entry->mark_count = 0;
	entry->first_event_ms = entry->last_event_ms = 0;
	archival->arena = arena;
	archival->tally_map = number_map(arena, count);
}

static void make_leaves(struct archival *archival, const struct letter *letters, size_t count)
{
	size_t partitions = (size_t)archival->partitions;
	size_t *most = arena_zero(archival->arena, partitions * sizeof(*most));
	archival->leaves = arena_zero(archival->arena, partitions * sizeof(*archival->leaves));
	for (size_t i = 0; i < count; i++)
		most[letters[i].item->message.partition] += event_in(&letters[i]) != NULL;
	for (size_t p = 0; p < partitions; p++) {
		archival->leaves[p].tree = position_of(archival, TOPIC_EVENTS, (int32_t)p)->tree;
		archival->leaves[p].hashes =
		    arena_take(archival->arena, (most[p] + 1) * sizeof(struct ledger_hash));
	}
}

static void seal_entry(struct archival *archival, int32_t partition, int64_t now_ms)
{
	struct leaves *leaves = &archival->leaves[partition];
	struct ledger_node nodes[LEDGER_LEVELS];
	const struct ledger_entry entry = {
	    .partition = partition,
	    .sequence = leaves->tree.size + 1,
	    .first_offset = leaves->first_offset,
	    .last_offset = leaves->last_offset,
	    .events = (int64_t)leaves->count,
	    .root = ledger_root(archival->arena, leaves->hashes, leaves->count),
	};
	struct ledger_hash leaf = ledger_entry_leaf(&entry);
	size_t count = ledger_tree_add(&leaves->tree, &leaf, nodes);
	struct ledger_hash head = ledger_tree_root(&leaves->tree);
	row_ledger(rows_for(archival, RECORD_LEDGER), &entry, leaves->hashes, &head, now_ms);
	for (size_t i = 0; i < count; i++)
		row_ledger_node(rows_for(archival, RECORD_LEDGER_NODES), partition, &nodes[i]);
}

static void seal_ledger(struct archival *archival, int64_t now_ms)
{
	for (int32_t p = 0; p < archival->partitions; p++) {
		if (archival->leaves[p].count)
			seal_entry(archival, p, now_ms);
	}
}

static void write_cases(struct archival *archival)
{
	for (size_t i = 0; i < archival->case_count; i++) {
		const struct folded *folded = &archival->cases[i];
		if (folded->changed)
			row_case(rows_for(archival,
					  folded->is_new ? RECORD_NEW_CASES : RECORD_CHANGED_CASES),
				 folded->state);
	}
}

static void forget_positions(struct archival *archival)
{
	for (size_t i = 0; i < archival->position_count; i++)
		archival->positions[i].known = false;
}

static int handle(void *self, struct batch *batch, struct outbox *outbox, struct err *err)
{
	(void)outbox;
	struct archival *archival = self;
	struct letter *letters = arena_take(batch->arena, (batch->count + 1) * sizeof(*letters));
	begin_entry(archival, batch->arena, batch->count);
	if (store_load_positions(archival->store, batch->arena, archival->positions,
				 archival->position_count, err))
		return -1;
	size_t count = read_batch(archival, batch, letters);
	if (load_known(archival, letters, count, err))
		return -1;
	make_leaves(archival, letters, count);
	for (size_t i = 0; i < count; i++)
		record(archival, &letters[i]);
	write_cases(archival);
	seal_ledger(archival, batch->now_ms);
	return 0;
}

static void remember(struct archival *archival)
{
	const struct entry *entry = &archival->entry;
	for (size_t i = 0; i < archival->position_count; i++)
		archival->positions[i].next = archival->positions[i].reached;
	for (int32_t p = 0; p < archival->partitions; p++)
		position_of(archival, TOPIC_EVENTS, p)->tree = archival->leaves[p].tree;
	for (size_t i = 0; i < entry->epoch_count; i++)
		memcpy(archival->epochs[archival->epochs_next++ % EPOCHS_KNOWN],
		       entry->epochs[i]->id.data, 16);
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

static int start(struct runtime *runtime, void **self, struct err *err)
{
	(void)err;
	struct archival *archival = x_calloc(1, sizeof(*archival));
	*self = archival;
	archival->runtime = runtime;
	archival->stage = pipeline_stage("archival");
	archival->partitions = runtime_partitions(runtime);
	archival->store = store_new(runtime_settings(runtime));
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
	for (size_t i = 0; i < RECORDS; i++)
		buffer_free(&archival->entry.rows[i]);
	store_free(&archival->store);
	free(archival->positions);
	free(archival);
}

static const struct setting *const settings[] = {postgres_settings, NULL};

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
