/* A partition's ledger as the record has it: its head at a size, and hashes over its parts. */
#ifndef PORTAL_TREE_H
#define PORTAL_TREE_H

#include <jansson.h>

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

struct tree {
	struct postgres *postgres;
	struct arena *arena;
	int32_t partition;
};

/* The head of the ledger when it had size entries; 0: as it is now. */
enum proof_outcome tree_head(const struct tree *tree, int64_t size, struct ledger_head *head);
/* The root over each of these ranges; count: LEDGER_CONSISTENCY_MAX at most. */
enum proof_outcome tree_roots(const struct tree *tree, const struct ledger_range *ranges,
			      size_t count, struct ledger_hash *roots);

/* As docs/ledger.md writes them in JSON. */
json_t *tree_head_text(const struct ledger_head *head);
json_t *tree_hash_text(const struct ledger_hash *hash);
json_t *tree_path_text(const struct ledger_hash *path, size_t count);

#endif
