/*
 * NAME      redress-portal - shows citizens where their cases stand
 * READS     HTTP on portal.listen; Redis, PostgreSQL
 *
 *   GET /v1/cases/NUMBER          the case, opened with Authorization: Receipt CODE
 *   GET /v1/cases/NUMBER/events   the same as server-sent events, at each change
 *   GET /v1/cases/NUMBER/proof    that nothing in its history was overwritten (docs/ledger.md)
 *   GET /v1/ledger/head           what such proofs lead to; for anybody, to be kept
 *   GET /v1/ledger/consistency    that an earlier head is the beginning of a later one
 *
 * ON FAILURE  A store that is away: 503 where nothing sure can be said, never a false "not found".
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/catalogue_folder.h"
#include "client/http.h"
#include "client/postgres.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "follow.h"
#include "heads.h"
#include "lookup.h"
#include "proof.h"
#include "runtime/metrics.h"
#include "runtime/service.h"
#include "util/alloc.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/log.h"

#define CASES         "/v1/cases/"
#define SIZE_MOST     (INT64_C(1) << LEDGER_LEVELS)
#define STOP_GRACE_MS 2000

static const struct setting portal_settings[] = {
    HTTP_SETTINGS("portal"),
    {"portal.followers", SETTING_INT, "5000", 1, 1000000, "event streams at most"},
    {"portal.heartbeat", SETTING_DURATION, "15s", 100, 600000,
     "a silent event stream gets a comment so often: less than the patience of a proxy before it"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct portal {
	struct runtime *runtime;
	struct http_server *server;
	struct shared_catalogue *catalogue;
	struct lookup **lookups; /* those not in use */
	size_t free_lookups, all_lookups;
	pthread_mutex_t pool_lock;
	pthread_cond_t pool_wake;
	struct lookup *follow_lookup;
	struct followers *followers;
	struct metric *shown, *none, *unknown, *proofs, *broken;
};

/* ---- a lookup for each thread that needs one --------------------------------------------------
 */

static struct lookup *borrow(struct portal *portal)
{
	pthread_mutex_lock(&portal->pool_lock);
	while (!portal->free_lookups)
		pthread_cond_wait(&portal->pool_wake, &portal->pool_lock);
	struct lookup *lookup = portal->lookups[--portal->free_lookups];
	pthread_mutex_unlock(&portal->pool_lock);
	return lookup;
}

static void give_back(struct portal *portal, struct lookup *lookup)
{
	pthread_mutex_lock(&portal->pool_lock);
	portal->lookups[portal->free_lookups++] = lookup;
	pthread_cond_signal(&portal->pool_wake);
	pthread_mutex_unlock(&portal->pool_lock);
}

static const struct http_field no_store[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};

/* ---- one case ------------------------------------------------------------------------------- */

/* JSON, malloc'ed, when it was found. */
static enum lookup_outcome show(void *self, struct arena *arena, uint64_t number,
				const char *receipt, const char *language, struct found_case *found,
				char **json)
{
	struct portal *portal = self;
	struct lookup *lookup = borrow(portal);
	enum lookup_outcome outcome =
	    lookup_case(lookup, arena, number, receipt, clock_now_ms(), found);
	give_back(portal, lookup);
	metric_add(outcome == LOOKUP_FOUND  ? portal->shown
		   : outcome == LOOKUP_NONE ? portal->none
					    : portal->unknown,
		   1);
	if (outcome != LOOKUP_FOUND)
		return outcome;
	*json = case_view(shared_catalogue_borrow(portal->catalogue), found, language);
	shared_catalogue_return(portal->catalogue);
	return outcome;
}

static void answer(struct http_request *request, enum lookup_outcome outcome, const char *json)
{
	if (outcome == LOOKUP_FOUND)
		http_reply(request, 200, "application/json", no_store, json, strlen(json));
	else if (outcome == LOOKUP_NONE)
		http_problem(request, 404, "not-found", NULL,
			     "there is no case with this number and receipt code");
	else
		http_problem_later(request, 503, "not-known",
				   "the case cannot be looked up at present", 2);
}

/* ---- proofs --------------------------------------------------------------------------------- */

