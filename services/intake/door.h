/*
 * The way of a sealed submission from a channel into Kafka, and of the answer back: reserves
 * Idempotency-Keys and writes the vault in Redis (many submissions a round trip), produces, and
 * calls back when the broker has it with acks=all. Takes no more than it can keep (promise 13).
 */
#ifndef INTAKE_DOOR_H
#define INTAKE_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/service.h"
#include "sealer.h"

extern const struct setting door_settings[];

struct door;

enum door_outcome {
	DOOR_TAKEN,        /* safe in Kafka, under entry->number */
	DOOR_TAKEN_BEFORE, /* the same submission is there already, under entry->number */
	DOOR_CONFLICT,     /* the same Idempotency-Key was used for another submission */
	DOOR_BUSY,         /* nothing was promised: come again */
};

/* One submission on its way; the caller's, and must live until done is called. */
struct door_entry {
	struct arena *arena;
	const struct submission *submission;
	bool has_ask;
	uint8_t ask_key[16], fingerprint[16];
	/* called once, from one of the door's threads */
	void (*done)(struct door_entry *entry, enum door_outcome outcome);
	void *self;

	/* the door's */
	uint64_t number;
	struct sealed sealed;
	size_t ticket; /* of hot_reserve */
	bool before;   /* under a number that was reserved by an earlier request */
	struct door_entry *next;
};

struct door *door_new(struct runtime *runtime, struct err *err) MUST_CHECK;
/* Nothing may be under way any more. */
void door_free(struct door **door);

/* Gives a number, seals, and sends on its way. From any thread. */
void door_enter(struct door *door, struct door_entry *entry);

/* -1 and why: the broker does not take messages at present. From any thread. */
int door_ready(struct door *door, struct err *err);

/* The receipt code of a number; text has RECEIPT_TEXT_SIZE bytes. */
void door_receipt(const struct door *door, uint64_t number, char *text);
/* 16 bytes: a keyed hash of these parts. */
void door_hash(const struct door *door, uint8_t hash[16], const char *context, const void *data,
	       size_t size);

#endif
