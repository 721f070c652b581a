/*
 * NAME      redress-casework - the officers' desk
 * READS     HTTP on casework.listen; PostgreSQL
 * WRITES    cases.commands, for the officers who are signed in
 *
 *   GET /desk ...                  the officers' pages: sign in, lists, a case and what can be done
 *   /v1/desk/session, /v1/desk/cases ...   the same for programs (docs/openapi.json)
 *
 * It holds the key that opens every text. What an officer may see is decided by the database, which
 * is asked with the token of the officer's session and records each case that is opened.
 *
 * ON FAILURE  PostgreSQL away: 503. Kafka away: what is there can be read, and nothing done. What
 *             was sent and is not decided within two seconds is told so: it may still be done.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "casework_private.h"
#include "client/breaker.h"
#include "client/key_file.h"
#include "client/postgres.h"
#include "client/texts_folder.h"
#include "commands.h"
#include "util/metrics.h"
#include "util/alloc.h"
#include "util/log.h"
#include "visit.h"
#include "web/openapi.h"

#define STOP_GRACE_MS 2000
#define BODY_MAX      ((size_t)128 * 1024)
#define WATCH_MS      1000
#define WATCH_STEP_MS 100

static const struct setting casework_settings[] = {
    HTTP_SETTINGS("casework"),
    THROTTLE_SETTINGS("casework", "failed sign-ins", "10", "100"),
    {"casework.url", SETTING_STRING, "http://127.0.0.1:8082", 8, 500,
     "address of the desk, as officers type it"},
    {"casework.readers", SETTING_INT, "8", 1, 256,
     "threads that read cases, with a connection each"},
    {"casework.writers", SETTING_INT, "8", 1, 256,
     "threads that hand on what officers do, and wait some seconds for what comes of it"},
    {"casework.signers", SETTING_INT, "2", 1, 64,
     "threads that check passwords, which takes 64 MiB each"},
    {"casework.decision_wait", SETTING_DURATION, "2s", 100, 60000,
     "so long an officer waits for what comes of a command, before \"not decided yet\" is told"},
    {"casework.waiting", SETTING_INT, "256", 1, 1000000,
     "requests that wait for a thread of each sort; more get 503"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct daemon {
	struct casework casework;
	struct http_server *server;
	struct router *router;
	pthread_t watch;
	bool watches;
	_Atomic bool stopping;
};

/* ---- the threads' tools --------------------------------------------------------------------- */

static void *tools_new(void *self)
{
	struct casework *casework = self;
	struct tools *tools = x_calloc(1, sizeof(*tools));
	tools->casework = casework;
	tools->postgres = postgres_new(runtime_settings(casework->runtime), "redress-casework");
	tools->officer =
	    unsealer_new(ROLE_OFFICER, casework->officer_public, casework->officer_secret);
	return tools;
}

static void tools_free(void *handle)
{
	struct tools *tools = handle;
	postgres_free(&tools->postgres);
	unsealer_free(&tools->officer);
	free(tools);
}

static struct workers *start_workers(struct casework *casework, const char *setting)
{
	const struct settings *settings = runtime_settings(casework->runtime);
	const struct workers_options options = {
	    .threads = (size_t)settings_int(settings, setting),
	    .waiting = (size_t)settings_int(settings, "casework.waiting"),
	    .tools_new = tools_new,
	    .tools_free = tools_free,
	    .self = casework,
	};
	return workers_new(&options);
}

/* So that no officer's request is spent on finding out, and /readyz tells. */
static void *watch_stores(void *self)
{
	struct daemon *daemon = self;
	struct err err;
	struct postgres *postgres =
	    postgres_new(runtime_settings(daemon->casework.runtime), "redress-casework");
	while (!daemon->stopping) {
		if (postgres_watch(postgres, &err))
			log_debug(0, "%s", err.text);
		for (int waited = 0; waited < WATCH_MS && !daemon->stopping;
		     waited += WATCH_STEP_MS)
			usleep(WATCH_STEP_MS * 1000);
	}
	postgres_free(&postgres);
	return NULL;
}

/* ---- routes --------------------------------------------------------------------------------- */

static void show_asset(void *self, const struct route *route, struct http_request *request,
		       const char *const *parts)
{
	struct casework *casework = self;
	(void)route;
	(void)parts;
	if (!site_asset(casework->site, request))
		http_problem(request, 404, "not-found", NULL, "there is nothing here");
}

static const struct route rows[] = {
    {"GET", "/assets/{name}", show_asset, NULL, NULL, 0, 0},
    OPENAPI_ROUTE,
};

