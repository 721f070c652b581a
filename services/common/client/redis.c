#include "client/redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/breaker.h"
#include "client/tcp.h"
#include "util/alloc.h"
#include "util/buffer.h"

#define READ_SIZE 16384

const struct setting redis_settings[] = {
    {"redis.address", SETTING_STRING, NULL, 3, 300, "host:port[/db] of Redis"},
    {"redis.password", SETTING_SECRET, "", 0, 500, "password of Redis"},
    {"redis.timeout", SETTING_DURATION, "2s", 10, 60000, "longest wait for Redis"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* Whether the server is there is the same for all connections of the process. */
static struct breaker breaker = BREAKER("Redis");

struct redis {
	char *host, *password;
	int port;
	long database;
	int64_t timeout_ms;
	int fd; /* -1: not connected */
	redisReader *reader;
	struct buffer queued; /* commands in wire format */
	size_t waiting;
	bool away; /* it could not be reached, or did not answer in time */
};

/* "host:port", "[address]:port", with "/db" behind. */
static int split_address(struct redis *redis, const char *address, struct err *err)
{
	const char *colon = strrchr(address, ':');
	const char *host = address;
	size_t host_len = colon ? (size_t)(colon - address) : 0;
	int used = 0;
	if (host_len > 2 && host[0] == '[' && host[host_len - 1] == ']') {
		host++;
		host_len -= 2;
	}
	redis->database = 0;
	if (!host_len ||
	    (sscanf(colon, ":%d%n/%ld%n", &redis->port, &used, &redis->database, &used) < 1) ||
	    colon[used] || redis->port < 1 || redis->port > 65535 || redis->database < 0)
		return err_set(err, "redis.address: expected host:port or host:port/db");
	redis->host = x_printf("%.*s", (int)host_len, host);
	return 0;
}

struct redis *redis_new(const struct settings *settings, struct err *err)
{
	struct redis *redis = x_calloc(1, sizeof(*redis));
	redis->fd = -1;
	redis->timeout_ms = settings_int(settings, "redis.timeout");
	redis->password = x_strdup(settings_str(settings, "redis.password"));
	if (split_address(redis, settings_str(settings, "redis.address"), err))
		redis_free(&redis);
	return redis;
}

static void drop(struct redis *redis)
{
	if (redis->fd >= 0)
		close(redis->fd);
	redis->fd = -1;
	if (redis->reader)
		redisReaderFree(redis->reader);
	redis->reader = NULL;
}

void redis_free(struct redis **redis)
{
	if (!*redis)
		return;
	drop(*redis);
	buffer_free(&(*redis)->queued);
	free((*redis)->host);
	free((*redis)->password);
	free(*redis);
	*redis = NULL;
}

/* "*3\r\n", "$17\r\n": written by hand, as a batch has thousands of them. */
static void add_head(struct buffer *out, char kind, size_t number)
{
	char text[24], *at = text + sizeof(text);
	*--at = '\n';
	*--at = '\r';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	*--at = kind;
	buffer_add(out, at, (size_t)(text + sizeof(text) - at));
}

static void add_command(struct buffer *out, const struct redis_arg *args, size_t count)
{
	add_head(out, '*', count);
	for (size_t i = 0; i < count; i++) {
		add_head(out, '$', args[i].len);
		buffer_add(out, args[i].data, args[i].len);
		buffer_add(out, "\r\n", 2);
	}
}

void redis_queue(struct redis *redis, const struct redis_arg *args, size_t count)
{
	add_command(&redis->queued, args, count);
	redis->waiting++;
}

/* ---- replies, made in the caller's arena as hiredis reads them --------------------------------
 */

static struct redis_reply *place_reply(const redisReadTask *task)
{
	if (!task->parent)
		return arena_zero(task->privdata, sizeof(struct redis_reply));
	struct redis_reply *list = task->parent->obj;
	return &list->items[task->idx];
}

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
	struct redis_reply *reply = place_reply(task);
	reply->kind = task->type == REDIS_REPLY_STATUS  ? REDIS_STATUS
		      : task->type == REDIS_REPLY_ERROR ? REDIS_FAILED
							: REDIS_STRING;
	reply->data = arena_strndup(task->privdata, text, len);
	reply->len = len;
	return reply;
}

#if HIREDIS_MAJOR >= 1
static void *make_list(const redisReadTask *task, size_t count)
#else
static void *make_list(const redisReadTask *task, int count)
#endif
{
	struct redis_reply *reply = place_reply(task);
	reply->kind = REDIS_LIST;
	reply->count = (size_t)count;
	reply->items = arena_zero(task->privdata, reply->count * sizeof(*reply->items));
	return reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
	struct redis_reply *reply = place_reply(task);
	reply->kind = REDIS_INTEGER;
	reply->integer = value;
	return reply;
}

static void *make_nil(const redisReadTask *task)
{
	struct redis_reply *reply = place_reply(task);
	reply->kind = REDIS_NIL;
	return reply;
}

static void free_nothing(void *reply)
{
	(void)reply; /* it goes with the arena */
}

static redisReplyObjectFunctions in_arena = {.createString = make_string,
					     .createArray = make_list,
					     .createInteger = make_integer,
					     .createNil = make_nil,
					     .freeObject = free_nothing};

/* ---- a call --------------------------------------------------------------------------------- */

/* What of the commands the kernel takes now. */
static int send_some(struct redis *redis, const struct buffer *commands, size_t *sent,
		     struct err *err)
{
	ssize_t size = send(redis->fd, commands->data + *sent, commands->len - *sent, MSG_NOSIGNAL);
	if (size < 0 && errno != EAGAIN && errno != EINTR)
		return err_set(err, "redis: %s", strerror(errno));
	*sent += size < 0 ? 0 : (size_t)size;
	return 0;
}

static int read_some(struct redis *redis, struct err *err)
{
	char some[READ_SIZE];
	ssize_t size = recv(redis->fd, some, sizeof(some), 0);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size <= 0)
		return err_set(err, "redis: %s",
			       size ? strerror(errno) : "Server closed the connection");
	if (redisReaderFeed(redis->reader, some, (size_t)size) != REDIS_OK)
		return err_set(err, "redis: %s", redis->reader->errstr);
	return 0;
}

