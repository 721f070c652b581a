/* The handler: events in, first outcomes out; and the attempts between batches. */
#include "notification.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "attempt.h"
#include "client/catalogue_folder.h"
#include "client/key_file.h"
#include "client/postgres.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/pipeline.h"
#include "job.h"
#include "restore.h"
#include "template.h"
#include "util/metrics.h"
#include "sender_settings.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define OUTCOME_TYPE "redress.notification.outcome"
#define RUN_US       60000 /* of a tick: the main loop has other things to do */
#define WAIT_MS      5
#define DUE_MAX      64    /* looked up and begun together */
#define RECALL_MS    10000 /* not more often: it reads some days of outcomes */
#define RECALL_SHARE 20    /* and takes at most one part in so many of the time */

static const struct setting notification_settings[] = {
    {"templates.folder", SETTING_STRING, "deploy/templates", 1, 1000, "what recipients are told"},
    {"portal.url", SETTING_STRING, NULL, 1, 500, "where citizens reach the portal"},
    {"notification.at_once", SETTING_INT, "64", 1, 1000,
     "messages of each sender under way at a time; at most half of them are not first attempts"},
    {"notification.at_once_host", SETTING_INT, "8", 1, 1000,
     "of them, to one host; a mail server of our own may have them all"},
    {"notification.held", SETTING_INT, "20000", 10, 10000000,
     "unfinished messages in memory; those due later wait in Kafka"},
    {"notification.pause", SETTING_DURATION, "10s", 100, 600000,
     "how long a host that failed three times is left alone; doubles"},
    {"notification.wait_most", SETTING_DURATION, "6h", 1000, 86400000,
     "how long a host is left alone at most when it asks for it (Retry-After)"},
    {"notification.retry", SETTING_DURATION, "5s", 100, 3600000, "before the second attempt"},
    {"notification.give_up", SETTING_DURATION, "2d", 1000, INT64_C(30) * 86400000,
     "after so long a message has failed for good"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct notification {
	struct runtime *runtime;
	struct attempts *attempts;
	struct delivery_queue deliveries;
	size_t held;
	int64_t forgot_ms;   /* 0: all that is unfinished is in deliveries; else when one of the
				others is   due */
	int64_t recall_ms;   /* not to be read back before */
	_Atomic bool resend; /* what failed is to be taken up again */
	struct kafka_partition *partitions; /* ours */
	size_t partition_count;
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

static void begin_one(struct notification *self, struct arena *arena, Redress__NotificationJob *job,
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
		delivery_queue_add(&self->deliveries, &outcome, DELIVERY_FRESH);
}

static void begin_job(struct notification *self, struct arena *arena, Redress__NotificationJob *job,
		      struct outbox *outbox, int64_t now_ms)
{
	const char *ways[JOB_WAYS_MAX];
	Redress__NotificationJob *jobs[JOB_WAYS_MAX];
	size_t count = attempts_ways(self->attempts, job->office, ways);
	count = job_each_way(arena, job, ways, count, jobs);
	for (size_t i = 0; i < count; i++)
		begin_one(self, arena, jobs[i], outbox, now_ms);
}

static int handle(void *handle, struct batch *batch, struct outbox *outbox, struct err *err)
{
	(void)err;
	struct notification *self = handle;
	Redress__NotificationJob *jobs[JOBS_MAX];
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		if (item->dead)
			continue;
		const Redress__CaseEvent *event = redress__case_event__unpack(
		    arena_protobuf(batch->arena), item->message.len, item->message.value);
		if (item_faulty(item, event ? &event->base : NULL,
				runtime_partitions(self->runtime), batch->now_ms))
			continue;
		item->number = event->number;
		outbox_cause(outbox, item);
		for (size_t j = 0, count = jobs_of(batch->arena, event, jobs); j < count; j++)
			begin_job(self, batch->arena, jobs[j], outbox, batch->now_ms);
	}
	return 0;
}

/* ---- attempts ------------------------------------------------------------------------------- */

/* Collects what may begin; emergencies before all else. looked: from where on to look. */
static size_t find_due(const struct notification *self, bool urgent, size_t *looked,
		       struct delivery *due[DUE_MAX], size_t count, int64_t now_ms)
{
	for (; *looked < self->deliveries.count && count < DUE_MAX; ++*looked) {
		struct delivery *delivery = self->deliveries.list[*looked];
		if (delivery->urgent != urgent || delivery->state != DELIVERY_WAITING ||
		    delivery->due_ms > now_ms ||
		    (delivery->lane && !lane_may_begin(delivery->lane, delivery->again, now_ms)))
			continue;
		if (delivery->lane)
			lane_begin(delivery->lane, delivery->again);
		due[count++] = delivery;
	}
	return count;
}

/* end_us: when to stop, which may leave some for the next time. */
static void begin_due(struct notification *self, int64_t now_ms, int64_t end_us)
{
	struct delivery *due[DUE_MAX];
	size_t urgent = 0, others = 0, count;
	do {
		count = find_due(self, true, &urgent, due, 0, now_ms);
		count = find_due(self, false, &others, due, count, now_ms);
		if (count)
			attempts_begin(self->attempts, due, count, now_ms);
	} while (count == DUE_MAX && clock_mono_us() < end_us);
}

/* ---- more than is held ---------------------------------------------------------------------- */

/* Keeps those due soonest; the last outcome of the others is in Kafka. */
static void forget_surplus(struct notification *self)
{
	if (self->deliveries.count <= self->held + self->held / 4)
		return;
	int64_t due_ms = delivery_queue_forget_latest(&self->deliveries, self->held);
	if (due_ms && (!self->forgot_ms || due_ms < self->forgot_ms))
		self->forgot_ms = due_ms;
}

/* Reads back what was forgotten, when there is room for it and it is due. */
static int recall(struct notification *self, int64_t now_ms, struct err *err)
{
	const struct settings *settings = runtime_settings(self->runtime);
	bool resend = atomic_exchange(&self->resend, false);
	bool room = self->deliveries.count < self->held / 2 || self->forgot_ms <= now_ms;
	if (!resend && (!self->forgot_ms || !room || now_ms < self->recall_ms))
		return 0;
	self->forgot_ms = 0;
	size_t before = self->deliveries.count;
	if (restore_deliveries(settings, self->partitions, self->partition_count,
			       runtime_partitions(self->runtime), resend, now_ms, &self->deliveries,
			       err)) {
		atomic_store(&self->resend, resend);
		self->forgot_ms = now_ms;
		return -1;
	}
	int64_t took_ms = clock_now_ms() - now_ms;
	self->recall_ms = now_ms + (took_ms > 0 ? RECALL_SHARE * took_ms : 0) + RECALL_MS;
	log_info(0, "%zu more messages are to be delivered", self->deliveries.count - before);
	forget_surplus(self);
	return 0;
}

static int tick(void *handle, struct arena *arena, int64_t now_ms, struct outbox *outbox,
		struct err *err)
{
	(void)arena;
	struct notification *self = handle;
	int64_t end = clock_mono_us() + RUN_US;
	if (recall(self, now_ms, err))
		return -1;
	begin_due(self, now_ms, end);
	while (attempts_running(self->attempts) && clock_mono_us() < end) {
		attempts_run(self->attempts, WAIT_MS, now_ms);
		begin_due(self, now_ms, end);
	}
	attempts_sweep(self->attempts, now_ms);
	for (size_t i = 0; i < self->deliveries.count; i++) {
		struct delivery *delivery = self->deliveries.list[i];
		if (delivery->state != DELIVERY_TO_REPORT)
			continue;
		outbox_add(outbox, TOPIC_OUTCOMES, delivery->number, OUTCOME_TYPE,
			   delivery->outcome, delivery->size);
		delivery->state = DELIVERY_REPORTED;
	}
	metric_set(self->waiting, (int64_t)self->deliveries.count);
	return 0;
}

static bool has_ended(const struct delivery *delivery, const void *facts)
{
	(void)facts;
	return delivery->state == DELIVERY_REPORTED && !delivery->next_at_ms;
}

static void committed(void *handle, const struct kafka_partition *written, size_t count)
{
	(void)written;
	(void)count;
	struct notification *self = handle;
	delivery_queue_sweep(&self->deliveries, has_ended, NULL);
	for (size_t i = 0; i < self->deliveries.count; i++) {
		struct delivery *delivery = self->deliveries.list[i];
		if (delivery->state == DELIVERY_FRESH || delivery->state == DELIVERY_REPORTED)
			delivery->state = DELIVERY_WAITING;
	}
	forget_surplus(self);
}

static bool is_fresh(const struct delivery *delivery, const void *facts)
{
	(void)facts;
	return delivery->state == DELIVERY_FRESH;
}

/* What was to be begun comes again with its event; what was to be reported is reported again. */
static void aborted(void *handle)
{
	struct notification *self = handle;
	delivery_queue_sweep(&self->deliveries, is_fresh, NULL);
	for (size_t i = 0; i < self->deliveries.count; i++) {
		if (self->deliveries.list[i]->state == DELIVERY_REPORTED)
			self->deliveries.list[i]->state = DELIVERY_TO_REPORT;
	}
}

/* ---- partitions come and go ------------------------------------------------------------------ */

struct partition_facts {
	int32_t partition, partitions;
};

static bool is_of(const struct delivery *delivery, const void *facts)
{
	const struct partition_facts *wanted = facts;
	return case_number_partition(delivery->number, wanted->partitions) == wanted->partition;
}

static void leave_partition(struct notification *self, int32_t partition)
{
	size_t kept = 0;
	for (size_t i = 0; i < self->partition_count; i++) {
		if (self->partitions[i].partition != partition)
			self->partitions[kept++] = self->partitions[i];
	}
	self->partition_count = kept;
}

static void revoked(void *handle, const struct kafka_partition *partitions, size_t count)
{
	struct notification *self = handle;
	for (size_t i = 0; i < count; i++) {
		const struct partition_facts facts = {partitions[i].partition,
						      runtime_partitions(self->runtime)};
		for (size_t w = 0; w < self->deliveries.count; w++) {
			if (is_of(self->deliveries.list[w], &facts))
				attempts_drop(self->attempts, self->deliveries.list[w]);
		}
		delivery_queue_sweep(&self->deliveries, is_of, &facts);
		leave_partition(self, partitions[i].partition);
	}
}

static int assigned(void *handle, struct kafka_partition *partitions, size_t count, struct err *err)
{
	struct notification *self = handle;
	const struct settings *settings = runtime_settings(self->runtime);
	revoked(self, partitions, count);
	if (restore_deliveries(settings, partitions, count, runtime_partitions(self->runtime),
			       false, clock_now_ms(), &self->deliveries, err))
		return -1;
	self->partitions =
	    x_realloc(self->partitions, self->partition_count + count, sizeof(*self->partitions));
	for (size_t i = 0; i < count; i++)
		self->partitions[self->partition_count++] = partitions[i];
	log_info(0, "%zu messages are to be delivered", self->deliveries.count);
	forget_surplus(self);
	return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int start(struct runtime *runtime, void **handle, struct err *err)
{
	struct notification *self = x_calloc(1, sizeof(*self));
	const struct settings *settings = runtime_settings(runtime);
	*handle = self;
	self->runtime = runtime;
	self->held = (size_t)settings_int(settings, "notification.held");
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
	for (size_t i = 0; i < self->deliveries.count; i++)
		attempts_drop(self->attempts, self->deliveries.list[i]);
	delivery_queue_free(&self->deliveries);
	attempts_free(&self->attempts);
	free(self->partitions);
	free(self);
}

static int reload(void *handle, struct err *err)
{
	struct notification *self = handle;
	if (attempts_reload(self->attempts, err))
		return -1;
	atomic_store(&self->resend, true);
	return 0;
}

static int ready(void *handle, struct err *err)
{
	struct notification *self = handle;
	return attempts_ready(self->attempts, err);
}

static const struct setting *const tables[] = {notification_settings,
					       redis_settings,
					       key_file_settings,
					       postgres_settings,
					       catalogue_settings,
					       SENDER_SETTINGS,
					       NULL};

static int check_templates(const struct settings *given, struct err *err)
{
	struct templates *templates =
	    templates_load(settings_str(given, "templates.folder"), job_templates(), err);
	if (!templates)
		return -1;
	templates_free(&templates);
	return 0;
}

/* --check */
static int check(const struct settings *given, struct err *err)
{
	static const char *const keys[] = {"notification.pub", "notification.key", NULL};
	if (key_file_check(settings_str(given, "keys.folder"), keys, err) ||
	    catalogue_check(given, err) || check_templates(given, err))
		return -1;
	return 0;
}

const struct service notification_service = {
    .name = "notification",
    .summary = "tells citizens and offices",
    .settings = tables,
    .offsets = OFFSETS_TRANSACTION,
    .check = check,
    .start = start,
    .stop = stop,
    .reload = reload,
    .ready = ready,
    .assigned = assigned,
    .revoked = revoked,
    .handle = handle,
    .tick = tick,
    .committed = committed,
    .aborted = aborted,
};
