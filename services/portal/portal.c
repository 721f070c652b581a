/*
 * NAME      redress-portal - shows citizens where their cases stand
 * READS     HTTP on portal.listen; Redis, PostgreSQL
 * WRITES    cases.commands, for the citizens whose pages it serves; grievances go to intake
 *
 *   GET /, /file, /case ...       the citizens' pages (pages.h)
 *   GET /v1/cases/NUMBER          the case, opened with Authorization: Receipt CODE
 *   GET /v1/cases/NUMBER/events   the same as server-sent events, at each change
 *   POST /v1/cases/NUMBER/events  a cookie that opens them for a browser, which sends no such
 * header GET /v1/cases/NUMBER/proof    that nothing in its history was overwritten (docs/ledger.md)
 *   /open311/v2/...               Open311 GeoReport v2 (open311.h)
 *   GET /v1/ledger/head           what such proofs lead to; for anybody, to be kept
 *   GET /v1/ledger/consistency    that an earlier head is the beginning of a later one
 *
 * ON FAILURE  A store that is away: 503 where nothing sure can be said, never a false "not found".
 *             What needs no store is answered at once; a case that is in Redis without PostgreSQL.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/breaker.h"
#include "client/catalogue_folder.h"
#include "client/texts_folder.h"
#include "client/http.h"
#include "client/postgres.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/language_tag.h"
#include "client/key_file.h"
#include "case_view.h"
#include "event_stream.h"
#include "tree_head.h"
#include "intake_client.h"
#include "record/lookup.h"
#include "web/openapi.h"
#include "open311.h"
#include "pages.h"
#include "pass.h"
#include "pool.h"
#include "proof.h"
#include "util/metrics.h"
#include "runtime/service.h"
#include "util/alloc.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/log.h"
#include "web/cookie.h"
#include "web/route.h"
#include "web/site.h"
#include "web/throttle.h"

#define CASES         "/v1/cases/"
#define COOKIE        "redress_events"
#define WATCH_US      1000000 /* how often the stores are asked whether they are there */
#define SIZE_MOST     (INT64_C(1) << LEDGER_LEVELS)
#define STOP_GRACE_MS 2000
#define WRITERS_WAIT  256

