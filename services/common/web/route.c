#include "web/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/arena.h"
#include "util/metrics.h"

#define ALLOW_MAX   120
#define BODY_ANY    SIZE_MAX /* of what is refused anyway: told so rather than 413 */
#define CLASSES     6        /* of statuses, by their first digit */
#define LABELS_SIZE 200

/* What is counted of a row. */
struct counts {
	struct metric *statuses[CLASSES], *seconds;
};

struct row {
	const struct route *route;
	void *self;
	struct counts counts;
};

struct router {
	const char *missing;
	struct row *rows;
	size_t count;
	struct counts none; /* of what has no row */
};

/* ---- counting ------------------------------------------------------------------------------- */

static void count_as(struct counts *counts, const char *name)
{
	char labels[LABELS_SIZE];
	for (int i = 1; i < CLASSES; i++) {
		snprintf(labels, sizeof(labels), "route=\"%s\",status=\"%dxx\"", name, i);
		counts->statuses[i] = metric_counter("redress_http_requests_total", labels,
						     "Requests by route and status.");
	}
	snprintf(labels, sizeof(labels), "route=\"%s\"", name);
	counts->seconds = metric_histogram("redress_http_seconds", labels,
					   "From a request's head to its answer, by route.");
}

static void replied(void *self, int status, int64_t us)
{
	const struct counts *counts = self;
	metric_add(counts->statuses[status / 100 % CLASSES], 1);
	metric_observe_us(counts->seconds, us);
}

/* ---- the table ------------------------------------------------------------------------------ */

struct router *router_new(const char *missing)
{
	struct router *router = x_calloc(1, sizeof(*router));
	router->missing = missing;
	count_as(&router->none, "none");
	return router;
}

void router_free(struct router **router)
{
	if (!*router)
		return;
	free((*router)->rows);
	free(*router);
	*router = NULL;
}

void router_add(struct router *router, const struct route *routes, size_t count, void *self)
{
	char name[LABELS_SIZE / 2];
	router->rows = x_realloc(router->rows, router->count + count, sizeof(*router->rows));
	for (size_t i = 0; i < count; i++) {
		struct row *row = &router->rows[router->count++];
		*row = (struct row){.route = &routes[i], .self = self};
		snprintf(name, sizeof(name), "%s %s", routes[i].method, routes[i].path);
		count_as(&row->counts, name);
	}
}

/* Where in the path each {} of the pattern is. */
struct parts {
	const char *begin[ROUTE_PARTS_MAX];
	size_t size[ROUTE_PARTS_MAX], count;
};

static bool matches(const char *pattern, const char *path, struct parts *parts)
{
	parts->count = 0;
	while (*pattern && *path) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t size = strcspn(path, "/");
		if (!size || parts->count == ROUTE_PARTS_MAX)
			return false;
		parts->begin[parts->count] = path;
		parts->size[parts->count++] = size;
		path += size;
		pattern = strchr(pattern, '}') + 1;
	}
	return !*pattern && !*path;
}

static const char *row_method(const char *method)
{
	return strcmp(method, "HEAD") == 0 ? "GET" : method;
}

static struct row *find(struct router *router, const char *method, const char *path,
			struct parts *parts)
{
	const char *wanted = row_method(method);
	for (size_t i = 0; i < router->count; i++) {
		if (strcmp(router->rows[i].route->method, wanted) == 0 &&
		    matches(router->rows[i].route->path, path, parts))
			return &router->rows[i];
	}
	return NULL;
}

/* ---- answering ------------------------------------------------------------------------------ */

static void allow(char list[ALLOW_MAX], const char *method)
{
	if (strstr(list, method) || strlen(list) + strlen(method) + 3 > ALLOW_MAX)
		return;
	if (*list)
		strcat(list, ", ");
	strcat(list, method);
}

/* What the path allows; "": there is nothing at it. */
static void list_allowed(const struct router *router, const char *path, char list[ALLOW_MAX])
{
	struct parts parts;
	bool all = strcmp(path, "*") == 0; /* OPTIONS of the whole server */
	*list = '\0';
	for (size_t i = 0; i < router->count; i++) {
		const struct route *route = router->rows[i].route;
		if (!all && !matches(route->path, path, &parts))
			continue;
		allow(list, route->method);
		if (strcmp(route->method, "GET") == 0)
			allow(list, "HEAD");
	}
	if (*list)
		allow(list, "OPTIONS");
}

static void answer_other(struct router *router, struct http_request *request)
{
	char list[ALLOW_MAX];
	list_allowed(router, http_path(request), list);
	const struct http_field fields[] = {{"Allow", list}, {NULL, NULL}};
	const struct problem_details wrong = {.status = 405,
					      .code = "wrong-method",
					      .detail = "Allow names the methods there are",
					      .fields = fields};
	http_on_reply(request, replied, &router->none);
	if (!*list)
		http_problem(request, 404, "not-found", NULL, router->missing);
	else if (strcmp(http_method(request), "OPTIONS") == 0)
		http_reply(request, 204, NULL, fields, "", 0);
	else
		http_problem_answer(request, &wrong);
}

static void answer_row(struct row *row, struct http_request *request, const struct parts *at)
{
	const struct route *route = row->route;
	const char *parts[ROUTE_PARTS_MAX] = {NULL};
	for (size_t i = 0; i < at->count; i++)
		parts[i] = arena_strndup(http_arena(request), at->begin[i], at->size[i]);
	http_on_reply(request, replied, &row->counts);
	http_begin_within(request, route->wait_ms);
	if (!route->may || route->may(row->self, route, request))
		route->handle(row->self, route, request, parts);
}

void route_show_document(void *self, const struct route *route, struct http_request *request,
			 const char *const *parts)
{
	const struct route_document *document = route->with;
	(void)self;
	(void)parts;
	http_reply(request, 200, document->type, NULL, document->data, document->size);
}

void router_answer(void *self, struct http_request *request)
{
	struct parts parts;
	struct router *router = self;
	struct row *row = find(router, http_method(request), http_path(request), &parts);
	if (row)
		answer_row(row, request, &parts);
	else
		answer_other(router, request);
}

size_t router_body_limit(void *self, const char *method, const char *path)
{
	struct parts parts;
	const struct row *row = find(self, method, path, &parts);
	return !row ? BODY_ANY : row->route->body_max ? row->route->body_max : ROUTE_BODY_NONE;
}
