#include "second_factor.h"

#include <liboath/oath.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/log.h"

#define DIGITS 6
#define STEP_S 30
#define NONCE  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG    crypto_aead_xchacha20poly1305_ietf_ABYTES

void second_factor_new(uint8_t secret[SECOND_FACTOR_SIZE])
{
	randombytes_buf(secret, SECOND_FACTOR_SIZE);
}

static char *base32(struct arena *arena, const uint8_t secret[SECOND_FACTOR_SIZE])
{
	char *made;
	size_t size;
	if (oath_base32_encode((const char *)secret, SECOND_FACTOR_SIZE, &made, &size) != OATH_OK)
		fatal("out of memory");
	char *text = arena_strndup(arena, made, size);
	free(made);
	return text;
}

const char *second_factor_written(struct arena *arena, const uint8_t secret[SECOND_FACTOR_SIZE])
{
	const char *text = base32(arena, secret);
	size_t length = strlen(text), at = 0;
	char *grouped = arena_take(arena, length + length / 4 + 1);
	for (size_t i = 0; i < length; i++) {
		if (i && i % 4 == 0)
			grouped[at++] = ' ';
		grouped[at++] = text[i];
	}
	grouped[at] = '\0';
	return grouped;
}

const char *second_factor_address(struct arena *arena, const uint8_t secret[SECOND_FACTOR_SIZE],
				  const char *login)
{
	return arena_printf(arena, "otpauth://totp/Redress:%s?secret=%s&issuer=Redress", login,
			    base32(arena, secret));
}

uint8_t *second_factor_seal(struct arena *arena, const uint8_t key[SECOND_FACTOR_KEY_SIZE],
			    const char *login, const uint8_t secret[SECOND_FACTOR_SIZE],
			    size_t *size)
{
	*size = NONCE + SECOND_FACTOR_SIZE + TAG;
	uint8_t *sealed = arena_take(arena, *size);
	randombytes_buf(sealed, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL, secret, SECOND_FACTOR_SIZE,
						   (const uint8_t *)login, strlen(login), NULL,
						   sealed, key);
	return sealed;
}

bool second_factor_unseal(const uint8_t key[SECOND_FACTOR_KEY_SIZE], const char *login,
			  const uint8_t *sealed, size_t size, uint8_t secret[SECOND_FACTOR_SIZE])
{
	return size == NONCE + SECOND_FACTOR_SIZE + TAG &&
	       crypto_aead_xchacha20poly1305_ietf_decrypt(secret, NULL, NULL, sealed + NONCE,
							  size - NONCE, (const uint8_t *)login,
							  strlen(login), sealed, key) == 0;
}

/* The figures alone; false: there are others than six. */
static bool read_code(const char *code, char digits[DIGITS + 1])
{
	size_t count = 0;
	for (; *code; code++) {
		if (*code == ' ' || *code == '-')
			continue;
		if (*code < '0' || *code > '9' || count == DIGITS)
			return false;
		digits[count++] = *code;
	}
	digits[count] = '\0';
	return count == DIGITS;
}

int64_t second_factor_step(const uint8_t secret[SECOND_FACTOR_SIZE], const char *code,
			   int64_t now_ms)
{
	char digits[DIGITS + 1], wanted[DIGITS + 1];
	int64_t now = now_ms / 1000 / STEP_S, found = 0;
	if (!read_code(code, digits))
		return 0;
	for (int64_t step = now - 1; step <= now + 1; step++) {
		if (oath_hotp_generate((char *)(uintptr_t)secret, SECOND_FACTOR_SIZE,
				       (uint64_t)step, DIGITS, false, OATH_HOTP_DYNAMIC_TRUNCATION,
				       wanted) == OATH_OK &&
		    sodium_memcmp(wanted, digits, DIGITS) == 0)
			found = step;
	}
	return found;
}