/* sized: the query's field that said for which size. number: of the case, 0 when it is of none. */
static void answer_proof(struct portal *portal, struct http_request *request, uint64_t number,
			 const char *sized, enum proof_outcome outcome, const char *json)
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

static void prove(struct portal *portal, struct http_request *request, uint64_t number)
{
	char *json = NULL;
	int64_t size;
	int32_t partition = case_number_partition(number, runtime_partitions(portal->runtime));
	if (!read_number(request, "size", 1, SIZE_MOST, 0, &size))
		return;
	struct lookup *lookup = borrow(portal);
	enum proof_outcome outcome = proof_of_case(lookup_postgres(lookup), http_arena(request),
						   number, partition, size, &json);
	give_back(portal, lookup);
	answer_proof(portal, request, number, "size", outcome, json);
	free(json);
}

static void show_heads(struct portal *portal, struct http_request *request)
{
	char *json = NULL;
	struct lookup *lookup = borrow(portal);
	enum proof_outcome outcome =
	    heads_now(lookup_postgres(lookup), http_arena(request),
		      runtime_partitions(portal->runtime), clock_now_ms(), &json);
	give_back(portal, lookup);
	answer_proof(portal, request, 0, NULL, outcome, json);
	free(json);
}

static void show_consistency(struct portal *portal, struct http_request *request)
{
	char *json = NULL;
	int64_t partition, from, to;
	if (!read_number(request, "partition", 0, runtime_partitions(portal->runtime) - 1, -1,
			 &partition) ||
	    !read_number(request, "to", 1, SIZE_MOST, 0, &to) ||
	    !read_number(request, "from", 1, to ? to : SIZE_MOST, -1, &from))
		return;
	struct lookup *lookup = borrow(portal);
	enum proof_outcome outcome = heads_consistency(lookup_postgres(lookup), http_arena(request),
						       (int32_t)partition, from, to, &json);
	give_back(portal, lookup);
	answer_proof(portal, request, 0, to ? "to" : "from", outcome, json);
	free(json);
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

/* The first language the reader would like; names are shown in it where the catalogue has them. */
static const char *language_of(struct http_request *request)
{
	const char *wanted = http_header(request, "Accept-Language");
	size_t size = wanted ? strcspn(wanted, ",; ") : 0;
	return size > 0 && size < 36 ? arena_strndup(http_arena(request), wanted, size) : "en";
}

enum view { VIEW_CASE, VIEW_EVENTS, VIEW_PROOF };

static void show_case(struct portal *portal, struct http_request *request, const char *text,
		      enum view view)
{
	static const struct http_field ask[] = {{"WWW-Authenticate", "Receipt"}, {NULL, NULL}};
	static const char missing[] =
	    "{\"type\":\"about:blank\",\"title\":\"Unauthorized\",\"status\":401,"
	    "\"field\":\"Authorization\",\"detail\":\"send the receipt code: Authorization:"
	    " Receipt CODE\"}";
	uint64_t number;
	struct found_case found;
	char *json = NULL;
	const char *receipt = receipt_of(request), *language = language_of(request);
	if (!case_number_parse(text, &number)) {
		http_problem(request, 404, "not-a-number", "number",
			     "this is no case number; look whether it was mistyped");
		return;
	}
	if (!receipt) {
		http_reply(request, 401, "application/problem+json", ask, missing,
			   sizeof(missing) - 1);
		return;
	}
	enum lookup_outcome outcome =
	    show(portal, http_arena(request), number, receipt, language, &found, &json);
	if (outcome != LOOKUP_FOUND || view == VIEW_CASE)
		answer(request, outcome, json);
	else if (view == VIEW_EVENTS)
		followers_add(portal->followers, request, &found, receipt, language, json);
	else
		prove(portal, request, number);
	free(json);
}

/* What anybody may ask for. */
static const struct {
	const char *path;
	void (*show)(struct portal *portal, struct http_request *request);
} ledger[] = {{"/v1/ledger/head", show_heads}, {"/v1/ledger/consistency", show_consistency}};
#define LEDGERS (sizeof(ledger) / sizeof(*ledger))

static void handle(void *self, struct http_request *request)
{
	static const struct {
		const char *name;
		enum view view;
	} parts[] = {{"", VIEW_CASE}, {"/events", VIEW_EVENTS}, {"/proof", VIEW_PROOF}};
	const char *path = http_path(request);
	size_t at = 0;
	while (at < LEDGERS && strcmp(path, ledger[at].path) != 0)
		at++;
	if (at == LEDGERS && strncmp(path, CASES, sizeof(CASES) - 1) != 0) {
		http_problem(request, 404, "not-found", NULL, "there is nothing here");
		return;
	}
	if (strcmp(http_method(request), "GET") != 0) {
		http_problem(request, 405, "wrong-method", NULL, "only GET");
		return;
	}
	if (at < LEDGERS) {
		ledger[at].show(self, request);
		return;
	}
	const char *number = path + sizeof(CASES) - 1, *part = strchrnul(number, '/');
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (strcmp(part, parts[i].name) == 0) {
			number =
			    arena_strndup(http_arena(request), number, (size_t)(part - number));
			show_case(self, request, number, parts[i].view);
			return;
		}
	}
	http_problem(request, 404, "not-found", NULL, "there is nothing here");
}

