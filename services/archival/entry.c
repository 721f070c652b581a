#include "entry.h"

#include <string.h>

#include "client/postgres.h"
#include "domain/case_state.h"
#include "util/buffer.h"

#define DAY_MS INT64_C(86400000)

/* ---- what the batch names ------------------------------------------------------------------- */

static void name_case(struct entry *entry, uint64_t number)
{
	uint32_t *at = number_map_at(&entry->case_map, number);
	if (*at)
		return;
	entry->case_numbers[entry->case_count] = (int64_t)number;
	entry->cases[entry->case_count++] = (struct folded){number, NULL, true, false};
	*at = (uint32_t)entry->case_count;
}

static void name_all(struct entry *entry, const struct letter *letters, size_t count)
{
	size_t *events = arena_zero(entry->arena, (size_t)entry->partitions * sizeof(*events));
	for (size_t i = 0; i < count; i++) {
		const Redress__CaseEvent *event = letter_event(&letters[i]);
		const Redress__GrievanceReceived *received = letter_received(&letters[i]);
		if (event) {
			name_case(entry, event->number);
			events[letters[i].item->message.partition]++;
		}
		if (received)
			entry->grievance_numbers[entry->grievance_count++] =
			    (int64_t)received->grievance->number;
	}
	for (int32_t p = 0; p < entry->partitions; p++)
		entry->leaves[p].hashes =
		    arena_take(entry->arena, (events[p] + 1) * sizeof(struct ledger_hash));
}

#define ROOM(list) ((list) = arena_take(arena, (count + 1) * sizeof(*(list))))

void entry_begin(struct entry *entry, struct arena *arena, int32_t partitions,
		 const struct letter *letters, size_t count)
{
	for (size_t i = 0; i < RECORDS; i++) {
		copy_start(&entry->rows[i]);
		entry->counts[i] = 0;
	}
	ROOM(entry->epochs);
	ROOM(entry->tallies);
	ROOM(entry->marks);
	ROOM(entry->cases);
	ROOM(entry->case_numbers);
	ROOM(entry->grievance_numbers);
	entry->epoch_count = entry->tally_count = entry->mark_count = 0;
	entry->case_count = entry->grievance_count = 0;
	entry->first_event_ms = entry->last_event_ms = 0;
	entry->leaves = arena_zero(arena, (size_t)partitions * sizeof(*entry->leaves));
	entry->arena = arena;
	entry->partitions = partitions;
	entry->case_map = number_map(arena, count);
	entry->tally_map = number_map(arena, count);
	entry->grievance_map = number_map(arena, count);
	name_all(entry, letters, count);
}

void entry_free(struct entry *entry)
{
	for (size_t i = 0; i < RECORDS; i++)
		buffer_free(&entry->rows[i]);
}

/* ---- what the record knows of it ------------------------------------------------------------ */

static struct folded *folded_case(struct entry *entry, uint64_t number)
{
	return &entry->cases[*number_map_at(&entry->case_map, number) - 1];
}

void entry_know_case(void *self, uint64_t number, const void *state, size_t size)
{
	struct entry *entry = self;
	struct folded *folded = folded_case(entry, number);
	folded->state = redress__case_state__unpack(arena_protobuf(entry->arena), size, state);
	folded->is_new = false;
}

void entry_know_grievance(void *self, uint64_t number, const void *state, size_t size)
{
	(void)state;
	(void)size;
	struct entry *entry = self;
	*number_map_at(&entry->grievance_map, number) = 1;
}

/* ---- what a letter leaves ------------------------------------------------------------------- */

static struct buffer *rows_for(struct entry *entry, enum record record)
{
	entry->counts[record]++;
	return &entry->rows[record];
}

