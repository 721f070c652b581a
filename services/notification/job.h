/* Whom an event concerns. Pure. */
#ifndef NOTIFICATION_JOB_H
#define NOTIFICATION_JOB_H

#include <stdbool.h>

#include "case.pb-c.h"
#include "notification.pb-c.h"
#include "util/arena.h"

#define JOBS_MAX          2
#define JOB_KEY_SIZE      16
#define JOB_TEMPLATE_SIZE 32

/* The messages that the event makes necessary; in the arena, sharing the event's texts. */
size_t jobs_of(struct arena *arena, const Redress__CaseEvent *event,
	       Redress__NotificationJob *jobs[JOBS_MAX]);

/* The name of its template: the kind, "office " before it when an office is told. Returns name. */
const char *job_template(const char *kind, Redress__Recipient recipient,
			 char name[JOB_TEMPLATE_SIZE]);
/* The first template that some job needs and has() denies; NULL: none is missing. */
const char *job_without_template(bool (*has)(const void *self, const char *name), const void *self,
				 char name[JOB_TEMPLATE_SIZE]);

/* When to try again after so many attempts: doubles from first_ms up to six hours. */
int64_t job_next_ms(int64_t now_ms, uint32_t attempts, int64_t first_ms);

#endif
