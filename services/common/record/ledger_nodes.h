/* The ledger's nodes as PostgreSQL has them, for who proves with them and for who checks them. */
#ifndef RECORD_LEDGER_NODES_H
#define RECORD_LEDGER_NODES_H

#include "client/postgres.h"
#include "domain/ledger.h"

/* Fills in the hashes of these nodes of a partition's tree. *missing: how many are not there (or
 * are no hashes); theirs are zero. */
int ledger_nodes_read(struct postgres *postgres, struct arena *arena, int32_t partition,
		      struct ledger_node *nodes, size_t count, size_t *missing,
		      struct err *err) MUST_CHECK;

#endif
