/*
 * What anybody may keep of the ledger: the heads of its partitions, and that an earlier one is the
 * beginning of a later one. docs/ledger.md says how that is checked.
 */
#ifndef PORTAL_TREE_HEAD_H
#define PORTAL_TREE_HEAD_H

#include "record/ledger_reader.h"

/* The present head of each partition that has one. JSON, malloc'ed, when it was found. */
enum proof_outcome tree_heads_now(struct postgres *postgres, struct arena *arena,
				  int32_t partitions, int64_t now_ms, char **json, struct err *err);
/* The consistency proof from a size to a later one (0: the present one) of a partition's ledger. */
enum proof_outcome tree_heads_consistency(struct postgres *postgres, struct arena *arena,
					  int32_t partition, int64_t from, int64_t to, char **json,
					  struct err *err);

#endif
