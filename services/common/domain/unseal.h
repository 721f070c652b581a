/*
 * A reading role: its key pair, and the epoch keys it has opened (the last few; public-key work is
 * paid once an epoch). Which part a role may read is decided at the door, by whom the epoch keys
 * were sealed to; asking for another part fails.
 */
#ifndef DOMAIN_UNSEAL_H
#define DOMAIN_UNSEAL_H

#include <stddef.h>
#include <stdint.h>

#include "domain/seal.h"
#include "grievance.pb-c.h"
#include "util/err.h"

enum role { ROLE_CLASSIFICATION, ROLE_OFFICER, ROLE_NOTIFICATION };

struct unsealer;

/* The secret is copied and wiped by unsealer_free. */
struct unsealer *unsealer_new(enum role role, const uint8_t role_public[32],
			      const uint8_t role_secret[32]);
void unsealer_free(struct unsealer **unsealer);

/* The key of one part (SEAL_TEXT or SEAL_CONTACT) of one case. */
int unsealer_key(struct unsealer *unsealer, const Redress__Epoch *epoch,
		 const Redress__CaseKey *case_key, uint64_t number, enum seal_part part,
		 uint8_t key[SEAL_KEY_SIZE], struct err *err) MUST_CHECK;

/* The text alone, with the key that unsealer_key gave: for who needs the key for more. */
int unseal_text(const uint8_t key[SEAL_KEY_SIZE], struct arena *arena, uint64_t number,
		const uint8_t *sealed, size_t size, Redress__GrievanceText **text,
		struct err *err) MUST_CHECK;

/* Both parts of a message, opened and unpacked into the arena. */
int unsealer_text(struct unsealer *unsealer, struct arena *arena, const Redress__Epoch *epoch,
		  const Redress__CaseKey *case_key, uint64_t number, const uint8_t *sealed,
		  size_t size, Redress__GrievanceText **text, struct err *err) MUST_CHECK;
int unsealer_contact(struct unsealer *unsealer, struct arena *arena, const Redress__Epoch *epoch,
		     const Redress__CaseKey *case_key, uint64_t number, const uint8_t *sealed,
		     size_t size, Redress__Contact **contact, struct err *err) MUST_CHECK;

#endif
