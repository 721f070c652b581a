/*
 * Sealing of personal data (libsodium). Every case has two random keys, one for its text, one for
 * its contact; each part is encrypted once with XChaCha20-Poly1305, the case number and the part as
 * associated data. The keys travel wrapped under an epoch's keys, and those sealed to the public
 * key of each reading role, so that what took a grievance in cannot read it later.
 * Pure: randomness comes in as an argument.
 */
#ifndef DOMAIN_SEAL_H
#define DOMAIN_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"

#define SEAL_KEY_SIZE          32
#define SEAL_WRAPPED_SIZE      72
#define SEAL_EPOCH_ID_SIZE     16
#define SEAL_EPOCH_SEALED_SIZE 80 /* crypto_box_seal of one key */
#define SEAL_OVERHEAD          40 /* nonce and tag */
#define SEAL_NONCE_SIZE        24

enum seal_part { SEAL_TEXT = 1, SEAL_CONTACT = 2, SEAL_WHY = 3, SEAL_CASEWORK = 4 };

struct seal_bytes {
	uint8_t *data;
	size_t len;
};

/* nonce: random. The result is in the arena: nonce, ciphertext, tag. */
struct seal_bytes seal_close(struct arena *arena, const uint8_t key[SEAL_KEY_SIZE], uint64_t number,
			     enum seal_part part, const uint8_t nonce[SEAL_NONCE_SIZE],
			     const void *plain, size_t size);
/* -1: not sealed with this key, for this case and part. */
int seal_open(struct arena *arena, const uint8_t key[SEAL_KEY_SIZE], uint64_t number,
	      enum seal_part part, const uint8_t *sealed, size_t size, struct seal_bytes *plain,
	      struct err *err) MUST_CHECK;

/* A case key under an epoch key, bound to its case and part. */
void seal_wrap(uint8_t wrapped[SEAL_WRAPPED_SIZE], const uint8_t epoch_key[SEAL_KEY_SIZE],
	       uint64_t number, enum seal_part part, const uint8_t key[SEAL_KEY_SIZE]);
int seal_unwrap(uint8_t key[SEAL_KEY_SIZE], const uint8_t epoch_key[SEAL_KEY_SIZE], uint64_t number,
		enum seal_part part, const uint8_t *wrapped, size_t size,
		struct err *err) MUST_CHECK;

/* An epoch key to and from a role. */
void seal_epoch_close(uint8_t sealed[SEAL_EPOCH_SEALED_SIZE], const uint8_t role_public[32],
		      const uint8_t epoch_key[SEAL_KEY_SIZE]);
int seal_epoch_open(uint8_t epoch_key[SEAL_KEY_SIZE], const uint8_t role_public[32],
		    const uint8_t role_secret[32], const uint8_t *sealed, size_t size,
		    struct err *err) MUST_CHECK;

#endif
