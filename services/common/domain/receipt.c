#include "domain/receipt.h"

#include <sodium.h>
#include <string.h>

#include "domain/case_number.h"
#include "util/text.h"

#define CODE_SIZE 10 /* 80 bits */
#define DIGITS    16

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void receipt_make(const uint8_t key[RECEIPT_KEY_SIZE], uint64_t number,
		  char text[RECEIPT_TEXT_SIZE])
{
	uint8_t code[crypto_generichash_BYTES_MIN], bytes[8];
	text_put_be64(bytes, number);
	crypto_generichash(code, sizeof(code), bytes, sizeof(bytes), key, RECEIPT_KEY_SIZE);
	size_t at = 0;
	for (unsigned digit = 0; digit < DIGITS; digit++) {
		unsigned bit = digit * 5;
		unsigned pair = (unsigned)code[bit / 8] << 8 | code[bit / 8 + 1];
		if (digit && digit % 4 == 0)
			text[at++] = '-';
		text[at++] = alphabet[pair >> (11 - bit % 8) & 31];
	}
	text[at] = '\0';
	sodium_memzero(code, sizeof(code));
}

/* The code's digits, however it was written; false: it is none. */
static bool read_digits(const char *text, uint8_t digits[DIGITS])
{
	size_t count = 0;
	for (; *text; text++) {
		if (*text == '-' || *text == ' ')
			continue;
		int digit = case_number_digit(*text);
		if (digit < 0 || count == DIGITS)
			return false;
		digits[count++] = (uint8_t)digit;
	}
	return count == DIGITS;
}

/* A hash of the code, bound to its case and to what it is for. */
static bool derive(const char *text, uint64_t number, const char *purpose, uint8_t out[32])
{
	uint8_t digits[DIGITS] = {0}, bytes[8];
	bool well_formed = read_digits(text, digits);
	crypto_generichash_state state;
	text_put_be64(bytes, number);
	crypto_generichash_init(&state, bytes, sizeof(bytes), 32);
	crypto_generichash_update(&state, digits, sizeof(digits));
	crypto_generichash_update(&state, (const uint8_t *)purpose, strlen(purpose));
	crypto_generichash_final(&state, out, 32);
	sodium_memzero(digits, sizeof(digits));
	return well_formed;
}

bool receipt_hash(const char *text, uint64_t number, uint8_t hash[RECEIPT_HASH_SIZE])
{
	return derive(text, number, "", hash);
}

bool receipt_text_key(const char *text, uint64_t number, uint8_t key[SEAL_KEY_SIZE])
{
	return derive(text, number, "text key", key);
}

bool receipt_matches(const char *text, uint64_t number, const uint8_t *hash, size_t hash_size)
{
	uint8_t mine[RECEIPT_HASH_SIZE] = {0};
	bool well_formed = receipt_hash(text, number, mine);
	return well_formed && hash_size == RECEIPT_HASH_SIZE &&
	       sodium_memcmp(mine, hash, RECEIPT_HASH_SIZE) == 0;
}
