#include "web/throttle.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "util/rate_limit.h"

#define BURST          2 /* minutes' worth at once */
#define CASE_PER_MIN   10
#define CASE_BURST     20
#define MICROSECONDS_S 1000000

struct throttle {
	struct net_list trusted;
	uint8_t key[crypto_shorthash_KEYBYTES]; /* nobody can choose whom to collide with */
	pthread_mutex_t lock;                   /* of what follows */
	struct rate_limit *addresses, *networks, *cases;
};

static unsigned number_of(const struct settings *settings, const char *name, const char *row)
{
	char full[64];
	snprintf(full, sizeof(full), "%s.%s", name, row);
	return (unsigned)settings_int(settings, full);
}

struct throttle *throttle_new(const struct settings *settings, const char *name, struct err *err)
{
	char full[64];
	struct net_list trusted;
	snprintf(full, sizeof(full), "%s.trusted_sources", name);
	if (net_list_parse(&trusted, settings_str(settings, full), err)) {
		err_context(err, "%s", full);
		return NULL;
	}
	struct throttle *throttle = x_calloc(1, sizeof(*throttle));
	unsigned address = number_of(settings, name, "rate_per_address");
	unsigned network = number_of(settings, name, "rate_per_network");
	throttle->trusted = trusted;
	throttle->addresses = rate_limit_new(address, BURST * address);
	throttle->networks = rate_limit_new(network, BURST * network);
	throttle->cases = rate_limit_new(address ? CASE_PER_MIN : 0, CASE_BURST);
	randombytes_buf(throttle->key, sizeof(throttle->key));
	pthread_mutex_init(&throttle->lock, NULL);
	return throttle;
}

void throttle_free(struct throttle **handle)
{
	struct throttle *throttle = *handle;
	if (!throttle)
		return;
	rate_limit_free(&throttle->addresses);
	rate_limit_free(&throttle->networks);
	rate_limit_free(&throttle->cases);
	net_list_free(&throttle->trusted);
	pthread_mutex_destroy(&throttle->lock);
	free(throttle);
	*handle = NULL;
}

/* ---- who ------------------------------------------------------------------------------------ */

struct keys {
	uint64_t address, network;
};

static uint64_t hash(const struct throttle *throttle, const void *data, size_t size)
{
	uint64_t value;
	crypto_shorthash((uint8_t *)&value, data, size, throttle->key);
	return value;
}

static struct keys keys_of(const struct throttle *throttle, const struct http_request *request)
{
	struct net_address address = net_address_network(http_peer(request), 32, 64);
	struct net_address network = net_address_network(http_peer(request), 24, 48);
	return (struct keys){hash(throttle, &address, sizeof(address)),
			     hash(throttle, &network, sizeof(network))};
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t wait_of(const struct throttle *throttle, const struct keys *keys, int64_t now_us)
{
	return larger(rate_limit_wait_us(throttle->addresses, keys->address, now_us),
		      rate_limit_wait_us(throttle->networks, keys->network, now_us));
}

static void take(struct throttle *throttle, const struct keys *keys, int64_t now_us)
{
	rate_limit_take(throttle->addresses, keys->address, now_us);
	rate_limit_take(throttle->networks, keys->network, now_us);
}

static bool is_trusted(const struct throttle *throttle, const struct http_request *request)
{
	return net_list_has(&throttle->trusted, http_peer(request));
}

/* ---- brakes --------------------------------------------------------------------------------- */

static bool answer(struct http_request *request, int64_t wait_us, const char *detail)
{
	if (wait_us)
		http_problem_later(request, 429, "too-often", detail,
				   (unsigned)(wait_us / MICROSECONDS_S + 1));
	return !wait_us;
}

size_t throttle_take(struct throttle *throttle, const struct http_request *request, size_t wanted,
		     unsigned *wait_s)
{
	size_t taken = 0;
	int64_t wait_us = 0, now_us = clock_mono_us();
	if (is_trusted(throttle, request))
		return wanted;
	struct keys keys = keys_of(throttle, request);
	pthread_mutex_lock(&throttle->lock);
	while (taken < wanted && !(wait_us = wait_of(throttle, &keys, now_us))) {
		take(throttle, &keys, now_us);
		taken++;
	}
	pthread_mutex_unlock(&throttle->lock);
	if (taken < wanted)
		*wait_s = (unsigned)(wait_us / MICROSECONDS_S + 1);
	return taken;
}

bool throttle_admits_guess(struct throttle *throttle, struct http_request *request, uint64_t number)
{
	if (is_trusted(throttle, request))
		return true;
	struct keys keys = keys_of(throttle, request);
	uint64_t key = hash(throttle, &number, sizeof(number));
	int64_t now_us = clock_mono_us();
	pthread_mutex_lock(&throttle->lock);
	int64_t wait_us = wait_of(throttle, &keys, now_us);
	if (!rate_limit_is_fresh(throttle->addresses, keys.address, now_us))
		wait_us = larger(wait_us, rate_limit_wait_us(throttle->cases, key, now_us));
	pthread_mutex_unlock(&throttle->lock);
	return answer(request, wait_us, "too many wrong receipt codes");
}

void throttle_wrong_guess(struct throttle *throttle, const struct http_request *request,
			  uint64_t number)
{
	if (is_trusted(throttle, request))
		return;
	struct keys keys = keys_of(throttle, request);
	uint64_t key = hash(throttle, &number, sizeof(number));
	int64_t now_us = clock_mono_us();
	pthread_mutex_lock(&throttle->lock);
	take(throttle, &keys, now_us);
	rate_limit_take(throttle->cases, key, now_us);
	pthread_mutex_unlock(&throttle->lock);
}
