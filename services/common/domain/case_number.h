/*
 * The case number: 63 bits, ordered by time, unique across data centres without coordination.
 *
 *   41 bits  milliseconds since 2025-01-01T00:00:00Z
 *    8 bits  slot: which partition the case lives in (slot modulo partitions)
 *    8 bits  node: which intake gave it
 *    6 bits  counter within the millisecond
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

/* One per intake; all zero but node at the start. */
struct case_number_source {
	int64_t last_ms;
	uint8_t node;
	uint8_t counter;
};

/*
 * The next number. When a millisecond's counter is used up, or the clock went back, the source runs
 * ahead of now_ms; it never repeats a number while the process lives.
 */
uint64_t case_number_next(struct case_number_source *source, int64_t now_ms, uint8_t slot);

int64_t case_number_time_ms(uint64_t number);
uint8_t case_number_slot(uint64_t number);
int32_t case_number_partition(uint64_t number, int32_t partitions);

/* text must have room for CASE_NUMBER_TEXT_SIZE. */
void case_number_format(uint64_t number, char *text);
/*
 * Accepts lower case, spaces and dashes anywhere, O for 0, I and L for 1.
 * false: not a number, or the check symbol does not agree.
 */
bool case_number_parse(const char *text, uint64_t *number);

/* The value 0..31 of one written digit, as forgiving as above; -1: none. */
int case_number_digit(char c);

#endif
