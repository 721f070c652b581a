/*
 * Lanes: what is sent by one sender to one host. Each has its share of the transfers that may be
 * under way, and a breaker: after some failures in a row it is closed for a time that doubles, and
 * then tried with one message. So a host that is slow, dead or asks to be left alone delays its
 * own messages only. Pure: the time is given.
 */
#ifndef NOTIFICATION_LANE_H
#define NOTIFICATION_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lanes;
struct lane;

struct lane_limits {
	size_t per_sender; /* transfers under way; at most half of them second attempts */
	size_t per_host;
	int64_t pause_ms, pause_most_ms; /* of the breaker: at first and at most */
	int64_t relay_most_ms;           /* the same for a relay of our own */
	int64_t asked_most_ms;           /* for so long a host is left alone when it asks for it */
};

struct lanes *lanes_new(const struct lane_limits *limits, size_t senders);
void lanes_free(struct lanes **lanes); /* nothing may be under way */

/* The lane of this sender to the host; the caller gives it back with lane_leave. relay: this
 * host is all the sender has, and may have its whole share. */
struct lane *lanes_enter(struct lanes *lanes, size_t sender, const char *host, bool relay);
void lane_leave(struct lane *lane); /* accepts NULL */
/* Forgets lanes that nobody is in and that nothing is remembered of. */
void lanes_sweep(struct lanes *lanes, int64_t now_ms);

/* May a message begin? again: it is not its first attempt. */
bool lane_may_begin(const struct lane *lane, bool again, int64_t now_ms);
/* When the lane opens again; 0: it is open. */
int64_t lane_closed_until_ms(const struct lane *lane, int64_t now_ms);
void lane_begin(struct lane *lane, bool again);

enum lane_end { LANE_GOOD, LANE_BAD, LANE_UNKNOWN };
/* wait_ms: what the host asks for. */
void lane_end(struct lane *lane, bool again, enum lane_end how, int64_t wait_ms, int64_t now_ms);

#endif
