/*
 * Officers' passwords: how they are kept (Argon2id), and which are too easy (zxcvbn). Used by
 * redress-casework and redress-account.
 */
#ifndef CASEWORK_PASSWORD_H
#define CASEWORK_PASSWORD_H

#include <sodium.h>
#include <stdbool.h>

#include "util/arena.h"
#include "util/err.h"

#define PASSWORD_LEAST     10   /* characters */
#define PASSWORD_MOST      128  /* bytes */
#define PASSWORD_LEAST_BIT 36.0 /* of the guesses that zxcvbn expects an attacker to need */

#define PASSWORD_HASH_SIZE crypto_pwhash_STRBYTES

/* NULL: it will do; else a key of texts' error. login, name: what it must not be made of. */
const char *password_fault(const char *password, const char *login, const char *name);
/* Takes some tens of milliseconds and 64 MiB, as does the check. */
void password_hash(char hash[PASSWORD_HASH_SIZE], const char *password);
/* hash NULL: of nobody; as slow as any other. */
bool password_fits(const char *hash, const char *password);
/* A one-time password, easy to read out: 80 random bits. */
const char *password_random(struct arena *arena);

#endif
