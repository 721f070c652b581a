#include "domain/ledger.h"

#include <sodium.h>
#include <string.h>

#include "util/text.h"

static void hash_parts(uint8_t out[LEDGER_HASH_SIZE], uint8_t prefix, const void *a, size_t a_size,
		       const void *b, size_t b_size)
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, LEDGER_HASH_SIZE);
	crypto_generichash_update(&state, &prefix, 1);
	crypto_generichash_update(&state, a, a_size);
	crypto_generichash_update(&state, b, b_size);
	crypto_generichash_final(&state, out, LEDGER_HASH_SIZE);
}

void ledger_leaf(uint8_t leaf[LEDGER_HASH_SIZE], const void *event, size_t size)
{
	hash_parts(leaf, 0, event, size, "", 0);
}

/* The left part of a tree is the largest power of two below its size: a level at a time, with a last
 * odd one moved up as it is, gives the same tree. */
void ledger_root(uint8_t root[LEDGER_HASH_SIZE], uint8_t *leaves, size_t count)
{
	if (!count)
		hash_parts(root, 0, "", 0, "", 0);
	for (; count > 1; count = (count + 1) / 2) {
		for (size_t i = 0; i + 1 < count; i += 2)
			hash_parts(leaves + i / 2 * LEDGER_HASH_SIZE, 1,
				   leaves + i * LEDGER_HASH_SIZE, LEDGER_HASH_SIZE,
				   leaves + (i + 1) * LEDGER_HASH_SIZE, LEDGER_HASH_SIZE);
		if (count % 2)
			memmove(leaves + count / 2 * LEDGER_HASH_SIZE,
				leaves + (count - 1) * LEDGER_HASH_SIZE, LEDGER_HASH_SIZE);
	}
	if (leaves && count == 1)
		memcpy(root, leaves, LEDGER_HASH_SIZE);
}

void ledger_seal(struct ledger_entry *entry)
{
	uint8_t facts[40];
	text_put_be64(facts, (uint64_t)entry->partition);
	text_put_be64(facts + 8, (uint64_t)entry->sequence);
	text_put_be64(facts + 16, (uint64_t)entry->first_offset);
	text_put_be64(facts + 24, (uint64_t)entry->last_offset);
	text_put_be64(facts + 32, (uint64_t)entry->events);
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, LEDGER_HASH_SIZE);
	crypto_generichash_update(&state, entry->previous, LEDGER_HASH_SIZE);
	crypto_generichash_update(&state, facts, sizeof(facts));
	crypto_generichash_update(&state, entry->root, LEDGER_HASH_SIZE);
	crypto_generichash_final(&state, entry->hash, LEDGER_HASH_SIZE);
}
