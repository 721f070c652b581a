#include "record_batch.h"

#include <string.h>

#include "client/postgres.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "util/buffer.h"

#define DAY_MS INT64_C(86400000)

/* ---- what the batch names ------------------------------------------------------------------- */

static void name_case(struct record_batch *batch, uint64_t number)
{
	uint32_t *at = number_map_at(&batch->case_map, number);
	if (*at)
		return;
	batch->case_numbers[batch->case_count] = (int64_t)number;
	batch->cases[batch->case_count++] = (struct folded){number, NULL, true, false};
	*at = (uint32_t)batch->case_count;
}

/* Of which kind its row is, if it leaves one. */
static size_t kind_of(const struct record_message *message)
{
	size_t dead = SEALED_DEAD;
	if (record_message_event(message))
		return record_message_event(message)->version ? SEALED_EVENTS : SEALED_REFUSALS;
	if (record_message_received(message))
		return SEALED_GRIEVANCES;
	if (record_message_outcome(message))
		return SEALED_OUTCOMES;
	while (dead + 1 < SEALED_KINDS &&
	       strcmp(sealed_kinds[dead].topic, message->item->message.topic) != 0)
		dead++;
	return dead;
}

static size_t book_of(const struct record_batch *batch, const struct record_message *message)
{
	return kind_of(message) * (size_t)batch->partitions +
	       (size_t)message->item->message.partition;
}

static void name_all(struct record_batch *batch, const struct record_message *messages,
		     size_t count)
{
	size_t books = (size_t)batch->partitions * SEALED_KINDS;
	size_t *rows = arena_zero(batch->arena, books * sizeof(*rows));
	for (size_t i = 0; i < count; i++) {
		const Redress__CaseEvent *event = record_message_event(&messages[i]);
		const Redress__GrievanceReceived *received = record_message_received(&messages[i]);
		rows[book_of(batch, &messages[i])]++;
		if (event)
			name_case(batch, event->number);
		if (received)
			batch->grievance_numbers[batch->grievance_count++] =
			    (int64_t)received->grievance->number;
	}
	for (size_t i = 0; i < books; i++) {
		if (rows[i])
			batch->leaves[i].hashes =
			    arena_take(batch->arena, rows[i] * sizeof(struct ledger_hash));
	}
}

#define ROOM(list) ((list) = arena_take(arena, (count + 1) * sizeof(*(list))))

void record_batch_begin(struct record_batch *batch, struct arena *arena, int32_t partitions,
			const struct record_message *messages, size_t count)
{
	for (size_t i = 0; i < RECORDS; i++) {
		copy_start(&batch->rows[i]);
		batch->counts[i] = 0;
	}
	ROOM(batch->epochs);
	ROOM(batch->tallies);
	ROOM(batch->marks);
	ROOM(batch->cases);
	ROOM(batch->case_numbers);
	ROOM(batch->grievance_numbers);
	ROOM(batch->identities);
	batch->epoch_count = batch->tally_count = batch->mark_count = 0;
	batch->case_count = batch->grievance_count = 0;
	batch->identity_count = batch->number_taken = 0;
	batch->first_event_ms = batch->last_event_ms = 0;
	batch->leaves =
	    arena_zero(arena, SEALED_KINDS * (size_t)partitions * sizeof(*batch->leaves));
	batch->arena = arena;
	batch->partitions = partitions;
	batch->case_map = number_map(arena, count);
	batch->tally_map = number_map(arena, count);
	batch->grievance_map = number_map(arena, count);
	name_all(batch, messages, count);
}

void record_batch_free(struct record_batch *batch)
{
	for (size_t i = 0; i < RECORDS; i++)
		buffer_free(&batch->rows[i]);
	buffer_free(&batch->scratch);
}

/* ---- what the record knows of it ------------------------------------------------------------ */

static struct folded *folded_case(struct record_batch *batch, uint64_t number)
{
	return &batch->cases[*number_map_at(&batch->case_map, number) - 1];
}

void record_batch_know_case(void *self, uint64_t number, const void *state, size_t size)
{
	struct record_batch *batch = self;
	struct folded *folded = folded_case(batch, number);
	folded->state = redress__case_state__unpack(arena_protobuf(batch->arena), size, state);
	folded->is_new = false;
}

static struct identity *identity_at(struct record_batch *batch, uint64_t number, bool *is_new)
{
	uint32_t *at = number_map_at(&batch->grievance_map, number);
	*is_new = !*at;
	if (!*at)
		*at = (uint32_t)++batch->identity_count;
	return &batch->identities[*at - 1];
}

void record_batch_know_grievance(void *self, uint64_t number, const void *identity, size_t size)
{
	bool is_new;
	struct record_batch *batch = self;
	*identity_at(batch, number, &is_new) =
	    (struct identity){arena_copy(batch->arena, identity, size), size};
}

/* ---- what a message leaves ------------------------------------------------------------------- */

static struct buffer *rows_for(struct record_batch *batch, enum record record)
{
	batch->counts[record]++;
	return &batch->rows[record];
}