static void serve(struct daemon *daemon)
{
	struct casework *casework = &daemon->casework;
	daemon->router = router_new("there is nothing here");
	router_add(daemon->router, rows, sizeof(rows) / sizeof(*rows), casework);
	signing_serve(daemon->router, casework);
	queue_serve(daemon->router, casework);
	case_page_serve(daemon->router, casework);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int read_keys(struct casework *casework, struct err *err)
{
	const char *folder = settings_str(runtime_settings(casework->runtime), "keys.folder");
	return key_file_read(folder, "casework.key", casework->key, err) ||
		       key_file_read(folder, "officer.pub", casework->officer_public, err) ||
		       key_file_read(folder, "officer.key", casework->officer_secret, err)
		   ? -1
		   : 0;
}

static void count_things(struct casework *casework)
{
	const char *name = "redress_casework_sign_ins_total", *help = "Sign-ins, by outcome.";
	casework->signed_in = metric_counter(name, "outcome=\"done\"", help);
	casework->refused = metric_counter(name, "outcome=\"refused\"", help);
}

static int start_parts(struct casework *casework, struct err *err)
{
	const struct settings *settings = runtime_settings(casework->runtime);
	const char *url = settings_str(settings, "casework.url");
	casework->secure = strncmp(url, "https:", 6) == 0;
	casework->times = render_times_new();
	pthread_mutex_init(&casework->times_lock, NULL);
	count_things(casework);
	if (read_keys(casework, err))
		return -1;
	casework->catalogue = shared_catalogue_load(settings, err);
	casework->site = casework->catalogue ? site_load(settings, err) : NULL;
	casework->throttle = casework->site ? throttle_new(settings, "casework", err) : NULL;
	casework->commands = casework->throttle ? commands_new(casework->runtime, err) : NULL;
	if (!casework->commands)
		return -1;
	casework->readers = start_workers(casework, "casework.readers");
	casework->writers = start_workers(casework, "casework.writers");
	casework->signers = start_workers(casework, "casework.signers");
	return 0;
}

static int start(struct runtime *runtime, void **self, struct err *err)
{
	const struct settings *settings = runtime_settings(runtime);
	struct http_options options = http_options(settings, "casework");
	struct daemon *daemon = x_calloc(1, sizeof(*daemon));
	*self = daemon;
	daemon->casework.runtime = runtime;
	if (start_parts(&daemon->casework, err))
		return -1;
	serve(daemon);
	options.body_max = BODY_MAX;
	options.body_limit = router_body_limit;
	options.page = visit_problem_page;
	options.page_self = &daemon->casework;
	if (pthread_create(&daemon->watch, NULL, watch_stores, daemon))
		fatal("no more threads");
	daemon->watches = true;
	daemon->server = http_server_start(&options, router_answer, daemon->router, err);
	return daemon->server ? 0 : -1;
}

static void stop_workers(struct casework *casework)
{
	struct workers **all[] = {&casework->readers, &casework->writers, &casework->signers};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		workers_stop(*all[i]);
}

static void free_parts(struct casework *casework)
{
	workers_free(&casework->readers);
	workers_free(&casework->writers);
	workers_free(&casework->signers);
	commands_free(&casework->commands);
	throttle_free(&casework->throttle);
	site_free(&casework->site);
	shared_catalogue_free(&casework->catalogue);
	render_times_free(&casework->times);
	pthread_mutex_destroy(&casework->times_lock);
}

static void stop(void *self)
{
	struct daemon *daemon = self;
	daemon->stopping = true;
	stop_workers(&daemon->casework);
	http_server_stop(&daemon->server, STOP_GRACE_MS);
	router_free(&daemon->router);
	if (daemon->watches)
		pthread_join(daemon->watch, NULL);
	free_parts(&daemon->casework);
	sodium_memzero(daemon, sizeof(*daemon));
	free(daemon);
}

static int reload(void *self, struct err *err)
{
	struct daemon *daemon = self;
	struct casework *casework = &daemon->casework;
	const struct settings *settings = runtime_settings(casework->runtime);
	return shared_catalogue_reload(casework->catalogue, settings, err) ||
		       site_reload(casework->site, settings, err)
		   ? -1
		   : 0;
}

static int ready(void *self, struct err *err)
{
	struct daemon *daemon = self;
	return stores_check(err) || commands_ready(daemon->casework.commands, err) ? -1 : 0;
}

static const struct setting *const settings[] = {
    casework_settings,  site_settings, texts_settings, key_file_settings, postgres_settings,
    catalogue_settings, NULL};

/* --check */
static int check(const struct settings *given, struct err *err)
{
	static const char *const keys[] = {"casework.key", "officer.pub", "officer.key", NULL};
	struct site *site = site_load(given, err);
	if (!site)
		return -1;
	site_free(&site);
	return key_file_check(settings_str(given, "keys.folder"), keys, err) ||
		       catalogue_check(given, err)
		   ? -1
		   : 0;
}

static const struct service service = {
    .name = "casework",
    .summary = "the officers' desk: shows cases to officers and takes what they do",
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
