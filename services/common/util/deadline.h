/*
 * When a wait for somebody else must be over. Whatever a daemon calls may hang without closing its
 * connection, so every wait for a store ends at a deadline, and soon once the process is to end.
 */
#ifndef UTIL_DEADLINE_H
#define UTIL_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct deadline {
	int64_t begun_us, at_us; /* of clock_mono_us() */
};

struct deadline deadline_in(int64_t ms);
/* Milliseconds until then, at least 1; 0: it has passed. */
int deadline_left_ms(const struct deadline *deadline);
/* Until one of these events (poll.h) is there or the other side has gone. false: not in time. */
bool deadline_poll(const struct deadline *deadline, int fd, short events);

/*
 * The process is to end: from now on no wait takes longer than this, neither one that has begun nor
 * one that its end still needs. Async-signal-safe.
 */
void deadline_end_all_in(int64_t ms);

#endif
