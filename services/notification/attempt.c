#include "attempt.h"

#include <curl/curl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/catalogue_folder.h"
#include "record/contact.h"
#include "domain/case_number.h"
#include "domain/language_tag.h"
#include "domain/render_time.h"
#include "job.h"
#include "util/metrics.h"
#include "sender.h"
#include "template.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define CONNECT_S  10L
#define HOST_MOST  600000 /* a host that is away is asked again after at most this, in ms */
#define RELAY_MOST 60000  /* our own: it is looked after, and everybody waits for it */
#define SAY_AGAIN  60000

struct attempt {
	struct delivery *delivery;
	Redress__NotificationOutcome *outcome; /* in the message's arena, as the rest */
	size_t channel;                        /* in attempts->channels */
	bool again, begun;
	struct message message;
	CURL *transfer;
};

/* A sender that is set up, and what is wrong with our own installation as far as it shows. */
struct channel {
	const struct sender *sender;
	char fault[120]; /* "" when all is well */
	int64_t said_ms;
	struct metric *broken;
};

struct attempts {
	const struct settings *settings;
	int64_t retry_ms, give_up_ms;
	struct contacts *contacts;
	struct templates *templates;
	struct catalogue *catalogue;
	struct render_times *times;
	struct channel *channels; /* of the senders that are set up */
	size_t channel_count;
	pthread_mutex_t faults; /* the readiness probe reads them */
	struct lanes *lanes;
	CURLM *multi;
	size_t running;
	struct metric *delivered, *failed, *retried;
};

/* ---- faults of our own ---------------------------------------------------------------------- */

static void note_fault(struct attempts *attempts, struct channel *channel,
		       const struct attempt *attempt, const struct ending *ending, int64_t now_ms)
{
	bool ours = ending->verdict == VERDICT_OURS;
	if (!ours && !*channel->fault)
		return;
	pthread_mutex_lock(&attempts->faults);
	snprintf(channel->fault, sizeof(channel->fault), "%s: %s", ours ? ending->reason : "",
		 attempt->message.answer);
	if (!ours)
		*channel->fault = '\0';
	pthread_mutex_unlock(&attempts->faults);
	metric_set(channel->broken, ours);
	if (ours && now_ms - channel->said_ms >= SAY_AGAIN) {
		channel->said_ms = now_ms;
		log_warn(0, "%s cannot be sent, a fault of this installation: %s",
			 channel->sender->name, channel->fault);
	} else if (!ours) {
		log_info(0, "%s is sent again", channel->sender->name);
	}
}

