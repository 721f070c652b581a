#include "attempt.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "client/catalogue_folder.h"
#include "contact.h"
#include "domain/case_number.h"
#include "job.h"
#include "runtime/metrics.h"
#include "sender.h"
#include "template.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define TRANSFER_S 20L

struct attempt {
	struct work *work;
	Redress__NotificationOutcome *outcome; /* in the message's arena, as the rest */
	const struct sender *sender;
	struct message message;
	CURL *transfer;
};

struct attempts {
	const struct settings *settings;
	int64_t retry_ms, give_up_ms;
	struct contacts *contacts;
	struct templates *templates;
	struct catalogue *catalogue;
	const struct sender **senders; /* those that are set up */
	size_t sender_count;
	CURLM *multi;
	size_t running;
	struct metric *delivered, *failed, *retried;
};

/* ---- the end -------------------------------------------------------------------------------- */

static void end(struct attempts *attempts, struct work *work)
{
	struct attempt *attempt = work->attempt;
	if (attempt->transfer) {
		curl_multi_remove_handle(attempts->multi, attempt->transfer);
		curl_easy_cleanup(attempt->transfer);
		attempts->running--;
	}
	curl_slist_free_all(attempt->message.list);
	work->attempt = NULL;
	struct arena *arena = attempt->message.arena; /* and the attempt lies in it */
	arena_free(&arena);
}

