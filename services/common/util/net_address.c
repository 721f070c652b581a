#include "util/net_address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

#define V4_BITS 96 /* in front of an IPv4 address */

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

static void set_v4(struct net_address *address, const void *four)
{
	memcpy(address->bytes, v4_prefix, sizeof(v4_prefix));
	memcpy(address->bytes + sizeof(v4_prefix), four, 4);
}

bool net_address_from(struct net_address *address, const struct sockaddr *from)
{
	*address = (struct net_address){{0}};
	if (from->sa_family == AF_INET)
		set_v4(address, &((const struct sockaddr_in *)(const void *)from)->sin_addr);
	else if (from->sa_family == AF_INET6)
		memcpy(address->bytes,
		       &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr,
		       sizeof(address->bytes));
	else
		return false;
	return true;
}

bool net_address_parse(struct net_address *address, const char *text, size_t size)
{
	char copy[NET_ADDRESS_TEXT_SIZE];
	struct in_addr four;
	if (size >= sizeof(copy))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (inet_pton(AF_INET, copy, &four) != 1)
		return inet_pton(AF_INET6, copy, address->bytes) == 1;
	set_v4(address, &four);
	return true;
}

bool net_address_is_v4(const struct net_address *address)
{
	return memcmp(address->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

const char *net_address_format(const struct net_address *address, char text[NET_ADDRESS_TEXT_SIZE])
{
	bool v4 = net_address_is_v4(address);
	return inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? sizeof(v4_prefix) : 0),
			 text, NET_ADDRESS_TEXT_SIZE);
}

static struct net_address mask(const struct net_address *address, unsigned bits)
{
	struct net_address masked = *address;
	for (unsigned i = 0; i < sizeof(masked.bytes); i++) {
		unsigned keep = bits > 8 * i ? bits - 8 * i : 0;
		if (keep < 8)
			masked.bytes[i] &= (uint8_t)(0xFF00 >> keep);
	}
	return masked;
}

struct net_address net_address_network(const struct net_address *address, unsigned v4_bits,
				       unsigned v6_bits)
{
	return mask(address, net_address_is_v4(address) ? V4_BITS + v4_bits : v6_bits);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static int add_network(struct net_list *list, const char *text, size_t size, struct err *err)
{
	struct net_address address;
	const char *slash = memchr(text, '/', size);
	size_t len = slash ? (size_t)(slash - text) : size;
	if (!net_address_parse(&address, text, len))
		return err_set(err, "%.*s: no address", (int)size, text);
	bool v4 = net_address_is_v4(&address) && !memchr(text, ':', len);
	unsigned most = v4 ? 32 : 128, bits = most;
	if (slash) {
		char *end;
		unsigned long given = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || end != text + size || given > most)
			return err_set(err, "%.*s: no network", (int)size, text);
		bits = (unsigned)given;
	}
	bits += v4 ? V4_BITS : 0;
	struct net_address network = mask(&address, bits);
	if (memcmp(&network, &address, sizeof(network)) != 0)
		return err_set(err, "%.*s: has bits behind the network's", (int)size, text);
	list->networks = x_realloc(list->networks, list->count + 1, sizeof(*list->networks));
	list->networks[list->count].address = network;
	list->networks[list->count++].bits = bits;
	return 0;
}

int net_list_parse(struct net_list *list, const char *text, struct err *err)
{
	*list = (struct net_list){NULL, 0};
	for (;;) {
		text += strspn(text, ", \t");
		size_t size = strcspn(text, ", \t");
		if (!size)
			return 0;
		if (add_network(list, text, size, err)) {
			net_list_free(list);
			return -1;
		}
		text += size;
	}
}

void net_list_free(struct net_list *list)
{
	free(list->networks);
	*list = (struct net_list){NULL, 0};
}

bool net_list_has(const struct net_list *list, const struct net_address *address)
{
	for (size_t i = 0; i < list->count; i++) {
		struct net_address network = mask(address, list->networks[i].bits);
		if (memcmp(&network, &list->networks[i].address, sizeof(network)) == 0)
			return true;
	}
	return false;
}
