/*
 * What intake keeps in Redis: the number that each Idempotency-Key was given, and what opens a
 * grievance until the record has it (contact and epoch). Commands gather until reservations_run
 * sends them in one round trip. For one thread.
 *
 * The keys of a partition are one hash, key to number, with a mark in it, so that they are lost
 * together or not at all. Where the mark is missing nothing is known of any key, until the keeper
 * (reservation_keeper.h) has put back what is in Kafka.
 */
#ifndef INTAKE_RESERVATIONS_H
#define INTAKE_RESERVATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "sealer.h"
#include "util/err.h"
#include "util/settings.h"

extern const struct setting reservations_settings[];

struct reservations;

struct reservations *reservations_new(const struct settings *settings, int32_t partitions,
				      struct err *err) MUST_CHECK;
void reservations_free(struct reservations **reservations);

/* Redis failed a moment ago: do without it for now. */
bool reservations_is_away(const struct reservations *reservations);

/* Reserves the key for this number, unless it has one. key, fingerprint: 16 bytes; the number's
 * slot is the key's first byte. Gives back what reservations_answer wants. */
size_t reservations_reserve(struct reservations *reservations, uint64_t number, const uint8_t *key,
			    const uint8_t *fingerprint);
/* The same, but only asks. */
size_t reservations_look_up(struct reservations *reservations, const uint8_t *key);
/* The submission with this key is in Kafka under this number: notes it, unless the key has another
 * number by now. */
size_t reservations_settle(struct reservations *reservations, uint64_t number, const uint8_t *key,
			   const uint8_t *fingerprint);
void reservations_keep_contact(struct reservations *reservations, uint64_t number,
			       const struct sealed *sealed);
/* Nobody is to read of this number as received any more. */
void reservations_forget_contact(struct reservations *reservations, uint64_t number);
void reservations_keep_epoch(struct reservations *reservations, const struct sealed *sealed);

/* false: Redis is away, which is logged, and nothing is known. */
bool reservations_run(struct reservations *reservations);

struct reservation {
	uint64_t number;
	const uint8_t *fingerprint; /* 16 bytes */
	bool settled;               /* Kafka has it under this number */
};

enum reservation_state {
	RESERVATION_LOST, /* Redis cannot say: it has lost what it held, or refused to write */
	RESERVATION_NONE, /* look_up: the key has no number */
	RESERVATION_HELD, /* it has the number in held; perhaps that which was to be reserved */
};

/* After a reservations_run that went well; held is valid until reservations_end. */
enum reservation_state reservations_answer(const struct reservations *reservations, size_t ticket,
					   struct reservation *held);
/* The round trip, or the try, is over. */
void reservations_end(struct reservations *reservations);

/* ---- the hash, for whoever else writes it ---- */

#define RESERVATION_KEY_SIZE 16
#define RESERVATION_SIZE     25  /* number, fingerprint, 0 reserved or 1 settled */
#define RESERVATION_MARK     "." /* the field that is there as long as nothing has been lost */

void reservation_write(uint8_t value[RESERVATION_SIZE], uint64_t number, const uint8_t *fingerprint,
		       bool settled);

#endif
