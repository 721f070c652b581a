/*
 * The proof that nothing in a case's history was overwritten: for each event its two paths up to
 * the head of its partition's ledger. docs/ledger.md says how a holder checks it.
 */
#ifndef PORTAL_PROOF_H
#define PORTAL_PROOF_H

#include "record/ledger_reader.h"

/* size: of the ledger the proof is to be for; 0: as it is now. JSON, malloc'ed, when it was found.
 */
enum proof_outcome proof_of_case(struct postgres *postgres, struct arena *arena, uint64_t number,
				 int32_t partition, int64_t size, char **json, struct err *err);

#endif
