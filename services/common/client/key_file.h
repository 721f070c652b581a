/*
 * Keys in files: 32 bytes as 64 hex digits and a newline, made by redress-keys.
 *   <role>.pub <role>.key    of classification, desk, notification; each needs only its own .key
 *   receipt.key idempotency.key      of intake: receipt codes; hashes of Idempotency-Keys and
 * fingerprints portal.key             of the portal: seals what its pages give readers to bring
 * back; opens no text ledger.key ledger.pub    of archival, which signs the ledger's heads; for
 * everybody to check
 */
#ifndef CLIENT_KEY_FILE_H
#define CLIENT_KEY_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/settings.h"

/* Refuses a secret (.key) that others may read (util/secret_file.h). */
int key_file_read(const char *folder, const char *name, uint8_t key[32],
		  struct err *err) MUST_CHECK;
/* Whether these, NULL-ended, can all be read. */
int key_file_check(const char *folder, const char *const *names, struct err *err) MUST_CHECK;
/* Writes 0600 (.key) or 0644; never overwrites. */
int key_file_write(const char *folder, const char *name, const uint8_t key[32],
		   struct err *err) MUST_CHECK;

/* The setting: keys.folder. */
extern const struct setting key_file_settings[];

#endif
