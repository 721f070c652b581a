/*
 * Brakes by client, answered with 429 and Retry-After: how often an address and its network may do
 * something, and how often receipt codes may be guessed. Sources that are trusted are exempt.
 */
#ifndef WEB_THROTTLE_H
#define WEB_THROTTLE_H

#include "client/http.h"

struct throttle;

/* Rows of a daemon's settings table: NAME.rate_per_address, NAME.rate_per_network,
 * NAME.trusted_sources. what: for the help. */
/* clang-format off */
#define THROTTLE_SETTINGS(name, what, address, network) \
	{name ".rate_per_address", SETTING_INT, address, 0, 1000000, \
	 what " a minute of one IPv4 address or IPv6 /64, twice as many at once; 0: no limit"}, \
	{name ".rate_per_network", SETTING_INT, network, 0, 10000000, \
	 what " a minute of one IPv4 /24 or IPv6 /48, twice as many at once; 0: no limit"}, \
	{name ".trusted_sources", SETTING_STRING, "", 0, 2000, \
	 "networks without these limits, such as 10.1.0.0/16: those of bulk imports"}
/* clang-format on */

/* NULL: why in err. */
struct throttle *throttle_new(const struct settings *settings, const char *name,
			      struct err *err) MUST_CHECK;
void throttle_free(struct throttle **throttle); /* accepts NULL, sets NULL */

/* Up to so many more of what is limited. Gives back how many; when fewer, *wait_s is set to how
 * many seconds it is until the next. */
size_t throttle_take(struct throttle *throttle, const struct http_request *request, size_t wanted,
		     unsigned *wait_s);

/*
 * Guesses at a case's receipt code, of which only the wrong ones count. Whoever guesses too often
 * is stopped, and so is everybody who has guessed wrongly when too many do at one case. So many
 * guessers get one try each, and who comes with the right code from an address that has not
 * guessed is never shut out by them.
 */
bool throttle_admits_guess(struct throttle *throttle, struct http_request *request,
			   uint64_t number);
/* From any thread, before the request is answered. */
void throttle_wrong_guess(struct throttle *throttle, const struct http_request *request,
			  uint64_t number);

#endif
