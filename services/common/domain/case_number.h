/*
 * The case number: 63 bits, ordered by time.
 *
 *   41 bits  number-time: milliseconds since 2025-01-01T00:00:00Z
 *    8 bits  slot: which partition the case lives in (slot modulo partitions)
 *    8 bits  node
 *    6 bits  counter within the millisecond
 *
 * No number is given twice because nobody gives one without a lease: a node and a window of
 * number-time that are its holder's alone, for ever (domain/number_book.h). Clocks only say how
 * fast the window is gone through.
 *
 * A submission with an Idempotency-Key gets the slot that its key hashes to, so that all copies
 * of one submission meet in one partition and routing sees them one after the other.
 *
 * Written as 13 Crockford base32 digits and a check symbol (modulo 37,
 * https://www.crockford.com/base32.html), in groups: 0AB1C-2DE3F-4GH5. Numbers whose check symbol
 * would be one of * ~ $ = U are never given, so a written number needs no escaping anywhere and
 * can be read out on the telephone.
 */
#ifndef DOMAIN_CASE_NUMBER_H
#define DOMAIN_CASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#define CASE_NUMBER_TEXT_SIZE 17 /* with the NUL */
#define CASE_NUMBER_SLOTS     256
#define CASE_NUMBER_EPOCH_MS  INT64_C(1735689600000)

#define CASE_NUMBER_TIME_END (INT64_C(1) << 41)

/* Number-time from from_ms to before to_ms, of this node. */
struct case_number_lease {
	int64_t from_ms, to_ms;
	uint8_t node;
};

/* Gives the numbers of its leases, one after the other; all zero at the start. Pure. */
struct case_number_source {
	struct case_number_lease current, next;
	int64_t last_ms; /* number-time of the last one */
	unsigned counter;
};

/* Takes a lease over; one may wait while another is used. */
void case_number_extend(struct case_number_source *source, const struct case_number_lease *lease);
/* A further lease should be got: half of the last one is over, or there is none. */
bool case_number_wants_lease(const struct case_number_source *source, int64_t now_ms);
/*
 * The next number. It has the time now_ms if that lies in the lease and behind the last number;
 * else number-time goes on by itself, a millisecond for each 64 numbers. false: no lease is left.
 */
bool case_number_next(struct case_number_source *source, int64_t now_ms, uint8_t slot,
		      uint64_t *number);

int64_t case_number_time_ms(uint64_t number);
/* The least that a number of this time could be; the time must be one that a number can have. */
uint64_t case_number_first(int64_t time_ms);
uint8_t case_number_slot(uint64_t number);
int32_t case_number_slot_partition(uint8_t slot, int32_t partitions);
int32_t case_number_partition(uint64_t number, int32_t partitions);

/* text must have room for CASE_NUMBER_TEXT_SIZE. */
void case_number_format(uint64_t number, char *text);
/*
 * Accepts lower case, spaces and dashes anywhere, O for 0, I and L for 1.
 * false: not a number, or the check symbol does not agree.
 */
bool case_number_parse(const char *text, uint64_t *number);

/* Why a grievance goes to the dead letters; the first word is for machines. */
#define NUMBER_TAKEN "number-taken: another grievance has this case number"

/* The value 0..31 of one written digit, as forgiving as above; -1: none. */
int case_number_digit(char c);

#endif
