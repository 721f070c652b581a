/*
 * One attempt to deliver each of several messages at a time: whom to write to, what, through which
 * sender, and what came of it. Attempts begun together look their contacts up together.
 */
#ifndef NOTIFICATION_ATTEMPT_H
#define NOTIFICATION_ATTEMPT_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/settings.h"
#include "work.h"

struct attempts;

struct attempts *attempts_new(const struct settings *settings, int32_t partitions,
			      struct err *err) MUST_CHECK;
void attempts_free(struct attempts **attempts);
/* Reads catalogue and templates again; -1: those from before stay. */
int attempts_reload(struct attempts *attempts, struct err *err) MUST_CHECK;

/* Why no attempt at this job can ever reach anybody; NULL: it may. Costs nothing to ask. */
const char *attempts_hopeless(const struct attempts *attempts, const Redress__NotificationJob *job);

/* Begins one attempt for each; some may have ended at once: works[i]->state says. */
void attempts_begin(struct attempts *attempts, struct work *const *works, size_t count,
		    int64_t now_ms);
/* Moves what is under way on, waiting wait_ms at most for something to happen. What ends has a new
 * outcome in its work, and is TO_REPORT. */
void attempts_run(struct attempts *attempts, int64_t wait_ms, int64_t now_ms);
size_t attempts_running(const struct attempts *attempts);
/* Ends a message's attempt without an outcome, if it has one. */
void attempts_drop(struct attempts *attempts, struct work *work);

#endif
