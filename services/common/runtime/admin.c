#include <string.h>

#include "client/http.h"
#include "runtime/runtime_private.h"
#include "util/clock.h"

/* A main loop that has not come round for so long hangs; a supervisor should start it again. */
#define HUNG_US (INT64_C(120) * 1000000)

static void reply_text(struct http_request *request, int status, const char *text)
{
	http_reply(request, status, "text/plain; charset=utf-8", NULL, text, strlen(text));
}

static void show_health(struct runtime *runtime, struct http_request *request)
{
	bool alive = clock_mono_us() - runtime->beat_us < HUNG_US;
	reply_text(request, alive ? 200 : 503, alive ? "alive\n" : "the main loop hangs\n");
}

static void show_readiness(struct runtime *runtime, struct http_request *request)
{
	struct err err = {""};
	if (!runtime->started)
		reply_text(request, 503, "starting\n");
	else if (runtime->service->offsets != OFFSETS_NONE && !runtime->joined)
		reply_text(request, 503, "waiting for its share of the partitions\n");
	else if (!runtime->working)
		reply_text(request, 503, "waiting for something it needs, see the log\n");
	else if (runtime->service->ready && runtime->service->ready(runtime->self, &err))
		reply_text(request, 503, err.text);
	else
		reply_text(request, 200, "ready\n");
}

static void show_metrics(struct http_request *request)
{
	struct buffer out = {0};
	metrics_print(&out);
	http_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, out.data,
		   out.len);
	buffer_free(&out);
}

static void refuse_method(struct http_request *request)
{
	static const struct http_field fields[] = {{"Allow", "GET, HEAD"}, {NULL, NULL}};
	http_reply(request, 405, "text/plain; charset=utf-8", fields, "only GET and HEAD\n", 18);
}

static void answer(void *self, struct http_request *request)
{
	struct runtime *runtime = self;
	const char *path = http_path(request), *method = http_method(request);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		refuse_method(request);
	else if (strcmp(path, "/healthz") == 0)
		show_health(runtime, request);
	else if (strcmp(path, "/readyz") == 0)
		show_readiness(runtime, request);
	else if (strcmp(path, "/metrics") == 0)
		show_metrics(request);
	else
		http_problem(request, 404, "not-found", NULL,
			     "there are /healthz, /readyz and /metrics");
}

int admin_start(struct runtime *runtime, struct err *err)
{
	const struct http_options options = {
	    .listen = settings_str(runtime->settings, "admin.listen"),
	    .threads = 1,
	    .connections = 64,
	    .body_max = 1024,
	    .idle_timeout_s = 30,
	};
	runtime->admin = http_server_start(&options, answer, runtime, err);
	return runtime->admin ? 0 : err_context(err, "admin.listen");
}
