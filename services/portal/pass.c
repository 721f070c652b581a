#include "pass.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/receipt.h"
#include "util/text.h"

#define SEAL_SIZE 16

/* END-SEAL: when it ends in Unix seconds, and the seal over that and the number. */
static void write_pass(uint64_t number, const uint8_t *hash, int64_t end_s, char pass[PASS_SIZE])
{
	uint8_t sealed[16], seal[SEAL_SIZE];
	char hex[2 * SEAL_SIZE + 1];
	text_put_be64(sealed, number);
	text_put_be64(sealed + 8, (uint64_t)end_s);
	crypto_generichash(seal, sizeof(seal), sealed, sizeof(sealed), hash, RECEIPT_HASH_SIZE);
	text_hex(hex, seal, sizeof(seal));
	snprintf(pass, PASS_SIZE, "%" PRId64 "-%s", end_s, hex);
}

void pass_make(uint64_t number, const uint8_t *hash, int64_t now_ms, char pass[PASS_SIZE])
{
	write_pass(number, hash, now_ms / 1000 + PASS_LIFE_S, pass);
}

bool pass_opens(const char *pass, uint64_t number, const uint8_t *hash, size_t hash_size,
		int64_t now_ms)
{
	static const uint8_t none[RECEIPT_HASH_SIZE];
	char right[PASS_SIZE], given[PASS_SIZE] = "";
	int64_t end_s = strtoll(pass, NULL, 10);
	bool known = hash_size == RECEIPT_HASH_SIZE;
	snprintf(given, sizeof(given), "%s", pass);
	memset(right, 0, sizeof(right));
	write_pass(number, known ? hash : none, end_s, right);
	bool same =
	    strlen(pass) == strlen(right) && sodium_memcmp(given, right, strlen(right)) == 0;
	return same && known && end_s > now_ms / 1000;
}
