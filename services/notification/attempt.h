/*
 * One attempt to deliver each of several messages at a time: whom to write to, what, through which
 * sender, and what came of it. Attempts begun together look their contacts up together.
 */
#ifndef NOTIFICATION_ATTEMPT_H
#define NOTIFICATION_ATTEMPT_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "job.h"
#include "util/settings.h"
#include "delivery_queue.h"

struct attempts;

struct attempts *attempts_new(const struct settings *settings, int32_t partitions,
			      struct err *err) MUST_CHECK;
void attempts_free(struct attempts **attempts);
/* Reads catalogue and templates again; -1: those from before stay. */
int attempts_reload(struct attempts *attempts, struct err *err) MUST_CHECK;

/* Why no attempt at this job can ever reach anybody; NULL: it may. Costs nothing to ask. */
const char *attempts_hopeless(const struct attempts *attempts, const Redress__NotificationJob *job);

/* The senders here that can reach the office; returns how many. */
size_t attempts_ways(const struct attempts *attempts, const char *office,
		     const char *ways[JOB_WAYS_MAX]);
/* -1 and why: a fault of this installation keeps messages from being sent. From any thread. */
int attempts_ready(struct attempts *attempts, struct err *err);

/* Begins one attempt for each; a work whose lane is known has a place there (lane_begin). Some may
 * have ended at once, others are WAITING again because their host's lane is full:
 * deliveries[i]->state says. */
void attempts_begin(struct attempts *attempts, struct delivery *const *deliveries, size_t count,
		    int64_t now_ms);
/* Moves what is under way on, waiting wait_ms at most for something to happen. What ends has a new
 * outcome in its delivery, and is TO_REPORT. */
void attempts_run(struct attempts *attempts, int64_t wait_ms, int64_t now_ms);
size_t attempts_running(const struct attempts *attempts);
/* Forgets hosts that nothing is to be sent to. */
void attempts_sweep(struct attempts *attempts, int64_t now_ms);
/* Ends a message's attempt without an outcome, if it has one. */
void attempts_drop(struct attempts *attempts, struct delivery *delivery);

#endif
