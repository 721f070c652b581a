#include "job.h"

#include <sodium.h>

#include "domain/case_state.h"
#include "util/text.h"

#define LONGEST_MS INT64_C(21600000)

static bool concerns_citizen(const Redress__CaseEvent *event)
{
	switch (event->body_case) {
	case REDRESS__CASE_EVENT__BODY_ASSIGNED:
	case REDRESS__CASE_EVENT__BODY_ASKED:
	case REDRESS__CASE_EVENT__BODY_ANSWERED:
	case REDRESS__CASE_EVENT__BODY_CLOSED:
	case REDRESS__CASE_EVENT__BODY_REOPENED:
		return true;
	default:
		return false;
	}
}

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
	if (event->body_case == REDRESS__CASE_EVENT__BODY_ASSIGNED) {
		job->office = event->assigned->office;
		job->category = event->assigned->category;
		job->deadline_ms = event->assigned->deadline_ms;
	} else if (event->body_case == REDRESS__CASE_EVENT__BODY_REOPENED) {
		job->deadline_ms = event->reopened->deadline_ms;
	}
	return job;
}

size_t jobs_of(struct arena *arena, const Redress__CaseEvent *event,
	       Redress__NotificationJob *jobs[JOBS_MAX])
{
	size_t count = 0;
	if (concerns_citizen(event))
		jobs[count++] = make(arena, event, REDRESS__RECIPIENT__TO_CITIZEN);
	if (event->body_case == REDRESS__CASE_EVENT__BODY_ASSIGNED)
		jobs[count++] = make(arena, event, REDRESS__RECIPIENT__TO_OFFICE);
	return count;
}

int64_t job_next_ms(int64_t now_ms, uint32_t attempts, int64_t first_ms)
{
	int64_t delay = first_ms;
	for (uint32_t i = 1; i < attempts && delay < LONGEST_MS; i++)
		delay *= 2;
	return now_ms + (delay < LONGEST_MS ? delay : LONGEST_MS);
}
