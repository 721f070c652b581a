/*
 * The way of a sealed submission from a channel into Kafka, and of the answer back: reserves
 * Idempotency-Keys and writes the contact cache in Redis (many submissions a round trip), produces,
 * and calls back when the broker has it with acks=all. Takes no more than it can keep (promise 13).
 */
#ifndef INTAKE_ADMISSION_H
#define INTAKE_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/service.h"
#include "sealer.h"

extern const struct setting admission_settings[];

struct admission;

enum admission_outcome {
	ADMISSION_TAKEN,        /* safe in Kafka, under entry->number */
	ADMISSION_TAKEN_BEFORE, /* the same submission is there already, under entry->number */
	ADMISSION_CONFLICT,     /* the same Idempotency-Key was used for another submission */
	ADMISSION_BUSY,         /* certainly not taken, and never will be: come again */
	ADMISSION_UNKNOWN,      /* the broker may have it, or get it yet, under entry->number */
	ADMISSION_NEW,          /* only_if_before: it was not taken before */
};

/* One submission on its way; the caller's, and must live until done is called. */
struct admission_entry {
	struct arena *arena;
	const struct submission *submission;
	bool has_idempotency_key;
	/* Not to be taken now, but it may have been before: then it is a repetition like any other.
	 */
	bool only_if_before;
	/* fingerprint: of what was sent, as it was sent: what may change meanwhile, as catalogue
	 * and limits, must not make the same submission another */
	uint8_t idempotency_key[16], fingerprint[16];
	/* called once, from one of the admission's threads */
	void (*done)(struct admission_entry *entry, enum admission_outcome outcome);
	void *self;

	struct admission_entry *next; /* that is given with it; then the admission's */

	/* the admission's */
	uint64_t number;
	struct sealed sealed;
	size_t ticket; /* of reservations_reserve */
	bool before;   /* under a number that was reserved by an earlier request */
};

struct admission *admission_new(struct runtime *runtime, struct err *err) MUST_CHECK;
/* Nothing may be under way any more. */
void admission_free(struct admission **admission);

/*
 * Gives numbers, seals, and sends on their way, together: entries are linked by next and may share
 * an arena, which nobody else may use until done was called for all of them. From any thread.
 */
void admission_enter(struct admission *admission, struct admission_entry *entries);

/* -1 and why: nothing can be taken at present. From any thread. */
int admission_ready(struct admission *admission, struct err *err);

/* The receipt code of a number; text has RECEIPT_TEXT_SIZE bytes. */
void admission_receipt(const struct admission *admission, uint64_t number, char *text);
/* 16 bytes: a keyed hash of these parts. */
void admission_hash(const struct admission *admission, uint8_t hash[16], const char *context,
		    const void *data, size_t size);

#endif
