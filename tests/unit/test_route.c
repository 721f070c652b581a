/* The table of routes over a server of its own: what it answers, and what it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
#include "util/metrics.h"
#include "web/route.h"

/* In place of the server's: one request at a time. */
struct http_request {
	const char *method, *path;
	struct arena *arena;
	http_replied *replied;
	void *self;
	int status;
	char allow[120], told[200];
	int64_t wait_ms;
};

const char *http_method(const struct http_request *request)
{
	return request->method;
}

const char *http_path(const struct http_request *request)
{
	return request->path;
}

struct arena *http_arena(struct http_request *request)
{
	return request->arena;
}

void http_on_reply(struct http_request *request, http_replied *replied, void *self)
{
	request->replied = replied;
	request->self = self;
}

void http_begin_within(struct http_request *request, int64_t wait_ms)
{
	request->wait_ms = wait_ms;
}

void http_reply(struct http_request *request, int status, const char *type,
		const struct http_field *fields, const void *body, size_t size)
{
	(void)type;
	request->status = status;
	if (request->replied)
		request->replied(request->self, status, 1500);
	memcpy(request->told, body, size);
	request->told[size] = '\0';
	for (; fields && fields->name; fields++) {
		if (strcmp(fields->name, "Allow") == 0)
			strcpy(request->allow, fields->value);
	}
}

void http_problem_answer(struct http_request *request, const struct problem_details *problem)
{
	http_reply(request, problem->status, NULL, problem->fields, problem->code,
		   strlen(problem->code));
}

void http_problem(struct http_request *request, int status, const char *code, const char *field,
		  const char *detail)
{
	(void)code;
	(void)field;
	http_reply(request, status, NULL, NULL, detail, strlen(detail));
}

/* ---- a table -------------------------------------------------------------------------------- */

static void show(void *self, const struct route *route, struct http_request *request,
		 const char *const *parts)
{
	char told[200];
	snprintf(told, sizeof(told), "%s %s %s %s", (const char *)self, (const char *)route->with,
		 parts[0] ? parts[0] : "-", parts[1] ? parts[1] : "-");
	http_reply(request, 200, NULL, NULL, told, strlen(told));
}

static bool refuse(void *self, const struct route *route, struct http_request *request)
{
	(void)self;
	(void)route;
	http_reply(request, 403, NULL, NULL, "no", 2);
	return false;
}

static const struct route first[] = {
    {"GET", "/", show, "start", NULL, 0, 0},
    {"GET", "/cases/{number}", show, "case", NULL, 0, 700},
    {"POST", "/cases/{number}/{action}", show, "act", NULL, 5000, 0},
};
static const struct route second[] = {{"POST", "/cases/{number}", show, "other", refuse, 0, 0}};

static struct router *make(void)
{
	static char one[] = "one", two[] = "two";
	struct router *router = router_new("nothing");
	router_add(router, first, 3, one);
	router_add(router, second, 1, two);
	return router;
}

static struct http_request ask(struct router *router, struct arena *arena, const char *method,
			       const char *path)
{
	struct http_request request = {.method = method, .path = path, .arena = arena};
	router_answer(router, &request);
	return request;
}

static void each_request_meets_its_row(void **state)
{
	struct router *router = make();
	struct arena *arena = *state;
	assert_string_equal(ask(router, arena, "GET", "/").told, "one start - -");
	struct http_request one = ask(router, arena, "HEAD", "/cases/7");
	assert_string_equal(one.told, "one case 7 -");
	assert_int_equal(one.wait_ms, 700);
	assert_string_equal(ask(router, arena, "POST", "/cases/7/x").told, "one act 7 x");
	assert_int_equal(ask(router, arena, "POST", "/cases/7").status, 403);
	router_free(&router);
}

static void the_rest_is_answered_by_http_itself(void **state)
{
	struct router *router = make();
	struct arena *arena = *state;
	struct http_request one = ask(router, arena, "DELETE", "/cases/7");
	assert_int_equal(one.status, 405);
	assert_string_equal(one.allow, "GET, HEAD, POST, OPTIONS");
	one = ask(router, arena, "OPTIONS", "/cases/7/x");
	assert_int_equal(one.status, 204);
	assert_string_equal(one.allow, "POST, OPTIONS");
	assert_int_equal(ask(router, arena, "OPTIONS", "*").status, 204);
	static const char *const missing[] = {"/cases", "/cases/", "/cases/7/", "/cases/7/x/y", ""};
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		assert_int_equal(ask(router, arena, "GET", missing[i]).status, 404);
	router_free(&router);
}

static void a_body_is_bounded_by_its_row(void **state)
{
	struct router *router = make();
	(void)state;
	assert_int_equal(router_body_limit(router, "POST", "/cases/7/x"), 5000);
	assert_int_equal(router_body_limit(router, "GET", "/"), ROUTE_BODY_NONE);
	/* what is refused anyway is told why, and not that it is too large */
	assert_true(router_body_limit(router, "POST", "/nothing") > 1000000);
	router_free(&router);
}

static int64_t counted(const char *route, const char *status)
{
	char labels[200];
	snprintf(labels, sizeof(labels), "route=\"%s\",status=\"%s\"", route, status);
	return metric_value(metric_counter("redress_http_requests_total", labels, ""));
}

static void every_answer_is_counted(void **state)
{
	struct router *router = make();
	int64_t fine = counted("GET /", "2xx"), none = counted("none", "4xx");
	int64_t refused = counted("POST /cases/{number}", "4xx");
	ask(router, *state, "GET", "/");
	ask(router, *state, "GET", "/nothing");
	ask(router, *state, "POST", "/cases/7");
	assert_int_equal(counted("GET /", "2xx"), fine + 1);
	assert_int_equal(counted("none", "4xx"), none + 1);
	assert_int_equal(counted("POST /cases/{number}", "4xx"), refused + 1);
	assert_true(metric_value(metric_histogram("redress_http_seconds", "route=\"GET /\"", "")) >
		    0);
	router_free(&router);
}

static int open_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static int close_arena(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_request_meets_its_row),
					   cmocka_unit_test(the_rest_is_answered_by_http_itself),
					   cmocka_unit_test(a_body_is_bounded_by_its_row),
					   cmocka_unit_test(every_answer_is_counted)};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
