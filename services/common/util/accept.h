/*
 * The lists of Accept and its sisters (RFC 9110, 12.4.2 and 12.5): values with weights. The one
 * place that reads a q-value. Pure.
 */
#ifndef UTIL_ACCEPT_H
#define UTIL_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

struct accept_item {
	const char *value; /* without its parameters and the white space around it */
	int weight;        /* thousandths; 0: not wanted */
	bool plain;        /* it has no parameter but its weight */
	int place;         /* in the list */
};

/*
 * Reads up to most items of a list, which it takes apart, the heaviest first and those of one
 * weight in their order. An item whose weight is malformed is left out. How many there are.
 */
size_t accept_read(char *list, struct accept_item *items, size_t most);

#endif
