/* Requests in, submissions to the admission, answers out. */
#include "intake.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "channel_settings.h"
#include "client/catalogue_folder.h"
#include "client/key_file.h"
#include "client/redis.h"
#include "client/texts_folder.h"
#include "domain/case_number.h"
#include "domain/receipt.h"
#include "admission.h"
#include "reservation_keeper.h"
#include "reservations.h"
#include "numbers.h"
#include "web/openapi.h"
#include "util/metrics.h"
#include "util/alloc.h"
#include "web/route.h"
#include "web/throttle.h"

#define RETRY_AFTER_S       2
#define IDEMPOTENCY_KEY_MAX 200
#define STOP_GRACE_MS       7000 /* after the broker's patience has ended for all */

static const struct setting intake_settings[] = {
    HTTP_SETTINGS("intake"),
    THROTTLE_SETTINGS("intake", "submissions", "60", "600"),
    {"portal.url", SETTING_STRING, NULL, 1, 500,
     "where citizens reach the portal: the beginning of every status address"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct intake {
	struct runtime *runtime;
	struct admission *admission;
	struct http_server *server;
	struct throttle *throttle;
	struct served *served; /* as channels[] */
	struct router *router;
	struct route *routes;
	struct entrance *entrances;
	size_t body_max; /* of all routes */
	struct shared_catalogue *catalogue;
	const char *portal_url;
	struct metric *refused, *throttled;
};

static const struct problem too_often = {
    429, "too-often", NULL, "too many requests from this address or network; nothing was taken"};

static size_t body_max(const struct channel_route *route)
{
	return route->body_max ? route->body_max : submission_json_max();
}

/* A channel as it is served here, and what it keeps. */
struct served {
	const struct channel *channel;
	void *self;
};

/* What a row of the routing table leads to. */
struct entrance {
	const struct served *served;
	const struct channel_route *route;
};

/* One request with what it brings. */
struct visit {
	struct intake *intake;
	const struct channel_route *route;
	struct channel_request request;
	struct errand *errands; /* one for each item */
	_Atomic size_t open;    /* items of which it is not known yet what becomes of them */
};

/* One submission on its way. */
struct errand {
	struct admission_entry entry;
	struct visit *visit;
	struct channel_item *item;
};

/* ---- answers -------------------------------------------------------------------------------- */

static void refuse(struct visit *visit, const struct problem *problem)
{
	if (visit->route->refuse)
		visit->route->refuse(&visit->request, problem);
	else
		channel_problem(&visit->request, problem);
}

static struct receipt make_receipt(const struct intake *intake, struct arena *arena,
				   uint64_t number)
{
	char *written = arena_take(arena, CASE_NUMBER_TEXT_SIZE);
	char *code = arena_take(arena, RECEIPT_TEXT_SIZE);
	case_number_format(number, written);
	admission_receipt(intake->admission, number, code);
	return (struct receipt){written, code,
				arena_printf(arena, "%s/v1/cases/%s", intake->portal_url, written)};
}

/* Why it is not taken, though nothing is wrong with it. */
static struct problem problem_of(enum admission_outcome outcome, bool has_key)
{
	if (outcome == ADMISSION_CONFLICT)
		return (struct problem){422, "key-reused", "Idempotency-Key",
					"this Idempotency-Key was used for another submission"};
	if (outcome == ADMISSION_BUSY)
		return (struct problem){
		    503, "busy", NULL,
		    "nothing was taken; send the same again with the same Idempotency-Key"};
	return (struct problem){
	    503, "outcome-unknown", NULL,
	    has_key ? "it is not known whether this was taken in: send the same again with the same"
		      " Idempotency-Key, or look at status_url with the receipt code. Do not submit"
		      " it anew, which could make a second case"
		    : "it is not known whether this was taken in: look at status_url with the"
		      " receipt code. Do not submit it anew, which could make a second case"};
}

/* Nothing of the request is under way any more. */
static void answer(struct visit *visit)
{
	struct channel_request *request = &visit->request;
	for (size_t i = 0; i < request->count; i++) {
		struct channel_item *item = &request->items[i];
		uint64_t number = visit->errands[i].entry.number;
		if (item->taken || strcmp(item->problem.code, "outcome-unknown") == 0)
			item->receipt = make_receipt(visit->intake, request->arena, number);
		if (!item->taken && item->problem.status == 503)
			request->retry_after_s = RETRY_AFTER_S;
	}
	visit->route->reply(request);
}

/* From a thread of the admission; only the last one may touch what all items share. */
static void done(struct admission_entry *entry, enum admission_outcome outcome)
{
	struct errand *errand = entry->self;
	struct visit *visit = errand->visit;
	errand->item->before = outcome == ADMISSION_TAKEN_BEFORE;
	errand->item->taken = outcome == ADMISSION_TAKEN || errand->item->before;
	if (outcome == ADMISSION_NEW)
		metric_add(visit->intake->refused, 1);
	else if (!errand->item->taken)
		errand->item->problem = problem_of(outcome, entry->has_idempotency_key);
	if (atomic_fetch_sub(&visit->open, 1) == 1)
		answer(visit);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* Before anything is checked or changed: what was sent is what counts as the same. */
static void identify(struct errand *errand, const char *key)
{
	size_t size;
	struct intake *intake = errand->visit->intake;
	struct channel_request *request = &errand->visit->request;
	struct admission_entry *entry = &errand->entry;
	const void *canonical =
	    submission_canonical(entry->arena, &errand->item->submission, &size);
	admission_hash(intake->admission, entry->fingerprint, "fingerprint", canonical, size);
	entry->has_idempotency_key = key != NULL;
	if (!key)
		return;
	/* channel and sender in front: keys of two of them never meet */
	if (request->sender)
		key = arena_printf(entry->arena, "%s %s", request->sender, key);
	admission_hash(intake->admission, entry->idempotency_key, request->channel->name, key,
		       strlen(key));
}

/* White space around a key is no part of it (RFC 9110, 5.5). false: it is none that can be. */
static bool trim_key(struct arena *arena, const char **key, struct problem *problem)
{
	*key += strspn(*key, " \t");
	size_t length = strlen(*key);
	while (length && strchr(" \t", (*key)[length - 1]))
		length--;
	*key = arena_strndup(arena, *key, length);
	for (const char *c = *key; *c; c++) {
		if (*c < 0x20 || *c > 0x7E)
			length = 0;
	}
	*problem = (struct problem){400, "invalid", "Idempotency-Key",
				    "must be 1 to 200 visible ASCII characters"};
	return length >= 1 && length <= IDEMPOTENCY_KEY_MAX;
}

/* false: it is refused, the item's problem says why. */
static bool prepare(struct errand *errand)
{
	struct channel_item *item = errand->item;
	struct channel_request *request = &errand->visit->request;
	struct admission_entry *entry = &errand->entry;
	const char *key = item->idempotency_key;
	entry->arena = request->arena;
	entry->submission = &item->submission;
	entry->done = done;
	entry->self = errand;
	if (request->sender)
		item->submission.sender = request->sender;
	if (item->unread || (key && !trim_key(request->arena, &key, &item->problem)))
		return false;
	identify(errand, key);
	entry->only_if_before = !submission_check(request->arena, request->catalogue,
						  &item->submission, &item->problem);
	return key || !entry->only_if_before;
}

/* The first was admitted with the request. */
static size_t admitted(struct visit *visit)
{
	struct channel_request *request = &visit->request;
	size_t count = 1 + throttle_take(visit->intake->throttle, request->http, request->count - 1,
					 &request->retry_after_s);
	for (size_t i = count; i < request->count; i++) {
		request->items[i].unread = true;
		request->items[i].problem = too_often;
	}
	metric_add(visit->intake->throttled, (int64_t)(request->count - count));
	return count;
}

/* The items that can be on their way, linked. */
static struct admission_entry *prepare_all(struct visit *visit)
{
	struct channel_request *request = &visit->request;
	struct admission_entry *first = NULL, **last = &first;
	size_t count = admitted(visit);
	visit->errands = arena_zero(request->arena, request->count * sizeof(*visit->errands));
	for (size_t i = 0; i < count; i++) {
		struct errand *errand = &visit->errands[i];
		errand->visit = visit;
		errand->item = &request->items[i];
		if (!prepare(errand)) {
			metric_add(visit->intake->refused, 1);
			continue;
		}
		visit->open++;
		*last = &errand->entry;
		last = &errand->entry.next;
	}
	return first;
}

/* false: refused as a whole. */
static bool read_request(struct visit *visit, struct problem *problem)
{
	const struct channel_route *route = visit->route;
	return (!route->check || route->check(&visit->request, problem)) &&
	       (!route->read || route->read(&visit->request, problem));
}

static void take(struct visit *visit)
{
	struct problem problem;
	struct intake *intake = visit->intake;
	struct admission_entry *entries = NULL;
	visit->request.catalogue = shared_catalogue_borrow(intake->catalogue);
	bool fine = read_request(visit, &problem);
	if (fine && visit->request.count)
		entries = prepare_all(visit);
	shared_catalogue_return(intake->catalogue);
	visit->request.catalogue = NULL;
	if (!fine) {
		metric_add(intake->refused, 1);
		refuse(visit, &problem);
	} else if (entries) {
		admission_enter(intake->admission, entries);
	} else {
		answer(visit);
	}
}

static void enter(void *self, const struct route *row, struct http_request *http,
		  const char *const *parts)
{
	struct intake *intake = self;
	const struct entrance *entrance = row->with;
	struct visit *visit = arena_zero(http_arena(http), sizeof(*visit));
	(void)parts;
	visit->intake = intake;
	visit->route = entrance->route;
	visit->request.http = http;
	visit->request.arena = http_arena(http);
	visit->request.channel = entrance->served->channel;
	visit->request.self = entrance->served->self;
	if (throttle_take(intake->throttle, http, 1, &visit->request.retry_after_s)) {
		take(visit);
	} else {
		metric_add(intake->throttled, 1);
		refuse(visit, &too_often);
	}
}

static void add_routes(struct intake *intake, const struct served *served, size_t *count)
{
	for (size_t i = 0; i < served->channel->route_count; i++) {
		const struct channel_route *route = &served->channel->routes[i];
		struct entrance *entrance = &intake->entrances[*count];
		*entrance = (struct entrance){served, route};
		intake->routes[(*count)++] = (struct route){.method = route->method,
							    .path = route->path,
							    .handle = enter,
							    .with = entrance,
							    .body_max = body_max(route)};
		if (body_max(route) > intake->body_max)
			intake->body_max = body_max(route);
	}
}

/* Those of all channels, and the description of them. */
static void make_routes(struct intake *intake)
{
	static const struct route described = OPENAPI_ROUTE;
	size_t most = 0, count = 0;
	for (size_t i = 0; i < channel_count; i++)
		most += channels[i]->route_count;
	intake->routes = x_calloc(most, sizeof(*intake->routes));
	intake->entrances = x_calloc(most, sizeof(*intake->entrances));
	for (size_t i = 0; i < channel_count; i++)
		add_routes(intake, &intake->served[i], &count);
	intake->router = router_new("there is nothing here; /openapi.json says what there is");
	router_add(intake->router, intake->routes, count, intake);
	router_add(intake->router, &described, 1, intake);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* It goes into headers and JSON as it is. */
static int check_url(const char *url, struct err *err)
{
	for (const char *c = url; *c; c++) {
		if (*c <= ' ' || *c >= 0x7F || *c == '"' || *c == '\\')
			return err_set(err, "portal.url: has a character that no address has");
	}
	return 0;
}

static int start_channels(struct intake *intake, const struct settings *settings, struct err *err)
{
	intake->served = x_calloc(channel_count, sizeof(*intake->served));
	for (size_t i = 0; i < channel_count; i++) {
		struct served *served = &intake->served[i];
		served->channel = channels[i];
		if (channels[i]->start && channels[i]->start(settings, &served->self, err))
			return -1;
	}
	return 0;
}

static void stop_channels(struct intake *intake)
{
	for (size_t i = 0; intake->served && i < channel_count; i++) {
		struct served *served = &intake->served[i];
		if (served->self && served->channel->stop)
			served->channel->stop(served->self);
	}
	free(intake->served);
}

static int reload_channels(struct intake *intake, const struct settings *settings, struct err *err)
{
	for (size_t i = 0; i < channel_count; i++) {
		struct served *served = &intake->served[i];
		if (served->self && served->channel->reload &&
		    served->channel->reload(served->self, settings, err))
			return -1;
	}
	return 0;
}

static int start(struct runtime *runtime, void **self, struct err *err)
{
	struct intake *intake = x_calloc(1, sizeof(*intake));
	const struct settings *settings = runtime_settings(runtime);
	*self = intake;
	intake->runtime = runtime;
	intake->portal_url = settings_str(settings, "portal.url");
	if (check_url(intake->portal_url, err))
		return -1;
	intake->refused = metric_counter("redress_intake_submissions_total", "outcome=\"refused\"",
					 "Submissions by outcome.");
	intake->throttled = metric_counter("redress_intake_submissions_total",
					   "outcome=\"throttled\"", "Submissions by outcome.");
	if (start_channels(intake, settings, err))
		return -1;
	make_routes(intake);
	intake->catalogue = shared_catalogue_load(settings, err);
	if (!intake->catalogue)
		return -1;
	intake->throttle = throttle_new(settings, "intake", err);
	if (!intake->throttle)
		return -1;
	intake->admission = admission_new(runtime, err);
	if (!intake->admission)
		return -1;
	struct http_options options = http_options(settings, "intake");
	options.body_max = intake->body_max;
	options.body_limit = router_body_limit;
	intake->server = http_server_start(&options, router_answer, intake->router, err);
	return intake->server ? 0 : -1;
}

static void stop(void *self)
{
	struct intake *intake = self;
	http_server_stop(&intake->server,
			 STOP_GRACE_MS + settings_int(runtime_settings(intake->runtime),
						      "intake.broker_patience"));
	admission_free(&intake->admission);
	shared_catalogue_free(&intake->catalogue);
	throttle_free(&intake->throttle);
	router_free(&intake->router);
	stop_channels(intake);
	free(intake->routes);
	free(intake->entrances);
	free(intake);
}

static int reload(void *self, struct err *err)
{
	struct intake *intake = self;
	const struct settings *settings = runtime_settings(intake->runtime);
	return shared_catalogue_reload(intake->catalogue, settings, err) ||
		       reload_channels(intake, settings, err)
		   ? -1
		   : 0;
}

static int ready(void *self, struct err *err)
{
	struct intake *intake = self;
	return admission_ready(intake->admission, err);
}

static const struct setting *const settings[] = {intake_settings,
						 admission_settings,
						 numbers_settings,
						 reservations_settings,
						 reservation_keeper_settings,
						 sealer_settings,
						 key_file_settings,
						 redis_settings,
						 catalogue_settings,
						 texts_settings,
						 CHANNEL_SETTINGS,
						 NULL};

/* --check */
static int check_settings(const struct settings *given, struct err *err)
{
	static const char *const keys[] = {"classification.pub", "officer.pub",
					   "notification.pub",   "receipt.key",
					   "idempotency.key",    NULL};
	if (key_file_check(settings_str(given, "keys.folder"), keys, err) ||
	    catalogue_check(given, err))
		return -1;
	return 0;
}

const struct service intake_service = {
    .name = "intake",
    .summary = "takes grievances in",
    .settings = settings,
    .offsets = OFFSETS_NONE,
    .check = check_settings,
    .start = start,
    .stop = stop,
    .reload = reload,
    .ready = ready,
};
