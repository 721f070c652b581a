/* Requests in, submissions to the door, answers out. */
#include "intake.h"

#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "client/catalogue_folder.h"
#include "client/key_file.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/receipt.h"
#include "door.h"
#include "hot.h"
#include "openapi.h"
#include "runtime/metrics.h"
#include "util/alloc.h"

#define RETRY_AFTER_S 2
#define STOP_GRACE_MS 7000 /* after the broker's patience has ended for all */

static const struct setting intake_settings[] = {
    HTTP_SETTINGS("intake"),
    {"intake.body_max", SETTING_INT, "65536", 1024, 1048576, "bytes of a request's body at most"},
    {"intake.idle", SETTING_INT, "15", 1, 600,
     "seconds after which a connection that says nothing is closed"},
    {"portal.url", SETTING_STRING, NULL, 1, 500,
     "where citizens reach the portal: the beginning of every status address"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct intake {
	struct runtime *runtime;
	struct door *door;
	struct http_server *server;
	struct shared_catalogue *catalogue;
	const char *portal_url;
	struct metric *refused;
};

/* One request that is a submission. */
struct visit {
	struct door_entry entry;
	struct intake *intake;
	struct http_request *request;
	const struct channel *channel;
	struct submission submission;
};

/* ---- answers -------------------------------------------------------------------------------- */

static void tell_taken(struct visit *visit, bool before)
{
	char number[CASE_NUMBER_TEXT_SIZE], code[RECEIPT_TEXT_SIZE];
	case_number_format(visit->entry.number, number);
	door_receipt(visit->intake->door, visit->entry.number, code);
	const struct receipt receipt = {number, code,
					arena_printf(http_arena(visit->request), "%s/v1/cases/%s",
						     visit->intake->portal_url, number),
					before};
	visit->channel->taken(visit->request, &receipt);
}

static void done(struct door_entry *entry, enum door_outcome outcome)
{
	struct visit *visit = entry->self;
	switch (outcome) {
	case DOOR_TAKEN:
	case DOOR_TAKEN_BEFORE:
		tell_taken(visit, outcome == DOOR_TAKEN_BEFORE);
		break;
	case DOOR_CONFLICT:
		http_problem(visit->request, 422, "key-reused", "Idempotency-Key",
			     "this Idempotency-Key was used for another submission");
		break;
	case DOOR_BUSY:
		http_problem_later(visit->request, 503, "busy",
				   "nothing was taken; send the same again with the same"
				   " Idempotency-Key",
				   RETRY_AFTER_S);
		break;
	}
}

static void refuse(struct intake *intake, struct http_request *request,
		   const struct problem *problem)
{
	metric_add(intake->refused, 1);
	http_problem(request, problem->status, problem->code, problem->field, problem->detail);
}

/* ---- requests ------------------------------------------------------------------------------- */

static bool check(struct intake *intake, struct arena *arena, struct submission *submission,
		  struct problem *problem)
{
	bool fine = submission_check(arena, shared_catalogue_borrow(intake->catalogue), submission,
				     problem);
	shared_catalogue_return(intake->catalogue);
	return fine;
}

static void take(struct intake *intake, const struct channel *channel, struct http_request *request)
{
	struct arena *arena = http_arena(request);
	struct problem problem;
	const char *ask = NULL;
	struct visit *visit = arena_zero(arena, sizeof(*visit));
	visit->intake = intake;
	visit->request = request;
	visit->channel = channel;
	visit->entry.arena = arena;
	visit->entry.submission = &visit->submission;
	visit->entry.done = done;
	visit->entry.self = visit;
	submission_init(&visit->submission, channel->name);
	if (!channel->read(request, &visit->submission, &ask, &problem) ||
	    !check(intake, arena, &visit->submission, &problem)) {
		refuse(intake, request, &problem);
		return;
	}
	visit->entry.has_ask = ask != NULL;
	if (ask) {
		size_t size;
		const void *canonical = submission_canonical(arena, &visit->submission, &size);
		/* the channel's name in front: keys of two channels never meet */
		door_hash(intake->door, visit->entry.ask_key, channel->name, ask, strlen(ask));
		door_hash(intake->door, visit->entry.fingerprint, "fingerprint", canonical, size);
	}
	door_enter(intake->door, &visit->entry);
}

static void wrong_method(struct http_request *request, const char *allowed)
{
	const struct http_field fields[] = {{"Allow", allowed}, {NULL, NULL}};
	const char body[] = "{\"type\":\"about:blank\",\"title\":\"Method Not Allowed\","
			    "\"status\":405,\"detail\":\"see Allow\"}";
	http_reply(request, 405, "application/problem+json", fields, body, sizeof(body) - 1);
}

static void handle(void *self, struct http_request *request)
{
	struct intake *intake = self;
	const char *path = http_path(request), *method = http_method(request);
	const char *allowed = NULL;
	for (size_t i = 0; i < channel_count; i++) {
		if (strcmp(channels[i]->path, path) != 0)
			continue;
		if (strcmp(channels[i]->method, method) == 0) {
			take(intake, channels[i], request);
			return;
		}
		allowed = channels[i]->method;
	}
	if (strcmp(path, "/openapi.json") == 0) {
		if (strcmp(method, "GET") == 0)
			http_reply(request, 200, "application/json", NULL, openapi_json,
				   openapi_json_size);
		else
			wrong_method(request, "GET");
	} else if (allowed) {
		wrong_method(request, allowed);
	} else {
		http_problem(request, 404, "not-found", NULL,
			     "there is nothing here; /openapi.json says what there is");
	}
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
	intake->catalogue = shared_catalogue_load(settings, err);
	if (!intake->catalogue)
		return -1;
	intake->door = door_new(runtime, err);
	if (!intake->door)
		return -1;
	struct http_options options = http_options(settings, "intake");
	options.body_max = (size_t)settings_int(settings, "intake.body_max");
	options.idle_timeout_s = (unsigned)settings_int(settings, "intake.idle");
	intake->server = http_server_start(&options, handle, intake, err);
	return intake->server ? 0 : -1;
}

static void stop(void *self)
{
	struct intake *intake = self;
	http_server_stop(&intake->server,
			 STOP_GRACE_MS + settings_int(runtime_settings(intake->runtime),
						      "intake.broker_patience"));
	door_free(&intake->door);
	shared_catalogue_free(&intake->catalogue);
	free(intake);
}

static int reload(void *self, struct err *err)
{
	struct intake *intake = self;
	return shared_catalogue_reload(intake->catalogue, runtime_settings(intake->runtime), err);
}

static int ready(void *self, struct err *err)
{
	struct intake *intake = self;
	return door_ready(intake->door, err);
}

static const struct setting *const settings[] = {
    intake_settings,   door_settings,  hot_settings,       sealer_settings,
    key_file_settings, redis_settings, catalogue_settings, NULL};

const struct service intake_service = {
    .name = "intake",
    .summary = "takes grievances in",
    .settings = settings,
    .offsets = OFFSETS_NONE,
    .start = start,
    .stop = stop,
    .reload = reload,
    .ready = ready,
};
