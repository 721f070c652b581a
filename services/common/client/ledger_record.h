/* The ledger's nodes as PostgreSQL has them, for who proves with them and for who checks them. */
#ifndef CLIENT_LEDGER_RECORD_H
#define CLIENT_LEDGER_RECORD_H

#include "client/postgres.h"
#include "domain/ledger.h"

/* Fills in the hashes of these nodes of a partition's tree. *missing: how many are not there (or
 * are no hashes); theirs are zero. */
int ledger_record_nodes(struct postgres *postgres, struct arena *arena, int32_t partition,
			struct ledger_node *nodes, size_t count, size_t *missing,
			struct err *err) MUST_CHECK;

#endif