/* ---- life ----------------------------------------------------------------------------------- */

static int make_lookups(struct portal *portal, size_t count, struct err *err)
{
	portal->lookups = x_calloc(count, sizeof(struct lookup *));
	for (; portal->all_lookups < count; portal->all_lookups++) {
		struct lookup *lookup = lookup_new(runtime_settings(portal->runtime),
						   runtime_partitions(portal->runtime), err);
		if (!lookup)
			return -1;
		portal->lookups[portal->free_lookups++] = lookup;
	}
	return 0;
}

static void count_things(struct portal *portal)
{
	const char *name = "redress_portal_reads_total", *help = "Cases asked for, by answer.";
	portal->shown = metric_counter(name, "answer=\"shown\"", help);
	portal->none = metric_counter(name, "answer=\"none\"", help);
	portal->unknown = metric_counter(name, "answer=\"unknown\"", help);
	portal->proofs = metric_counter("redress_portal_proofs_total", NULL, "Proofs given.");
	portal->broken = metric_counter("redress_portal_broken_proofs_total", NULL,
					"Proofs that could not be made: the record was altered.");
}

static int start(struct runtime *runtime, void **self, struct err *err)
{
	const struct settings *settings = runtime_settings(runtime);
	struct http_options options = http_options(settings, "portal");
	options.body_max = 1024;
	options.idle_timeout_s = 60;
	struct portal *portal = x_calloc(1, sizeof(*portal));
	*self = portal;
	portal->runtime = runtime;
	pthread_mutex_init(&portal->pool_lock, NULL);
	pthread_cond_init(&portal->pool_wake, NULL);
	count_things(portal);
	portal->catalogue = shared_catalogue_load(settings, err);
	/* one for each thread of the server and for the changes of followed cases, and one that
	 * looks for such changes */
	if (!portal->catalogue || make_lookups(portal, options.threads + 2, err))
		return -1;
	portal->follow_lookup = borrow(portal);
	portal->followers =
	    followers_new(portal->follow_lookup, (size_t)settings_int(settings, "portal.followers"),
			  settings_int(settings, "portal.heartbeat"), show, portal);
	portal->server = http_server_start(&options, handle, portal, err);
	return portal->server ? 0 : -1;
}

static void stop(void *self)
{
	struct portal *portal = self;
	followers_stop(portal->followers);
	http_server_stop(&portal->server, STOP_GRACE_MS);
	followers_free(&portal->followers);
	give_back(portal, portal->follow_lookup);
	for (size_t i = 0; i < portal->free_lookups; i++)
		lookup_free(&portal->lookups[i]);
	free(portal->lookups);
	shared_catalogue_free(&portal->catalogue);
	free(portal);
}

static int reload(void *self, struct err *err)
{
	struct portal *portal = self;
	return shared_catalogue_reload(portal->catalogue, runtime_settings(portal->runtime), err);
}

static const struct setting *const settings[] = {portal_settings, redis_settings, postgres_settings,
						 catalogue_settings, NULL};

static const struct service service = {
    .name = "portal",
    .summary = "shows citizens where their cases stand",
    .settings = settings,
    .offsets = OFFSETS_NONE,
    .start = start,
    .stop = stop,
    .reload = reload,
};

int main(int argc, char **argv)
{
	return service_main(argc, argv, &service);
}
