/* The parts of redress-audit: the record against its ledger, and proofs that somebody holds. */
#ifndef TOOLS_AUDIT_H
#define TOOLS_AUDIT_H

#include <jansson.h>
#include <stdint.h>

#include "client/postgres.h"
#include "domain/ledger_head.h"

/* What the auditor brings along: heads that were kept, and the public keys that may have signed. */
struct audit_kept {
	struct ledger_head *heads; /* malloc'ed */
	size_t count;
	uint8_t (*keys)[LEDGER_KEY_SIZE]; /* malloc'ed */
	size_t key_count;                 /* 0: signatures are not looked at */
};

/* Adds those of a file, as GET /v1/ledger/head gives them. Ends the process with 2 when the file is
 * no such thing. */
void audit_read_heads(const char *file, struct audit_kept *kept);
/* Adds the key of a file as redress-keys makes it (ledger.pub). Ends the process with 2 as well. */
void audit_read_key(const char *path, struct audit_kept *kept);
/* What is wrong with a head's signature, "is not signed"; NULL: nothing, or there are no keys. */
const char *audit_signature_fault(const struct audit_kept *kept, const struct ledger_head *head);

/* What follows prints what it finds, and returns how much does not hold. */

/* The kept heads' own signatures. */
int64_t audit_heads(const struct audit_kept *kept);
/* Recomputes the ledger of the whole record, and compares the kept heads with it. */
int64_t audit_record(struct postgres *postgres, const struct audit_kept *kept);
/* A case's proof (GET /v1/cases/NUMBER/proof), for one of the kept heads when there are any. */
int64_t audit_proof(const char *file, json_t *json, const struct audit_kept *kept);
/* That one head's ledger is the beginning of another's (GET /v1/ledger/consistency); one of them
 * must have been kept when there are any. */
int64_t audit_consistency(const char *file, json_t *json, const struct audit_kept *kept);

#endif
