/*
 * Who holds which leases of case numbers, as the topic intake.leases says, and which one can be
 * had next. Pure.
 *
 * Why no number can be leased twice. A lease is written in a Kafka transaction whose id is the
 * node's name, by who has read the topic to its end after it had begun to use that id. Whoever
 * begins to use an id makes every earlier user's commit fail (Kafka fences by epochs). So the
 * committed leases of a node are written one after the other, each by somebody who has seen all
 * before it, and each begins where the last one ended or later. Nothing of it rests on a clock, on
 * a setting, or on who asks: not on two machines being told apart, and not on how long a process
 * stood still between two steps.
 *
 * Why the topic may be compacted. The windows of a node only rise, so that the last message of its
 * key says all that the earlier ones said. Compaction keeps the last committed message of a key and
 * passes over what was aborted.
 */
#ifndef DOMAIN_NUMBER_BOOK_H
#define DOMAIN_NUMBER_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/case_number.h"
#include "util/err.h"

#define NUMBER_NODES 256
/* The last node is never leased: it is free for tests and for what is made by hand. */
#define NUMBER_NODE_LAST 254
/* A window: short, as what is left of it is lost when its holder ends; and long against the time
 * that the next one takes. */
#define NUMBER_LEASE_MS INT64_C(600000)
/* How far number-time may run ahead of the broker's clock, after very many starts in a row: readers
 * take a number's time for about the time of its case (to a day). */
#define NUMBER_AHEAD_MS INT64_C(43200000)

struct number_book {
	int64_t reach_ms[NUMBER_NODES]; /* number-time where a node's next window may begin */
	uint8_t first, last;            /* the nodes that may be leased here */
	bool has_range;                 /* the topic says which */
	size_t unreadable;
};

void number_book_init(struct number_book *book);
/* One message of the topic. What cannot be read takes the node it speaks of out of use. */
void number_book_read(struct number_book *book, const void *key, size_t key_len, const void *value,
		      size_t len);

/* A node that nobody seems to use at now_ms (any of these, by chance), or the one to be free
 * soonest. -1: none, and why. Who guesses wrong is only fenced. */
int number_book_choose(const struct number_book *book, int64_t now_ms, uint32_t chance, int *node,
		       struct err *err) MUST_CHECK;
/* The node's next window at broker_ms, the broker's time. -1: there is none, and why. */
int number_book_lease(const struct number_book *book, int node, int64_t broker_ms,
		      struct case_number_lease *lease, struct err *err) MUST_CHECK;

/* ---- the topic's messages ---- */

#define NUMBER_BOOK_KEY_SIZE  16
#define NUMBER_BOOK_VALUE_MAX 64
#define NUMBER_BOOK_RANGE_KEY "nodes"

/* key has NUMBER_BOOK_KEY_SIZE bytes, value NUMBER_BOOK_VALUE_MAX; both return the value's size. */
size_t number_book_write_lease(const struct case_number_lease *lease, char *key, uint8_t *value);
size_t number_book_write_range(uint8_t first, uint8_t last, uint8_t *value);

/* "0-127". false: not a range of nodes. */
bool number_book_parse_range(const char *text, uint8_t *first, uint8_t *last);

#endif
