/*
 * Seals submissions. Makes a new epoch every few minutes, seals its keys to the reading roles and
 * forgets them at the next: what was taken in before can then not be opened here any more.
 */
#ifndef INTAKE_SEALER_H
#define INTAKE_SEALER_H

#include <stddef.h>
#include <stdint.h>

#include "submission.h"
#include "util/err.h"
#include "util/settings.h"

extern const struct setting sealer_settings[];

struct sealer;

/* Reads the roles' public keys. NULL: why in err. */
struct sealer *sealer_new(const struct settings *settings, struct err *err) MUST_CHECK;
void sealer_free(struct sealer **sealer);

/* What is stored of one submission; packed, in the arena. */
struct sealed {
	const void *received; /* GrievanceReceived, for the topic */
	size_t received_size;
	const void *contact; /* CachedContact, for Redis */
	size_t contact_size;
	const void *epoch; /* Epoch, for Redis */
	size_t epoch_size;
	uint8_t epoch_id[16];
};

/* Facts that are in clear in the message. Empty keys: NULL. */
struct seal_facts {
	uint64_t number;
	int64_t received_at_ms;
	const uint8_t *idempotency_key, *fingerprint; /* 16 bytes */
	const uint8_t *receipt_hash;                  /* 32 bytes */
	const char *receipt;                          /* the code, which opens the text as well */
};

/* From any thread. */
struct sealed sealer_seal(struct sealer *sealer, struct arena *arena,
			  const struct submission *submission, const struct seal_facts *facts);

#endif
