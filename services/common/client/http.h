/*
 * The HTTP/1.1 server of a daemon: some threads, each a loop over its connections.
 *
 * A request reaches the handler once, whole, on one of the server's threads. The handler answers
 * at once or keeps the pointer and answers later from any thread: until http_reply() (or
 * http_stream_start()) the connection costs no thread. What is malformed, ambiguous, too large, too
 * slow or too much is answered by the server and never reaches the handler (http_parse.h).
 *
 * Everything has a bound: time in each phase, connections in all and of each address, and one
 * account of memory for all of them. Who is over it is told so at once with 503 or 429 and
 * Retry-After.
 */
#ifndef CLIENT_HTTP_H
#define CLIENT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/net_address.h"
#include "util/settings.h"

struct http_server;
struct http_request;

/* RFC 9457, and what goes with it. */
struct problem_details {
	int status;
	const char *code;                /* the machine-readable last part of type: "too-long" */
	const char *field;               /* what is wrong in the request; may be NULL */
	const char *detail;              /* for people */
	unsigned retry_after_s;          /* 0: no Retry-After */
	const struct http_field *fields; /* further ones of the answer; may be NULL */
};
/* Answers with a page, on any thread; false: it did not, problem+json will do. */
typedef bool http_problem_page(void *self, struct http_request *request,
			       const struct problem_details *problem);

struct http_field {
	const char *name;
	const char *value;
};

struct http_options {
	const char *listen;          /* "127.0.0.1:8080", "[::1]:8080", ":8080" for every address */
	unsigned threads;            /* 1..64 */
	unsigned connections;        /* at most; who is idle makes room for newcomers */
	unsigned connections_per_ip; /* of an IPv4 address or an IPv6 /64; 0: no limit */
	size_t memory;               /* bytes for what is received and sent; beyond it 503 */
	size_t body_max;             /* bytes; beyond it 413 */
	const char *trusted_proxies; /* networks (net_list_parse) whose proxy_field is believed */
	const char *proxy_field;     /* "X-Forwarded-For" or "Forwarded" */
	int64_t head_ms;             /* for a whole head, from its first byte: 408 */
	int64_t body_ms;  /* each such interval of a body brings 1 KiB a second, or 408 */
	int64_t reply_ms; /* each such interval of an answer takes as much, or it is closed */
	int64_t idle_ms;  /* between two requests of a connection */
	/* Bytes of the body of one request, once its head is there, by the handler's self; body_max
	 * bounds it. NULL: body_max for all. */
	size_t (*body_limit)(void *self, const char *method, const char *path);
	/* Problems for who would rather have a page. NULL: problem+json for all. */
	http_problem_page *page;
	void *page_self;
};

/* Rows of a daemon's settings table, all of them NAME.something. */
/* clang-format off */
#define HTTP_SETTINGS(name) \
	{name ".listen", SETTING_STRING, NULL, 2, 200, "host:port to serve HTTP at"}, \
	{name ".threads", SETTING_INT, "2", 1, 64, "threads that serve connections"}, \
	{name ".connections", SETTING_INT, "10000", 1, 1000000, \
	 "connections at most; then idle ones make room for new ones"}, \
	{name ".connections_per_ip", SETTING_INT, "64", 0, 1000000, \
	 "connections at most of one IPv4 address or IPv6 /64; 0: no limit"}, \
	{name ".memory", SETTING_INT, "128", 8, 1000000, \
	 "MiB for requests and answers under way; when they are full, new requests get 503"}, \
	{name ".trusted_proxies", SETTING_STRING, "", 0, 2000, \
	 "networks of the proxies before us, such as 10.0.0.0/8, ::1: who is behind them is counted"}, \
	{name ".proxy_header", SETTING_STRING, "X-Forwarded-For", 1, 40, \
	 "where they say for whom they ask: X-Forwarded-For or Forwarded"}, \
	{name ".head_timeout", SETTING_DURATION, "10s", 100, 600000, \
	 "for the whole header of a request, from its first byte on"}, \
	{name ".body_timeout", SETTING_DURATION, "10s", 100, 600000, \
	 "each such time a body must bring 1 KiB for each second"}, \
	{name ".reply_timeout", SETTING_DURATION, "20s", 100, 600000, \
	 "each such time a client must read 1 KiB of its answer for each second"}, \
	{name ".idle_timeout", SETTING_DURATION, "60s", 100, 3600000, \
	 "a connection is closed after such a time without a request"}