static void tally(struct entry *entry, const Redress__CaseEvent *event,
		  const Redress__CaseState *state)
{
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
		uint32_t *at = number_map_at(&entry->tally_map, hash);
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

static void add_leaf(struct entry *entry, const struct kafka_message *message,
		     const Redress__CaseEvent *event)
{
	struct leaves *leaves = &entry->leaves[message->partition];
	struct ledger_event shown = ledger_event(event, message->value, message->len);
	row_event(rows_for(entry, RECORD_EVENTS), event, message, leaves->tree.size + 1,
		  (int32_t)leaves->count);
	if (!leaves->count)
		leaves->first_offset = message->offset;
	leaves->last_offset = message->offset;
	leaves->hashes[leaves->count++] = ledger_event_leaf(&shown);
}

static void add_event(struct entry *entry, struct item *item, const Redress__CaseEvent *event)
{
	struct err err;
	if (!event->version) {
		row_refusal(rows_for(entry, RECORD_REFUSALS), event, &item->message);
		return;
	}
	struct folded *folded = folded_case(entry, event->number);
	if (case_apply(entry->arena, folded->state, event, &folded->state, &err)) {
		item_dead(item, "%s", err.text);
		return;
	}
	folded->changed = true;
	add_leaf(entry, &item->message, event);
	if (event->body_case == REDRESS__CASE_EVENT__BODY_OPENED)
		row_signature(rows_for(entry, RECORD_SIGNATURES), event);
	tally(entry, event, folded->state);
	if (!entry->first_event_ms || event->at_ms < entry->first_event_ms)
		entry->first_event_ms = event->at_ms;
	if (event->at_ms > entry->last_event_ms)
		entry->last_event_ms = event->at_ms;
}

static bool epoch_is_known(const struct entry *entry, const Redress__Epoch *epoch)
{
	for (size_t i = 0; i < EPOCHS_KNOWN; i++) {
		if (memcmp(entry->epochs_known->ids[i], epoch->id.data, 16) == 0)
			return true;
	}
	for (size_t i = entry->epoch_count; i > 0; i--) {
		if (memcmp(entry->epochs[i - 1]->id.data, epoch->id.data, 16) == 0)
			return true;
	}
	return false;
}

/* Of a number that was sent twice the first one counts, as for every reader. */
static void add_received(struct entry *entry, const Redress__GrievanceReceived *received)
{
	const Redress__Grievance *grievance = received->grievance;
	uint32_t *known = number_map_at(&entry->grievance_map, grievance->number);
	if (*known)
		return;
	*known = 1;
	row_grievance(rows_for(entry, RECORD_GRIEVANCES), grievance);
	row_key(rows_for(entry, RECORD_KEYS), grievance->number, received->key);
	if (!epoch_is_known(entry, received->epoch))
		entry->epochs[entry->epoch_count++] = received->epoch;
}

static void add_dead(struct entry *entry, const struct kafka_message *message,
		     const Redress__DeadLetter *letter)
{
	if (letter->replayed)
		entry->marks[entry->mark_count++] = (struct mark){
		    message->topic, message->partition, letter->replayed_offset, letter->at_ms};
	else
		row_dead(rows_for(entry, RECORD_DEAD), entry->arena, letter, message);
}

void entry_add(struct entry *entry, const struct letter *letter)
{
	const struct kafka_message *message = &letter->item->message;
	if (letter_event(letter))
		add_event(entry, letter->item, letter_event(letter));
	else if (letter_received(letter))
		add_received(entry, letter_received(letter));
	else if (letter_outcome(letter))
		row_outcome(rows_for(entry, RECORD_OUTCOMES), letter_outcome(letter), message);
	else
		add_dead(entry, message, letter_dead(letter));
}

/* ---- what the whole leaves ------------------------------------------------------------------ */

static void seal_partition(struct entry *entry, int32_t partition, int64_t now_ms)
{
	struct leaves *leaves = &entry->leaves[partition];
	struct ledger_node nodes[LEDGER_LEVELS];
	const struct ledger_entry facts = {
	    .partition = partition,
	    .sequence = leaves->tree.size + 1,
	    .first_offset = leaves->first_offset,
	    .last_offset = leaves->last_offset,
	    .events = (int64_t)leaves->count,
	    .root = ledger_root(entry->arena, leaves->hashes, leaves->count),
	};
	struct ledger_hash leaf = ledger_entry_leaf(&facts);
	size_t count = ledger_tree_add(&leaves->tree, &leaf, nodes);
	struct ledger_head head = {.partition = partition,
				   .size = leaves->tree.size,
				   .at_ms = now_ms,
				   .root = ledger_tree_root(&leaves->tree)};
	ledger_head_sign(&head, entry->signer);
	row_ledger(rows_for(entry, RECORD_LEDGER), &facts, leaves->hashes, &head);
	for (size_t i = 0; i < count; i++)
		row_ledger_node(rows_for(entry, RECORD_LEDGER_NODES), partition, &nodes[i]);
}

static void seal_ledger(struct entry *entry, int64_t now_ms)
{
	for (int32_t p = 0; p < entry->partitions; p++) {
		if (entry->leaves[p].count)
			seal_partition(entry, p, now_ms);
	}
}

static void write_cases(struct entry *entry)
{
	for (size_t i = 0; i < entry->case_count; i++) {
		const struct folded *folded = &entry->cases[i];
		if (folded->changed)
			row_case(rows_for(entry,
					  folded->is_new ? RECORD_NEW_CASES : RECORD_CHANGED_CASES),
				 folded->state);
	}
}

void entry_end(struct entry *entry, int64_t now_ms)
{
	write_cases(entry);
	seal_ledger(entry, now_ms);
}
