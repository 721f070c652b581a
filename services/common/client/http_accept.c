/* Listening, and who is let in. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/http_private.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define ACCEPTS_MAX    16 /* at a time, then it is the turn of those that are in */
#define SLACK          64 /* over the limit, until those that are to make room have gone */
#define UNWELCOME_MAX  64 /* that are told so at a time; others are just closed */
#define LISTEN_WAIT_MS 100
#define WARN_EVERY_MS  60000

void http_warn(struct http_server *server, const char *what)
{
	int64_t now = clock_mono_us() / 1000, before = server->warned_ms;
	if ((!before || now - before > WARN_EVERY_MS) &&
	    atomic_compare_exchange_strong(&server->warned_ms, &before, now))
		log_warn(0, "%s: %s", server->options.listen, what);
}

/* ---- listening ------------------------------------------------------------------------------ */

static int open_socket(const struct addrinfo *at, struct err *err)
{
	int one = 1;
	int fd =
	    socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	err_set(err, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* "host:port", "[address]:port", ":port" */
int http_listen(const char *listen, struct err *err)
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

void http_watch(struct http_loop *loop, int fd, void *what, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = what};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		log_error(0, "a socket cannot be watched: %s", strerror(errno));
}

/* ---- making room ---------------------------------------------------------------------------- */

/* Whoever has been idle for longest, else who has been at its header for longest. */
static bool evict_one(struct http_loop *loop)
{
	struct http_connection *c = loop->phases[PHASE_IDLE].oldest;
	if (!c)
		c = loop->phases[PHASE_HEAD].oldest;
	if (c)
		http_close(c);
	return c != NULL;
}

void http_evict(struct http_loop *loop)
{
	size_t wanted = atomic_exchange(&loop->evictions, 0);
	while (wanted-- && evict_one(loop))
		;
}

/* ---- letting in ----------------------------------------------------------------------------- */

static struct http_loop *least_loaded(struct http_server *server)
{
	struct http_loop *least = server->loops;
	for (unsigned i = 1; i < server->threads; i++) {
		if (server->loops[i].connections < least->connections)
			least = &server->loops[i];
	}
	return least;
}

/* 0: welcome; else the status to answer. */
static int judge(struct http_server *server, struct http_connection *c)
{
	c->is_proxy = net_list_has(&server->proxies, &c->peer);
	if (!c->is_proxy && !http_peers_enter(server->peers, &c->peer)) {
		http_warn(server, "an address has as many connections as one may have"
				  " (connections_per_ip; a proxy belongs into trusted_proxies)");
		return 429;
	}
	c->counted = !c->is_proxy;
	if (server->connections < server->most)
		return 0;
	http_warn(server, "there are as many connections as may be: idle ones are closed");
	c->loop->evictions++;
	http_wake(c->loop);
	return server->connections < server->most + SLACK ? 0 : 503;
}

static void discard(struct http_connection *c)
{
	if (c->counted)
		http_peers_leave(c->loop->server->peers, &c->peer);
	close(c->fd);
	free(c);
}

static void let_in(struct http_server *server, int fd, const struct sockaddr *from)
{
	int one = 1;
	struct http_connection *c = x_calloc(1, sizeof(*c));
	c->fd = fd;
	c->loop = least_loaded(server);
	net_address_from(&c->peer, from);
	c->unwelcome = judge(server, c);
	if (c->unwelcome && server->unwelcome >= UNWELCOME_MAX) {
		discard(c);
		return;
	}
	server->unwelcome += c->unwelcome != 0;
	server->connections++;
	c->loop->connections++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* From here on it is its loop's, which has its first event at once: it can be written to.
	 */
	http_watch(c->loop, fd, c, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

/* No more descriptors, or memory of the kernel: whoever is idle gives one back, and the rest waits
 * a little instead of being reported again and again. */
static void stop_listening(struct http_loop *loop)
{
	http_warn(loop->server, "no more connections can be opened: raise the limit of open files"
				" (LimitNOFILE)");
	evict_one(loop);
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->server->listener, NULL);
	loop->listen_again_ms = loop->now_ms + LISTEN_WAIT_MS;
}

void http_accept_again(struct http_loop *loop)
{
	if (!loop->listen_again_ms || loop->now_ms < loop->listen_again_ms)
		return;
	loop->listen_again_ms = 0;
	if (!loop->server->stopping)
		http_watch(loop, loop->server->listener, loop->server, EPOLLIN | EPOLLEXCLUSIVE);
}

void http_accept(struct http_loop *loop)
{
	for (int i = 0; i < ACCEPTS_MAX && !loop->server->stopping; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		int fd = accept4(loop->server->listener, (struct sockaddr *)&from, &size,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			let_in(loop->server, fd, (const struct sockaddr *)&from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			stop_listening(loop);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}