/* The replies that are there whole. */
static int take_replies(struct redis *redis, struct redis_reply *replies, size_t count,
			size_t *taken, struct err *err)
{
	while (*taken < count) {
		void *raw = NULL;
		if (redisReaderGetReply(redis->reader, &raw) != REDIS_OK)
			return err_set(err, "redis: %s", redis->reader->errstr);
		if (!raw)
			break;
		replies[(*taken)++] = *(struct redis_reply *)raw;
	}
	return 0;
}

/* Sends the commands, and reads meanwhile: a server whose replies nobody takes stops reading. */
static int exchange(struct redis *redis, struct arena *arena, const struct buffer *commands,
		    struct redis_reply *replies, size_t count, const struct deadline *deadline,
		    struct err *err)
{
	size_t sent = 0, taken = 0;
	redis->reader->privdata = arena;
	while (sent < commands->len || taken < count) {
		if (sent < commands->len && send_some(redis, commands, &sent, err))
			return -1;
		bool more = sent < commands->len;
		if (!deadline_poll(deadline, redis->fd, more ? POLLIN | POLLOUT : POLLIN)) {
			redis->away = true;
			return err_set(err, "redis at %.80s:%d: no answer in time", redis->host,
				       redis->port);
		}
		if (read_some(redis, err) || take_replies(redis, replies, count, &taken, err))
			return -1;
	}
	return 0;
}

/* The connection's own commands, before anybody's. */
static int greet(struct redis *redis, const struct deadline *deadline, struct err *err)
{
	char database[24];
	struct buffer commands = {0};
	struct redis_reply replies[2];
	size_t count = 0;
	int len = snprintf(database, sizeof(database), "%ld", redis->database);
	const struct redis_arg auth[] = {REDIS_ARG("AUTH"),
					 {redis->password, strlen(redis->password)}};
	const struct redis_arg choose[] = {REDIS_ARG("SELECT"), {database, (size_t)len}};
	if (*redis->password && ++count)
		add_command(&commands, auth, 2);
	if (redis->database && ++count)
		add_command(&commands, choose, 2);
	struct arena *arena = arena_new_small();
	int result = exchange(redis, arena, &commands, replies, count, deadline, err);
	for (size_t i = 0; i < count && !result; i++) {
		if (replies[i].kind == REDIS_FAILED)
			result = err_set(err, "redis: refused: %.100s", replies[i].data);
	}
	arena_free(&arena);
	buffer_free(&commands);
	return result;
}

/* A connection that the server has ended while nothing was asked: no call is lost on it. */
static bool has_ended(const struct redis *redis)
{
	struct pollfd readable = {.fd = redis->fd, .events = POLLIN};
	return poll(&readable, 1, 0) > 0;
}

static int connect_now(struct redis *redis, const struct deadline *deadline, struct err *err)
{
	if (redis->fd >= 0 && !has_ended(redis))
		return 0;
	drop(redis);
	redis->fd = tcp_connect(redis->host, redis->port, deadline, err);
	redis->reader = redisReaderCreateWithFunctions(&in_arena);
	int result = redis->fd < 0 ? err_context(err, "redis at %.80s:%d", redis->host, redis->port)
				   : greet(redis, deadline, err);
	redis->away = result != 0;
	return result;
}

static int run(struct redis *redis, enum breaker_caller caller, struct arena *arena,
	       struct redis_reply *replies, size_t count, struct err *err)
{
	if (breaker_enter(&breaker, caller, err))
		return -1;
	const struct deadline deadline = deadline_in(redis->timeout_ms);
	redis->away = false;
	int result = connect_now(redis, &deadline, err);
	if (!result)
		result = exchange(redis, arena, &redis->queued, replies, count, &deadline, err);
	if (result)
		drop(redis);
	breaker_leave(&breaker, redis->away ? err : NULL);
	return result;
}

static int run_queued(struct redis *redis, enum breaker_caller caller, struct arena *arena,
		      struct redis_reply **replies, size_t *count, struct err *err)
{
	*count = redis->waiting;
	*replies = arena_take(arena, redis->waiting * sizeof(**replies));
	int result = run(redis, caller, arena, *replies, *count, err);
	buffer_clear(&redis->queued);
	redis->waiting = 0;
	return result;
}

int redis_run(struct redis *redis, struct arena *arena, struct redis_reply **replies, size_t *count,
	      struct err *err)
{
	return run_queued(redis, BREAKER_USER, arena, replies, count, err);
}

int redis_watch(struct redis *redis, struct err *err)
{
	const struct redis_arg ping[] = {REDIS_ARG("PING")};
	struct arena *arena = arena_new_small();
	struct redis_reply *replies;
	size_t count;
	redis_queue(redis, ping, 1);
	int result = run_queued(redis, BREAKER_WATCHER, arena, &replies, &count, err);
	arena_free(&arena);
	return result;
}

int redis_run_all_ok(struct redis *redis, struct err *err)
{
	struct arena *arena = arena_new();
	struct redis_reply *replies;
	size_t count;
	int result = redis_run(redis, arena, &replies, &count, err);
	for (size_t i = 0; !result && i < count; i++) {
		if (replies[i].kind == REDIS_FAILED)
			result = err_set(err, "redis refused: %.100s", replies[i].data);
	}
	arena_free(&arena);
	return result;
}
