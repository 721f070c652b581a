/*
 * Remembers that a store is away: for a moment calls fail at once instead of each waiting to find
 * out; then one call at a time tries again. One for each store of the process, shared by all its
 * connections and threads.
 */
#ifndef CLIENT_BREAKER_H
#define CLIENT_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct breaker {
	const char *store; /* its name, for people */
	pthread_mutex_t lock;
	_Atomic bool away;
	bool trying, watched;
	int64_t again_us; /* when the next call may try */
	struct err why;
};

#define BREAKER(name)                                                                              \
	{                                                                                          \
		.store = (name), .lock = PTHREAD_MUTEX_INITIALIZER                                 \
	}

enum breaker_caller {
	BREAKER_USER,
	/* Only asks whether the store is there, and does so all the time: from its first call on
	 * no user's call is spent on trying. */
	BREAKER_WATCHER,
};

/* -1: the store is away, why in err. 0: call it, then breaker_leave. */
int breaker_enter(struct breaker *breaker, enum breaker_caller caller, struct err *err) MUST_CHECK;
/* why: it could not be reached, or did not answer in time; NULL: it did. */
void breaker_leave(struct breaker *breaker, const struct err *why);
/* -1: away, why in err. */
int breaker_check(struct breaker *breaker, struct err *err) MUST_CHECK;

/* For a process that goes on without: log when a store goes away and when it is there again. */
void stores_log_changes(void);
/* -1: a store that this process has called is away, why in err. From any thread. */
int stores_check(struct err *err) MUST_CHECK;

#endif
