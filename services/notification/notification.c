/*
 * NAME      redress-notification - tells citizens and offices
 * READS     cases.events
 * WRITES    notifications.outcomes
 *
 * Every message begins as a TRYING outcome, published in the transaction of its event's offset, and
 * ends as DELIVERED or FAILED. In between it is tried with growing delay through the senders
 * (senders/). On start the unfinished ones are read back from notifications.outcomes.
 *
 * ON FAILURE  A provider that is away: tried again until notification.give_up. An event that cannot be
 *             read goes to cases.events.dead.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/catalogue_folder.h"
#include "client/key_file.h"
#include "client/postgres.h"
#include "client/redis.h"
#include "contact.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/message_check.h"
#include "domain/pipeline.h"
#include "job.h"
#include "runtime/metrics.h"
#include "runtime/service.h"
#include "sender.h"
#include "template.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/number_map.h"
#include "util/text.h"

#define OUTCOME_TYPE "redress.notification.outcome"
#define TRANSFER_S   20L
#define RUN_US       60000 /* of a tick: the main loop has other things to do */

static const struct setting notification_settings[] = {
	{"templates.folder", SETTING_STRING, "deploy/templates", 1, 1000, "what recipients are told"},
	{"portal.url", SETTING_STRING, NULL, 1, 500, "where citizens reach the portal"},
	{"notification.at_once", SETTING_INT, "32", 1, 1000, "messages under way at a time"},
	{"notification.retry", SETTING_DURATION, "5s", 100, 3600000, "before the second attempt"},
	{"notification.give_up", SETTING_DURATION, "2d", 1000, INT64_C(30) * 86400000,
	 "after so long a message has failed for good"},
	{NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

enum work_state { WORK_FRESH, WORK_WAITING, WORK_RUNNING, WORK_TO_REPORT, WORK_REPORTED };

/* A message that has not ended. */
struct work {
	Redress__NotificationOutcome *outcome; /* the last one; malloc'ed */
	enum work_state state;
	const struct sender *sender;
	struct message message;
	CURL *transfer;
};

struct notification {
	struct runtime *runtime;
	const struct settings *settings;
	struct contacts *contacts;
	struct templates *templates;
	struct catalogue *catalogue;
	CURLM *multi;
	struct work **works;
	size_t count, room, running;
	struct metric *delivered, *failed, *retried, *waiting;
};

/* ---- the list of work ----------------------------------------------------------------------- */

static void set_text(char **field, const char *text)
{
	if (*field != protobuf_c_empty_string)
		free(*field);
	*field = *text ? x_strdup(text) : (char *)(uintptr_t)protobuf_c_empty_string;
}

static void add_work(struct notification *self, Redress__NotificationOutcome *outcome,
		     enum work_state state)
{
	if (self->count == self->room) {
		self->room = self->room ? 2 * self->room : 256;
		self->works = x_realloc(self->works, self->room, sizeof(*self->works));
	}
	struct work *work = x_calloc(1, sizeof(*work));
	work->outcome = outcome;
	work->state = state;
	self->works[self->count++] = work;
}

static void end_transfer(struct notification *self, struct work *work)
{
	if (work->transfer) {
		curl_multi_remove_handle(self->multi, work->transfer);
		curl_easy_cleanup(work->transfer);
		work->transfer = NULL;
		self->running--;
	}
	curl_slist_free_all(work->message.list);
	arena_free(&work->message.arena);
	work->message = (struct message){0};
}

static void free_work(struct notification *self, struct work *work)
{
	end_transfer(self, work);
	redress__notification_outcome__free_unpacked(work->outcome, NULL);
	free(work);
}

/* Takes out what the function says, keeping the order. */
static void sweep(struct notification *self, bool (*is_over)(const struct work *, const void *),
		  const void *facts)
{
	size_t kept = 0;
	for (size_t i = 0; i < self->count; i++) {
		if (is_over(self->works[i], facts))
			free_work(self, self->works[i]);
		else
			self->works[kept++] = self->works[i];
	}
	self->count = kept;
}

/* ---- outcomes ------------------------------------------------------------------------------- */

static void publish(struct arena *arena, struct outbox *outbox,
		    const Redress__NotificationOutcome *outcome)
{
	size_t size = redress__notification_outcome__get_packed_size(outcome);
	uint8_t *packed = arena_take(arena, size);
	redress__notification_outcome__pack(outcome, packed);
	outbox_add(outbox, TOPIC_OUTCOMES, outcome->job->number, OUTCOME_TYPE, packed, size);
}

/* reason NULL: delivered. */
static void conclude(struct notification *self, struct work *work, const char *reason,
		     bool for_good, int64_t now_ms)
{
	Redress__NotificationOutcome *outcome = work->outcome;
	end_transfer(self, work);
	bool late = now_ms - outcome->first_at_ms >
		    settings_int(self->settings, "notification.give_up");
	outcome->attempts++;
	outcome->at_ms = now_ms;
	outcome->next_at_ms = 0;
	outcome->delivery = !reason ? REDRESS__DELIVERY__DELIVERED
			    : for_good || late ? REDRESS__DELIVERY__FAILED
					       : REDRESS__DELIVERY__TRYING;
	if (outcome->delivery == REDRESS__DELIVERY__TRYING)
		outcome->next_at_ms = job_next_ms(now_ms, outcome->attempts,
						  settings_int(self->settings, "notification.retry"));
	set_text(&outcome->reason, reason ? reason : "");
	metric_add(!reason ? self->delivered
		   : outcome->next_at_ms ? self->retried
					 : self->failed,
		   1);
	if (reason)
		log_debug(outcome->job->number, "message about \"%s\" attempt %u: %s",
			 outcome->job->kind, outcome->attempts, reason);
	work->state = WORK_TO_REPORT;
}

/* ---- one attempt ---------------------------------------------------------------------------- */

static const struct sender *choose_sender(const struct settings *settings,
					  const Redress__Contact *contact)
{
	for (size_t i = 0; i < sender_count; i++) {
		if (senders[i]->is_set_up(settings) && *senders[i]->address(contact))
			return senders[i];
	}
	return NULL;
}

static void fill_message(struct notification *self, struct work *work, const char *language)
{
	char due[CLOCK_RFC3339_SIZE];
	struct message *message = &work->message;
	const Redress__NotificationJob *job = work->outcome->job;
	const struct catalogue_office *office = catalogue_office(self->catalogue, job->office);
	char *number = arena_take(message->arena, CASE_NUMBER_TEXT_SIZE);
	char template[JOB_TEMPLATE_SIZE];
	case_number_format(job->number, number);
	clock_rfc3339(job->deadline_ms, due);
	due[10] = '\0'; /* the day */
	message->number = number;
	message->kind = job->kind;
	message->language = language;
	message->url = arena_printf(message->arena, "%s/v1/cases/%s",
				    settings_str(self->settings, "portal.url"), number);
	text_hex(message->id, job->key.data, JOB_KEY_SIZE);
	const struct fact facts[] = {
		{"number", number},
		{"office", office ? catalogue_text(&office->name, language) : job->office},
		{"due", due},
		{"url", message->url},
		{NULL, NULL}};
	struct told told = template_fill(self->templates, message->arena, language,
					 job_template(job->kind, job->recipient, template), facts);
	message->subject = told.subject ? told.subject : "";
	message->body = told.subject ? told.body : "";
}

/* Whom to write to and in which language. -1: not known at present. */
static int find_recipient(struct notification *self, struct work *work,
			  Redress__Contact *office_contact, struct known_contact *known,
			  struct err *err)
{
	const Redress__NotificationJob *job = work->outcome->job;
	if (job->recipient == REDRESS__RECIPIENT__TO_CITIZEN) {
		if (contacts_find(self->contacts, work->message.arena, job->number, known, err))
			return -1;
		if (known->contact && *known->contact->language)
			known->language = known->contact->language;
		return 0;
	}
	const struct catalogue_office *office = catalogue_office(self->catalogue, job->office);
	redress__contact__init(office_contact);
	if (office) {
		office_contact->email = (char *)(uintptr_t)office->email;
		office_contact->webhook = (char *)(uintptr_t)office->webhook;
	}
	*known = (struct known_contact){office_contact, self->catalogue->default_language};
	return 0;
}

static void begin(struct notification *self, struct work *work, int64_t now_ms)
{
	struct err err;
	Redress__Contact office_contact;
	struct known_contact known;
	work->message.arena = arena_new();
	work->message.now_ms = now_ms;
	if (find_recipient(self, work, &office_contact, &known, &err)) {
		conclude(self, work, "the contact cannot be read at present", false, now_ms);
		return;
	}
	work->sender = known.contact ? choose_sender(self->settings, known.contact) : NULL;
	if (!work->sender) {
		conclude(self, work,
			 known.contact ? "there is no address that a sender here can reach"
				       : "the citizen gave no address",
			 true, now_ms);
		return;
	}
	set_text(&work->outcome->job->channel, work->sender->name);
	set_text(&work->outcome->job->language, known.language);
	work->message.address =
		arena_strdup(work->message.arena, work->sender->address(known.contact));
	fill_message(self, work, *known.language ? known.language : "en");
	work->transfer = curl_easy_init();
	if (!work->transfer)
		fatal("libcurl has no more transfers");
	curl_easy_setopt(work->transfer, CURLOPT_PRIVATE, work);
	curl_easy_setopt(work->transfer, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(work->transfer, CURLOPT_TIMEOUT, TRANSFER_S);
	work->sender->prepare(work->transfer, &work->message, self->settings);
	curl_multi_add_handle(self->multi, work->transfer);
	self->running++;
	work->state = WORK_RUNNING;
}

static void collect(struct notification *self, int64_t now_ms)
{
	int left;
	bool for_good;
	for (CURLMsg *note; (note = curl_multi_info_read(self->multi, &left));) {
		struct work *work;
		if (note->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(note->easy_handle, CURLINFO_PRIVATE, (char **)&work);
		const char *reason =
			work->sender->result(note->easy_handle, note->data.result, &for_good);
		conclude(self, work, reason, for_good, now_ms);
	}
}

/* ---- hooks ---------------------------------------------------------------------------------- */

static int tick(void *handle, struct arena *arena, int64_t now_ms, struct outbox *outbox,
		struct err *err)
{
	(void)err;
	struct notification *self = handle;
	int active = 1;
	size_t most = (size_t)settings_int(self->settings, "notification.at_once");
	for (size_t i = 0; i < self->count && self->running < most; i++) {
		struct work *work = self->works[i];
		if (work->state == WORK_WAITING && work->outcome->next_at_ms <= now_ms)
			begin(self, work, now_ms);
	}
	for (int64_t end = clock_mono_us() + RUN_US; self->running && clock_mono_us() < end;) {
		curl_multi_perform(self->multi, &active);
		collect(self, now_ms);
		if (self->running)
			curl_multi_poll(self->multi, NULL, 0, 5, NULL);
	}
	for (size_t i = 0; i < self->count; i++) {
		if (self->works[i]->state != WORK_TO_REPORT)
			continue;
		publish(arena, outbox, self->works[i]->outcome);
		self->works[i]->state = WORK_REPORTED;
	}
	metric_set(self->waiting, (int64_t)self->count);
	return 0;
}

static bool has_ended(const struct work *work, const void *facts)
{
	(void)facts;
	return work->state == WORK_REPORTED && !work->outcome->next_at_ms;
}

static void committed(void *handle, const struct kafka_partition *written, size_t count)
{
	(void)written;
	(void)count;
	struct notification *self = handle;
	sweep(self, has_ended, NULL);
	for (size_t i = 0; i < self->count; i++) {
		if (self->works[i]->state == WORK_FRESH || self->works[i]->state == WORK_REPORTED)
			self->works[i]->state = WORK_WAITING;
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
	sweep(self, is_fresh, NULL);
	for (size_t i = 0; i < self->count; i++) {
		if (self->works[i]->state == WORK_REPORTED)
			self->works[i]->state = WORK_TO_REPORT;
	}
}

static Redress__NotificationOutcome *first_outcome(struct arena *arena,
						   Redress__NotificationJob *job, int64_t now_ms)
{
	Redress__NotificationOutcome *outcome = arena_take(arena, sizeof(*outcome));
	redress__notification_outcome__init(outcome);
	outcome->job = job;
	outcome->delivery = REDRESS__DELIVERY__TRYING;
	outcome->at_ms = outcome->next_at_ms = outcome->first_at_ms = now_ms;
	return outcome;
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
			item_dead(item, bad ? "has text that is not UTF-8" : "is not a CaseEvent");
			continue;
		}
		item->number = event->number;
		outbox_cause(outbox, item);
		for (size_t j = 0, count = jobs_of(batch->arena, event, jobs); j < count; j++) {
			const Redress__NotificationOutcome *outcome =
				first_outcome(batch->arena, jobs[j], batch->now_ms);
			publish(batch->arena, outbox, outcome);
			/* a copy of its own, through the wire format */
			size_t size = redress__notification_outcome__get_packed_size(outcome);
			uint8_t *packed = arena_take(batch->arena, size);
			redress__notification_outcome__pack(outcome, packed);
			add_work(self, redress__notification_outcome__unpack(NULL, size, packed),
				 WORK_FRESH);
		}
	}
	return 0;
}

/* ---- taking over where another instance ended ------------------------------------------------ */

struct restoring {
	struct notification *self;
	struct number_map map;
};

static int restore_one(void *handle, const struct kafka_message *message, struct err *err)
{
	(void)err;
	struct restoring *restoring = handle;
	struct notification *self = restoring->self;
	Redress__NotificationOutcome *outcome =
		redress__notification_outcome__unpack(NULL, message->len, message->value);
	if (!outcome || !outcome->job || outcome->job->key.len != JOB_KEY_SIZE) {
		if (outcome)
			redress__notification_outcome__free_unpacked(outcome, NULL);
		return 0; /* archival has it set aside */
	}
	uint32_t *at = number_map_at(&restoring->map, text_get_be64(outcome->job->key.data));
	if (!*at) {
		add_work(self, outcome, WORK_WAITING);
		*at = (uint32_t)self->count;
		return 0;
	}
	struct work *work = self->works[*at - 1];
	redress__notification_outcome__free_unpacked(work->outcome, NULL);
	work->outcome = outcome;
	return 0;
}

static bool is_done(const struct work *work, const void *facts)
{
	(void)facts;
	return work->state == WORK_WAITING && !work->outcome->next_at_ms;
}

struct partition_facts {
	int32_t partition, partitions;
};

static bool is_of(const struct work *work, const void *facts)
{
	const struct partition_facts *wanted = facts;
	return case_number_partition(work->outcome->job->number, wanted->partitions) ==
	       wanted->partition;
}

static void revoked(void *handle, const struct kafka_partition *partitions, size_t count)
{
	struct notification *self = handle;
	for (size_t i = 0; i < count; i++) {
		const struct partition_facts facts = {partitions[i].partition,
						      runtime_partitions(self->runtime)};
		sweep(self, is_of, &facts);
	}
}

static int assigned(void *handle, struct kafka_partition *partitions, size_t count, struct err *err)
{
	struct notification *self = handle;
	struct arena *arena = arena_new();
	struct kafka_partition *own = arena_take(arena, count * sizeof(*own));
	int64_t most = 0, first, next, horizon = settings_int(self->settings, "notification.give_up");
	int failed = 0;
	revoked(self, partitions, count);
	for (size_t i = 0; i < count && !failed; i++) {
		own[i] = (struct kafka_partition){TOPIC_OUTCOMES, partitions[i].partition, 0};
		failed = kafka_offset_range(self->settings, TOPIC_OUTCOMES, partitions[i].partition,
					    &first, &next, err);
		most += failed ? 0 : next - first;
	}
	if (!failed)
		failed = kafka_offsets_at(self->settings, own, count, clock_now_ms() - 2 * horizon,
					  err);
	struct restoring restoring = {self, number_map(arena, (size_t)most + 1)};
	if (!failed)
		failed = kafka_replay(self->settings, own, count, restore_one, &restoring, err);
	arena_free(&arena);
	sweep(self, is_done, NULL);
	if (!failed)
		log_info(0, "%zu messages are to be delivered", self->count);
	return failed ? -1 : 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int load(struct notification *self, struct err *err)
{
	struct templates *templates =
		templates_load(settings_str(self->settings, "templates.folder"), err);
	char name[JOB_TEMPLATE_SIZE];
	if (templates && job_without_template(template_exists, templates, name)) {
		err_set(err, "templates.folder: en.txt has no [%s]", name);
		templates_free(&templates);
	}
	struct catalogue *catalogue =
		templates ? catalogue_load(settings_str(self->settings, "catalogue.folder"), err)
			  : NULL;
	if (!catalogue) {
		templates_free(&templates);
		return -1;
	}
	templates_free(&self->templates);
	catalogue_free(&self->catalogue);
	self->templates = templates;
	self->catalogue = catalogue;
	return 0;
}

static int start(struct runtime *runtime, void **handle, struct err *err)
{
	struct notification *self = x_calloc(1, sizeof(*self));
	const char *name = "redress_notification_attempts_total", *help = "Attempts by result.";
	*handle = self;
	self->runtime = runtime;
	self->settings = runtime_settings(runtime);
	self->delivered = metric_counter(name, "result=\"delivered\"", help);
	self->retried = metric_counter(name, "result=\"trying\"", help);
	self->failed = metric_counter(name, "result=\"failed\"", help);
	self->waiting = metric_gauge("redress_notification_unfinished", NULL,
				     "Messages that are neither delivered nor failed.");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	self->multi = curl_multi_init();
	self->contacts = contacts_new(self->settings, runtime_partitions(runtime), err);
	return self->contacts ? load(self, err) : -1;
}

static bool everything(const struct work *work, const void *facts)
{
	(void)work;
	(void)facts;
	return true;
}

static void stop(void *handle)
{
	struct notification *self = handle;
	sweep(self, everything, NULL);
	free(self->works);
	curl_multi_cleanup(self->multi);
	contacts_free(&self->contacts);
	templates_free(&self->templates);
	catalogue_free(&self->catalogue);
	curl_global_cleanup();
	free(self);
}

static int reload(void *handle, struct err *err)
{
	return load(handle, err);
}

static const struct setting *const tables[] = {
	notification_settings, redis_settings,	key_file_settings, postgres_settings,
	catalogue_settings,    SENDER_SETTINGS, NULL};

static const struct service service = {
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

int main(int argc, char **argv)
{
	return service_main(argc, argv, &service);
}
