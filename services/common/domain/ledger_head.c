#include "domain/ledger_head.h"

#include <sodium.h>
#include <string.h>

#include "util/text.h"

/* Nothing else that this key could ever sign begins so. */
static const char prefix[] = "redress ledger head";

struct statement {
	uint8_t bytes[sizeof(prefix) + 24 + LEDGER_HASH_SIZE];
};

static struct statement statement_of(const struct ledger_head *head)
{
	struct statement statement;
	uint8_t *at = statement.bytes;
	memcpy(at, prefix, sizeof(prefix));
	at += sizeof(prefix);
	text_put_be64(at, (uint64_t)head->partition);
	text_put_be64(at + 8, (uint64_t)head->size);
	text_put_be64(at + 16, (uint64_t)head->at_ms);
	memcpy(at + 24, head->root.bytes, sizeof(head->root.bytes));
	return statement;
}

void ledger_signer_init(struct ledger_signer *signer, const uint8_t seed[LEDGER_KEY_SIZE])
{
	crypto_sign_seed_keypair(signer->public, signer->secret, seed);
}

void ledger_head_sign(struct ledger_head *head, const struct ledger_signer *signer)
{
	struct statement statement = statement_of(head);
	head->is_signed = true;
	memcpy(head->key, signer->public, sizeof(head->key));
	crypto_sign_detached(head->signature, NULL, statement.bytes, sizeof(statement.bytes),
			     signer->secret);
}

bool ledger_head_holds(const struct ledger_head *head)
{
	struct statement statement = statement_of(head);
	return head->is_signed &&
	       crypto_sign_verify_detached(head->signature, statement.bytes,
					   sizeof(statement.bytes), head->key) == 0;
}
