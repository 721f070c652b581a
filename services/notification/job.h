/* Whom an event concerns. Pure. */
#ifndef NOTIFICATION_JOB_H
#define NOTIFICATION_JOB_H

#include <stdbool.h>

#include "case.pb-c.h"
#include "notification.pb-c.h"
#include "util/arena.h"

#define JOB_WAYS_MAX      4 /* by which one office is told of an emergency */
#define JOBS_MAX          2
#define JOB_KEY_SIZE      16
#define JOB_TEMPLATE_SIZE 32

/* The messages that the event makes necessary; in the arena, sharing the event's texts. */
size_t jobs_of(struct arena *arena, const Redress__CaseEvent *event,
	       Redress__NotificationJob *jobs[JOBS_MAX]);

/* Danger to life: told at once, with the hour, in every way there is. */
bool job_is_emergency(const Redress__NotificationJob *job);
/* The job once for each way (a sender's name) in which its office is told of an emergency; each
 * has its own key. jobs[0] may be job. Returns how many: at least one. */
size_t job_each_way(struct arena *arena, Redress__NotificationJob *job, const char *const *ways,
		    size_t count, Redress__NotificationJob *jobs[JOB_WAYS_MAX]);

/* The name of its template: the kind, "office " before it when an office is told. Returns name. */
const char *job_template(const char *kind, Redress__Recipient recipient,
			 char name[JOB_TEMPLATE_SIZE]);
/* The template around it; NULL: none. */
const char *job_wrapper(const Redress__NotificationJob *job);
/* All that there must be, as templates_load takes them. */
const char *const *job_templates(void);

/* When to try again after so many attempts: doubles from first_ms up to six hours, and up to a
 * quarter more by chance (any number), so that what failed together does not come together. */
int64_t job_next_ms(int64_t now_ms, uint32_t attempts, int64_t first_ms, uint32_t chance);

#endif