static void tally(struct record_batch *batch, const Redress__CaseEvent *event,
		  const Redress__CaseState *state)
{
	struct tally one = {event->at_ms / DAY_MS, event_kind(event), state->agency,
			    state->category, 1};
	uint64_t hash = (uint64_t)one.day;
	const char *const parts[] = {one.kind, one.agency, one.category};
	for (size_t i = 0; i < 3; i++) {
		for (const char *c = parts[i]; *c; c++)
			hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
		hash = (hash ^ '|') * UINT64_C(1099511628211);
	}
	for (;; hash++) {
		uint32_t *at = number_map_at(&batch->tally_map, hash);
		if (!*at) {
			batch->tallies[batch->tally_count++] = one;
			*at = (uint32_t)batch->tally_count;
			return;
		}
		struct tally *known = &batch->tallies[*at - 1];
		if (known->day == one.day && strcmp(known->kind, one.kind) == 0 &&
		    strcmp(known->agency, one.agency) == 0 &&
		    strcmp(known->category, one.category) == 0) {
			known->events++;
			return;
		}
	}
}

static void add_leaf(struct record_batch *batch, const struct record_message *message,
		     struct ledger_hash hash)
{
	struct leaves *leaves = &batch->leaves[book_of(batch, message)];
	int64_t offset = message->item->message.offset;
	if (!leaves->count)
		leaves->first_offset = offset;
	leaves->last_offset = offset;
	leaves->hashes[leaves->count++] = hash;
}

static void add_event_row(struct record_batch *batch, const struct record_message *message)
{
	const Redress__CaseEvent *event = record_message_event(message);
	const struct kafka_message *source = &message->item->message;
	const struct leaves *leaves = &batch->leaves[book_of(batch, message)];
	struct ledger_event shown = ledger_event(event, source->value, source->len);
	row_event(rows_for(batch, RECORD_EVENTS), event, source, leaves->tree.size + 1,
		  (int32_t)leaves->count);
	add_leaf(batch, message, ledger_event_leaf(&shown));
}

static void add_refusal(struct record_batch *batch, const struct record_message *message)
{
	struct buffer *rows = rows_for(batch, RECORD_REFUSALS);
	size_t begin = rows->len;
	row_refusal(rows, record_message_event(message), &message->item->message);
	add_leaf(batch, message, row_leaf(rows, begin));
}

static void add_event(struct record_batch *batch, const struct record_message *message)
{
	struct err err;
	const Redress__CaseEvent *event = record_message_event(message);
	if (!event->version) {
		add_refusal(batch, message);
		return;
	}
	struct folded *folded = folded_case(batch, event->number);
	if (case_apply(batch->arena, folded->state, event, &folded->state, &err)) {
		item_dead(message->item, "%s", err.text);
		return;
	}
	folded->changed = true;
	add_event_row(batch, message);
	if (event->body_case == REDRESS__CASE_EVENT__BODY_OPENED)
		row_signature(rows_for(batch, RECORD_SIGNATURES), event);
	tally(batch, event, folded->state);
	if (!batch->first_event_ms || event->at_ms < batch->first_event_ms)
		batch->first_event_ms = event->at_ms;
	if (event->at_ms > batch->last_event_ms)
		batch->last_event_ms = event->at_ms;
}

static bool epoch_is_known(const struct record_batch *batch, const Redress__Epoch *epoch)
{
	for (size_t i = 0; i < EPOCHS_KNOWN; i++) {
		if (memcmp(batch->epochs_known->ids[i], epoch->id.data, 16) == 0)
			return true;
	}
	for (size_t i = batch->epoch_count; i > 0; i--) {
		if (memcmp(batch->epochs[i - 1]->id.data, epoch->id.data, 16) == 0)
			return true;
	}
	return false;
}

/* As store_load_grievances has it. What intake sends has a fingerprint. */
static struct identity identity_of(struct arena *arena, const Redress__Grievance *grievance)
{
	const ProtobufCBinaryData *last =
	    grievance->fingerprint.len ? &grievance->fingerprint : &grievance->sealed_text;
	const ProtobufCBinaryData *const parts[] = {&grievance->receipt_hash,
						    &grievance->idempotency_key, last};
	struct identity identity = {NULL, 0};
	uint8_t *bytes = arena_take(arena, parts[0]->len + parts[1]->len + parts[2]->len + 1);
	for (size_t i = 0; i < 3; i++) {
		if (parts[i]->len)
			memcpy(bytes + identity.size, parts[i]->data, parts[i]->len);
		identity.size += parts[i]->len;
	}
	identity.bytes = bytes;
	return identity;
}

