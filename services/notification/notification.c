/* The handler: events in, first outcomes out; and the attempts between batches. */
#include "notification.h"

#include <stdlib.h>

#include "attempt.h"
#include "client/catalogue_folder.h"
#include "client/key_file.h"
#include "client/postgres.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/message_check.h"
#include "domain/pipeline.h"
#include "job.h"
#include "restore.h"
#include "runtime/metrics.h"
#include "sender_settings.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define OUTCOME_TYPE "redress.notification.outcome"
#define RUN_US       60000 /* of a tick: the main loop has other things to do */
#define WAIT_MS      5

static const struct setting notification_settings[] = {
    {"templates.folder", SETTING_STRING, "deploy/templates", 1, 1000, "what recipients are told"},
    {"portal.url", SETTING_STRING, NULL, 1, 500, "where citizens reach the portal"},
    {"notification.at_once", SETTING_INT, "32", 1, 1000, "messages under way at a time"},
    {"notification.retry", SETTING_DURATION, "5s", 100, 3600000, "before the second attempt"},
    {"notification.give_up", SETTING_DURATION, "2d", 1000, INT64_C(30) * 86400000,
     "after so long a message has failed for good"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct notification {
	struct runtime *runtime;
	struct attempts *attempts;
	struct works works;
	size_t at_once;
	struct metric *waiting, *hopeless;
};

/* ---- events --------------------------------------------------------------------------------- */

static Redress__NotificationOutcome first_outcome(Redress__NotificationJob *job,
						  const char *hopeless, int64_t now_ms)
{
	Redress__NotificationOutcome outcome = REDRESS__NOTIFICATION_OUTCOME__INIT;
	outcome.job = job;
	outcome.at_ms = outcome.first_at_ms = now_ms;
	outcome.delivery = hopeless ? REDRESS__DELIVERY__FAILED : REDRESS__DELIVERY__TRYING;
	outcome.next_at_ms = hopeless ? 0 : now_ms;
	if (hopeless)
		outcome.reason = (char *)(uintptr_t)hopeless;
	return outcome;
}

static void begin_job(struct notification *self, struct arena *arena, Redress__NotificationJob *job,
		      struct outbox *outbox, int64_t now_ms)
{
	const char *hopeless = attempts_hopeless(self->attempts, job);
	Redress__NotificationOutcome outcome = first_outcome(job, hopeless, now_ms);
	size_t size = redress__notification_outcome__get_packed_size(&outcome);
	uint8_t *packed = arena_take(arena, size);
	redress__notification_outcome__pack(&outcome, packed);
	outbox_add(outbox, TOPIC_OUTCOMES, job->number, OUTCOME_TYPE, packed, size);
	if (hopeless)
		metric_add(self->hopeless, 1);
	else
		works_add(&self->works, &outcome, WORK_FRESH);
}

static int handle(void *handle, struct batch *batch, struct outbox *outbox, struct err *err)
{
	(void)err;
	struct notification *self = handle;
	Redress__NotificationJob *jobs[JOBS_MAX];
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		const Redress__CaseEvent *event = redress__case_event__unpack(
		    arena_protobuf(batch->arena), item->message.len, item->message.value);
		const char *bad = event ? message_bad_text(&event->base) : NULL;
		if (!event || bad || event->body_case == REDRESS__CASE_EVENT__BODY__NOT_SET) {
			item_dead(item,
				  bad ? "has text that is not UTF-8, or a field that cannot be"
				      : "is not a CaseEvent");
			continue;
		}
		item->number = event->number;
		outbox_cause(outbox, item);
		for (size_t j = 0, count = jobs_of(batch->arena, event, jobs); j < count; j++)
			begin_job(self, batch->arena, jobs[j], outbox, batch->now_ms);
	}
	return 0;
}

/* ---- attempts ------------------------------------------------------------------------------- */

/* Begins what is due, as far as there are free places. */
static void begin_due(struct notification *self, size_t *looked, int64_t now_ms)
{
	struct work *due[1000]; /* notification.at_once is at most so many */
	do {
		size_t count = 0, free = self->at_once - attempts_running(self->attempts);
		for (; *looked < self->works.count && count < free; ++*looked) {
			struct work *work = self->works.list[*looked];
			if (work->state == WORK_WAITING && work->next_at_ms <= now_ms)
				due[count++] = work;
		}
		if (count)
			attempts_begin(self->attempts, due, count, now_ms);
	} while (*looked < self->works.count && attempts_running(self->attempts) < self->at_once);
}

static int tick(void *handle, struct arena *arena, int64_t now_ms, struct outbox *outbox,
		struct err *err)
{
	(void)arena;
	(void)err;
	struct notification *self = handle;
	size_t looked = 0;
	int64_t end = clock_mono_us() + RUN_US;
	begin_due(self, &looked, now_ms);
	while (attempts_running(self->attempts) && clock_mono_us() < end) {
		attempts_run(self->attempts, WAIT_MS, now_ms);
		begin_due(self, &looked, now_ms);
	}
	for (size_t i = 0; i < self->works.count; i++) {
		struct work *work = self->works.list[i];
		if (work->state != WORK_TO_REPORT)
			continue;
		outbox_add(outbox, TOPIC_OUTCOMES, work->number, OUTCOME_TYPE, work->outcome,
			   work->size);
		work->state = WORK_REPORTED;
	}
	metric_set(self->waiting, (int64_t)self->works.count);
	return 0;
}

static bool has_ended(const struct work *work, const void *facts)
{
	(void)facts;
	return work->state == WORK_REPORTED && !work->next_at_ms;
}

static void committed(void *handle, const struct kafka_partition *written, size_t count)
{
	(void)written;
	(void)count;
	struct notification *self = handle;
	works_sweep(&self->works, has_ended, NULL);
	for (size_t i = 0; i < self->works.count; i++) {
		struct work *work = self->works.list[i];
		if (work->state == WORK_FRESH || work->state == WORK_REPORTED)
			work->state = WORK_WAITING;
	}
}

static bool is_fresh(const struct work *work, const void *facts)
{
	(void)facts;
	return work->state == WORK_FRESH;
}

/* What was to be begun comes again with its event; what was to be reported is reported again. */
static void aborted(void *handle)
{
	struct notification *self = handle;
	works_sweep(&self->works, is_fresh, NULL);
	for (size_t i = 0; i < self->works.count; i++) {
		if (self->works.list[i]->state == WORK_REPORTED)
			self->works.list[i]->state = WORK_TO_REPORT;
	}
}

/* ---- partitions come and go ------------------------------------------------------------------ */

struct partition_facts {
	int32_t partition, partitions;
};

static bool is_of(const struct work *work, const void *facts)
{
	const struct partition_facts *wanted = facts;
	return case_number_partition(work->number, wanted->partitions) == wanted->partition;
}

static void revoked(void *handle, const struct kafka_partition *partitions, size_t count)
{
	struct notification *self = handle;
	for (size_t i = 0; i < count; i++) {
		const struct partition_facts facts = {partitions[i].partition,
						      runtime_partitions(self->runtime)};
		for (size_t w = 0; w < self->works.count; w++) {
			if (is_of(self->works.list[w], &facts))
				attempts_drop(self->attempts, self->works.list[w]);
		}
		works_sweep(&self->works, is_of, &facts);
	}
}

static int assigned(void *handle, struct kafka_partition *partitions, size_t count, struct err *err)
{
	struct notification *self = handle;
	const struct settings *settings = runtime_settings(self->runtime);
	int64_t horizon_ms = 2 * settings_int(settings, "notification.give_up");
	revoked(self, partitions, count);
	if (restore_works(settings, partitions, count, clock_now_ms() - horizon_ms, &self->works,
			  err))
		return -1;
	log_info(0, "%zu messages are to be delivered", self->works.count);
	return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int start(struct runtime *runtime, void **handle, struct err *err)
{
	struct notification *self = x_calloc(1, sizeof(*self));
	const struct settings *settings = runtime_settings(runtime);
	*handle = self;
	self->runtime = runtime;
	self->at_once = (size_t)settings_int(settings, "notification.at_once");
	self->waiting = metric_gauge("redress_notification_unfinished", NULL,
				     "Messages that are neither delivered nor failed.");
	self->hopeless =
	    metric_counter("redress_notification_hopeless_total", NULL,
			   "Messages that failed at once: no sender here could deliver them.");
	self->attempts = attempts_new(settings, runtime_partitions(runtime), err);
	return self->attempts ? 0 : -1;
}

static void stop(void *handle)
{
	struct notification *self = handle;
	for (size_t i = 0; i < self->works.count; i++)
		attempts_drop(self->attempts, self->works.list[i]);
	works_free(&self->works);
	attempts_free(&self->attempts);
	free(self);
}

static int reload(void *handle, struct err *err)
{
	struct notification *self = handle;
	return attempts_reload(self->attempts, err);
}

static const struct setting *const tables[] = {notification_settings,
					       redis_settings,
					       key_file_settings,
					       postgres_settings,
					       catalogue_settings,
					       SENDER_SETTINGS,
					       NULL};

const struct service notification_service = {
    .name = "notification",
    .summary = "tells citizens and offices",
    .settings = tables,
    .offsets = OFFSETS_TRANSACTION,
    .start = start,
    .stop = stop,
    .reload = reload,
    .assigned = assigned,
    .revoked = revoked,
    .handle = handle,
    .tick = tick,
    .committed = committed,
    .aborted = aborted,
};
