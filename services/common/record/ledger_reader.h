/* A partition's ledger as the record has it: its head at a size, and hashes over its parts. */
#ifndef RECORD_LEDGER_READER_H
#define RECORD_LEDGER_READER_H

#include "client/postgres.h"
#include "domain/ledger_head.h"
#include "util/arena.h"

enum proof_outcome {
	PROOF_FOUND,
	PROOF_NOT_YET,   /* nothing of it is in the ledger, or not in one of that size */
	PROOF_TOO_LARGE, /* the ledger is not of that size yet */
	PROOF_BROKEN,    /* the ledger lacks what it must have: the record was tampered with */
	PROOF_UNKNOWN,   /* cannot be said at present */
};

struct ledger_reader {
	struct postgres *postgres;
	struct arena *arena;
	int32_t partition;
	struct err *err; /* why UNKNOWN */
};

/* The head of the ledger when it had size entries; 0: as it is now. */
enum proof_outcome ledger_reader_head(const struct ledger_reader *reader, int64_t size,
				      struct ledger_head *head);
/* The root over each of these ranges; count: LEDGER_CONSISTENCY_MAX at most. */
enum proof_outcome ledger_reader_roots(const struct ledger_reader *reader,
				       const struct ledger_range *ranges, size_t count,
				       struct ledger_hash *roots);

/* An event of a case in its ledger. */
struct ledger_leaf {
	ProtobufCBinaryData body;                  /* the event as it was published */
	int64_t sequence;                          /* of the ledger's entry it stands in, from 1 */
	int64_t first_offset, last_offset, events; /* what that entry covers */
	int64_t leaf;                              /* its place among the entry's events */
	const struct ledger_hash *leaves;          /* all of them */
};

/* The first LEDGER_LEAVES_MAX events of a case that are in a ledger of that size, in the arena. */
#define LEDGER_LEAVES_MAX 500
enum proof_outcome ledger_reader_leaves(const struct ledger_reader *reader, uint64_t number,
					int64_t size, struct ledger_leaf **leaves, size_t *count);

#endif
