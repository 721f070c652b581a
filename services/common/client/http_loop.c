/* One loop: what its connections say, what they are answered, and what they are in time for. */
#include <errno.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/http_private.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define EVENTS        256
#define RECEIVE_SIZE  ((size_t)16 * 1024)
#define ROUNDS_MAX    8 /* receives in a row, then it is the others' turn */
#define WAIT_MAX_MS   1000
#define PAUSE_LOOK_MS 20   /* how often those that wait for memory look for some */
#define RATE_MIN      1024 /* bytes a second of a body or a reply; telephones do 6,000 */
#define TRIM_LEAST    ((size_t)16 * 1024 * 1024)
/* What a handler takes for a request beside its body: an arena's block, and the texts of the body
 * in a few forms. */
#define HANDLER_MEMORY(body) ((size_t)8 * 1024 + 3 * (body))

/* ---- lists and deadlines -------------------------------------------------------------------- */

static void unlink_phase(struct http_connection *c)
{
	struct http_list *list = &c->loop->phases[c->phase];
	if (!c->linked)
		return;
	*(c->older ? &c->older->newer : &list->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &list->newest) = c->older;
	c->linked = false;
}

/* Deadlines of a phase are all equally long, so its oldest is always the next. */
static void enter(struct http_connection *c, enum http_phase phase)
{
	struct http_loop *loop = c->loop;
	unlink_phase(c);
	struct http_list *list = &loop->phases[phase];
	c->phase = phase;
	c->deadline_ms = loop->now_ms + loop->server->timeouts_ms[phase];
	c->older = list->newest;
	c->newer = NULL;
	*(list->newest ? &list->newest->newer : &list->oldest) = c;
	list->newest = c;
	c->linked = true;
}

/* ---- memory --------------------------------------------------------------------------------- */

static bool is_full(const struct http_server *server)
{
	return server->used > server->options.memory;
}

/* New requests are turned away before bodies under way have to wait. */
static bool is_nearly_full(const struct http_server *server)
{
	return server->used > server->options.memory - server->options.memory / 8;
}

static size_t memory_of(const struct http_connection *c)
{
	const struct http_request *request = c->request;
	size_t size = sizeof(*c) + c->ahead.room;
	if (request && c->phase == PHASE_HANDLER)
		size += sizeof(*request) + http_parse_memory(&request->parse) +
			HANDLER_MEMORY(request->parse.body.len);
	else if (request)
		size += sizeof(*request) + http_parse_memory(&request->parse) + request->out.room;
	if (c->stream && c->phase == PHASE_STREAM)
		size += http_stream_memory(c->stream);
	return size;
}

/* Brings the server's account up to date with what this connection holds. */
static void charge(struct http_connection *c)
{
	struct http_server *server = c->loop->server;
	size_t now = c->dead ? 0 : memory_of(c);
	if (now == c->charged)
		return;
	size_t used = atomic_fetch_add(&server->used, now - c->charged) + now - c->charged;
	c->charged = now;
	if (used > server->peak)
		server->peak = used;
}

/* A storm has passed: what malloc kept of it goes back to the system. */
static void trim(struct http_server *server)
{
	size_t peak = server->peak, used = server->used;
	if (peak < TRIM_LEAST || used > peak / 2)
		return;
	server->peak = used;
	malloc_trim(0);
}

/* ---- closing -------------------------------------------------------------------------------- */

static void drop_request(struct http_connection *c)
{
	if (c->request)
		http_request_give(c->loop, c->request);
	c->request = NULL;
}

/* The connection itself is freed after the round: events and lists may still know it. */
void http_close(struct http_connection *c)
{
	struct http_loop *loop = c->loop;
	struct http_server *server = loop->server;
	if (c->dead)
		return;
	unlink_phase(c);
	if (c->stream)
		http_stream_drop(c->stream);
	drop_request(c);
	buffer_free(&c->ahead);
	close(c->fd);
	if (c->counted)
		http_peers_leave(server->peers, &c->peer);
	server->unwelcome -= c->unwelcome != 0;
	server->connections--;
	loop->connections--;
	c->dead = true;
	charge(c);
	c->next_dead = loop->dead;
	loop->dead = c;
}

