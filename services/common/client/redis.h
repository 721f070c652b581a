/*
 * Redis over hiredis; nobody else includes hiredis.h. One connection, one thread. Commands are
 * queued and sent together; replies come back in order. After a failure the connection is made
 * again at the next use.
 *
 * Every call ends within redis.timeout, however the replies trickle in (but for the resolver's own
 * time where the address is a name); then the connection is dropped. While the server is away calls
 * fail at once (client/breaker.h; a process uses one server).
 */
#ifndef CLIENT_REDIS_H
#define CLIENT_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

struct redis;

enum redis_kind { REDIS_NIL, REDIS_STRING, REDIS_INTEGER, REDIS_LIST, REDIS_STATUS, REDIS_FAILED };

struct redis_reply {
	enum redis_kind kind;
	const char *data; /* STRING, STATUS, FAILED (the server's words) */
	size_t len;
	int64_t integer;
	struct redis_reply *items; /* LIST */
	size_t count;
};

struct redis_arg {
	const void *data;
	size_t len;
};

#define REDIS_ARG(text) ((struct redis_arg){(text), sizeof(text) - 1}) /* a literal */

/* The settings of every program that uses Redis: redis.address, redis.password, redis.timeout. */
extern const struct setting redis_settings[];

/* Does not connect yet. NULL: the address is not understood. */
struct redis *redis_new(const struct settings *settings, struct err *err) MUST_CHECK;
void redis_free(struct redis **redis);

/* Queues one command; everything is copied. */
void redis_queue(struct redis *redis, const struct redis_arg *args, size_t count);
/*
 * Sends what is queued and reads all replies into the arena: *replies has *count of them, in the
 * order queued. -1: no connection, or it broke; nothing is known of what the server did. A command
 * the server refused is a reply of kind REDIS_FAILED, not a failure of the call.
 */
int redis_run(struct redis *redis, struct arena *arena, struct redis_reply **replies, size_t *count,
	      struct err *err) MUST_CHECK;
/* Is it there? Also asks while it is known to be away. To be called every second or so. */
int redis_watch(struct redis *redis, struct err *err) MUST_CHECK;
/* The same as redis_run for callers that only want to know that every command was done. */
int redis_run_all_ok(struct redis *redis, struct err *err) MUST_CHECK;

#endif
