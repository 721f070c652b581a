#include "job.h"

#include <sodium.h>
#include <stdio.h>

#include "domain/case_state.h"
#include "util/text.h"

#define LONGEST_MS INT64_C(21600000)

/* Who is told of which events. */
static const struct concern {
	Redress__CaseEvent__BodyCase event;
	bool citizen, office;
} concerns[] = {
    {REDRESS__CASE_EVENT__BODY_ASSIGNED, true, true},
    {REDRESS__CASE_EVENT__BODY_ASKED, true, false},
    {REDRESS__CASE_EVENT__BODY_REPLIED, false, true},
    {REDRESS__CASE_EVENT__BODY_ANSWERED, true, false},
    {REDRESS__CASE_EVENT__BODY_CLOSED, true, false},
    {REDRESS__CASE_EVENT__BODY_REOPENED, true, true},
    {REDRESS__CASE_EVENT__BODY_WITHDRAWN, false, true},
    {REDRESS__CASE_EVENT__BODY_ESCALATED, true, true},
};
#define CONCERNS (sizeof(concerns) / sizeof(*concerns))

/* One key for each event and recipient: a message sent twice is recognised by it. */
static uint8_t *make_key(struct arena *arena, const Redress__CaseEvent *event,
			 Redress__Recipient recipient)
{
	uint8_t facts[17], *key = arena_take(arena, JOB_KEY_SIZE);
	text_put_be64(facts, event->number);
	text_put_be64(facts + 8, event->version);
	facts[16] = (uint8_t)recipient;
	crypto_generichash(key, JOB_KEY_SIZE, facts, sizeof(facts), NULL, 0);
	return key;
}

static Redress__NotificationJob *make(struct arena *arena, const Redress__CaseEvent *event,
				      Redress__Recipient recipient)
{
	Redress__NotificationJob *job = arena_take(arena, sizeof(*job));
	redress__notification_job__init(job);
	job->key.data = make_key(arena, event, recipient);
	job->key.len = JOB_KEY_SIZE;
	job->number = event->number;
	job->event_version = event->version;
	job->kind = (char *)(uintptr_t)case_event_kind(event);
	job->recipient = recipient;
	job->event_at_ms = event->at_ms;
	job->status = (char *)(uintptr_t)case_status_name(event->status);
	job->office = event->office;
	if (event->body_case == REDRESS__CASE_EVENT__BODY_ASSIGNED) {
		job->category = event->assigned->category;
		job->deadline_ms = event->assigned->deadline_ms;
	} else if (event->body_case == REDRESS__CASE_EVENT__BODY_REOPENED) {
		job->deadline_ms = event->reopened->deadline_ms;
	} else if (event->body_case == REDRESS__CASE_EVENT__BODY_ESCALATED) {
		job->deadline_ms = event->escalated->deadline_ms;
		/* the one above is told, not the one that is late */
		if (recipient == REDRESS__RECIPIENT__TO_OFFICE)
			job->office = event->escalated->office;
	}
	return job;
}

size_t jobs_of(struct arena *arena, const Redress__CaseEvent *event,
	       Redress__NotificationJob *jobs[JOBS_MAX])
{
	size_t count = 0;
	const struct concern *concern = concerns;
	while (concern < concerns + CONCERNS && concern->event != event->body_case)
		concern++;
	if (concern == concerns + CONCERNS)
		return 0;
	if (concern->citizen)
		jobs[count++] = make(arena, event, REDRESS__RECIPIENT__TO_CITIZEN);
	if (concern->office && *event->office)
		jobs[count++] = make(arena, event, REDRESS__RECIPIENT__TO_OFFICE);
	return count;
}

const char *job_template(const char *kind, Redress__Recipient recipient,
			 char name[JOB_TEMPLATE_SIZE])
{
	snprintf(name, JOB_TEMPLATE_SIZE, "%s%s",
		 recipient == REDRESS__RECIPIENT__TO_OFFICE ? "office " : "", kind);
	return name;
}

const char *job_without_template(bool (*has)(const void *self, const char *name), const void *self,
				 char name[JOB_TEMPLATE_SIZE])
{
	for (size_t i = 0; i < CONCERNS; i++) {
		Redress__CaseEvent event = REDRESS__CASE_EVENT__INIT;
		event.body_case = concerns[i].event;
		const char *kind = case_event_kind(&event);
		if (concerns[i].citizen &&
		    !has(self, job_template(kind, REDRESS__RECIPIENT__TO_CITIZEN, name)))
			return name;
		if (concerns[i].office &&
		    !has(self, job_template(kind, REDRESS__RECIPIENT__TO_OFFICE, name)))
			return name;
	}
	return NULL;
}

int64_t job_next_ms(int64_t now_ms, uint32_t attempts, int64_t first_ms)
{
	int64_t delay = first_ms;
	for (uint32_t i = 1; i < attempts && delay < LONGEST_MS; i++)
		delay *= 2;
	return now_ms + (delay < LONGEST_MS ? delay : LONGEST_MS);
}