/* Nobody outside knows them any more, but for those that were passed on and not looked at yet. */
static void bury(struct http_loop *loop)
{
	struct http_connection *c = loop->dead, *next;
	loop->dead = NULL;
	for (; c; c = next) {
		next = c->next_dead;
		if (!c->queued && !c->again) {
			free(c);
			continue;
		}
		c->next_dead = loop->dead;
		loop->dead = c;
	}
}

/* All was said, and perhaps not all was read. To close now would make the kernel reset the
 * connection, and the client might never see the answer. */
static void linger(struct http_connection *c)
{
	shutdown(c->fd, SHUT_WR);
	buffer_free(&c->ahead);
	c->ahead_at = 0;
	enter(c, PHASE_LINGER);
	charge(c);
}

/* ---- answering ------------------------------------------------------------------------------ */

/* The answer is out. */
static void finish(struct http_connection *c)
{
	bool close = c->request->close, refused = c->request->refused;
	drop_request(c);
	if (!close) {
		enter(c, PHASE_IDLE);
		charge(c);
	} else if (refused || c->readable || c->ahead.len > c->ahead_at) {
		linger(c);
	} else {
		http_close(c);
	}
}

static void send_reply(struct http_connection *c)
{
	struct http_request *request = c->request;
	while (request->sent < request->out.len) {
		ssize_t sent = send(c->fd, request->out.data + request->sent,
				    request->out.len - request->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0) {
			http_close(c);
			return;
		}
		request->sent += (size_t)sent;
	}
	finish(c);
}

static void send_stream(struct http_connection *c)
{
	int result = http_stream_flush(c->stream, c->fd);
	if (result == 0) {
		charge(c);
		return;
	}
	struct http_stream *stream = c->stream;
	c->stream = NULL;
	http_stream_drop(stream);
	if (result > 0)
		linger(c);
	else
		http_close(c);
}

/* The handler has given its answer, or begun a stream. */
static void answer(struct http_connection *c)
{
	if (c->gone) {
		http_close(c);
	} else if (c->stream) {
		drop_request(c);
		enter(c, PHASE_STREAM);
		send_stream(c);
	} else {
		c->moved = c->request->out.len;
		enter(c, PHASE_REPLY);
		send_reply(c);
		if (!c->dead)
			charge(c);
	}
}

static void refuse(struct http_connection *c, int status, const char *why)
{
	if (!c->request)
		c->request = http_request_take(c->loop, c);
	http_turn_away(c->request, status, why);
	answer(c);
}

/* ---- what was asked ------------------------------------------------------------------------- */

static void begin_handler(struct http_connection *c)
{
	struct http_request *request = c->request;
	struct http_server *server = c->loop->server;
	if (!request->arena)
		request->arena = arena_new_small();
	enter(c, PHASE_HANDLER);
	charge(c);
	server->handler(server->self, request);
	int running = REQUEST_RUNNING;
	if (!atomic_compare_exchange_strong(&request->state, &running, REQUEST_WAITING))
		answer(c);
}

/* The head is there. false: refused. */
static bool admit(struct http_connection *c)
{
	struct http_request *request = c->request;
	struct http_server *server = c->loop->server;
	request->head_only = strcmp(http_method(request), "HEAD") == 0;
	request->close = !request->parse.keep_alive || server->stopping;
	request->under_way = true;
	server->under_way++;
	request->peer = c->peer;
	if (c->is_proxy) {
		http_peers_behind(&server->proxies, &request->parse, server->options.proxy_field,
				  &request->peer);
		request->counted = http_peers_enter(server->peers, &request->peer);
		if (!request->counted) {
			refuse(c, 429, "too many requests of this address at a time");
			return false;
		}
	}
	if (is_nearly_full(server)) {
		refuse(c, 503, "there is no memory for this at present");
		return false;
	}
	return true;
}

/* What the handler takes of this request's body. false: it will be more, and was refused. */
static bool limit_body(struct http_connection *c)
{
	struct http_parse *parse = &c->request->parse;
	const struct http_server *server = c->loop->server;
	if (!server->options.body_limit)
		return true;
	size_t most = server->options.body_limit(server->self, http_method(c->request),
						 http_path(c->request));
	if (most < parse->body_max)
		parse->body_max = most;
	if (parse->left <= parse->body_max)
		return true;
	refuse(c, 413, NULL);
	return false;
}

