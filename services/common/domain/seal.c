#include "domain/seal.h"

#include <sodium.h>
#include <string.h>

#include "util/text.h"

#define TAG_SIZE     crypto_aead_xchacha20poly1305_ietf_ABYTES
#define CONTEXT_SIZE 9

_Static_assert(SEAL_OVERHEAD == SEAL_NONCE_SIZE + TAG_SIZE, "sealed = nonce, ciphertext, tag");
_Static_assert(SEAL_WRAPPED_SIZE == SEAL_OVERHEAD + SEAL_KEY_SIZE, "wrapped = nonce, key, tag");
_Static_assert(SEAL_EPOCH_SEALED_SIZE == SEAL_KEY_SIZE + crypto_box_SEALBYTES, "a sealed box");

/* What binds a ciphertext to its place: it cannot be moved to another case or part. */
static void context(uint8_t out[CONTEXT_SIZE], uint64_t number, enum seal_part part)
{
	text_put_be64(out, number);
	out[8] = (uint8_t)part;
}

struct seal_bytes seal_close(struct arena *arena, const uint8_t key[SEAL_KEY_SIZE], uint64_t number,
			     enum seal_part part, const uint8_t nonce[SEAL_NONCE_SIZE],
			     const void *plain, size_t size)
{
	uint8_t bound[CONTEXT_SIZE];
	struct seal_bytes sealed = {arena_take(arena, size + SEAL_OVERHEAD), size + SEAL_OVERHEAD};
	context(bound, number, part);
	memcpy(sealed.data, nonce, SEAL_NONCE_SIZE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data + SEAL_NONCE_SIZE, NULL, plain, size,
						   bound, sizeof(bound), NULL, nonce, key);
	return sealed;
}

int seal_open(struct arena *arena, const uint8_t key[SEAL_KEY_SIZE], uint64_t number,
	      enum seal_part part, const uint8_t *sealed, size_t size, struct seal_bytes *plain,
	      struct err *err)
{
	uint8_t bound[CONTEXT_SIZE];
	if (size < SEAL_OVERHEAD)
		return err_set(err, "sealed data is too short");
	context(bound, number, part);
	plain->len = size - SEAL_OVERHEAD;
	plain->data = arena_take(arena, plain->len + 1);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		plain->data, NULL, NULL, sealed + SEAL_NONCE_SIZE, size - SEAL_NONCE_SIZE, bound,
		sizeof(bound), sealed, key))
		return err_set(err, "sealed data does not open with this case's key");
	plain->data[plain->len] = '\0';
	return 0;
}

/* A nonce made of what is wrapped (as in SIV modes): a submission repeated under its number wraps
 * other keys under the same epoch key, and must not do so with the same nonce. */
static void wrap_nonce(uint8_t nonce[SEAL_NONCE_SIZE], const uint8_t epoch_key[SEAL_KEY_SIZE],
		       const uint8_t bound[CONTEXT_SIZE], const uint8_t key[SEAL_KEY_SIZE])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, epoch_key, SEAL_KEY_SIZE, SEAL_NONCE_SIZE);
	crypto_generichash_update(&state, bound, CONTEXT_SIZE);
	crypto_generichash_update(&state, key, SEAL_KEY_SIZE);
	crypto_generichash_final(&state, nonce, SEAL_NONCE_SIZE);
}

void seal_wrap(uint8_t wrapped[SEAL_WRAPPED_SIZE], const uint8_t epoch_key[SEAL_KEY_SIZE],
	       uint64_t number, enum seal_part part, const uint8_t key[SEAL_KEY_SIZE])
{
	uint8_t bound[CONTEXT_SIZE];
	context(bound, number, part);
	wrap_nonce(wrapped, epoch_key, bound, key);
	crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + SEAL_NONCE_SIZE, NULL, key,
						   SEAL_KEY_SIZE, bound, sizeof(bound), NULL,
						   wrapped, epoch_key);
}

int seal_unwrap(uint8_t key[SEAL_KEY_SIZE], const uint8_t epoch_key[SEAL_KEY_SIZE], uint64_t number,
		enum seal_part part, const uint8_t *wrapped, size_t size, struct err *err)
{
	uint8_t bound[CONTEXT_SIZE];
	context(bound, number, part);
	if (size != SEAL_WRAPPED_SIZE ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, wrapped + SEAL_NONCE_SIZE,
						       size - SEAL_NONCE_SIZE, bound, sizeof(bound),
						       wrapped, epoch_key))
		return err_set(err, "the case key does not open with its epoch's key");
	return 0;
}

void seal_epoch_close(uint8_t sealed[SEAL_EPOCH_SEALED_SIZE], const uint8_t role_public[32],
		      const uint8_t epoch_key[SEAL_KEY_SIZE])
{
	crypto_box_seal(sealed, epoch_key, SEAL_KEY_SIZE, role_public);
}

int seal_epoch_open(uint8_t epoch_key[SEAL_KEY_SIZE], const uint8_t role_public[32],
		    const uint8_t role_secret[32], const uint8_t *sealed, size_t size,
		    struct err *err)
{
	if (size != SEAL_EPOCH_SEALED_SIZE ||
	    crypto_box_seal_open(epoch_key, sealed, size, role_public, role_secret))
		return err_set(err, "the epoch was not sealed to this role's key");
	return 0;
}
