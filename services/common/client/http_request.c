/* One request: what was asked, and its answer. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/http_private.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define POOL_MAX     512                /* requests a loop keeps for the next ones */
#define OUT_KEEP_MAX ((size_t)4 * 1024) /* a larger answer's memory is not kept */
#define RETRY_S      2

/* ---- life ----------------------------------------------------------------------------------- */

struct http_request *http_request_take(struct http_loop *loop, struct http_connection *connection)
{
	struct http_request *request = loop->pool;
	if (request) {
		loop->pool = request->next;
		loop->pooled--;
	} else {
		request = x_calloc(1, sizeof(*request));
	}
	request->connection = connection;
	request->server = loop->server;
	request->parse.body_max = loop->server->options.body_max;
	request->state = REQUEST_RUNNING;
	request->sent = 0;
	request->counted = request->under_way = false;
	request->head_only = request->close = request->refused = false;
	request->replied = NULL;
	request->late_us = 0;
	return request;
}

void http_request_free(struct http_request *request)
{
	arena_free(&request->arena);
	http_parse_free(&request->parse);
	buffer_free(&request->out);
	free(request);
}

void http_request_give(struct http_loop *loop, struct http_request *request)
{
	if (request->counted)
		http_peers_leave(request->server->peers, &request->peer);
	if (request->under_way)
		request->server->under_way--;
	if (loop->pooled == POOL_MAX) {
		http_request_free(request);
		return;
	}
	if (request->arena)
		arena_reset(request->arena);
	http_parse_reset(&request->parse);
	if (request->out.room > OUT_KEEP_MAX)
		buffer_free(&request->out);
	buffer_clear(&request->out);
	request->next = loop->pool;
	loop->pool = request;
	loop->pooled++;
}

/* ---- what was asked ------------------------------------------------------------------------- */

const char *http_method(const struct http_request *request)
{
	return http_parse_text(&request->parse, request->parse.method);
}

const char *http_path(const struct http_request *request)
{
	return http_parse_text(&request->parse, request->parse.path);
}

const char *http_header(const struct http_request *request, const char *name)
{
	size_t at = 0;
	return http_parse_field(&request->parse, name, &at);
}

const char *http_query(const struct http_request *request, const char *name)
{
	if (!request->parse.query)
		return NULL;
	char *rest =
	    arena_strdup(request->arena, http_parse_text(&request->parse, request->parse.query));
	for (char *pair; (pair = strsep(&rest, "&"));) {
		char *value = strchr(pair, '=');
		if (value)
			*value++ = '\0';
		/* that every escape is whole was checked with the request line */
		if (http_decode(pair, true) && strcmp(pair, name) == 0)
			return value && http_decode(value, true) ? value : "";
	}
	return NULL;
}

const char *http_query_text(const struct http_request *request)
{
	return request->parse.query ? http_parse_text(&request->parse, request->parse.query) : NULL;
}

const char *http_body(const struct http_request *request, size_t *size)
{
	*size = request->parse.body.len;
	return request->parse.body.data ? request->parse.body.data : "";
}

struct arena *http_arena(struct http_request *request)
{
	return request->arena;
}

const struct net_address *http_peer(const struct http_request *request)
{
	return &request->peer;
}

/* ---- how long it takes --------------------------------------------------------------------- */

void http_on_reply(struct http_request *request, http_replied *replied, void *self)
{
	request->replied = replied;
	request->replied_self = self;
	request->watched_us = clock_mono_us();
}

void http_begin_within(struct http_request *request, int64_t wait_ms)
{
	request->late_us = wait_ms ? clock_mono_us() + wait_ms * 1000 : 0;
}

bool http_is_late(const struct http_request *request)
{
	return request->late_us && clock_mono_us() > request->late_us;
}

static void tell_replied(struct http_request *request, int status)
{
	if (request->replied)
		request->replied(request->replied_self, status,
				 clock_mono_us() - request->watched_us);
	request->replied = NULL;
}

/* ---- answering ------------------------------------------------------------------------------ */

