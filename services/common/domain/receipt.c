#include "domain/receipt.h"

#include <sodium.h>

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

bool receipt_hash(const char *text, uint64_t number, uint8_t hash[RECEIPT_HASH_SIZE])
{
	uint8_t digits[DIGITS], bytes[8];
	size_t count = 0;
	for (; *text; text++) {
		if (*text == '-' || *text == ' ')
			continue;
		int digit = case_number_digit(*text);
		if (digit < 0 || count == DIGITS)
			return false;
		digits[count++] = (uint8_t)digit;
	}
	text_put_be64(bytes, number);
	crypto_generichash(hash, RECEIPT_HASH_SIZE, digits, count, bytes, sizeof(bytes));
	sodium_memzero(digits, sizeof(digits));
	return count == DIGITS;
}

bool receipt_matches(const char *text, uint64_t number, const uint8_t *hash, size_t hash_size)
{
	uint8_t mine[RECEIPT_HASH_SIZE] = {0};
	bool well_formed = receipt_hash(text, number, mine);
	return well_formed && hash_size == RECEIPT_HASH_SIZE &&
	       sodium_memcmp(mine, hash, RECEIPT_HASH_SIZE) == 0;
}