/* A body will follow. */
static void begin_body(struct http_connection *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (!admit(c) || !limit_body(c))
		return;
	c->moved = 0;
	enter(c, PHASE_BODY);
	if (c->request->parse.expects_continue &&
	    send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		http_close(c);
}

static void more_needed(struct http_connection *c, size_t used)
{
	struct http_server *server = c->loop->server;
	c->moved += used;
	charge(c);
	if (!is_full(server))
		return;
	if (c->phase == PHASE_BODY)
		enter(c, PHASE_PAUSED);
	else
		refuse(c, 503, "there is no memory for this at present");
}

static bool is_reading(const struct http_connection *c)
{
	return !c->dead &&
	       (c->phase == PHASE_HEAD || c->phase == PHASE_IDLE || c->phase == PHASE_BODY);
}

/* What it sends is thrown away. */
static bool is_discarding(const struct http_connection *c)
{
	return !c->dead && (c->phase == PHASE_LINGER || c->phase == PHASE_STREAM);
}

/* Gives bytes to the request under way, a new one if there is none. How many were used. */
static size_t take_bytes(struct http_connection *c, const char *data, size_t size)
{
	size_t used;
	if (!c->request) {
		c->request = http_request_take(c->loop, c);
		enter(c, PHASE_HEAD);
	}
	struct http_request *request = c->request;
	switch (http_parse(&request->parse, data, size, &used)) {
	case HTTP_PARSED_MORE:
		more_needed(c, used);
		break;
	case HTTP_PARSED_HEAD:
		begin_body(c);
		break;
	case HTTP_PARSED_WHOLE:
		if (request->under_way || admit(c))
			begin_handler(c);
		break;
	case HTTP_PARSED_BAD:
		refuse(c, request->parse.status, request->parse.why);
		break;
	}
	return used;
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* What came too early is the next request's. */
static void take_ahead(struct http_connection *c)
{
	while (is_reading(c) && c->ahead_at < c->ahead.len) {
		size_t at = c->ahead_at, size = c->ahead.len - at;
		c->ahead_at = c->ahead.len; /* as if all were used, while it is being looked at */
		size_t used = take_bytes(c, c->ahead.data + at, size);
		if (is_discarding(c) || c->dead)
			return;
		c->ahead_at = at + used;
	}
	if (c->ahead_at < c->ahead.len)
		return;
	buffer_free(&c->ahead);
	c->ahead_at = 0;
	charge(c);
}

static void take_received(struct http_connection *c, const char *data, size_t size)
{
	while (is_reading(c) && size) {
		size_t used = take_bytes(c, data, size);
		data += used;
		size -= used;
	}
	if (!size || c->dead || is_discarding(c))
		return;
	buffer_add(&c->ahead, data, size);
	charge(c);
}

/* The client has sent its last byte. Half a request gets an answer: it may still listen. */
static void take_end(struct http_connection *c)
{
	if (is_reading(c) && c->request && !http_parse_is_empty(&c->request->parse)) {
		c->readable = false;
		refuse(c, 400, "the request is not whole");
	} else {
		http_close(c);
	}
}

/* false: there is nothing more at present. */
static bool receive(struct http_connection *c)
{
	char *in = c->loop->in;
	ssize_t size = recv(c->fd, in, RECEIVE_SIZE, MSG_DONTWAIT);
	if (size < 0) {
		c->readable = errno == EINTR;
		if (errno != EAGAIN && errno != EINTR)
			http_close(c);
	} else if (size == 0) {
		take_end(c);
	} else {
		/* less than there was room for: the socket is empty, and a new byte a new event */
		c->readable = (size_t)size == RECEIVE_SIZE || c->ended;
		if (!is_discarding(c))
			take_received(c, in, (size_t)size);
	}
	return !c->dead && c->readable;
}

static void go_on_later(struct http_connection *c)
{
	if (c->again)
		return;
	c->again = true;
	c->next_again = c->loop->again;
	c->loop->again = c;
}

/* Does whatever can be done now. */
static void run(struct http_connection *c)
{
	for (int round = 0; is_reading(c) || is_discarding(c); round++) {
		if (round == ROUNDS_MAX) {
			go_on_later(c);
			return;
		}
		if (c->ahead.len && is_reading(c))
			take_ahead(c);
		else if (!c->readable || !receive(c))
			return;
	}
}

/* ---- events --------------------------------------------------------------------------------- */

static void on_event(struct http_connection *c, uint32_t events)
{
	if (c->dead)
		return;
	if (!c->linked) {
		enter(c, PHASE_HEAD);
		charge(c);
		if (c->unwelcome)
			refuse(c, c->unwelcome, "too many connections");
	}
	c->readable |= (events & (EPOLLIN | EPOLLRDHUP)) != 0;
	c->ended |= (events & EPOLLRDHUP) != 0;
	if (events & (EPOLLERR | EPOLLHUP))
		c->gone = true;
	if (c->dead)
		return;
	if (c->gone && c->phase == PHASE_HANDLER)
		return; /* until its answer comes */
	if (c->gone || (c->phase == PHASE_STREAM && c->ended))
		http_close(c);
	else if ((events & EPOLLOUT) && c->phase == PHASE_REPLY)
		send_reply(c);
	else if ((events & EPOLLOUT) && c->phase == PHASE_STREAM)
		send_stream(c);
	run(c);
}

static void look_at_passed(struct http_loop *loop)
{
	uint64_t count;
	if (read(loop->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_error(0, "an eventfd cannot be read: %s", strerror(errno));
	loop->woken = false;
	struct http_connection *c = atomic_exchange(&loop->passed, NULL), *next;
	for (; c; c = next) {
		next = c->next_passed;
		c->queued = false;
		if (c->dead)
			continue;
		if (c->phase == PHASE_STREAM)
			send_stream(c);
		else if (c->phase == PHASE_HANDLER && c->request->state == REQUEST_REPLIED)
			answer(c);
		run(c);
	}
}

static void look_at_events(struct http_loop *loop, const struct epoll_event *events, int count)
{
	bool woken = false;
	for (int i = 0; i < count; i++) {
		void *what = events[i].data.ptr;
		if (what == loop->server)
			http_accept(loop);
		else if (what == loop)
			woken = true;
		else
			on_event(what, events[i].events);
	}
	if (woken)
		look_at_passed(loop);
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Has the client read enough since the last look? The kernel's own buffer hides it from us. */
static bool reads_on(struct http_connection *c, size_t least)
{
	int queued = 0;
	if (ioctl(c->fd, SIOCOUTQ, &queued) < 0)
		return false;
	size_t unsent = c->request->out.len - c->request->sent + (size_t)queued, before = c->moved;
	c->moved = unsent;
	return before >= unsent + least;
}

static void expire(struct http_connection *c)
{
	size_t least = (size_t)(c->loop->server->timeouts_ms[c->phase] * RATE_MIN / 1000);
	switch (c->phase) {
	case PHASE_HEAD:
		if (c->request && !http_parse_is_empty(&c->request->parse))
			refuse(c, 408, "the header did not come in time");
		else
			http_close(c);
		break;
	case PHASE_BODY:
		if (c->moved < least) {
			refuse(c, 408, "the body comes too slowly");
			break;
		}
		c->moved = 0;
		enter(c, PHASE_BODY);
		break;
	case PHASE_PAUSED:
		refuse(c, 503, "there is no memory for this at present");
		break;
	case PHASE_REPLY:
		if (reads_on(c, least))
			enter(c, PHASE_REPLY);
		else
			http_close(c);
		break;
	default:
		http_close(c);
	}
}

static void look_at_deadlines(struct http_loop *loop)
{
	for (int phase = 0; phase < HTTP_PHASES; phase++) {
		struct http_list *list = &loop->phases[phase];
		while (loop->server->timeouts_ms[phase] && list->oldest &&
		       list->oldest->deadline_ms <= loop->now_ms) {
			struct http_connection *c = list->oldest;
			expire(c);
			run(c);
		}
	}
}

/* The oldest first, as long as there is memory. */
static void resume_paused(struct http_loop *loop)
{
	struct http_list *list = &loop->phases[PHASE_PAUSED];
	while (list->oldest && !is_full(loop->server)) {
		struct http_connection *c = list->oldest;
		c->moved = 0;
		enter(c, PHASE_BODY);
		run(c);
	}
}

static void go_on(struct http_loop *loop)
{
	struct http_connection *c = loop->again, *next;
	loop->again = NULL;
	for (; c; c = next) {
		next = c->next_again;
		c->again = false;
		if (!c->dead)
			run(c);
	}
}

static void close_idle(struct http_loop *loop)
{
	while (loop->phases[PHASE_IDLE].oldest)
		http_close(loop->phases[PHASE_IDLE].oldest);
}

static int wait_ms(const struct http_loop *loop)
{
	int64_t wait = WAIT_MAX_MS;
	if (loop->again)
		return 0;
	if (loop->phases[PHASE_PAUSED].oldest)
		wait = PAUSE_LOOK_MS;
	if (loop->listen_again_ms && loop->listen_again_ms - loop->now_ms < wait)
		wait = loop->listen_again_ms - loop->now_ms;
	for (int phase = 0; phase < HTTP_PHASES; phase++) {
		const struct http_connection *c = loop->phases[phase].oldest;
		if (c && loop->server->timeouts_ms[phase] && c->deadline_ms - loop->now_ms < wait)
			wait = c->deadline_ms - loop->now_ms;
	}
	return wait < 0 ? 0 : (int)wait + 1;
}

void *http_loop_run(void *self)
{
	struct http_loop *loop = self;
	struct http_server *server = loop->server;
	struct epoll_event events[EVENTS];
	loop->now_ms = clock_mono_us() / 1000;
	while (!server->ending) {
		int count = epoll_wait(loop->epoll, events, EVENTS, wait_ms(loop));
		loop->now_ms = clock_mono_us() / 1000;
		look_at_events(loop, events, count);
		go_on(loop);
		resume_paused(loop);
		look_at_deadlines(loop);
		http_evict(loop);
		http_accept_again(loop);
		if (server->stopping)
			close_idle(loop);
		if (loop == server->loops)
			trim(server);
		bury(loop);
	}
	return NULL;
}

bool http_loop_clear(struct http_loop *loop)
{
	bool clear = true;
	for (int phase = 0; phase < HTTP_PHASES; phase++) {
		if (phase == PHASE_HANDLER) {
			clear &= !loop->phases[phase].oldest;
			continue;
		}
		while (loop->phases[phase].oldest)
			http_close(loop->phases[phase].oldest);
	}
	for (struct http_connection *c = loop->dead, *next; c; c = next) {
		next = c->next_dead;
		free(c);
	}
	while (loop->pool) {
		struct http_request *next = loop->pool->next;
		http_request_free(loop->pool);
		loop->pool = next;
	}
	free(loop->in);
	return clear;
}

/* ---- from other threads --------------------------------------------------------------------- */

static __thread struct http_loop *held[HTTP_THREADS_MAX]; /* to be woken when the batch ends */
static __thread size_t held_count;
static __thread unsigned holding;

void http_wake(struct http_loop *loop)
{
	uint64_t one = 1;
	if (write(loop->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error(0, "an eventfd cannot be written: %s", strerror(errno));
}

void http_pass(struct http_connection *c)
{
	struct http_loop *loop = c->loop;
	if (atomic_exchange(&c->queued, true))
		return;
	struct http_connection *head = loop->passed;
	do
		c->next_passed = head;
	while (!atomic_compare_exchange_weak(&loop->passed, &head, c));
	if (atomic_exchange(&loop->woken, true))
		return;
	if (holding && held_count < HTTP_THREADS_MAX)
		held[held_count++] = loop;
	else
		http_wake(loop);
}

void http_batch_begin(void)
{
	holding++;
}

void http_batch_end(void)
{
	if (--holding)
		return;
	for (size_t i = 0; i < held_count; i++)
		http_wake(held[i]);
	held_count = 0;
}
