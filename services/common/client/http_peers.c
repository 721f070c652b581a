/* Who is at the other end, and how many connections each has. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/http_private.h"
#include "util/alloc.h"

#define BUCKETS 4096 /* a power of two */

struct peer {
	struct peer *next;
	struct net_address network;
	unsigned count;
};

struct http_peers {
	unsigned most;
	pthread_mutex_t lock;
	uint8_t key[crypto_shorthash_KEYBYTES]; /* nobody can choose who shares a bucket */
	struct peer *buckets[BUCKETS];
};

struct http_peers *http_peers_new(unsigned most)
{
	struct http_peers *peers = x_calloc(1, sizeof(*peers));
	peers->most = most;
	pthread_mutex_init(&peers->lock, NULL);
	randombytes_buf(peers->key, sizeof(peers->key));
	return peers;
}

void http_peers_free(struct http_peers **peers)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct peer *peer = (*peers)->buckets[i], *next; peer; peer = next) {
			next = peer->next;
			free(peer);
		}
	}
	pthread_mutex_destroy(&(*peers)->lock);
	free(*peers);
	*peers = NULL;
}

/* Where the one of this network is or would be. A household has a /64 in IPv6. */
static struct peer **find(struct http_peers *peers, const struct net_address *network)
{
	uint64_t hash;
	crypto_shorthash((uint8_t *)&hash, network->bytes, sizeof(network->bytes), peers->key);
	struct peer **at = &peers->buckets[hash % BUCKETS];
	while (*at && memcmp(&(*at)->network, network, sizeof(*network)) != 0)
		at = &(*at)->next;
	return at;
}

bool http_peers_enter(struct http_peers *peers, const struct net_address *address)
{
	if (!peers->most)
		return true;
	struct net_address network = net_address_network(address, 32, 64);
	pthread_mutex_lock(&peers->lock);
	struct peer **at = find(peers, &network);
	if (!*at) {
		*at = x_calloc(1, sizeof(**at));
		(*at)->network = network;
	}
	bool enters = (*at)->count < peers->most;
	(*at)->count += enters;
	pthread_mutex_unlock(&peers->lock);
	return enters;
}

void http_peers_leave(struct http_peers *peers, const struct net_address *address)
{
	if (!peers->most)
		return;
	struct net_address network = net_address_network(address, 32, 64);
	pthread_mutex_lock(&peers->lock);
	struct peer **at = find(peers, &network), *peer = *at;
	if (--peer->count == 0) {
		*at = peer->next;
		free(peer);
	}
	pthread_mutex_unlock(&peers->lock);
}

/* ---- behind proxies ------------------------------------------------------------------------- */

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80" */
static bool read_node(const char *text, size_t size, struct net_address *address)
{
	const char *end;
	if (size && *text == '[') {
		end = memchr(text, ']', size);
		return end && net_address_parse(address, text + 1, (size_t)(end - text - 1));
	}
	end = memchr(text, ':', size);
	if (end && !memchr(end + 1, ':', size - (size_t)(end + 1 - text)))
		size = (size_t)(end - text); /* an IPv4 address and a port */
	return net_address_parse(address, text, size);
}

/* The for= of one element of Forwarded (RFC 7239 4); the whole element of X-Forwarded-For. */
static bool read_element(const char *text, size_t size, bool forwarded, struct net_address *address)
{
	const char *end = text + size;
	while (forwarded && text < end) {
		text += strspn(text, "; \t");
		if (end - text > 4 && strncasecmp(text, "for=", 4) == 0) {
			text += 4;
			size = strcspn(text, ";, \t");
			if (size > 1 && text[0] == '"' && text[size - 1] == '"') {
				text++;
				size -= 2;
			}
			return read_node(text, size, address);
		}
		text += strcspn(text, ";, \t");
		if (*text == ',')
			return false;
	}
	return !forwarded && read_node(text, size, address);
}

/* The elements of one list from its end. false: this one said who it is, or what nobody can read:
 * what stands before it may be invented. */
static bool walk_back(const struct net_list *proxies, const char *list, bool forwarded,
		      struct net_address *peer)
{
	size_t end = strlen(list);
	while (end) {
		size_t begin = end;
		while (begin && list[begin - 1] != ',')
			begin--;
		size_t from = begin + strspn(list + begin, " \t"), to = end;
		while (to > from && strchr(" \t", list[to - 1]))
			to--;
		struct net_address address;
		if (to > from) {
			if (!read_element(list + from, to - from, forwarded, &address))
				return false;
			*peer = address;
			if (!net_list_has(proxies, &address))
				return false;
		}
		end = begin ? begin - 1 : 0;
	}
	return true;
}

void http_peers_behind(const struct net_list *proxies, const struct http_parse *parse,
		       const char *field, struct net_address *peer)
{
	const char *lists[HTTP_FIELDS_MAX], *list;
	size_t count = 0;
	bool forwarded = strcasecmp(field, "Forwarded") == 0;
	for (size_t at = 0; (list = http_parse_field(parse, field, &at));)
		lists[count++] = list;
	while (count && walk_back(proxies, lists[count - 1], forwarded, peer))
		count--;
}
