/* The server: its settings, its threads, its beginning and its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/http_private.h"
#include "util/alloc.h"
#include "util/log.h"

#define RECEIVE_SIZE ((size_t)16 * 1024)
#define LINGER_MS    3000
#define PAUSE_MS     5000
#define OTHER_FILES  256 /* descriptors that are left to the rest of the daemon */

/* ---- settings ------------------------------------------------------------------------------- */

static int64_t number(const struct settings *settings, const char *server, const char *name)
{
	char full[64];
	snprintf(full, sizeof(full), "%s.%s", server, name);
	return settings_int(settings, full);
}

static const char *text(const struct settings *settings, const char *server, const char *name)
{
	char full[64];
	snprintf(full, sizeof(full), "%s.%s", server, name);
	return settings_str(settings, full);
}

struct http_options http_options(const struct settings *settings, const char *name)
{
	return (struct http_options){
	    .listen = text(settings, name, "listen"),
	    .threads = (unsigned)number(settings, name, "threads"),
	    .connections = (unsigned)number(settings, name, "connections"),
	    .connections_per_ip = (unsigned)number(settings, name, "connections_per_ip"),
	    .memory = (size_t)number(settings, name, "memory") * 1024 * 1024,
	    .trusted_proxies = text(settings, name, "trusted_proxies"),
	    .proxy_field = text(settings, name, "proxy_header"),
	    .head_ms = number(settings, name, "head_timeout"),
	    .body_ms = number(settings, name, "body_timeout"),
	    .reply_ms = number(settings, name, "reply_timeout"),
	    .idle_ms = number(settings, name, "idle_timeout"),
	};
}

/* ---- life ----------------------------------------------------------------------------------- */

/* As many connections as there may be open files, with some of these left to Kafka, Redis and the
 * rest; as many open files as the system allows. */
static size_t connections_possible(const struct http_options *options)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return options->connections;
	rlim_t wanted = (rlim_t)options->connections + OTHER_FILES;
	if (files.rlim_cur < wanted) {
		files.rlim_cur = wanted < files.rlim_max ? wanted : files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			getrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_cur >= wanted)
		return options->connections;
	size_t possible =
	    files.rlim_cur > 2 * OTHER_FILES ? files.rlim_cur - OTHER_FILES : files.rlim_cur / 2;
	log_warn(0, "%s: %zu connections at most, as only %zu files may be open (LimitNOFILE)",
		 options->listen, possible, (size_t)files.rlim_cur);
	return possible;
}

static void set_timeouts(struct http_server *server)
{
	server->timeouts_ms[PHASE_HEAD] = server->options.head_ms;
	server->timeouts_ms[PHASE_IDLE] = server->options.idle_ms;
	server->timeouts_ms[PHASE_BODY] = server->options.body_ms;
	server->timeouts_ms[PHASE_PAUSED] = PAUSE_MS;
	server->timeouts_ms[PHASE_REPLY] = server->options.reply_ms;
	server->timeouts_ms[PHASE_LINGER] = LINGER_MS;
}

static void start_loops(struct http_server *server)
{
	for (unsigned i = 0; i < server->threads; i++) {
		struct http_loop *loop = &server->loops[i];
		loop->server = server;
		loop->epoll = epoll_create1(EPOLL_CLOEXEC);
		loop->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (loop->epoll < 0 || loop->wake < 0)
			fatal("no more files can be opened");
		loop->in = x_realloc(NULL, 1, RECEIVE_SIZE);
		http_watch(loop, loop->wake, loop, EPOLLIN);
		http_watch(loop, server->listener, server, EPOLLIN | EPOLLEXCLUSIVE);
	}
	for (unsigned i = 0; i < server->threads; i++) {
		if (pthread_create(&server->loops[i].thread, NULL, http_loop_run,
				   &server->loops[i]))
			fatal("no more threads");
	}
}

struct http_server *http_server_start(const struct http_options *options, http_handler *handler,
				      void *self, struct err *err)
{
	struct net_list proxies = {NULL, 0};
	if (options->trusted_proxies && net_list_parse(&proxies, options->trusted_proxies, err)) {
		err_context(err, "trusted_proxies");
		return NULL;
	}
	int fd = http_listen(options->listen, err);
	if (fd < 0) {
		net_list_free(&proxies);
		return NULL;
	}
	struct http_server *server = x_calloc(1, sizeof(*server));
	server->options = *options;
	server->handler = handler;
	server->self = self;
	server->listener = fd;
	server->proxies = proxies;
	server->threads = options->threads < HTTP_THREADS_MAX ? options->threads : HTTP_THREADS_MAX;
	server->most = connections_possible(options);
	server->peers = http_peers_new(options->connections_per_ip);
	set_timeouts(server);
	start_loops(server);
	return server;
}

static void stop_accepting(struct http_server *server)
{
	server->stopping = true;
	for (unsigned i = 0; i < server->threads; i++) {
		epoll_ctl(server->loops[i].epoll, EPOLL_CTL_DEL, server->listener, NULL);
		http_wake(&server->loops[i]);
	}
}

/* false: a handler still has a request, and what it needs to answer must stay. */
static bool end_loops(struct http_server *server)
{
	bool clear = true;
	server->ending = true;
	for (unsigned i = 0; i < server->threads; i++) {
		http_wake(&server->loops[i]);
		pthread_join(server->loops[i].thread, NULL);
	}
	for (unsigned i = 0; i < server->threads; i++)
		clear &= http_loop_clear(&server->loops[i]);
	return clear;
}

void http_server_stop(struct http_server **handle, int64_t grace_ms)
{
	struct http_server *server = *handle;
	if (!server)
		return;
	*handle = NULL;
	stop_accepting(server);
	for (int64_t waited = 0; waited < grace_ms && server->under_way; waited += 10)
		usleep(10 * 1000);
	bool clear = end_loops(server);
	close(server->listener);
	if (!clear) {
		log_warn(0, "%s: requests were not answered in time", server->options.listen);
		return;
	}
	for (unsigned i = 0; i < server->threads; i++) {
		close(server->loops[i].epoll);
		close(server->loops[i].wake);
	}
	http_peers_free(&server->peers);
	net_list_free(&server->proxies);
	free(server);
}