int attempts_ready(struct attempts *attempts, struct err *err)
{
	int failed = 0;
	pthread_mutex_lock(&attempts->faults);
	for (size_t i = 0; i < attempts->channel_count && !failed; i++) {
		const struct channel *channel = &attempts->channels[i];
		if (*channel->fault)
			failed = err_set(err, "%s: %s", channel->sender->name, channel->fault);
	}
	pthread_mutex_unlock(&attempts->faults);
	return failed;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void end(struct attempts *attempts, struct delivery *delivery)
{
	struct attempt *attempt = delivery->attempt;
	if (attempt->transfer) {
		curl_multi_remove_handle(attempts->multi, attempt->transfer);
		curl_easy_cleanup(attempt->transfer);
		attempts->running--;
	}
	curl_slist_free_all(attempt->message.list);
	delivery->attempt = NULL;
	struct arena *arena = attempt->message.arena; /* and the attempt lies in it */
	arena_free(&arena);
}

void attempts_drop(struct attempts *attempts, struct delivery *delivery)
{
	if (!delivery->attempt)
		return;
	if (delivery->attempt->begun)
		lane_end(delivery->lane, delivery->attempt->again, LANE_UNKNOWN, 0, 0);
	end(attempts, delivery);
}

static void count_end(struct attempts *attempts, const Redress__NotificationOutcome *outcome)
{
	switch (outcome->delivery) {
	case REDRESS__DELIVERY__DELIVERED:
		metric_add(attempts->delivered, 1);
		break;
	case REDRESS__DELIVERY__FAILED:
		metric_add(attempts->failed, 1);
		break;
	default:
		metric_add(attempts->retried, 1);
		break;
	}
}

static Redress__Delivery delivery_of(const struct ending *ending, bool late)
{
	switch (ending->verdict) {
	case VERDICT_DELIVERED:
		return REDRESS__DELIVERY__DELIVERED;
	case VERDICT_REFUSED:
		return REDRESS__DELIVERY__FAILED;
	case VERDICT_OURS: /* as long as it takes, unless it is about this message only */
		return late && !ending->host ? REDRESS__DELIVERY__FAILED
					     : REDRESS__DELIVERY__TRYING;
	default:
		return late ? REDRESS__DELIVERY__FAILED : REDRESS__DELIVERY__TRYING;
	}
}

/* A fault of ours does not make the message wait longer and longer: its lane waits. */
static int64_t next_ms(const struct attempts *attempts, const struct delivery *delivery,
		       const struct ending *ending, uint32_t tried, int64_t now_ms)
{
	bool by_lane = ending->verdict == VERDICT_OURS && ending->host;
	int64_t next =
	    job_next_ms(now_ms, by_lane ? 1 : tried, attempts->retry_ms, randombytes_random());
	int64_t open = delivery->lane ? lane_closed_until_ms(delivery->lane, now_ms) : 0;
	return open > next ? open : next;
}

static void conclude(struct attempts *attempts, struct delivery *delivery,
		     const struct ending *ending, int64_t now_ms)
{
	Redress__NotificationOutcome *outcome = delivery->attempt->outcome;
	bool late = now_ms - outcome->first_at_ms > attempts->give_up_ms;
	outcome->attempts++;
	outcome->at_ms = now_ms;
	outcome->next_at_ms = 0;
	outcome->delivery = delivery_of(ending, late);
	if (outcome->delivery == REDRESS__DELIVERY__TRYING)
		outcome->next_at_ms =
		    next_ms(attempts, delivery, ending, outcome->attempts, now_ms);
	outcome->reason = (char *)(uintptr_t)(ending->reason ? ending->reason : "");
	count_end(attempts, outcome);
	if (ending->reason)
		log_debug(outcome->job->number, "message about \"%s\" attempt %u: %s (%s)",
			  outcome->job->kind, outcome->attempts, ending->reason,
			  delivery->attempt->message.answer);
	delivery_put(delivery, outcome);
	delivery->state = DELIVERY_TO_REPORT;
	end(attempts, delivery);
}

/* Ends an attempt that needed no transfer. */
static void conclude_early(struct attempts *attempts, struct delivery *delivery,
			   enum verdict verdict, const char *reason, int64_t now_ms)
{
	const struct ending ending = {verdict, reason, false, 0};
	conclude(attempts, delivery, &ending, now_ms);
}

static void conclude_transfer(struct attempts *attempts, struct delivery *delivery, CURLcode code,
			      int64_t now_ms)
{
	struct attempt *attempt = delivery->attempt;
	struct channel *channel = &attempts->channels[attempt->channel];
	const struct ending ending =
	    channel->sender->ending(attempt->transfer, code, &attempt->message);
	lane_end(delivery->lane, attempt->again, ending.host ? LANE_BAD : LANE_GOOD, ending.wait_ms,
		 now_ms);
	note_fault(attempts, channel, attempt, &ending, now_ms);
	conclude(attempts, delivery, &ending, now_ms);
}

/* ---- whom to write to ----------------------------------------------------------------------- */

/* The place in attempts->channels of the one named, or of the first that has an address; -1. */
static int choose_channel(const struct attempts *attempts, const Redress__Contact *contact,
			  const char *named)
{
	for (size_t i = 0; i < attempts->channel_count; i++) {
		const struct sender *sender = attempts->channels[i].sender;
		if ((!*named || strcmp(sender->name, named) == 0) && *sender->address(contact))
			return (int)i;
	}
	return -1;
}

static Redress__Contact office_contact(const struct attempts *attempts, const char *code)
{
	const struct catalogue_office *office = catalogue_acting_office(attempts->catalogue, code);
	Redress__Contact contact = REDRESS__CONTACT__INIT;
	if (office) {
		contact.email = (char *)(uintptr_t)office->email;
		contact.webhook = (char *)(uintptr_t)office->webhook;
	}
	return contact;
}

const char *attempts_hopeless(const struct attempts *attempts, const Redress__NotificationJob *job)
{
	if (!attempts->channel_count)
		return "no_sender";
	if (job->recipient != REDRESS__RECIPIENT__TO_OFFICE)
		return NULL;
	Redress__Contact contact = office_contact(attempts, job->office);
	return choose_channel(attempts, &contact, job->channel) < 0 ? "office_not_reachable" : NULL;
}

size_t attempts_ways(const struct attempts *attempts, const char *office,
		     const char *ways[JOB_WAYS_MAX])
{
	Redress__Contact contact = office_contact(attempts, office);
	size_t count = 0;
	for (size_t i = 0; i < attempts->channel_count && count < JOB_WAYS_MAX; i++) {
		if (*attempts->channels[i].sender->address(&contact))
			ways[count++] = attempts->channels[i].sender->name;
	}
	return count;
}

/* ---- one attempt ---------------------------------------------------------------------------- */

static const char *render_deadline(struct attempts *attempts, const struct attempt *attempt,
				   const struct catalogue_office *office)
{
	char due[TOLD_TIME_SIZE];
	const Redress__NotificationJob *job = attempt->outcome->job;
	const struct calendar *calendar = office ? office->calendar : attempts->catalogue->calendar;
	return arena_strdup(attempt->message.arena,
			    render_due(attempts->times, calendar, attempt->message.language,
				       attempt->message.now_ms, job->deadline_ms,
				       job_is_emergency(job), due));
}

/* preferences: languages, best first. The message's is that of the templates that were found. */
static void render_message(struct attempts *attempts, struct attempt *attempt,
			   const char *preferences)
{
	struct message *message = &attempt->message;
	const Redress__NotificationJob *job = attempt->outcome->job;
	const struct catalogue_office *office =
	    catalogue_acting_office(attempts->catalogue, job->office);
	const struct catalogue_texts *name =
	    catalogue_name(attempts->catalogue, CODES_OFFICES, job->office);
	char *number = arena_take(message->arena, CASE_NUMBER_TEXT_SIZE);
	char template[JOB_TEMPLATE_SIZE];
	case_number_format(job->number, number);
	message->number = number;
	message->kind = job->kind;
	message->language = templates_language(attempts->templates, preferences);
	message->url = arena_printf(message->arena, "%s/v1/cases/%s",
				    settings_str(attempts->settings, "portal.url"), number);
	message->link = arena_printf(message->arena, "%s/case/%s",
				     settings_str(attempts->settings, "portal.url"), number);
	text_hex(message->id, job->key.data, JOB_KEY_SIZE);
	const struct fact facts[] = {
	    {"number", number},
	    /* a code says nothing to people */
	    {"office",
	     catalogue_text(name ? name : &attempts->catalogue->triage->name, message->language)},
	    {"due", render_deadline(attempts, attempt, office)},
	    {"link", message->link},
	    {"url", message->url},
	    {NULL, NULL}};
	struct rendered rendered = template_render(
	    attempts->templates, message->arena, message->language,
	    job_template(job->kind, job->recipient, template), job_wrapper(job), facts);
	message->subject = rendered.subject;
	message->body = rendered.body;
}

static void begin_transfer(struct attempts *attempts, struct delivery *delivery)
{
	struct attempt *attempt = delivery->attempt;
	attempt->transfer = curl_easy_init();
	if (!attempt->transfer)
		fatal("libcurl has no more transfers");
	curl_easy_setopt(attempt->transfer, CURLOPT_PRIVATE, delivery);
	curl_easy_setopt(attempt->transfer, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(attempt->transfer, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	/* else a name server that is silent holds up everything when its question is given up */
	curl_easy_setopt(attempt->transfer, CURLOPT_QUICK_EXIT, 1L);
	attempts->channels[attempt->channel].sender->prepare(attempt->transfer, &attempt->message,
							     attempts->settings);
	curl_multi_add_handle(attempts->multi, attempt->transfer);
	attempts->running++;
	attempt->begun = true;
	lane_begin(delivery->lane, attempt->again);
}

/* Into the lane of its host. false: that is full or closed, and the message waits on. */
static bool enter_lane(struct attempts *attempts, struct delivery *delivery, int64_t now_ms)
{
	struct attempt *attempt = delivery->attempt;
	struct lane *lane = lanes_enter(attempts->lanes, attempt->channel, attempt->message.host,
					attempts->channels[attempt->channel].sender->relay);
	lane_leave(delivery->lane);
	delivery->lane = lane;
	attempt->again = delivery->again;
	if (lane_may_begin(lane, attempt->again, now_ms))
		return true;
	int64_t open_ms = lane_closed_until_ms(lane, now_ms);
	delivery->due_ms = open_ms ? open_ms : delivery->due_ms;
	delivery->state = DELIVERY_WAITING;
	end(attempts, delivery);
	return false;
}

static void deliver(struct attempts *attempts, struct delivery *delivery,
		    const struct known_contact *known, int64_t now_ms)
{
	struct attempt *attempt = delivery->attempt;
	Redress__NotificationJob *job = attempt->outcome->job;
	int chosen = choose_channel(attempts, known->contact, job->channel);
	if (chosen < 0) {
		conclude_early(attempts, delivery, VERDICT_REFUSED, "no_sender_for_address",
			       now_ms);
		return;
	}
	attempt->channel = (size_t)chosen;
	const struct sender *sender = attempts->channels[chosen].sender;
	attempt->message.address =
	    arena_strdup(attempt->message.arena, sender->address(known->contact));
	const char *refused = sender->accept(&attempt->message, attempts->settings);
	if (!refused && !enter_lane(attempts, delivery, now_ms))
		return;
	job->channel = (char *)(uintptr_t)sender->name;
	render_message(attempts, attempt, known->language);
	job->language = (char *)(uintptr_t)attempt->message.language;
	if (refused)
		conclude_early(attempts, delivery, VERDICT_REFUSED, refused, now_ms);
	else
		begin_transfer(attempts, delivery);
}

static void send_to_office(struct attempts *attempts, struct delivery *delivery, int64_t now_ms)
{
	Redress__Contact contact =
	    office_contact(attempts, delivery->attempt->outcome->job->office);
	const struct known_contact known = {delivery->number, NULL, true, &contact,
					    attempts->catalogue->default_language};
	deliver(attempts, delivery, &known, now_ms);
}

static void send_to_citizen(struct attempts *attempts, struct delivery *delivery,
			    struct known_contact *known, int64_t now_ms)
{
	if (!known->found) {
		conclude_early(attempts, delivery, VERDICT_LATER, "contact_not_readable", now_ms);
	} else if (!known->contact) {
		conclude_early(attempts, delivery, VERDICT_REFUSED, "no_address", now_ms);
	} else {
		char wished[LANGUAGE_TAG_SIZE], of_text[LANGUAGE_TAG_SIZE];
		language_tag_read(known->contact->language, wished);
		language_tag_read(known->language, of_text);
		known->language = arena_printf(known->arena, "%s,%s", wished, of_text);
		deliver(attempts, delivery, known, now_ms);
	}
}

static struct attempt *new_attempt(struct delivery *delivery, int64_t now_ms)
{
	struct arena *arena = arena_new_small();
	struct attempt *attempt = arena_zero(arena, sizeof(*attempt));
	attempt->delivery = delivery;
	attempt->message.arena = arena;
	attempt->message.now_ms = now_ms;
	attempt->outcome = redress__notification_outcome__unpack(arena_protobuf(arena),
								 delivery->size, delivery->outcome);
	if (!attempt->outcome)
		fatal("an outcome of our own cannot be read");
	return attempt;
}

static bool is_to_citizen(const struct delivery *delivery)
{
	return delivery->attempt->outcome->job->recipient == REDRESS__RECIPIENT__TO_CITIZEN;
}

void attempts_begin(struct attempts *attempts, struct delivery *const *deliveries, size_t count,
		    int64_t now_ms)
{
	struct known_contact *known = x_calloc(count, sizeof(*known));
	size_t citizens = 0;
	for (size_t i = 0; i < count; i++) {
		if (deliveries[i]->lane) /* the place that was kept for it */
			lane_end(deliveries[i]->lane, deliveries[i]->again, LANE_UNKNOWN, 0, 0);
		deliveries[i]->attempt = new_attempt(deliveries[i], now_ms);
		deliveries[i]->state = DELIVERY_RUNNING;
		if (is_to_citizen(deliveries[i])) {
			known[citizens].number = deliveries[i]->number;
			known[citizens++].arena = deliveries[i]->attempt->message.arena;
		}
	}
	contacts_find(attempts->contacts, known, citizens);
	for (size_t i = 0, citizen = 0; i < count; i++) {
		if (is_to_citizen(deliveries[i]))
			send_to_citizen(attempts, deliveries[i], &known[citizen++], now_ms);
		else
			send_to_office(attempts, deliveries[i], now_ms);
	}
	free(known);
}

void attempts_run(struct attempts *attempts, int64_t wait_ms, int64_t now_ms)
{
	int left;
	curl_multi_perform(attempts->multi, &left);
	bool ended = false;
	for (CURLMsg *note; (note = curl_multi_info_read(attempts->multi, &left)); ended = true) {
		struct delivery *delivery;
		if (note->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(note->easy_handle, CURLINFO_PRIVATE, (char **)&delivery);
		conclude_transfer(attempts, delivery, note->data.result, now_ms);
	}
	if (!ended && attempts->running)
		curl_multi_poll(attempts->multi, NULL, 0, (int)wait_ms, NULL);
}

size_t attempts_running(const struct attempts *attempts)
{
	return attempts->running;
}

void attempts_sweep(struct attempts *attempts, int64_t now_ms)
{
	lanes_sweep(attempts->lanes, now_ms);
}

/* ---- life ----------------------------------------------------------------------------------- */

int attempts_reload(struct attempts *attempts, struct err *err)
{
	const struct settings *settings = attempts->settings;
	struct templates *templates =
	    templates_load(settings_str(settings, "templates.folder"), job_templates(), err);
	struct catalogue *catalogue = templates ? catalogue_load(settings, err) : NULL;
	if (!catalogue) {
		templates_free(&templates);
		return -1;
	}
	templates_free(&attempts->templates);
	catalogue_free(&attempts->catalogue);
	attempts->templates = templates;
	attempts->catalogue = catalogue;
	return 0;
}

static void count_attempts(struct attempts *attempts)
{
	const char *name = "redress_notification_attempts_total", *help = "Attempts by result.";
	attempts->delivered = metric_counter(name, "result=\"delivered\"", help);
	attempts->retried = metric_counter(name, "result=\"trying\"", help);
	attempts->failed = metric_counter(name, "result=\"failed\"", help);
}

static void find_channels(struct attempts *attempts, const struct settings *settings)
{
	attempts->channels = x_calloc(sender_count, sizeof(*attempts->channels));
	for (size_t i = 0; i < sender_count; i++) {
		char label[64];
		if (!senders[i]->is_set_up(settings))
			continue;
		struct channel *channel = &attempts->channels[attempts->channel_count++];
		channel->sender = senders[i];
		snprintf(label, sizeof(label), "sender=\"%s\"", senders[i]->name);
		channel->broken =
		    metric_gauge("redress_notification_sender_broken", label,
				 "1: a fault of this installation keeps the sender from sending.");
	}
}

static struct lanes *make_lanes(const struct settings *settings, size_t channels)
{
	const struct lane_limits limits = {
	    .per_sender = (size_t)settings_int(settings, "notification.at_once"),
	    .per_host = (size_t)settings_int(settings, "notification.at_once_host"),
	    .pause_ms = settings_int(settings, "notification.pause"),
	    .pause_most_ms = HOST_MOST,
	    .relay_most_ms = RELAY_MOST,
	    .asked_most_ms = settings_int(settings, "notification.wait_most")};
	return lanes_new(&limits, channels);
}

struct attempts *attempts_new(const struct settings *settings, int32_t partitions, struct err *err)
{
	struct attempts *attempts = x_calloc(1, sizeof(*attempts));
	attempts->settings = settings;
	attempts->retry_ms = settings_int(settings, "notification.retry");
	attempts->give_up_ms = settings_int(settings, "notification.give_up");
	pthread_mutex_init(&attempts->faults, NULL);
	find_channels(attempts, settings);
	attempts->lanes = make_lanes(settings, attempts->channel_count);
	attempts->times = render_times_new();
	count_attempts(attempts);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	attempts->multi = curl_multi_init();
	attempts->contacts = contacts_new(settings, partitions, err);
	if (!attempts->contacts || attempts_reload(attempts, err))
		attempts_free(&attempts);
	return attempts;
}

void attempts_free(struct attempts **attempts)
{
	if (!*attempts)
		return;
	curl_multi_cleanup((*attempts)->multi);
	contacts_free(&(*attempts)->contacts);
	templates_free(&(*attempts)->templates);
	catalogue_free(&(*attempts)->catalogue);
	render_times_free(&(*attempts)->times);
	lanes_free(&(*attempts)->lanes);
	pthread_mutex_destroy(&(*attempts)->faults);
	free((*attempts)->channels);
	curl_global_cleanup();
	free(*attempts);
	*attempts = NULL;
}
