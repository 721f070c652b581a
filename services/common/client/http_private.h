/*
 * What the http_*.c files share; nobody else's business.
 *
 * Every connection belongs to one loop, a thread; only that thread touches its socket, its lists
 * and its parse. While a handler has the request, the request is the handler's; http_reply() gives
 * it back by http_pass(), the only way from other threads into a loop.
 */
#ifndef CLIENT_HTTP_PRIVATE_H
#define CLIENT_HTTP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "client/http.h"
#include "client/http_parse.h"
#include "util/arena.h"
#include "util/buffer.h"
#include "util/net_address.h"

#define HTTP_THREADS_MAX 64

/* What a connection does, and by which deadline it is watched. */
enum http_phase {
	PHASE_HEAD,    /* nothing has come yet, or a part of a head */
	PHASE_IDLE,    /* between two requests */
	PHASE_BODY,    /* checked in intervals: has enough come? */
	PHASE_PAUSED,  /* its body waits for memory */
	PHASE_HANDLER, /* none */
	PHASE_REPLY,   /* checked in intervals: has enough gone? */
	PHASE_STREAM,  /* none */
	PHASE_LINGER,  /* all was said: what still comes is thrown away */
	HTTP_PHASES,
};

/* RUNNING: in the handler, on the loop's thread. WAITING: it has returned without an answer. */
enum http_request_state { REQUEST_RUNNING, REQUEST_WAITING, REQUEST_REPLIED };

struct http_request {
	struct http_request *next; /* in the pool */
	struct http_connection *connection;
	struct http_server *server;
	struct http_parse parse;
	struct arena *arena; /* NULL until the first handler */
	struct net_address peer;
	bool counted; /* among those of its address, as proxies have it */
	bool under_way;
	bool head_only, close, refused;
	http_replied *replied; /* NULL: nobody wants to know */
	void *replied_self;
	int64_t watched_us; /* since when replied counts */
	int64_t late_us;    /* 0: never */
	_Atomic int state;
	struct buffer out;
	size_t sent;
};

struct http_connection {
	int fd;
	enum http_phase phase;
	struct http_loop *loop;
	struct http_connection *older, *newer; /* of the phase */
	int64_t deadline_ms;
	struct http_request *request;
	struct http_stream *stream;
	struct buffer ahead; /* what came after the request under way, from ahead_at on */
	size_t ahead_at;
	struct net_address peer;
	bool is_proxy;  /* whose word on addresses counts */
	bool counted;   /* among those of its address */
	bool linked;    /* in a list of the loop */
	bool readable;  /* there may be bytes in the socket */
	bool ended;     /* the client has sent its last byte */
	bool gone;      /* nobody reads the answer */
	bool dead;      /* closed; freed after the round */
	bool again;     /* in the loop's list of those to go on with */
	int unwelcome;  /* 0, or the status it is turned away with */
	size_t moved;   /* bytes in the interval of BODY; unsent at its beginning in REPLY */
	size_t charged; /* bytes of the server's memory */
	_Atomic bool queued;
	struct http_connection *next_passed, *next_again, *next_dead;
};

struct http_list {
	struct http_connection *oldest, *newest;
};

struct http_loop {
	struct http_server *server;
	int epoll, wake;
	pthread_t thread;
	int64_t now_ms;
	struct http_list phases[HTTP_PHASES];
	struct http_connection *again, *dead;
	struct http_request *pool;
	size_t pooled;
	int64_t listen_again_ms; /* 0: it listens */
	char *in;                /* what is received goes through here */
	_Atomic(struct http_connection *) passed;
	_Atomic bool woken;
	_Atomic size_t connections, evictions;
};

struct http_server {
	struct http_options options;
	http_handler *handler;
	void *self;
	int listener;
	unsigned threads;
	size_t most; /* connections */
	struct net_list proxies;
	struct http_peers *peers;
	_Atomic bool stopping, ending;
	_Atomic size_t under_way, connections, unwelcome;
	_Atomic size_t used, peak; /* bytes */
	_Atomic int64_t warned_ms;
	int64_t timeouts_ms[HTTP_PHASES]; /* 0: none */
	struct http_loop loops[HTTP_THREADS_MAX];
};

struct http_stream {
	pthread_mutex_t lock;
	struct http_connection *connection; /* NULL: gone */
	struct buffer unsent;
	size_t sent;
	bool chunked, ended;
	http_gone *on_gone;
	void *self;
};

/* ---- http_loop.c ---- */

void *http_loop_run(void *loop);
/* To its loop: the answer is there, or the stream has something. From any thread. */
void http_pass(struct http_connection *connection);
void http_wake(struct http_loop *loop);
/* Frees what the loop's thread has left; it has ended. false: a handler still has a request. */
bool http_loop_clear(struct http_loop *loop);

/* ---- http_accept.c ---- */

/* The socket, or -1. */
int http_listen(const char *listen, struct err *err);
void http_accept(struct http_loop *loop);
/* Closes idle connections that newcomers need the place of. */
void http_evict(struct http_loop *loop);
/* Listens again after there were no more descriptors. */
void http_accept_again(struct http_loop *loop);
void http_watch(struct http_loop *loop, int fd, void *what, uint32_t events);
void http_close(struct http_connection *connection);
/* At most once a minute, so that an attack does not fill the disk. */
void http_warn(struct http_server *server, const char *what);

/* ---- http_phrase.c ---- */

/* "" for a status that we never send. */
const char *http_phrase(int status);

/* ---- http_request.c ---- */

struct http_request *http_request_take(struct http_loop *loop, struct http_connection *connection);
void http_request_give(struct http_loop *loop, struct http_request *request);
void http_request_free(struct http_request *request);
/* Whether the problem was answered with the server's page. */
bool http_problem_on_page(struct http_request *request, const struct problem_details *problem);
/* Answers one that no handler has, and closes. */
void http_turn_away(struct http_request *request, int status, const char *why);
/* Status line and fields, without the empty line, into request->out. */
void http_begin_reply(struct http_request *request, int status, const char *type,
		      const struct http_field *fields);
void http_end_reply(struct http_request *request);

/* ---- http_stream.c; all on the loop's thread ---- */

/* Sends what there is. 0: go on, 1: it has ended and all is out, -1: the client has gone. */
int http_stream_flush(struct http_stream *stream, int fd);
void http_stream_drop(struct http_stream *stream);
size_t http_stream_memory(struct http_stream *stream);

/* ---- http_peers.c: connections and requests of each address ---- */

struct http_peers *http_peers_new(unsigned most);
void http_peers_free(struct http_peers **peers);
/* false: there are as many as may be. Always true if there is no limit. */
bool http_peers_enter(struct http_peers *peers, const struct net_address *address);
void http_peers_leave(struct http_peers *peers, const struct net_address *address);
/* Whom a proxy speaks for: the last address of the field that is no proxy itself. */
void http_peers_behind(const struct net_list *proxies, const struct http_parse *parse,
		       const char *field, struct net_address *peer);

#endif