/* clang-format on */

/* What these rows say; body_max is left to the caller. */
struct http_options http_options(const struct settings *settings, const char *name);

typedef void http_handler(void *self, struct http_request *request);

/* NULL: cannot listen, why in err. */
struct http_server *http_server_start(const struct http_options *options, http_handler *handler,
				      void *self, struct err *err) MUST_CHECK;
/* Stops accepting; waits up to grace_ms for requests under way. */
void http_server_stop(struct http_server **server, int64_t grace_ms);

/* What was asked; all live until the reply. Paths that hide a slash or a control character behind
 * an escape, or are no UTF-8, have been refused. Of fields that come more than once the first. */
const char *http_method(const struct http_request *request);
const char *http_path(const struct http_request *request); /* decoded, without the query */
const char *http_header(const struct http_request *request, const char *name); /* or NULL */
const char *http_query(const struct http_request *request, const char *name);  /* or NULL */
const char *http_query_text(const struct http_request *request); /* all of it, as sent; or NULL */
const char *http_body(const struct http_request *request, size_t *size);
/* Who asks: the other end of the connection or, if that is a trusted proxy, whom it speaks for. */
const struct net_address *http_peer(const struct http_request *request);
/* Memory for the handler's own use, given back with the request. */
struct arena *http_arena(struct http_request *request);

/* Calls replied once, with the status, just before the answer of this request goes out, on the
 * thread that answers. us: since this call. To be set before the request is handed on. */
typedef void http_replied(void *self, int status, int64_t us);
void http_on_reply(struct http_request *request, http_replied *replied, void *self);
/* From wait_ms on the client is better told to come again than to be served: for whoever takes the
 * request out of a queue. wait_ms 0: never. */
void http_begin_within(struct http_request *request, int64_t wait_ms);
bool http_is_late(const struct http_request *request);

/*
 * Answers and gives the request up: it must not be touched afterwards. Everything is copied.
 * fields: NULL-name-ended, may be NULL. From any thread.
 */
void http_reply(struct http_request *request, int status, const char *type,
		const struct http_field *fields, const void *body, size_t size);

/* Answers between these two, by this thread, wake each of the server's threads once. */
void http_batch_begin(void);
void http_batch_end(void);

/*
 * A problem: {"type","title","status","detail","field"} as application/problem+json (RFC 9457), or
 * the page of http_options for who asks for one.
 */
void http_problem_answer(struct http_request *request, const struct problem_details *problem);
/* Its problem+json alone, in the arena. */
const char *http_problem_text(struct arena *arena, const struct problem_details *problem);
void http_problem(struct http_request *request, int status, const char *code, const char *field,
		  const char *detail);
/* The same with Retry-After (seconds). */
void http_problem_later(struct http_request *request, int status, const char *code,
			const char *detail, unsigned retry_after_s);

/* A reply without an end (server-sent events). Every call from any thread. */
struct http_stream;
typedef void http_gone(void *self);
struct http_stream *http_stream_start(struct http_request *request, const char *type,
				      const struct http_field *fields);
/*
 * on_gone is called once, as soon as the client has gone (at once if it has already), unless
 * http_stream_end() was called before; on a thread of the server, which it must not keep waiting,
 * and without calling http_stream_*() itself. The stream must still be ended.
 */
void http_stream_watch(struct http_stream *stream, http_gone *on_gone, void *self);
/* -1: the client has gone, or reads too slowly (over 256 KiB unsent): end the stream. */
int http_stream_send(struct http_stream *stream, const void *data, size_t size) MUST_CHECK;
/* When it returns, on_gone neither runs nor will. */
void http_stream_end(struct http_stream **stream);

#endif
