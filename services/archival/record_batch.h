/*
 * What a batch leaves in the record: its messages become rows, its events are folded into the cases
 * they change and sealed into the ledger. Stored by store.c in one transaction. Pure.
 *
 * record_batch_begin, then what the record knows of the cases and grievances it names, then
 * record_batch_add for each message in order, then record_batch_end.
 */
#ifndef ARCHIVAL_RECORD_BATCH_H
#define ARCHIVAL_RECORD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/ledger.h"
#include "record_message.h"
#include "rows.h"
#include "util/arena.h"
#include "util/number_map.h"

#define EPOCHS_KNOWN 64

/* The epochs stored last: they need not be stored again. */
struct epochs_known {
	uint8_t ids[EPOCHS_KNOWN][16];
	size_t next;
};

/* A case of this batch. */
struct folded {
	uint64_t number;
	Redress__CaseState *state; /* NULL: not in the record yet */
	bool is_new, changed;
};

/* What is sealed of a partition in this batch, and its ledger's tree with it. */
struct leaves {
	struct ledger_hash *hashes;
	size_t count;
	int64_t first_offset, last_offset;
	struct ledger_tree tree;
};

struct tally {
	int64_t day; /* since 1970-01-01, UTC */
	const char *kind, *agency, *category;
	int64_t events;
};

/* What tells one submission from another under the same number. */
struct identity {
	const uint8_t *bytes;
	size_t size;
};

struct mark {
	const char *dead_topic;
	int32_t partition;
	int64_t dead_offset, at_ms;
	const char *discarded; /* why; NULL: it was replayed */
};

/* Everything of one batch, in its arena; the rows' buffers last. */
struct record_batch {
	/* the caller's, set once */
	const struct epochs_known *epochs_known;
	const struct ledger_signer *signer;

	struct buffer rows[RECORDS]; /* built by row_...() */
	size_t counts[RECORDS];
	const Redress__Epoch **epochs;
	size_t epoch_count;
	struct tally *tallies;
	size_t tally_count;
	struct mark *marks;
	size_t mark_count;
	int64_t first_event_ms, last_event_ms; /* 0: no events */

	/* what the batch names */
	struct folded *cases;
	int64_t *case_numbers, *grievance_numbers;
	struct identity *identities; /* of the grievances that are known, [grievance_map - 1] */
	size_t identity_count, number_taken;
	size_t case_count, grievance_count;
	struct leaves *leaves; /* [kind * partitions + partition], kinds as in sealed_kinds */

	/* record_batch.c's own */
	struct arena *arena;
	struct buffer scratch;
	int32_t partitions;
	struct number_map case_map, tally_map, grievance_map;
};

/* leaves[].tree is then the caller's to set, to where each ledger stands. */
void record_batch_begin(struct record_batch *batch, struct arena *arena, int32_t partitions,
			const struct record_message *messages, size_t count);
void record_batch_free(struct record_batch *batch);

/* Called for each of case_numbers and grievance_numbers that the record has; self: the batch. */
void record_batch_know_case(void *self, uint64_t number, const void *state, size_t size);
void record_batch_know_grievance(void *self, uint64_t number, const void *identity, size_t size);

/* Marks the message's item dead when the case's history has no place for it, or its number belongs
 * to another grievance (then counted in number_taken). */
void record_batch_add(struct record_batch *batch, const struct record_message *message);
void record_batch_end(struct record_batch *batch, int64_t now_ms);

#endif