static const struct setting portal_settings[] = {
    HTTP_SETTINGS("portal"),
    THROTTLE_SETTINGS("portal", "wrong receipt codes", "10", "100"),
    {"portal.lookups", SETTING_INT, "8", 1, 256,
     "threads that look cases up; half of them at most read the record at a time"},
    {"portal.lookups_waiting", SETTING_INT, "256", 1, 1000000,
     "requests that wait for one of these threads; more get 503"},
    {"portal.writers", SETTING_INT, "8", 1, 256,
     "threads that hand on what citizens write, and wait some seconds for what comes of it"},
    {"portal.event_streams", SETTING_INT, "5000", 1, 1000000, "event streams at most"},
    {"portal.event_streams_per_case", SETTING_INT, "10", 1, 1000000,
     "of them for one case at most; more get 429"},
    {"portal.event_streams_per_ip", SETTING_INT, "50", 0, 1000000,
     "of them of one IPv4 address or IPv6 /64 at most; more get 429; 0: no limit"},
    {"portal.heartbeat", SETTING_DURATION, "15s", 100, 600000,
     "a silent event stream gets a comment so often: less than the patience of a proxy before it"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct portal {
	struct runtime *runtime;
	struct http_server *server;
	struct router *router;
	struct shared_catalogue *catalogue;
	struct throttle *throttle;
	struct pool *pool, *writers; /* looking up; sending what citizens want */
	struct pages *pages;
	struct open311 *open311;
	struct lookup *event_stream_lookup, *watch_lookup;
	struct event_streams *streams;
	pthread_t watch;
	_Atomic bool stopping;
	struct log_limit ledger_trouble;
	struct metric *shown, *none, *unknown, *throttled, *proofs, *broken;
};

static const struct http_field no_store[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};

/* ---- one case ------------------------------------------------------------------------------- */

static enum lookup_outcome find(struct portal *portal, struct lookup *lookup, struct arena *arena,
				uint64_t number, const struct claim *claim,
				struct found_case *found)
{
	enum lookup_outcome outcome =
	    lookup_case(lookup, arena, number, claim, clock_now_ms(), found);
	metric_add(outcome == LOOKUP_FOUND  ? portal->shown
		   : outcome == LOOKUP_NONE ? portal->none
					    : portal->unknown,
		   1);
	return outcome;
}

/* JSON, malloc'ed. */
static char *view_of(struct portal *portal, const struct found_case *found, const char *language)
{
	char *json = case_view(shared_catalogue_borrow(portal->catalogue),
			       pages_texts_borrow(portal->pages), found, language);
	pages_texts_return(portal->pages);
	shared_catalogue_return(portal->catalogue);
	return json;
}

static enum lookup_outcome show_followed(void *self, struct lookup *lookup, struct arena *arena,
					 uint64_t number, const char *language,
					 struct found_case *found, char **json)
{
	static const struct claim proven = {NULL, NULL};
	enum lookup_outcome outcome = find(self, lookup, arena, number, &proven, found);
	if (outcome == LOOKUP_FOUND)
		*json = view_of(self, found, language);
	return outcome;
}

/* The same whether or not there is a case of that number. */
static void answer_not_found(struct http_request *request, enum lookup_outcome outcome)
{
	if (outcome == LOOKUP_NONE)
		http_problem(request, 404, "not-found", NULL,
			     "there is no case with this number and receipt code");
	else
		http_problem_later(request, 503, "not-known",
				   "not known at present whether there is a case with this number"
				   " and receipt code: check both, and ask again shortly",
				   2);
}

/* ---- proofs --------------------------------------------------------------------------------- */

/* sized: the query's field that said for which size. number: of the case, 0 when it is of none.
 * why: UNKNOWN. */
static void answer_proof(struct portal *portal, struct http_request *request, uint64_t number,
			 const char *sized, enum proof_outcome outcome, const char *json,
			 const struct err *why)
{
	switch (outcome) {
	case PROOF_FOUND:
		metric_add(portal->proofs, 1);
		http_reply(request, 200, "application/json", no_store, json, strlen(json));
		break;
	case PROOF_NOT_YET:
		http_problem_later(request, 503, "not-yet",
				   "nothing of this is in the ledger of that size yet", 2);
		break;
	case PROOF_TOO_LARGE:
		http_problem(request, 422, "too-large", sized,
			     "the ledger is not of this size yet");
		break;
	case PROOF_BROKEN:
		metric_add(portal->broken, 1);
		log_error(number,
			  "no proof can be made: the record does not agree with its ledger");
		http_problem(request, 500, "altered", NULL,
			     "the record does not agree with its ledger: please tell an auditor");
		break;
	case PROOF_UNKNOWN:
		log_limited(&portal->ledger_trouble, number, "the ledger cannot be read: %s",
			    why->text);
		http_problem_later(request, 503, "not-known",
				   "the ledger cannot be read at present", 2);
		break;
	}
}

/* An integer of the query from least to most; the fallback when it is not given (-1: it must be).
 * false: refused. */
static bool read_number(struct http_request *request, const char *name, int64_t least, int64_t most,
			int64_t fallback, int64_t *value)
{
	const char *given = http_query(request, name);
	char *end = NULL;
	errno = 0;
	*value = given ? strtoll(given, &end, 10) : fallback;
	if (given ? end != given && !*end && !errno && *value >= least && *value <= most
		  : fallback >= 0)
		return true;
	http_problem(request, 422, "not-a-number", name,
		     arena_printf(http_arena(request), "must be given, a number from %lld to %lld",
				  (long long)least, (long long)most));
	return false;
}

static void prove(struct portal *portal, struct lookup *lookup, struct http_request *request,
		  uint64_t number, int64_t size)
{
	struct err err;
	char *json = NULL;
	int32_t partition = case_number_partition(number, runtime_partitions(portal->runtime));
	enum proof_outcome outcome = proof_of_case(lookup_postgres(lookup), http_arena(request),
						   number, partition, size, &json, &err);
	answer_proof(portal, request, number, "size", outcome, json, &err);
	free(json);
}

static void look_up_heads(void *self, struct lookup *lookup, struct http_request *request,
			  void *what)
{
	(void)what;
	struct portal *portal = self;
	struct err err;
	char *json = NULL;
	enum proof_outcome outcome =
	    tree_heads_now(lookup_postgres(lookup), http_arena(request),
			   runtime_partitions(portal->runtime), clock_now_ms(), &json, &err);
	answer_proof(portal, request, 0, NULL, outcome, json, &err);
	free(json);
}

static void show_heads(struct portal *portal, struct http_request *request)
{
	pool_add(portal->pool, request, look_up_heads, NULL);
}

struct growth {
	int64_t partition, from, to; /* to: 0: now */
};

static void look_up_consistency(void *self, struct lookup *lookup, struct http_request *request,
				void *what)
{
	const struct growth *growth = what;
	struct err err;
	char *json = NULL;
	enum proof_outcome outcome = tree_heads_consistency(
	    lookup_postgres(lookup), http_arena(request), (int32_t)growth->partition, growth->from,
	    growth->to, &json, &err);
	answer_proof(self, request, 0, growth->to ? "to" : "from", outcome, json, &err);
	free(json);
}

static void show_consistency(struct portal *portal, struct http_request *request)
{
	struct growth *growth = arena_zero(http_arena(request), sizeof(*growth));
	if (read_number(request, "partition", 0, runtime_partitions(portal->runtime) - 1, -1,
			&growth->partition) &&
	    read_number(request, "to", 1, SIZE_MOST, 0, &growth->to) &&
	    read_number(request, "from", 1, growth->to ? growth->to : SIZE_MOST, -1, &growth->from))
		pool_add(portal->pool, request, look_up_consistency, growth);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* "Receipt CODE"; NULL: none was given. */
static const char *receipt_of(const struct http_request *request)
{
	const char *given = http_header(request, "Authorization");
	if (!given || strncasecmp(given, "Receipt ", 8) != 0)
		return NULL;
	return given + 8;
}

/* The languages the reader would like; names are shown in the first that the catalogue has. */
static const char *language_of(struct http_request *request)
{
	char preferences[LANGUAGE_PREFERENCES_SIZE];
	return arena_strdup(
	    http_arena(request),
	    language_preferences(http_header(request, "Accept-Language"), preferences));
}

/* Sets it for this case's events alone, out of reach of scripts and other sites. */
static const char *cookie_for(struct arena *arena, const struct found_case *found)
{
	char number[CASE_NUMBER_TEXT_SIZE], pass[PASS_SIZE];
	case_number_format(found->number, number);
	pass_make(found->number, found->receipt_hash, clock_now_ms(), pass);
	return arena_printf(arena,
			    COOKIE "=%s; Path=" CASES "%s/events; Max-Age=%d; HttpOnly; Secure;"
				   " SameSite=Strict",
			    pass, number, PASS_LIFE_S);
}

/* What is asked of a case, for the thread that looks it up; in the request's arena. */
struct asked {
	enum view { VIEW_CASE, VIEW_EVENTS, VIEW_PASS, VIEW_PROOF } view;
	uint64_t number;
	struct claim claim;
	const char *language;
	int64_t size; /* of the ledger a proof is to be for; 0: as it is now */
};

static void give_pass(struct http_request *request, const struct found_case *found)
{
	const struct http_field fields[] = {{"Cache-Control", "no-store"},
					    {"Set-Cookie", cookie_for(http_arena(request), found)},
					    {NULL, NULL}};
	http_reply(request, 204, NULL, fields, "", 0);
}

static void follow(struct portal *portal, struct http_request *request, const struct asked *asked,
		   const struct found_case *found)
{
	char *json = view_of(portal, found, asked->language);
	event_streams_add(portal->streams, request, found, asked->language,
			  cookie_for(http_arena(request), found), json);
	free(json);
}

static void show(struct portal *portal, struct http_request *request, const struct asked *asked,
		 const struct found_case *found)
{
	char *json = view_of(portal, found, asked->language);
	http_reply(request, 200, "application/json", no_store, json, strlen(json));
	free(json);
}

static void look_up(void *self, struct lookup *lookup, struct http_request *request, void *what)
{
	struct portal *portal = self;
	const struct asked *asked = what;
	struct found_case found;
	enum lookup_outcome outcome =
	    find(portal, lookup, http_arena(request), asked->number, &asked->claim, &found);
	/* of a number that is too young to be sure of, too; not while a store is away */
	if (outcome != LOOKUP_FOUND && !lookup_trouble(lookup))
		throttle_wrong_guess(portal->throttle, request, asked->number);
	if (outcome != LOOKUP_FOUND)
		answer_not_found(request, outcome);
	else if (asked->view == VIEW_EVENTS)
		follow(portal, request, asked, &found);
	else if (asked->view == VIEW_PASS)
		give_pass(request, &found);
	else if (asked->view == VIEW_PROOF)
		prove(portal, lookup, request, asked->number, asked->size);
	else
		show(portal, request, asked, &found);
}

/* A pass opens events alone. false: nothing was given. */
static bool read_claim(struct http_request *request, enum view view, struct claim *claim)
{
	const char *receipt = receipt_of(request);
	const char *pass = !receipt && view == VIEW_EVENTS ? cookie_read(request, COOKIE) : NULL;
	*claim = receipt ? (struct claim){lookup_receipt_opens, receipt}
			 : (struct claim){pass_opens, pass};
	return receipt || pass;
}

static void ask_case(struct portal *portal, struct http_request *request, const char *text,
		     enum view view)
{
	static const struct http_field ask[] = {{"WWW-Authenticate", "Receipt"}, {NULL, NULL}};
	static const struct problem_details missing = {
	    .status = 401,
	    .code = "no-receipt",
	    .field = "Authorization",
	    .detail = "send the receipt code: Authorization: Receipt CODE",
	    .fields = ask};
	struct asked *asked = arena_zero(http_arena(request), sizeof(*asked));
	asked->view = view;
	asked->language = language_of(request);
	if (!case_number_parse(text, &asked->number))
		http_problem(request, 404, "not-a-number", "number",
			     "this is no case number; look whether it was mistyped");
	else if (!read_claim(request, view, &asked->claim))
		http_problem_answer(request, &missing);
	else if (view == VIEW_PROOF && !read_number(request, "size", 1, SIZE_MOST, 0, &asked->size))
		return;
	else if (throttle_admits_guess(portal->throttle, request, asked->number))
		pool_add(portal->pool, request, look_up, asked);
	else
		metric_add(portal->throttled, 1);
}

static void handle_case(void *self, const struct route *route, struct http_request *request,
			const char *const *parts)
{
	const enum view *view = route->with;
	ask_case(self, request, parts[0], *view);
}

/* What anybody may ask for. */
static void handle_heads(void *self, const struct route *route, struct http_request *request,
			 const char *const *parts)
{
	(void)route;
	(void)parts;
	show_heads(self, request);
}

static void handle_consistency(void *self, const struct route *route, struct http_request *request,
			       const char *const *parts)
{
	(void)route;
	(void)parts;
	show_consistency(self, request);
}

static const enum view view_case = VIEW_CASE, view_events = VIEW_EVENTS, view_pass = VIEW_PASS,
		       view_proof = VIEW_PROOF;

#define ASK(method, path, what)                                                                    \
	{                                                                                          \
		method, path, handle_case, what, NULL, 0, ROUTE_WAIT_USUAL                         \
	}
static const struct route routes[] = {
    ASK("GET", CASES "{number}", &view_case),
    ASK("GET", CASES "{number}/events", &view_events),
    ASK("POST", CASES "{number}/events", &view_pass),
    ASK("GET", CASES "{number}/proof", &view_proof),
    {"GET", "/v1/ledger/head", handle_heads, NULL, NULL, 0, ROUTE_WAIT_USUAL},
    {"GET", "/v1/ledger/consistency", handle_consistency, NULL, NULL, 0, ROUTE_WAIT_USUAL},
    OPENAPI_ROUTE,
};

/* ---- life ----------------------------------------------------------------------------------- */

/* So that no citizen's request is spent on finding out, and /readyz tells. */
static void *watch_stores(void *self)
{
	struct portal *portal = self;
	while (!portal->stopping) {
		lookup_watch(portal->watch_lookup);
		for (int waited = 0; waited < WATCH_US && !portal->stopping; waited += 100000)
			usleep(100000);
	}
	return NULL;
}

static int start_lookups(struct portal *portal, struct err *err)
{
	const struct settings *settings = runtime_settings(portal->runtime);
	int32_t partitions = runtime_partitions(portal->runtime);
	portal->pool =
	    pool_new(settings, partitions, (size_t)settings_int(settings, "portal.lookups"),
		     (size_t)settings_int(settings, "portal.lookups_waiting"), portal, err);
	portal->writers = portal->pool ? pool_new(settings, partitions,
						  (size_t)settings_int(settings, "portal.writers"),
						  WRITERS_WAIT, portal, err)
				       : NULL;
	portal->event_stream_lookup =
	    portal->writers ? lookup_new(settings, "redress-portal", partitions, NULL, err) : NULL;
	portal->watch_lookup = portal->event_stream_lookup
				   ? lookup_new(settings, "redress-portal", partitions, NULL, err)
				   : NULL;
	if (!portal->watch_lookup)
		return -1;
	if (pthread_create(&portal->watch, NULL, watch_stores, portal))
		fatal("no more threads");
	return 0;
}

static void start_streams(struct portal *portal)
{
	const struct settings *settings = runtime_settings(portal->runtime);
	const struct event_stream_options options = {
	    .most = (size_t)settings_int(settings, "portal.event_streams"),
	    .most_of_ip = (size_t)settings_int(settings, "portal.event_streams_per_ip"),
	    .most_of_case = (size_t)settings_int(settings, "portal.event_streams_per_case"),
	    .beat_ms = settings_int(settings, "portal.heartbeat"),
	};
	portal->streams =
	    event_streams_new(portal->event_stream_lookup, &options, show_followed, portal);
}

static void count_things(struct portal *portal)
{
	const char *name = "redress_portal_reads_total", *help = "Cases asked for, by answer.";
	portal->shown = metric_counter(name, "answer=\"shown\"", help);
	portal->none = metric_counter(name, "answer=\"none\"", help);
	portal->unknown = metric_counter(name, "answer=\"unknown\"", help);
	portal->throttled = metric_counter(name, "answer=\"throttled\"", help);
	portal->proofs = metric_counter("redress_portal_proofs_total", NULL, "Proofs given.");
	portal->broken = metric_counter("redress_portal_broken_proofs_total", NULL,
					"Proofs that could not be made: the record was altered.");
}

static int start(struct runtime *runtime, void **self, struct err *err)
{
	const struct settings *settings = runtime_settings(runtime);
	struct http_options options = http_options(settings, "portal");
	options.body_max = PAGES_BODY_MAX;
	options.body_limit = router_body_limit;
	struct portal *portal = x_calloc(1, sizeof(*portal));
	*self = portal;
	portal->runtime = runtime;
	count_things(portal);
	portal->catalogue = shared_catalogue_load(settings, err);
	portal->throttle = portal->catalogue ? throttle_new(settings, "portal", err) : NULL;
	if (!portal->throttle || start_lookups(portal, err))
		return -1;
	start_streams(portal);
	portal->pages = pages_new(runtime, portal->catalogue, portal->throttle, portal->pool,
				  portal->writers, err);
	if (!portal->pages)
		return -1;
	const struct open311_parts parts = {portal->catalogue, portal->pages, portal->pool,
					    portal->writers};
	portal->open311 = open311_new(settings, &parts, err);
	if (!portal->open311)
		return -1;
	portal->router = router_new("there is nothing here");
	router_add(portal->router, routes, sizeof(routes) / sizeof(*routes), portal);
	open311_serve(portal->open311, portal->router);
	pages_serve(portal->pages, portal->router, &options);
	portal->server = http_server_start(&options, router_answer, portal->router, err);
	return portal->server ? 0 : -1;
}

static void stop(void *self)
{
	struct portal *portal = self;
	portal->stopping = true;
	if (portal->streams)
		event_streams_stop(portal->streams);
	if (portal->pool)
		pool_stop(portal->pool);
	if (portal->writers)
		pool_stop(portal->writers);
	http_server_stop(&portal->server, STOP_GRACE_MS);
	router_free(&portal->router);
	if (portal->watch_lookup)
		pthread_join(portal->watch, NULL);
	pool_free(&portal->pool);
	pool_free(&portal->writers);
	open311_free(&portal->open311);
	pages_free(&portal->pages);
	event_streams_free(&portal->streams);
	lookup_free(&portal->event_stream_lookup);
	lookup_free(&portal->watch_lookup);
	shared_catalogue_free(&portal->catalogue);
	throttle_free(&portal->throttle);
	free(portal);
}

static int reload(void *self, struct err *err)
{
	struct portal *portal = self;
	return shared_catalogue_reload(portal->catalogue, runtime_settings(portal->runtime), err) ||
		       pages_reload(portal->pages, err) ||
		       open311_reload(portal->open311, runtime_settings(portal->runtime), err)
		   ? -1
		   : 0;
}

static int ready(void *self, struct err *err)
{
	(void)self;
	return stores_check(err);
}

static const struct setting *const settings[] = {portal_settings,
						 pages_settings,
						 open311_settings,
						 site_settings,
						 texts_settings,
						 intake_client_settings,
						 key_file_settings,
						 redis_settings,
						 postgres_settings,
						 catalogue_settings,
						 NULL};

/* --check */
static int check(const struct settings *given, struct err *err)
{
	static const char *const keys[] = {"portal.key", NULL};
	struct site *site = site_load(given, err);
	if (!site)
		return -1;
	site_free(&site);
	return pages_check_texts(given, err) ||
		       key_file_check(settings_str(given, "keys.folder"), keys, err) ||
		       catalogue_check(given, err)
		   ? -1
		   : 0;
}

static const struct service service = {
    .name = "portal",
    .summary = "shows citizens where their cases stand",
    .settings = settings,
    .offsets = OFFSETS_NONE,
    .check = check,
    .start = start,
    .stop = stop,
    .reload = reload,
    .ready = ready,
};

int main(int argc, char **argv)
{
	return service_main(argc, argv, &service);
}
