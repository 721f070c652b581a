/*
 * The receipt code: the citizen's secret that opens the tracking page. 80 bits, derived from the
 * case number with intake's receipt key, so that a repeated submission gets the same one; written
 * as 16 Crockford base32 digits in groups of four. Only its hash is stored.
 */
#ifndef DOMAIN_RECEIPT_H
#define DOMAIN_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/seal.h"

#define RECEIPT_KEY_SIZE  32
#define RECEIPT_HASH_SIZE 32
#define RECEIPT_TEXT_SIZE 20 /* with the NUL */

void receipt_make(const uint8_t key[RECEIPT_KEY_SIZE], uint64_t number,
		  char text[RECEIPT_TEXT_SIZE]);
/* Case, dashes, spaces and O, I, L are forgiven as in case numbers. false: not a receipt code. */
bool receipt_hash(const char *text, uint64_t number, uint8_t hash[RECEIPT_HASH_SIZE]);
/*
 * The key that wraps the case's text key for its citizen (CaseKey.text_for_receipt): so the portal,
 * which has no key of its own, can open a case while its citizen is there. false: not a receipt
 * code.
 */
bool receipt_text_key(const char *text, uint64_t number, uint8_t key[SEAL_KEY_SIZE]);
/* In constant time. */
bool receipt_matches(const char *text, uint64_t number, const uint8_t *hash, size_t hash_size);

#endif
