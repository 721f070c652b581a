/* Whom an event concerns. Pure. */
#ifndef NOTIFICATION_JOB_H
#define NOTIFICATION_JOB_H

#include "case.pb-c.h"
#include "notification.pb-c.h"
#include "util/arena.h"

#define JOBS_MAX 2
#define JOB_KEY_SIZE 16

/* The messages that the event makes necessary; in the arena, sharing the event's texts. */
size_t jobs_of(struct arena *arena, const Redress__CaseEvent *event,
	       Redress__NotificationJob *jobs[JOBS_MAX]);

/* When to try again after so many attempts: doubles from first_ms up to six hours. */
int64_t job_next_ms(int64_t now_ms, uint32_t attempts, int64_t first_ms);

#endif
