#include <stdio.h>
#include <string.h>

#include "client/breaker.h"
#include "client/http.h"
#include "runtime/runtime_private.h"
#include "util/clock.h"
#include "web/route.h"

/* A main loop that has not come round for so long hangs; a supervisor should start it again. */
#define HUNG_US (INT64_C(120) * 1000000)

static void reply_text(struct http_request *request, int status, const char *text)
{
	http_reply(request, status, "text/plain; charset=utf-8", NULL, text, strlen(text));
}

static void show_health(void *self, const struct route *route, struct http_request *request,
			const char *const *parts)
{
	(void)route;
	(void)parts;
	struct runtime *runtime = self;
	bool alive = clock_mono_us() - runtime->beat_us < HUNG_US;
	reply_text(request, alive ? 200 : 503, alive ? "alive\n" : "the main loop hangs\n");
}

/* What is not as it should be is said also where work goes on. */
static void show_ready(struct http_request *request, const struct err *but)
{
	char text[sizeof(but->text) + 16];
	snprintf(text, sizeof(text), *but->text ? "ready, but %s\n" : "ready%s\n", but->text);
	reply_text(request, 200, text);
}

static void show_what_is_missing(struct runtime *runtime, struct http_request *request)
{
	pthread_mutex_lock(&runtime->lock);
	const char *text =
	    arena_printf(http_arena(request), "will try again: %s\n", runtime->why.text);
	pthread_mutex_unlock(&runtime->lock);
	reply_text(request, 503, text);
}

static void show_readiness(void *self, const struct route *route, struct http_request *request,
			   const char *const *parts)
{
	(void)route;
	(void)parts;
	struct runtime *runtime = self;
	struct err err = {""}, store;
	if (!runtime->started)
		reply_text(request, 503, "starting\n");
	else if (runtime->service->offsets != OFFSETS_NONE && !runtime->joined)
		reply_text(request, 503, "waiting for its share of the partitions\n");
	else if (!runtime->working)
		show_what_is_missing(runtime, request);
	else if (runtime->service->ready && runtime->service->ready(runtime->self, &err))
		reply_text(request, 503, err.text);
	else
		show_ready(request, *err.text || !stores_check(&store) ? &err : &store);
}

static void show_metrics(void *self, const struct route *route, struct http_request *request,
			 const char *const *parts)
{
	(void)self;
	(void)route;
	(void)parts;
	struct buffer out = {0};
	metrics_print(&out);
	http_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, out.data,
		   out.len);
	buffer_free(&out);
}

static const struct route routes[] = {
    {.method = "GET", .path = "/healthz", .handle = show_health},
    {.method = "GET", .path = "/readyz", .handle = show_readiness},
    {.method = "GET", .path = "/metrics", .handle = show_metrics},
};

int admin_start(struct runtime *runtime, struct err *err)
{
	const struct http_options options = {
	    .listen = settings_str(runtime->settings, "admin.listen"),
	    .threads = 1,
	    .connections = 64,
	    .memory = (size_t)4 * 1024 * 1024,
	    .body_max = 1024,
	    .head_ms = 10000,
	    .body_ms = 10000,
	    .reply_ms = 30000,
	    .idle_ms = 60000,
	    .body_limit = router_body_limit,
	};
	runtime->admin_routes = router_new("there are /healthz, /readyz and /metrics");
	router_add(runtime->admin_routes, routes, sizeof(routes) / sizeof(*routes), runtime);
	runtime->admin = http_server_start(&options, router_answer, runtime->admin_routes, err);
	return runtime->admin ? 0 : err_context(err, "admin.listen");
}
