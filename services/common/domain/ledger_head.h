/*
 * A head: what a partition's ledger is at a size, to be kept and published, with archival's
 * signature under it (Ed25519, RFC 8032). docs/ledger.md says how to check that without this code.
 * Pure.
 */
#ifndef DOMAIN_LEDGER_HEAD_H
#define DOMAIN_LEDGER_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/ledger.h"

#define LEDGER_KEY_SIZE       32
#define LEDGER_SIGNATURE_SIZE 64

struct ledger_head {
	int32_t partition;
	int64_t size;
	int64_t at_ms;                /* when its last entry was made */
	struct ledger_hash root;      /* of the tree of its entries */
	bool is_signed;               /* false: it is from before there was a key */
	uint8_t key[LEDGER_KEY_SIZE]; /* public, of who signed */
	uint8_t signature[LEDGER_SIGNATURE_SIZE];
};

struct ledger_signer {
	uint8_t public[LEDGER_KEY_SIZE];
	uint8_t secret[2 * LEDGER_KEY_SIZE]; /* as libsodium has it; to be wiped by who has it */
};

/* seed: what the file of the secret key holds. */
void ledger_signer_init(struct ledger_signer *signer, const uint8_t seed[LEDGER_KEY_SIZE]);
/* Sets is_signed, key and signature for the rest as it is. */
void ledger_head_sign(struct ledger_head *head, const struct ledger_signer *signer);
/* Is it as it was when the owner of its key signed it? Whose key that is, is another question. */
bool ledger_head_holds(const struct ledger_head *head);

#endif
