/*
 * The audit ledger: for each batch of events of a partition one entry with the Merkle root over
 * them, chained to the entry before. Hashes are BLAKE2b-256; the tree is that of RFC 6962 section
 * 2.1 (leaves and nodes have different prefixes), so that one event can be proven to be in an entry
 * without showing the others. Pure.
 */
#ifndef DOMAIN_LEDGER_H
#define DOMAIN_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#define LEDGER_HASH_SIZE 32

struct ledger_entry {
	int32_t partition;
	int64_t sequence; /* 1.. in its partition */
	int64_t first_offset, last_offset; /* of cases.events */
	int32_t events;
	uint8_t root[LEDGER_HASH_SIZE];
	uint8_t previous[LEDGER_HASH_SIZE]; /* hash of the entry before; zeros for the first */
	uint8_t hash[LEDGER_HASH_SIZE];
};

void ledger_leaf(uint8_t leaf[LEDGER_HASH_SIZE], const void *event, size_t size);
/* leaves: count hashes one after the other, in the order of their offsets; overwritten. */
void ledger_root(uint8_t root[LEDGER_HASH_SIZE], uint8_t *leaves, size_t count);
/* Fills hash from everything else. */
void ledger_seal(struct ledger_entry *entry);

#endif
