#include "domain/number_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lease.pb-c.h"

#define NODE_KEY "node-"
#define OUT      INT64_MAX /* as a reach: the node is not to be used */

void number_book_init(struct number_book *book)
{
	*book = (struct number_book){.first = 0, .last = NUMBER_NODE_LAST};
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The node that a key names; -1: none. */
static int node_of(const char *key, size_t len)
{
	char text[NUMBER_BOOK_KEY_SIZE], *end;
	size_t prefix = strlen(NODE_KEY);
	if (len <= prefix || len >= sizeof(text) || memcmp(key, NODE_KEY, prefix) != 0)
		return -1;
	memcpy(text, key, len);
	text[len] = '\0';
	long node = strtol(text + prefix, &end, 10);
	return *end || node < 0 || node >= NUMBER_NODES ? -1 : (int)node;
}

static bool window_is_sane(const Redress__Lease *lease)
{
	return lease->from_ms >= 0 && lease->from_ms < lease->to_ms &&
	       lease->to_ms <= CASE_NUMBER_TIME_END;
}

static void read_lease(struct number_book *book, int node, const void *value, size_t len)
{
	Redress__Lease *lease = value ? redress__lease__unpack(NULL, len, value) : NULL;
	int64_t reach_ms = OUT;
	if (lease && lease->node == (uint32_t)node && window_is_sane(lease))
		reach_ms = lease->to_ms;
	else
		book->unreadable++;
	if (book->reach_ms[node] < reach_ms)
		book->reach_ms[node] = reach_ms;
	if (lease)
		redress__lease__free_unpacked(lease, NULL);
}

/* A range that cannot be read leaves none: better no number than one of somebody else's. */
static void read_range(struct number_book *book, const void *value, size_t len)
{
	Redress__NodeRange *range = value ? redress__node_range__unpack(NULL, len, value) : NULL;
	book->has_range = range && range->count && range->first <= NUMBER_NODE_LAST &&
			  range->count <= NUMBER_NODE_LAST + 1 - range->first;
	if (book->has_range) {
		book->first = (uint8_t)range->first;
		book->last = (uint8_t)(range->first + range->count - 1);
	} else {
		book->unreadable++;
	}
	if (range)
		redress__node_range__free_unpacked(range, NULL);
}

void number_book_read(struct number_book *book, const void *key, size_t key_len, const void *value,
		      size_t len)
{
	const size_t range_len = strlen(NUMBER_BOOK_RANGE_KEY);
	int node = key ? node_of(key, key_len) : -1;
	if (node >= 0)
		read_lease(book, node, value, len);
	else if (key_len == range_len && memcmp(key, NUMBER_BOOK_RANGE_KEY, range_len) == 0)
		read_range(book, value, len);
}

/* ---- what can be had ------------------------------------------------------------------------ */

static int check_range(const struct number_book *book, struct err *err)
{
	return book->has_range
		   ? 0
		   : err_set(err,
			     "the topic does not say which nodes there are: run redress-topics");
}

int number_book_choose(const struct number_book *book, int64_t now_ms, uint32_t chance, int *node,
		       struct err *err)
{
	int free_nodes[NUMBER_NODES], soonest = book->first;
	uint32_t count = 0;
	if (check_range(book, err))
		return -1;
	for (int i = book->first; i <= book->last; i++) {
		if (book->reach_ms[i] <= now_ms - CASE_NUMBER_EPOCH_MS)
			free_nodes[count++] = i;
		if (book->reach_ms[i] < book->reach_ms[soonest])
			soonest = i;
	}
	*node = count ? free_nodes[chance % count] : soonest;
	return 0;
}

int number_book_lease(const struct number_book *book, int node, int64_t broker_ms,
		      struct case_number_lease *lease, struct err *err)
{
	int64_t now_ms = broker_ms - CASE_NUMBER_EPOCH_MS, reach_ms = book->reach_ms[node];
	if (check_range(book, err))
		return -1;
	if (node < book->first || node > book->last)
		return err_set(err, "node %d is not of this cluster's", node);
	if (now_ms < 0)
		return err_set(err, "the broker's clock is before 2025");
	if (reach_ms == OUT)
		return err_set(err, "a lease of node %d cannot be read", node);
	int64_t from_ms = reach_ms > now_ms ? reach_ms : now_ms;
	if (from_ms - now_ms > NUMBER_AHEAD_MS)
		return err_set(err, "all nodes are leased for the next %lld hours",
			       (long long)(NUMBER_AHEAD_MS / 3600000));
	if (from_ms > CASE_NUMBER_TIME_END - NUMBER_LEASE_MS)
		return err_set(err, "the time of case numbers is over");
	*lease = (struct case_number_lease){from_ms, from_ms + NUMBER_LEASE_MS, (uint8_t)node};
	return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

size_t number_book_write_lease(const struct case_number_lease *lease, char *key, uint8_t *value)
{
	Redress__Lease message = REDRESS__LEASE__INIT;
	message.node = lease->node;
	message.from_ms = lease->from_ms;
	message.to_ms = lease->to_ms;
	snprintf(key, NUMBER_BOOK_KEY_SIZE, NODE_KEY "%d", lease->node);
	return redress__lease__pack(&message, value);
}

size_t number_book_write_range(uint8_t first, uint8_t last, uint8_t *value)
{
	Redress__NodeRange message = REDRESS__NODE_RANGE__INIT;
	message.first = first;
	message.count = 1u + last - first;
	return redress__node_range__pack(&message, value);
}

bool number_book_parse_range(const char *text, uint8_t *first, uint8_t *last)
{
	unsigned from, to;
	int end = 0;
	if (strspn(text, "0123456789-") != strlen(text) ||
	    sscanf(text, "%3u-%3u%n", &from, &to, &end) != 2 || text[end] || from > to ||
	    to > NUMBER_NODE_LAST)
		return false;
	*first = (uint8_t)from;
	*last = (uint8_t)to;
	return true;
}
