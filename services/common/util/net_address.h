/* Addresses of the network, as keys and in lists of networks. Pure. */
#ifndef UTIL_NET_ADDRESS_H
#define UTIL_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/* An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
struct net_address {
	uint8_t bytes[16];
};

#define NET_ADDRESS_TEXT_SIZE 46

struct sockaddr;
/* false: of neither family; then all zeros. */
bool net_address_from(struct net_address *address, const struct sockaddr *from);
/* size bytes: "192.0.2.1", "2001:db8::1". false: no address. */
bool net_address_parse(struct net_address *address, const char *text, size_t size);
/* Returns text. */
const char *net_address_format(const struct net_address *address, char text[NET_ADDRESS_TEXT_SIZE]);
bool net_address_is_v4(const struct net_address *address);
/* The network of so many bits, the rest zeros. */
struct net_address net_address_network(const struct net_address *address, unsigned v4_bits,
				       unsigned v6_bits);

/* Networks such as "10.0.0.0/8, ::1". */
struct net_list {
	struct {
		struct net_address address;
		unsigned bits; /* of 128 */
	} * networks;
	size_t count;
};

/* Separated by commas or spaces; "" is an empty list. -1: what is wrong in err. */
int net_list_parse(struct net_list *list, const char *text, struct err *err) MUST_CHECK;
void net_list_free(struct net_list *list);
bool net_list_has(const struct net_list *list, const struct net_address *address);

#endif
