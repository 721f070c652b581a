/*
 * The threads that look things up. Stores may keep them waiting; the server's threads never wait.
 */
#ifndef PORTAL_POOL_H
#define PORTAL_POOL_H

#include "client/http.h"
#include "record/lookup.h"

struct pool;

/* Answers the request. what: as given to pool_add. */
typedef void pool_work(void *self, struct lookup *lookup, struct http_request *request, void *what);

/* threads: each with a lookup of its own. waiting: requests that wait for one of them at most. */
struct pool *pool_new(const struct settings *settings, int32_t partitions, size_t threads,
		      size_t waiting, void *self, struct err *err) MUST_CHECK;
/* Has the request answered: 503 when too many wait, or it has waited too long. what must live until
 * then. From any thread. */
void pool_add(struct pool *pool, struct http_request *request, pool_work *work, void *what);
/* Answers those that wait with 503 and ends the threads; pool_add may still be called. */
void pool_stop(struct pool *pool);
void pool_free(struct pool **pool);

#endif
