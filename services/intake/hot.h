/*
 * What intake keeps in Redis: the number that each Idempotency-Key was given, and what opens a
 * grievance until the record has it (vault and epoch). Commands gather until hot_run sends them in
 * one round trip. For one thread.
 */
#ifndef INTAKE_HOT_H
#define INTAKE_HOT_H

#include <stdbool.h>
#include <stdint.h>

#include "sealer.h"
#include "util/err.h"
#include "util/settings.h"

extern const struct setting hot_settings[];

struct hot;

struct hot *hot_new(const struct settings *settings, int32_t partitions,
		    struct err *err) MUST_CHECK;
void hot_free(struct hot **hot);

/* Redis failed a moment ago: do without it for now. */
bool hot_is_away(const struct hot *hot);

/* Reserves the key for this number, unless it has one. key, fingerprint: 16 bytes. Gives back what
 * hot_reserved wants. */
size_t hot_reserve(struct hot *hot, uint64_t number, const uint8_t *key,
		   const uint8_t *fingerprint);
/* The submission with this key is safe, under this number. */
void hot_settle(struct hot *hot, uint64_t number, const uint8_t *key, const uint8_t *fingerprint);
void hot_keep_vault(struct hot *hot, uint64_t number, const struct sealed *sealed);
void hot_keep_epoch(struct hot *hot, const struct sealed *sealed);

/* false: Redis is away, which is logged, and nothing is known. */
bool hot_run(struct hot *hot);

struct reservation {
	uint64_t number;
	const uint8_t *fingerprint;
	bool settled;
};

/* After a hot_run that went well: did the key have a number before, and which? Until hot_end. */
bool hot_reserved(const struct hot *hot, size_t ticket, struct reservation *before);
/* The round trip, or the try, is over. */
void hot_end(struct hot *hot);

#endif
