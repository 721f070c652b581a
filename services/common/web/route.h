/*
 * The table of what a daemon serves, and HTTP's own rules over it (RFC 9110 9 and 15.5): HEAD
 * wherever there is GET, OPTIONS everywhere, 405 with Allow, 404 for the rest, 413 before a body
 * comes that nobody takes, and for each row how often it was asked for and how long that took:
 * redress_http_requests_total{route="GET /v1/cases/{number}",status="2xx"} and
 * redress_http_seconds{route=...}.
 */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include "client/http.h"

#define ROUTE_PARTS_MAX  4
#define ROUTE_BODY_NONE  ((size_t)1024) /* what comes although nobody reads it */
#define ROUTE_WAIT_USUAL 5000           /* ms; who reloads a page does so after about that */

struct route {
	const char *method; /* "GET" stands for HEAD as well: the server leaves the body out */
	const char *path;   /* "/v1/cases/{number}/events": {} is one part, not an empty one */
	/* parts: what stands in place of {}, in the request's arena. */
	void (*handle)(void *self, const struct route *route, struct http_request *request,
		       const char *const *parts);
	const void *with; /* the table's own */
	/* Who may: false: this one may not, and was told. NULL: anybody. */
	bool (*may)(void *self, const struct route *route, struct http_request *request);
	size_t body_max; /* bytes; beyond it 413. 0: ROUTE_BODY_NONE */
	int64_t wait_ms; /* if work on it has not begun by then: 503 (http_is_late). 0: no limit */
};

/* What a row with route_show_document shows: its with. */
struct route_document {
	const char *type;
	const void *data;
	size_t size;
};
void route_show_document(void *self, const struct route *route, struct http_request *request,
			 const char *const *parts);

struct router;

/* missing: what a 404 says. */
struct router *router_new(const char *missing);
/* Once nobody is answered any more. Accepts NULL, sets NULL. */
void router_free(struct router **router);
/* Rows that must live as long as the router; self: for their handlers. Before the first request. */
void router_add(struct router *router, const struct route *routes, size_t count, void *self);
/* The handler of a server whose self is the router: hands the request to its route, or answers. */
void router_answer(void *router, struct http_request *request);
/* The body_limit of such a server. */
size_t router_body_limit(void *router, const char *method, const char *path);

#endif