void attempts_drop(struct attempts *attempts, struct work *work)
{
	if (work->attempt)
		end(attempts, work);
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

/* reason NULL: delivered. */
static void conclude(struct attempts *attempts, struct work *work, const char *reason,
		     bool for_good, int64_t now_ms)
{
	Redress__NotificationOutcome *outcome = work->attempt->outcome;
	bool late = now_ms - outcome->first_at_ms > attempts->give_up_ms;
	outcome->attempts++;
	outcome->at_ms = now_ms;
	outcome->next_at_ms = 0;
	outcome->delivery = !reason            ? REDRESS__DELIVERY__DELIVERED
			    : for_good || late ? REDRESS__DELIVERY__FAILED
					       : REDRESS__DELIVERY__TRYING;
	if (outcome->delivery == REDRESS__DELIVERY__TRYING)
		outcome->next_at_ms = job_next_ms(now_ms, outcome->attempts, attempts->retry_ms);
	outcome->reason = (char *)(uintptr_t)(reason ? reason : "");
	count_end(attempts, outcome);
	if (reason)
		log_debug(outcome->job->number, "message about \"%s\" attempt %u: %s",
			  outcome->job->kind, outcome->attempts, reason);
	work_put(work, outcome);
	work->state = WORK_TO_REPORT;
	end(attempts, work);
}

/* ---- whom to write to ----------------------------------------------------------------------- */

static const struct sender *choose_sender(const struct attempts *attempts,
					  const Redress__Contact *contact)
{
	for (size_t i = 0; i < attempts->sender_count; i++) {
		if (*attempts->senders[i]->address(contact))
			return attempts->senders[i];
	}
	return NULL;
}

static Redress__Contact office_contact(const struct attempts *attempts, const char *code)
{
	const struct catalogue_office *office = catalogue_office(attempts->catalogue, code);
	Redress__Contact contact = REDRESS__CONTACT__INIT;
	if (office) {
		contact.email = (char *)(uintptr_t)office->email;
		contact.webhook = (char *)(uintptr_t)office->webhook;
	}
	return contact;
}

const char *attempts_hopeless(const struct attempts *attempts, const Redress__NotificationJob *job)
{
	if (!attempts->sender_count)
		return "no sender is set up here";
	if (job->recipient != REDRESS__RECIPIENT__TO_OFFICE)
		return NULL;
	Redress__Contact contact = office_contact(attempts, job->office);
	return choose_sender(attempts, &contact) ? NULL
						 : "the office has no address that a sender here"
						   " can reach";
}

/* ---- one attempt ---------------------------------------------------------------------------- */

static void fill_message(struct attempts *attempts, struct attempt *attempt, const char *language)
{
	char due[CLOCK_RFC3339_SIZE];
	struct message *message = &attempt->message;
	const Redress__NotificationJob *job = attempt->outcome->job;
	const struct catalogue_office *office = catalogue_office(attempts->catalogue, job->office);
	char *number = arena_take(message->arena, CASE_NUMBER_TEXT_SIZE);
	char template[JOB_TEMPLATE_SIZE];
	case_number_format(job->number, number);
	clock_rfc3339(job->deadline_ms, due);
	due[10] = '\0'; /* the day */
	message->number = number;
	message->kind = job->kind;
	message->language = language;
	message->url = arena_printf(message->arena, "%s/v1/cases/%s",
				    settings_str(attempts->settings, "portal.url"), number);
	text_hex(message->id, job->key.data, JOB_KEY_SIZE);
	const struct fact facts[] = {
	    {"number", number},
	    {"office", office ? catalogue_text(&office->name, language) : job->office},
	    {"due", due},
	    {"url", message->url},
	    {NULL, NULL}};
	struct told told = template_fill(attempts->templates, message->arena, language,
					 job_template(job->kind, job->recipient, template), facts);
	message->subject = told.subject ? told.subject : "";
	message->body = told.subject ? told.body : "";
}

static void deliver(struct attempts *attempts, struct work *work, const struct known_contact *known,
		    int64_t now_ms)
{
	struct attempt *attempt = work->attempt;
	attempt->sender = choose_sender(attempts, known->contact);
	if (!attempt->sender) {
		conclude(attempts, work, "there is no address that a sender here can reach", true,
			 now_ms);
		return;
	}
	attempt->outcome->job->channel = (char *)(uintptr_t)attempt->sender->name;
	attempt->outcome->job->language = (char *)(uintptr_t)known->language;
	attempt->message.address =
	    arena_strdup(attempt->message.arena, attempt->sender->address(known->contact));
	fill_message(attempts, attempt, *known->language ? known->language : "en");
	attempt->transfer = curl_easy_init();
	if (!attempt->transfer)
		fatal("libcurl has no more transfers");
	curl_easy_setopt(attempt->transfer, CURLOPT_PRIVATE, work);
	curl_easy_setopt(attempt->transfer, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(attempt->transfer, CURLOPT_TIMEOUT, TRANSFER_S);
	attempt->sender->prepare(attempt->transfer, &attempt->message, attempts->settings);
	curl_multi_add_handle(attempts->multi, attempt->transfer);
	attempts->running++;
}

static void send_to_office(struct attempts *attempts, struct work *work, int64_t now_ms)
{
	Redress__Contact contact = office_contact(attempts, work->attempt->outcome->job->office);
	const struct known_contact known = {work->number, NULL, true, &contact,
					    attempts->catalogue->default_language};
	deliver(attempts, work, &known, now_ms);
}

static void send_to_citizen(struct attempts *attempts, struct work *work,
			    struct known_contact *known, int64_t now_ms)
{
	if (!known->found) {
		conclude(attempts, work, "the contact cannot be read at present", false, now_ms);
	} else if (!known->contact) {
		conclude(attempts, work, "the citizen gave no address", true, now_ms);
	} else {
		if (*known->contact->language)
			known->language = known->contact->language;
		deliver(attempts, work, known, now_ms);
	}
}

static struct attempt *new_attempt(struct work *work, int64_t now_ms)
{
	struct arena *arena = arena_new_small();
	struct attempt *attempt = arena_zero(arena, sizeof(*attempt));
	attempt->work = work;
	attempt->message.arena = arena;
	attempt->message.now_ms = now_ms;
	attempt->outcome =
	    redress__notification_outcome__unpack(arena_protobuf(arena), work->size, work->outcome);
	if (!attempt->outcome)
		fatal("an outcome of our own cannot be read");
	return attempt;
}

static bool is_to_citizen(const struct work *work)
{
	return work->attempt->outcome->job->recipient == REDRESS__RECIPIENT__TO_CITIZEN;
}

void attempts_begin(struct attempts *attempts, struct work *const *works, size_t count,
		    int64_t now_ms)
{
	struct known_contact *known = x_calloc(count, sizeof(*known));
	size_t citizens = 0;
	for (size_t i = 0; i < count; i++) {
		works[i]->attempt = new_attempt(works[i], now_ms);
		works[i]->state = WORK_RUNNING;
		if (is_to_citizen(works[i])) {
			known[citizens].number = works[i]->number;
			known[citizens++].arena = works[i]->attempt->message.arena;
		}
	}
	contacts_find(attempts->contacts, known, citizens);
	for (size_t i = 0, citizen = 0; i < count; i++) {
		if (is_to_citizen(works[i]))
			send_to_citizen(attempts, works[i], &known[citizen++], now_ms);
		else
			send_to_office(attempts, works[i], now_ms);
	}
	free(known);
}

void attempts_run(struct attempts *attempts, int64_t wait_ms, int64_t now_ms)
{
	int left;
	bool for_good;
	curl_multi_perform(attempts->multi, &left);
	bool ended = false;
	for (CURLMsg *note; (note = curl_multi_info_read(attempts->multi, &left)); ended = true) {
		struct work *work;
		if (note->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(note->easy_handle, CURLINFO_PRIVATE, (char **)&work);
		const char *reason =
		    work->attempt->sender->result(note->easy_handle, note->data.result, &for_good);
		conclude(attempts, work, reason, for_good, now_ms);
	}
	if (!ended && attempts->running)
		curl_multi_poll(attempts->multi, NULL, 0, (int)wait_ms, NULL);
}

size_t attempts_running(const struct attempts *attempts)
{
	return attempts->running;
}

/* ---- life ----------------------------------------------------------------------------------- */

int attempts_reload(struct attempts *attempts, struct err *err)
{
	const struct settings *settings = attempts->settings;
	struct templates *templates =
	    templates_load(settings_str(settings, "templates.folder"), err);
	char name[JOB_TEMPLATE_SIZE];
	if (templates && job_without_template(template_exists, templates, name)) {
		err_set(err, "templates.folder: en.txt has no [%s]", name);
		templates_free(&templates);
	}
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

struct attempts *attempts_new(const struct settings *settings, int32_t partitions, struct err *err)
{
	struct attempts *attempts = x_calloc(1, sizeof(*attempts));
	attempts->settings = settings;
	attempts->retry_ms = settings_int(settings, "notification.retry");
	attempts->give_up_ms = settings_int(settings, "notification.give_up");
	attempts->senders = x_calloc(sender_count, sizeof(*attempts->senders));
	for (size_t i = 0; i < sender_count; i++) {
		if (senders[i]->is_set_up(settings))
			attempts->senders[attempts->sender_count++] = senders[i];
	}
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
	free((*attempts)->senders);
	curl_global_cleanup();
	free(*attempts);
	*attempts = NULL;
}
