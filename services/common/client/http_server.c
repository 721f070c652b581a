/* The server: connections, the requests in them, and the pool these come from. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/http_private.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define CONNECTION_MEMORY ((size_t)8 * 1024) /* request line and headers */
#define POOL_MAX          1024               /* requests kept for the next ones */
#define POOL_BODY_MAX     ((size_t)8 * 1024) /* a larger body's memory is not kept */

struct http_server {
	struct MHD_Daemon *daemon;
	struct http_options options;
	http_handler *handler;
	void *self;
	pthread_mutex_t lock; /* of the pool */
	struct http_request *pool;
	size_t pooled;
	_Atomic size_t under_way;
};

/* ---- the pool ------------------------------------------------------------------------------- */

static struct http_request *take_request(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	struct http_request *request = server->pool;
	if (request) {
		server->pool = request->next;
		server->pooled--;
	}
	pthread_mutex_unlock(&server->lock);
	if (!request) {
		request = x_calloc(1, sizeof(*request));
		request->arena = arena_new_small();
	}
	request->server = server;
	request->state = REQUEST_RUNNING;
	request->handed = request->too_large = false;
	request->response = NULL;
	request->begun_us = clock_mono_us();
	server->under_way++;
	return request;
}

static void free_request(struct http_request *request)
{
	arena_free(&request->arena);
	buffer_free(&request->body);
	free(request);
}

static void give_back(struct http_request *request)
{
	struct http_server *server = request->server;
	arena_reset(request->arena);
	if (request->body.room > POOL_BODY_MAX)
		buffer_free(&request->body);
	buffer_clear(&request->body);
	pthread_mutex_lock(&server->lock);
	bool keep = server->pooled < POOL_MAX;
	if (keep) {
		request->next = server->pool;
		server->pool = request;
		server->pooled++;
	}
	pthread_mutex_unlock(&server->lock);
	if (!keep)
		free_request(request);
	server->under_way--;
}

/* ---- libmicrohttpd -------------------------------------------------------------------------- */

