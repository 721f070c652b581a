#include "web/workers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/alloc.h"
#include "util/arena.h"
#include "util/log.h"

/* A request that waits; in its own arena. */
struct waiting {
	struct http_request *request;
	worker_job *job;
	void *what;
	struct waiting *next;
};

struct worker {
	struct workers *workers;
	void *tools;
	pthread_t thread;
};

struct workers {
	struct workers_options options;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct waiting *first, **last;
	size_t waiting;
	bool stopping;
	struct worker *list;
};

static void refuse(struct http_request *request)
{
	http_problem_later(request, 503, "busy", "too many are asking at present", 2);
}

/* The next one; NULL: the end. */
static struct waiting *take(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	while (!workers->first && !workers->stopping)
		pthread_cond_wait(&workers->wake, &workers->lock);
	struct waiting *next = workers->stopping ? NULL : workers->first;
	if (next) {
		workers->first = next->next;
		workers->last = workers->first ? workers->last : &workers->first;
		workers->waiting--;
	}
	pthread_mutex_unlock(&workers->lock);
	return next;
}

static void *run(void *handle)
{
	struct worker *worker = handle;
	for (struct waiting *next; (next = take(worker->workers));) {
		if (http_is_late(next->request))
			refuse(next->request);
		else
			next->job(worker->tools, next->request, next->what);
	}
	return NULL;
}

struct workers *workers_new(const struct workers_options *options)
{
	struct workers *workers = x_calloc(1, sizeof(*workers));
	workers->options = *options;
	workers->last = &workers->first;
	workers->list = x_calloc(options->threads, sizeof(*workers->list));
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->wake, NULL);
	for (size_t i = 0; i < options->threads; i++) {
		struct worker *worker = &workers->list[i];
		worker->workers = workers;
		worker->tools = options->tools_new(options->self);
		if (pthread_create(&worker->thread, NULL, run, worker))
			fatal("no more threads");
	}
	return workers;
}

void workers_add(struct workers *workers, struct http_request *request, worker_job *job, void *what)
{
	struct waiting *next = arena_take(http_arena(request), sizeof(*next));
	*next = (struct waiting){request, job, what, NULL};
	pthread_mutex_lock(&workers->lock);
	bool room = workers->waiting < workers->options.waiting && !workers->stopping;
	if (room) {
		*workers->last = next;
		workers->last = &next->next;
		workers->waiting++;
		pthread_cond_signal(&workers->wake);
	}
	pthread_mutex_unlock(&workers->lock);
	if (!room)
		refuse(request);
}

void workers_stop(struct workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	struct waiting *next = workers->first;
	workers->first = NULL;
	workers->last = &workers->first;
	pthread_cond_broadcast(&workers->wake);
	pthread_mutex_unlock(&workers->lock);
	for (struct waiting *after; next; next = after) {
		after = next->next; /* its memory goes with the request */
		refuse(next->request);
	}
	for (size_t i = 0; i < workers->options.threads; i++)
		pthread_join(workers->list[i].thread, NULL);
}

void workers_free(struct workers **workers)
{
	if (!*workers)
		return;
	for (size_t i = 0; i < (*workers)->options.threads; i++)
		(*workers)->options.tools_free((*workers)->list[i].tools);
	free((*workers)->list);
	free(*workers);
	*workers = NULL;
}
