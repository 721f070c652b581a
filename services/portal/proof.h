/*
 * Proofs that nothing was overwritten: for each event of a case its two paths up to the head of its
 * partition's ledger, and the heads themselves. docs/ledger.md says how a holder checks them.
 */
#ifndef PORTAL_PROOF_H
#define PORTAL_PROOF_H

#include "client/postgres.h"
#include "util/arena.h"

enum proof_outcome {
	PROOF_FOUND,
	PROOF_NOT_YET, /* none of the case's events is in the ledger, or not in one of that size */
	PROOF_TOO_LARGE, /* the ledger is not of that size yet */
	PROOF_BROKEN,    /* the ledger lacks what it must have: the record was tampered with */
	PROOF_UNKNOWN,   /* cannot be said at present */
};

/* size: of the ledger the proof is to be for; 0: as it is now. JSON, malloc'ed, when it was found.
 */
enum proof_outcome proof_of_case(struct postgres *postgres, struct arena *arena, uint64_t number,
				 int32_t partition, int64_t size, char **json);

/* The head of each partition's ledger. */
enum proof_outcome proof_heads(struct postgres *postgres, struct arena *arena, int32_t partitions,
			       int64_t now_ms, char **json);

#endif