/* libmicrohttpd cannot answer in the middle of a body, so this is written past it. */
static void say_timeout(struct MHD_Connection *connection)
{
	static const char text[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
				   "Content-Length: 0\r\n\r\n";
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info && send(info->connect_fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug(0, "a slow client had gone already");
}

static enum MHD_Result take_body(struct http_request *request, const char *data, size_t *size)
{
	const struct http_options *options = &request->server->options;
	int64_t most_us = (int64_t)options->idle_timeout_s * 1000000;
	if (clock_mono_us() - request->begun_us > most_us) {
		say_timeout(request->connection);
		return MHD_NO;
	}
	if (request->body.len + *size > options->body_max)
		request->too_large = true;
	else
		buffer_add(&request->body, data, *size);
	*size = 0;
	return MHD_YES;
}

static enum MHD_Result send_response(struct http_request *request)
{
	enum MHD_Result result =
	    MHD_queue_response(request->connection, (unsigned)request->status, request->response);
	MHD_destroy_response(request->response);
	request->response = NULL;
	return result;
}

static void refuse_large(struct http_request *request)
{
	char detail[80];
	snprintf(detail, sizeof(detail), "the body may have %zu bytes at most",
		 request->server->options.body_max);
	http_problem(request, 413, "too-large", NULL, detail);
}

static enum MHD_Result hand_over(struct http_request *request)
{
	struct http_server *server = request->server;
	request->handed = true;
	if (request->too_large)
		refuse_large(request);
	else
		server->handler(server->self, request);
	if (request->state == REQUEST_REPLIED)
		return send_response(request);
	/* Suspended first and told afterwards, so that an answer in between finds a connection
	 * that can be resumed. */
	int running = REQUEST_RUNNING;
	MHD_suspend_connection(request->connection);
	if (!atomic_compare_exchange_strong(&request->state, &running, REQUEST_WAITING))
		MHD_resume_connection(request->connection);
	return MHD_YES;
}

static bool announces_too_much(struct http_request *request)
{
	const char *length = http_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
	return length && strtoull(length, NULL, 10) > request->server->options.body_max;
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **context)
{
	(void)version;
	struct http_request *request = *context;
	if (!request) {
		request = *context = take_request(self);
		request->connection = connection;
		request->method = method;
		request->path = url;
		if (!announces_too_much(request))
			return MHD_YES;
		request->handed = true;
		refuse_large(request);
		return send_response(request);
	}
	if (*size)
		return take_body(request, data, size);
	if (!request->handed)
		return hand_over(request);
	return request->state == REQUEST_REPLIED && request->response ? send_response(request)
								      : MHD_YES;
}

static void on_completed(void *self, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	(void)self;
	(void)connection;
	(void)code;
	struct http_request *request = *context;
	if (!request)
		return;
	if (request->response)
		MHD_destroy_response(request->response);
	give_back(request);
	*context = NULL;
}

static void on_log(void *self, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void on_log(void *self, const char *format, va_list args)
{
	(void)self;
	char text[200];
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\r\n")] = '\0';
	log_debug(0, "http: %s", text);
}

/* ---- listening ------------------------------------------------------------------------------ */

static int open_socket(const struct addrinfo *at, struct err *err)
{
	int one = 1;
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	err_set(err, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* "host:port", "[address]:port", ":port". The socket, or -1. */
static int listen_at(const char *listen, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	const char *colon = strrchr(listen, ':');
	if (!colon)
		return err_set(err, "%.100s: expected host:port", listen);
	const char *host = listen;
	size_t len = (size_t)(colon - listen);
	if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	char *name = x_printf("%.*s", (int)len, host);
	int failed = getaddrinfo(*name ? name : NULL, colon + 1, &hints, &found);
	int fd = failed ? err_set(err, "%s", gai_strerror(failed)) : open_socket(found, err);
	if (fd < 0)
		err_context(err, "%.100s", listen);
	if (found)
		freeaddrinfo(found);
	free(name);
	return fd;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct http_options http_options(const struct settings *settings, const char *name)
{
	char listen[40], threads[40], connections[40], per_ip[40];
	snprintf(listen, sizeof(listen), "%s.listen", name);
	snprintf(threads, sizeof(threads), "%s.threads", name);
	snprintf(connections, sizeof(connections), "%s.connections", name);
	snprintf(per_ip, sizeof(per_ip), "%s.connections_per_ip", name);
	return (struct http_options){
	    .listen = settings_str(settings, listen),
	    .threads = (unsigned)settings_int(settings, threads),
	    .connections = (unsigned)settings_int(settings, connections),
	    .connections_per_ip = (unsigned)settings_int(settings, per_ip),
	};
}

struct http_server *http_server_start(const struct http_options *options, http_handler *handler,
				      void *self, struct err *err)
{
	int fd = listen_at(options->listen, err);
	if (fd < 0)
		return NULL;
	struct http_server *server = x_calloc(1, sizeof(*server));
	server->options = *options;
	server->handler = handler;
	server->self = self;
	pthread_mutex_init(&server->lock, NULL);
	server->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
	    options->threads > 1 ? options->threads : 0, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, options->connections,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connections_per_ip,
	    MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (server->daemon)
		return server;
	close(fd);
	free(server);
	err_set(err, "the HTTP server does not start");
	return NULL;
}

void http_server_stop(struct http_server **server, int64_t grace_ms)
{
	if (!*server)
		return;
	int fd = MHD_quiesce_daemon((*server)->daemon);
	for (int64_t waited = 0; waited < grace_ms && (*server)->under_way; waited += 10)
		usleep(10 * 1000);
	MHD_stop_daemon((*server)->daemon);
	if (fd >= 0)
		close(fd);
	while ((*server)->pool) {
		struct http_request *next = (*server)->pool->next;
		free_request((*server)->pool);
		(*server)->pool = next;
	}
	pthread_mutex_destroy(&(*server)->lock);
	free(*server);
	*server = NULL;
}
