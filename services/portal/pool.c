#include "pool.h"

#include <stdlib.h>

#include "util/alloc.h"
#include "web/workers.h"

struct pool {
	void *self;
	struct record_places places;
	struct workers *workers;
	struct lookup **lookups; /* one a thread */
	size_t count, given;
};

/* What is to be done; in the request's arena. */
struct job {
	struct pool *pool;
	pool_work *work;
	void *what;
};

static void run(void *lookup, struct http_request *request, void *what)
{
	const struct job *job = what;
	job->work(job->pool->self, lookup, request, job->what);
}

void pool_add(struct pool *pool, struct http_request *request, pool_work *work, void *what)
{
	struct job *job = arena_take(http_arena(request), sizeof(*job));
	*job = (struct job){pool, work, what};
	workers_add(pool->workers, request, run, job);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void *next_lookup(void *self)
{
	struct pool *pool = self;
	return pool->lookups[pool->given++];
}

static void keep_lookup(void *lookup)
{
	(void)lookup; /* pool_free frees them, also when no thread came to be */
}

static int open_lookups(struct pool *pool, const struct settings *settings, int32_t partitions,
			size_t threads, struct err *err)
{
	for (; pool->count < threads; pool->count++) {
		pool->lookups[pool->count] =
		    lookup_new(settings, "redress-portal", partitions, &pool->places, err);
		if (!pool->lookups[pool->count])
			return -1;
	}
	return 0;
}

struct pool *pool_new(const struct settings *settings, int32_t partitions, size_t threads,
		      size_t waiting, void *self, struct err *err)
{
	struct pool *pool = x_calloc(1, sizeof(*pool));
	pool->self = self;
	/* a record that is slow must leave threads for those whose case is in Redis */
	pool->places.free = (int)(threads + 1) / 2;
	pool->lookups = x_calloc(threads, sizeof(struct lookup *));
	if (open_lookups(pool, settings, partitions, threads, err)) {
		pool_free(&pool);
		return NULL;
	}
	pool->workers = workers_new(&(struct workers_options){
	    .threads = threads,
	    .waiting = waiting,
	    .tools_new = next_lookup,
	    .tools_free = keep_lookup,
	    .self = pool,
	});
	return pool;
}

void pool_stop(struct pool *pool)
{
	workers_stop(pool->workers);
}

void pool_free(struct pool **pool)
{
	if (!*pool)
		return;
	workers_free(&(*pool)->workers);
	for (size_t i = 0; i < (*pool)->count; i++)
		lookup_free(&(*pool)->lookups[i]);
	free((*pool)->lookups);
	free(*pool);
	*pool = NULL;
}
