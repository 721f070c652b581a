/*
 * The second factor: six figures of an authenticator (TOTP, RFC 6238, by liboath), new every half
 * minute. The secret is kept sealed under casework.key and bound to its account.
 */
#ifndef CASEWORK_SECOND_FACTOR_H
#define CASEWORK_SECOND_FACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

#define SECOND_FACTOR_SIZE     20 /* bytes of the secret, as RFC 4226 recommends */
#define SECOND_FACTOR_KEY_SIZE 32

void second_factor_new(uint8_t secret[SECOND_FACTOR_SIZE]);
/* For the authenticator: base32 in groups of four; the same as an otpauth: address. */
const char *second_factor_written(struct arena *arena, const uint8_t secret[SECOND_FACTOR_SIZE]);
const char *second_factor_address(struct arena *arena, const uint8_t secret[SECOND_FACTOR_SIZE],
				  const char *login);

/* In the arena. */
uint8_t *second_factor_seal(struct arena *arena, const uint8_t key[SECOND_FACTOR_KEY_SIZE],
			    const char *login, const uint8_t secret[SECOND_FACTOR_SIZE],
			    size_t *size);
bool second_factor_unseal(const uint8_t key[SECOND_FACTOR_KEY_SIZE], const char *login,
			  const uint8_t *sealed, size_t size, uint8_t secret[SECOND_FACTOR_SIZE]);

/* The time step whose code it is, one step early or late; 0: of none. Spaces do not count. */
int64_t second_factor_step(const uint8_t secret[SECOND_FACTOR_SIZE], const char *code,
			   int64_t now_ms);

#endif
