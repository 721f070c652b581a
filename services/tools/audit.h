/* The parts of redress-audit: the record against its ledger, and a proof that somebody holds. */
#ifndef TOOLS_AUDIT_H
#define TOOLS_AUDIT_H

#include <stdint.h>

#include "client/postgres.h"
#include "domain/ledger.h"

/* A partition's head: the root of its tree of so many entries. */
struct audit_head {
	int32_t partition;
	int64_t size;
	struct ledger_hash root;
};

/* Heads that were kept, as GET /v1/ledger/head gives them (a list, malloc'ed). Ends the process
 * with 2 when the file is no such thing. */
size_t audit_read_heads(const char *file, struct audit_head **heads);

/* Recomputes the ledger of the whole record, and prints what does not agree. Returns how much does
 * not. */
int64_t audit_record(struct postgres *postgres, const struct audit_head *kept, size_t count);

/* Checks a proof as GET /v1/cases/NUMBER/proof gives it, against the kept head of its partition
 * when there is one. Prints what it says. Returns how much of it does not hold. */
int64_t audit_proof(const char *file, const struct audit_head *kept, size_t count);

#endif
