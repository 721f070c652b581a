/*
 * What a batch leaves in the record: its letters become rows, its events are folded into the cases
 * they change and sealed into the ledger. Stored by store.c in one transaction. Pure.
 *
 * entry_begin, then what the record knows of the cases and grievances it names, then entry_add for
 * each letter in order, then entry_end.
 */
#ifndef ARCHIVAL_ENTRY_H
#define ARCHIVAL_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/ledger.h"
#include "letter.h"
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

/* The events of a partition in this batch, and its ledger's tree with them. */
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

struct mark {
	const char *dead_topic;
	int32_t partition;
	int64_t dead_offset, at_ms;
};

/* Everything of one batch, in its arena; the rows' buffers last. */
struct entry {
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
	size_t case_count, grievance_count;
	struct leaves *leaves; /* [partition] */

	/* entry.c's own */
	struct arena *arena;
	int32_t partitions;
	struct number_map case_map, tally_map, grievance_map;
};

/* leaves[].tree is then the caller's to set, to where each partition's ledger stands. */
void entry_begin(struct entry *entry, struct arena *arena, int32_t partitions,
		 const struct letter *letters, size_t count);
void entry_free(struct entry *entry);

/* Called for each of case_numbers and grievance_numbers that the record has; self: the entry. */
void entry_know_case(void *self, uint64_t number, const void *state, size_t size);
void entry_know_grievance(void *self, uint64_t number, const void *state, size_t size);

/* Marks the letter's item dead when the case's history has no place for it. */
void entry_add(struct entry *entry, const struct letter *letter);
void entry_end(struct entry *entry, int64_t now_ms);

#endif
