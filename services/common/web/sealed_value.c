#include "web/sealed_value.h"

#include <sodium.h>
#include <string.h>

#include "util/text.h"

#define VARIANT         sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define NONCE           crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG             crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HOUR            8 /* bytes of until_ms, before the text */
#define SIZE_MAX_SEALED ((size_t)256 * 1024)

const char *sealed_value_make(struct arena *arena, const uint8_t key[SEALED_VALUE_KEY_SIZE],
			      const char *purpose, const char *text, int64_t until_ms)
{
	size_t plain_size = HOUR + strlen(text), size = NONCE + plain_size + TAG;
	uint8_t *plain = arena_take(arena, plain_size), *sealed = arena_take(arena, size);
	text_put_be64(plain, (uint64_t)until_ms);
	memcpy(plain + HOUR, text, plain_size - HOUR);
	randombytes_buf(sealed, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL, plain, plain_size,
						   (const uint8_t *)purpose, strlen(purpose), NULL,
						   sealed, key);
	sodium_memzero(plain, plain_size);
	size_t room = sodium_base64_encoded_len(size, VARIANT);
	return sodium_bin2base64(arena_take(arena, room), room, sealed, size, VARIANT);
}

const char *sealed_value_open(struct arena *arena, const uint8_t key[SEALED_VALUE_KEY_SIZE],
			      const char *purpose, const char *sealed, int64_t now_ms)
{
	size_t length = strlen(sealed), size;
	if (length > SIZE_MAX_SEALED)
		return NULL;
	uint8_t *bytes = arena_take(arena, length + 1);
	if (sodium_base642bin(bytes, length, sealed, length, NULL, &size, NULL, VARIANT) ||
	    size < NONCE + HOUR + TAG)
		return NULL;
	uint8_t *plain = arena_take(arena, size);
	unsigned long long plain_size;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &plain_size, NULL, bytes + NONCE,
						       size - NONCE, (const uint8_t *)purpose,
						       strlen(purpose), bytes, key) ||
	    (int64_t)text_get_be64(plain) <= now_ms)
		return NULL;
	return arena_strndup(arena, (const char *)plain + HOUR, plain_size - HOUR);
}
