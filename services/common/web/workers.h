/*
 * Threads that may wait for stores, each with what it needs for that, so that a server's threads
 * never do.
 */
#ifndef WEB_WORKERS_H
#define WEB_WORKERS_H

#include <stddef.h>

#include "client/http.h"

struct workers;

struct workers_options {
	size_t threads; /* at least one */
	size_t waiting; /* requests that wait for one of them at most; more get 503 */
	/* What one thread has of its own; for all of them by who makes the workers. */
	void *(*tools_new)(void *self);
	void (*tools_free)(void *tools);
	void *self;
};

/* Answers the request. what: as given to workers_add. */
typedef void worker_job(void *tools, struct http_request *request, void *what);

struct workers *workers_new(const struct workers_options *options);
/* Has the request answered. what must live until then: in its arena. From any thread. */
void workers_add(struct workers *workers, struct http_request *request, worker_job *job,
		 void *what);
/* Answers those that wait with 503 and ends the threads; workers_add may still be called. Accepts
 * NULL. */
void workers_stop(struct workers *workers);
void workers_free(struct workers **workers); /* accepts NULL, sets NULL */

#endif