static void add_text(struct buffer *out, const char *text)
{
	buffer_add(out, text, strlen(text));
}

static void add_field(struct buffer *out, const char *name, const char *value)
{
	for (const char *c = value; *c; c++) {
		if (http_is_value_char(*c))
			continue;
		/* it would break the header apart */
		log_warn(0, "header %s cannot be sent", name);
		return;
	}
	add_text(out, name);
	buffer_add(out, ": ", 2);
	add_text(out, value);
	buffer_add(out, "\r\n", 2);
}

/* Made once a second and thread. */
static void add_date(struct buffer *out)
{
	static __thread time_t made;
	static __thread char line[48];
	time_t now = time(NULL);
	if (now != made) {
		struct tm tm;
		gmtime_r(&now, &tm);
		strftime(line, sizeof(line), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
		made = now;
	}
	add_text(out, line);
}

void http_begin_reply(struct http_request *request, int status, const char *type,
		      const struct http_field *fields)
{
	struct buffer *out = &request->out;
	char digits[21];
	tell_replied(request, status);
	text_decimal(digits, status);
	buffer_clear(out);
	buffer_reserve(out, 512);
	add_text(out, "HTTP/1.1 ");
	add_text(out, digits);
	add_text(out, " ");
	add_text(out, http_phrase(status));
	add_text(out, "\r\n");
	add_date(out);
	if (type)
		add_field(out, "Content-Type", type);
	add_text(out, "X-Content-Type-Options: nosniff\r\n");
	for (; fields && fields->name; fields++)
		add_field(out, fields->name, fields->value);
	if (request->close)
		add_text(out, "Connection: close\r\n");
	else if (request->parse.http10)
		add_text(out, "Connection: keep-alive\r\n");
}

void http_end_reply(struct http_request *request)
{
	struct http_connection *connection = request->connection;
	/* while the handler runs, its own thread goes on with the answer afterwards */
	if (atomic_exchange(&request->state, REQUEST_REPLIED) == REQUEST_WAITING)
		http_pass(connection);
}

void http_reply(struct http_request *request, int status, const char *type,
		const struct http_field *fields, const void *body, size_t size)
{
	struct buffer *out = &request->out;
	http_begin_reply(request, status, type, fields);
	if (status != 204 && status != 304) { /* these have no body (RFC 9110 8.6) */
		char digits[21];
		text_decimal(digits, (int64_t)size);
		add_field(out, "Content-Length", digits);
	}
	buffer_add(out, "\r\n", 2);
	if (!request->head_only && status != 204 && status != 304)
		buffer_add(out, body, size);
	http_end_reply(request);
}

/* ---- refusing ------------------------------------------------------------------------------- */

bool http_problem_on_page(struct http_request *request, const struct problem_details *problem)
{
	const struct http_options *options = &request->server->options;
	/* who it is and what it wants is known once its head has been read */
	if (!options->page || request->parse.state <= HTTP_AT_FIELD)
		return false;
	if (!request->arena)
		request->arena = arena_new_small();
	return options->page(options->page_self, request, problem);
}

static const char *refusal_code(int status)
{
	switch (status) {
	case 408:
		return "too-slow";
	case 413:
		return "too-large";
	case 414:
		return "address-too-long";
	case 429:
		return "too-many";
	case 431:
		return "header-too-large";
	case 501:
		return "not-implemented";
	case 503:
		return "busy";
	case 505:
		return "wrong-version";
	default:
		return "malformed";
	}
}

void http_turn_away(struct http_request *request, int status, const char *why)
{
	char most[80];
	const struct http_parse *parse = &request->parse;
	struct problem_details problem = {
	    .status = status, .code = refusal_code(status), .detail = why};
	request->close = request->refused = true;
	request->head_only = parse->path && strcmp(http_method(request), "HEAD") == 0;
	if (status == 413) {
		snprintf(most, sizeof(most), "the body may have %zu bytes at most",
			 parse->body_max);
		problem.detail = most;
	}
	if (status == 503 || status == 429)
		problem.retry_after_s = RETRY_S;
	http_problem_answer(request, &problem);
}
