/*
 * A pass opens a case's event stream for some minutes: browsers' EventSource sends cookies, but no
 * Authorization. Made with the hash of the receipt code, which every portal finds with the case, so
 * that none of them needs a key or keeps a list. Pure.
 */
#ifndef PORTAL_PASS_H
#define PORTAL_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASS_LIFE_S 600
#define PASS_SIZE   64 /* with the NUL */

/* hash: of the case's receipt code, RECEIPT_HASH_SIZE bytes. */
void pass_make(uint64_t number, const uint8_t *hash, int64_t now_ms, char pass[PASS_SIZE]);
/* In constant time. hash_size 0: there is no such case, which takes as long. */
bool pass_opens(const char *pass, uint64_t number, const uint8_t *hash, size_t hash_size,
		int64_t now_ms);

#endif
