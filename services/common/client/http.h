/*
 * The HTTP server of a daemon, over libmicrohttpd; only http_*.c includes microhttpd.h.
 *
 * A request reaches the handler once, whole, on one of the server's threads. The handler answers
 * at once or keeps the pointer and answers later from any thread: until http_reply() (or
 * http_stream_end()) the connection is suspended and costs no thread. Bodies over the limit,
 * slow bodies and broken requests are answered by the server and never reach the handler.
 */
#ifndef CLIENT_HTTP_H
#define CLIENT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/settings.h"

struct http_server;
struct http_request;

struct http_options {
	const char *listen;          /* "127.0.0.1:8080", "[::1]:8080", ":8080" for every address */
	unsigned threads;            /* 1.. */
	unsigned connections;        /* at most; more are refused by the kernel's queue */
	unsigned connections_per_ip; /* 0: no limit */
	size_t body_max;             /* bytes; beyond it 413 */
	unsigned idle_timeout_s;     /* a connection that says nothing for so long is closed: 408 */
};

/* Rows of a daemon's settings table: NAME.listen, .threads, .connections, .connections_per_ip. */
/* clang-format off */
#define HTTP_SETTINGS(name) \
	{name ".listen", SETTING_STRING, NULL, 2, 200, "host:port to serve HTTP at"}, \
	{name ".threads", SETTING_INT, "2", 1, 64, "threads that serve connections"}, \
	{name ".connections", SETTING_INT, "10000", 1, 1000000, "connections at most"}, \
	{name ".connections_per_ip", SETTING_INT, "0", 0, 1000000, \
	 "connections of one address at most; 0: no limit (behind a proxy)"}
/* clang-format on */

/* What these rows say; body_max and idle_timeout_s are left to the caller. */
struct http_options http_options(const struct settings *settings, const char *name);

typedef void http_handler(void *self, struct http_request *request);

/* NULL: cannot listen, why in err. */
struct http_server *http_server_start(const struct http_options *options, http_handler *handler,
				      void *self, struct err *err) MUST_CHECK;
/* Stops accepting; waits up to grace_ms for requests under way. */
void http_server_stop(struct http_server **server, int64_t grace_ms);

/* What was asked; all live until the reply. */
const char *http_method(const struct http_request *request);
const char *http_path(const struct http_request *request); /* decoded, without the query */
const char *http_header(const struct http_request *request, const char *name); /* or NULL */
const char *http_query(const struct http_request *request, const char *name);  /* or NULL */
const char *http_body(const struct http_request *request, size_t *size);
/* Memory and a pointer for the handler's own use, given back with the request. */
struct arena *http_arena(struct http_request *request);

struct http_field {
	const char *name;
	const char *value;
};

/*
 * Answers and gives the request up: it must not be touched afterwards. Everything is copied.
 * fields: NULL-name-ended, may be NULL. From any thread.
 */
void http_reply(struct http_request *request, int status, const char *type,
		const struct http_field *fields, const void *body, size_t size);

/*
 * A problem as RFC 9457 (application/problem+json): {"type","title","status","detail","field"}.
 * field may be NULL; code is the machine-readable last part of type ("too-long").
 */
void http_problem(struct http_request *request, int status, const char *code, const char *field,
		  const char *detail);
/* The same with Retry-After (seconds). */
void http_problem_later(struct http_request *request, int status, const char *code,
			const char *detail, unsigned retry_after_s);

/* A reply without an end (server-sent events). Every call from any thread. */
struct http_stream;
struct http_stream *http_stream_start(struct http_request *request, const char *type,
				      const struct http_field *fields);
/* -1: the client has gone, or reads too slowly (over 256 KiB unsent): end the stream. */
int http_stream_send(struct http_stream *stream, const void *data, size_t size) MUST_CHECK;
void http_stream_end(struct http_stream **stream);

#endif