/* The leaf is of the row and of its epoch, without which nobody could open it. */
static void add_grievance_row(struct record_batch *batch, const struct record_message *message)
{
	const Redress__GrievanceReceived *received = record_message_received(message);
	uint64_t number = received->grievance->number;
	struct buffer *rows = rows_for(batch, RECORD_GRIEVANCES), *leaf = &batch->scratch;
	size_t begin = rows->len;
	struct ledger_hash digest = row_key_digest(leaf, number, received->key);
	row_grievance(rows, received, &digest, &message->item->message);
	buffer_clear(leaf);
	buffer_add(leaf, rows->data + begin, rows->len - begin);
	row_epoch(leaf, received->epoch);
	add_leaf(batch, message, row_leaf(leaf, 0));
	row_key(rows_for(batch, RECORD_KEYS), number, received->key);
}

/* Of a submission that was sent twice under its number the first counts, as for every reader. */
static void add_received(struct record_batch *batch, const struct record_message *message)
{
	bool is_new;
	const Redress__GrievanceReceived *received = record_message_received(message);
	const Redress__Grievance *grievance = received->grievance;
	struct identity *known = identity_at(batch, grievance->number, &is_new);
	struct identity own = identity_of(batch->arena, grievance);
	if (!is_new) {
		if (own.size == known->size && memcmp(own.bytes, known->bytes, own.size) == 0)
			return;
		batch->number_taken++;
		item_dead(message->item, NUMBER_TAKEN);
		return;
	}
	*known = own;
	add_grievance_row(batch, message);
	if (!epoch_is_known(batch, received->epoch))
		batch->epochs[batch->epoch_count++] = received->epoch;
}

static void add_outcome(struct record_batch *batch, const struct record_message *message)
{
	struct buffer *rows = rows_for(batch, RECORD_OUTCOMES);
	size_t begin = rows->len;
	row_outcome(rows, record_message_outcome(message), &message->item->message);
	add_leaf(batch, message, row_leaf(rows, begin));
}

static void add_dead(struct record_batch *batch, const struct record_message *message)
{
	const struct kafka_message *source = &message->item->message;
	const Redress__DeadLetter *dead = record_message_dead(message);
	if (dead->replayed || dead->discarded) {
		batch->marks[batch->mark_count++] =
		    (struct mark){source->topic, source->partition, dead->replayed_offset,
				  dead->at_ms, dead->discarded ? dead->reason : NULL};
		return;
	}
	struct buffer *rows = rows_for(batch, RECORD_DEAD);
	size_t begin = rows->len;
	row_dead(rows, batch->arena, dead, source);
	add_leaf(batch, message, row_leaf(rows, begin));
}

void record_batch_add(struct record_batch *batch, const struct record_message *message)
{
	if (record_message_event(message))
		add_event(batch, message);
	else if (record_message_received(message))
		add_received(batch, message);
	else if (record_message_outcome(message))
		add_outcome(batch, message);
	else
		add_dead(batch, message);
}

/* ---- what the whole leaves ------------------------------------------------------------------ */

static void seal_book(struct record_batch *batch, struct leaves *leaves, size_t kind,
		      int32_t partition, int64_t now_ms)
{
	struct ledger_node nodes[LEDGER_LEVELS];
	const struct ledger_entry facts = {
	    .partition = ledger_book(kind, partition),
	    .sequence = leaves->tree.size + 1,
	    .first_offset = leaves->first_offset,
	    .last_offset = leaves->last_offset,
	    .events = (int64_t)leaves->count,
	    .root = ledger_root(batch->arena, leaves->hashes, leaves->count),
	};
	struct ledger_hash leaf = ledger_entry_leaf(&facts);
	size_t count = ledger_tree_add(&leaves->tree, &leaf, nodes);
	struct ledger_head head = {.partition = facts.partition,
				   .size = leaves->tree.size,
				   .at_ms = now_ms,
				   .root = ledger_tree_root(&leaves->tree)};
	ledger_head_sign(&head, batch->signer);
	/* only events are proven one by one, which takes their leaves */
	row_ledger(rows_for(batch, RECORD_LEDGER), &facts,
		   kind == SEALED_EVENTS ? leaves->hashes : NULL, &head);
	for (size_t i = 0; i < count; i++)
		row_ledger_node(rows_for(batch, RECORD_LEDGER_NODES), facts.partition, &nodes[i]);
}

static void seal_ledgers(struct record_batch *batch, int64_t now_ms)
{
	struct leaves *leaves = batch->leaves;
	for (size_t kind = 0; kind < SEALED_KINDS; kind++) {
		for (int32_t p = 0; p < batch->partitions; p++, leaves++) {
			if (leaves->count)
				seal_book(batch, leaves, kind, p, now_ms);
		}
	}
}

static void write_cases(struct record_batch *batch)
{
	for (size_t i = 0; i < batch->case_count; i++) {
		const struct folded *folded = &batch->cases[i];
		if (!folded->changed)
			continue;
		row_case(rows_for(batch, folded->is_new ? RECORD_NEW_CASES : RECORD_CHANGED_CASES),
			 folded->state);
		row_open_case(rows_for(batch, RECORD_OPEN_CASES), folded->state);
	}
}

void record_batch_end(struct record_batch *batch, int64_t now_ms)
{
	write_cases(batch);
	seal_ledgers(batch, now_ms);
}
