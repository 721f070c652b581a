#include "job.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "util/text.h"

#define LONGEST_MS INT64_C(21600000)
#define KINDS_MAX  32 /* of events */

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
	const struct event_facts *facts = event_facts(event->body_case);
	Redress__NotificationJob *job = arena_take(arena, sizeof(*job));
	redress__notification_job__init(job);
	job->key.data = make_key(arena, event, recipient);
	job->key.len = JOB_KEY_SIZE;
	job->number = event->number;
	job->event_version = event->version;
	job->kind = (char *)(uintptr_t)event_kind(event);
	job->recipient = recipient;
	job->event_at_ms = event->at_ms;
	job->status = (char *)(uintptr_t)case_status_name(event->status);
	job->office = event->office;
	job->urgency = event_urgency(event);
	job->category = (char *)(uintptr_t)event_category(event);
	job->deadline_ms = event_deadline_ms(event);
	/* the one above is told, not the one that is late */
	if (recipient == REDRESS__RECIPIENT__TO_OFFICE && facts->office == OFFICE_ABOVE)
		job->office = (char *)(uintptr_t)event_office(event);
	return job;
}

size_t jobs_of(struct arena *arena, const Redress__CaseEvent *event,
	       Redress__NotificationJob *jobs[JOBS_MAX])
{
	size_t count = 0;
	unsigned told = event_told(event);
	if (told & SIDE_CITIZEN)
		jobs[count++] = make(arena, event, REDRESS__RECIPIENT__TO_CITIZEN);
	if (told & SIDE_OFFICE && *event->office)
		jobs[count++] = make(arena, event, REDRESS__RECIPIENT__TO_OFFICE);
	return count;
}

bool job_is_emergency(const Redress__NotificationJob *job)
{
	return job->urgency == REDRESS__URGENCY__EMERGENCY;
}

size_t job_each_way(struct arena *arena, Redress__NotificationJob *job, const char *const *ways,
		    size_t count, Redress__NotificationJob *jobs[JOB_WAYS_MAX])
{
	jobs[0] = job;
	if (!job_is_emergency(job) || job->recipient != REDRESS__RECIPIENT__TO_OFFICE || count < 2)
		return 1;
	for (size_t i = 0; i < count; i++) {
		jobs[i] = arena_copy(arena, job, sizeof(*job));
		jobs[i]->channel = (char *)(uintptr_t)ways[i];
		jobs[i]->key.data = arena_take(arena, JOB_KEY_SIZE);
		crypto_generichash(jobs[i]->key.data, JOB_KEY_SIZE, (const uint8_t *)ways[i],
				   strlen(ways[i]), job->key.data, JOB_KEY_SIZE);
	}
	return count;
}

const char *job_template(const char *kind, Redress__Recipient recipient,
			 char name[JOB_TEMPLATE_SIZE])
{
	snprintf(name, JOB_TEMPLATE_SIZE, "%s%s",
		 recipient == REDRESS__RECIPIENT__TO_OFFICE ? "office " : "", kind);
	return name;
}

const char *job_wrapper(const Redress__NotificationJob *job)
{
	return job->recipient == REDRESS__RECIPIENT__TO_OFFICE && job_is_emergency(job)
		   ? "office emergency"
		   : NULL;
}

const char *const *job_templates(void)
{
	static char names[2 * KINDS_MAX][JOB_TEMPLATE_SIZE];
	static const char *list[2 * KINDS_MAX + 2];
	size_t kinds, count = 0;
	const struct event_facts *facts = event_facts_all(&kinds);
	for (size_t i = 0; i < kinds && i < KINDS_MAX && !list[0]; i++) {
		if (facts[i].told & SIDE_OFFICE)
			job_template(facts[i].kind, REDRESS__RECIPIENT__TO_OFFICE, names[count++]);
		if (facts[i].told & SIDE_CITIZEN)
			job_template(facts[i].kind, REDRESS__RECIPIENT__TO_CITIZEN, names[count++]);
	}
	for (size_t i = 0; i < count; i++)
		list[i] = names[i];
	if (count)
		list[count] = "office emergency*";
	return list;
}

int64_t job_next_ms(int64_t now_ms, uint32_t attempts, int64_t first_ms, uint32_t chance)
{
	int64_t delay = first_ms;
	for (uint32_t i = 1; i < attempts && delay < LONGEST_MS; i++)
		delay *= 2;
	if (delay > LONGEST_MS)
		delay = LONGEST_MS;
	return now_ms + delay + delay / 4 * (chance & 1023) / 1023;
}
