#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "util/alloc.h"
#include "util/log.h"

/* A request that waits; in its own arena. */
struct job {
	struct http_request *request;
	pool_work *work;
	void *what;
	struct job *next;
};

struct pool {
	void *self;
	struct record_places places;
	size_t most, waiting;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *first, **last;
	bool stopping;
	struct worker {
		struct pool *pool;
		struct lookup *lookup;
		pthread_t thread;
	} * workers;
	size_t count;
};

static void refuse(struct http_request *request)
{
	http_problem_later(request, 503, "busy", "too many are asking at present", 2);
}

/* The next one; NULL: the pool stops. */
static struct job *take(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (!pool->first && !pool->stopping)
		pthread_cond_wait(&pool->wake, &pool->lock);
	struct job *job = pool->stopping ? NULL : pool->first;
	if (job) {
		pool->first = job->next;
		pool->last = pool->first ? pool->last : &pool->first;
		pool->waiting--;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

static void *run(void *handle)
{
	struct worker *worker = handle;
	for (struct job *job; (job = take(worker->pool));) {
		if (http_is_late(job->request))
			refuse(job->request);
		else
			job->work(worker->pool->self, worker->lookup, job->request, job->what);
	}
	return NULL;
}

void pool_add(struct pool *pool, struct http_request *request, pool_work *work, void *what)
{
	struct job *job = arena_take(http_arena(request), sizeof(*job));
	*job = (struct job){request, work, what, NULL};
	pthread_mutex_lock(&pool->lock);
	bool room = pool->waiting < pool->most && !pool->stopping;
	if (room) {
		*pool->last = job;
		pool->last = &job->next;
		pool->waiting++;
		pthread_cond_signal(&pool->wake);
	}
	pthread_mutex_unlock(&pool->lock);
	if (!room)
		refuse(request);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int start_worker(struct pool *pool, const struct settings *settings, int32_t partitions,
			struct err *err)
{
	struct worker *worker = &pool->workers[pool->count];
	worker->pool = pool;
	worker->lookup = lookup_new(settings, "redress-portal", partitions, &pool->places, err);
	if (!worker->lookup)
		return -1;
	if (pthread_create(&worker->thread, NULL, run, worker))
		fatal("no more threads");
	pool->count++;
	return 0;
}

struct pool *pool_new(const struct settings *settings, int32_t partitions, size_t threads,
		      size_t waiting, void *self, struct err *err)
{
	struct pool *pool = x_calloc(1, sizeof(*pool));
	pool->self = self;
	pool->most = waiting;
	pool->last = &pool->first;
	/* a record that is slow must leave threads for those whose case is in Redis */
	pool->places.free = (int)(threads + 1) / 2;
	pool->workers = x_calloc(threads, sizeof(*pool->workers));
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	for (size_t i = 0; i < threads && pool; i++) {
		if (start_worker(pool, settings, partitions, err)) {
			pool_stop(pool);
			pool_free(&pool);
		}
	}
	return pool;
}

void pool_stop(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	struct job *job = pool->first;
	pool->first = NULL;
	pool->last = &pool->first;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (struct job *next; job; job = next) {
		next = job->next; /* its memory goes with the request */
		refuse(job->request);
	}
	for (size_t i = 0; i < pool->count; i++)
		pthread_join(pool->workers[i].thread, NULL);
}

void pool_free(struct pool **pool)
{
	if (!*pool)
		return;
	for (size_t i = 0; i < (*pool)->count; i++)
		lookup_free(&(*pool)->workers[i].lookup);
	free((*pool)->workers);
	free(*pool);
	*pool = NULL;
}
