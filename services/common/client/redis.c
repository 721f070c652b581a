#include "client/redis.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "util/alloc.h"
#include "util/buffer.h"

const struct setting redis_settings[] = {
    {"redis.address", SETTING_STRING, NULL, 3, 300, "host:port[/db] of Redis"},
    {"redis.password", SETTING_SECRET, "", 0, 500, "password of Redis"},
    {"redis.timeout", SETTING_DURATION, "2s", 10, 60000, "longest wait for Redis"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct redis {
	char *host, *password;
	int port;
	long database;
	struct timeval timeout;
	redisContext *context; /* NULL: not connected */
	struct buffer queued;  /* commands in wire format */
	size_t waiting;
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
	int64_t timeout_ms = settings_int(settings, "redis.timeout");
	redis->password = x_strdup(settings_str(settings, "redis.password"));
	redis->timeout.tv_sec = timeout_ms / 1000;
	redis->timeout.tv_usec = timeout_ms % 1000 * 1000;
	if (split_address(redis, settings_str(settings, "redis.address"), err))
		redis_free(&redis);
	return redis;
}

static void drop(struct redis *redis)
{
	if (redis->context)
		redisFree(redis->context);
	redis->context = NULL;
	buffer_clear(&redis->queued);
	redis->waiting = 0;
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

void redis_queue(struct redis *redis, const struct redis_arg *args, size_t count)
{
	add_head(&redis->queued, '*', count);
	for (size_t i = 0; i < count; i++) {
		add_head(&redis->queued, '$', args[i].len);
		buffer_add(&redis->queued, args[i].data, args[i].len);
		buffer_add(&redis->queued, "\r\n", 2);
	}
	redis->waiting++;
}

/* One command of the connection's own, before anybody's. */
static int say(struct redis *redis, const char *command, const char *argument, struct err *err)
{
	redisReply *reply = redisCommand(redis->context, "%s %s", command, argument);
	int result = 0;
	if (!reply)
		result = err_set(err, "redis: %s", redis->context->errstr);
	else if (reply->type == REDIS_REPLY_ERROR)
		result = err_set(err, "redis: %s refused: %.100s", command, reply->str);
	if (reply)
		freeReplyObject(reply);
	return result;
}

static int greet(struct redis *redis, struct err *err)
{
	char database[24];
	if (*redis->password && say(redis, "AUTH", redis->password, err))
		return -1;
	snprintf(database, sizeof(database), "%ld", redis->database);
	return redis->database ? say(redis, "SELECT", database, err) : 0;
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

static int connect_again(struct redis *redis, struct err *err)
{
	redis->context = redisConnectWithTimeout(redis->host, redis->port, redis->timeout);
	if (!redis->context)
		return err_set(err, "redis: out of memory");
	if (redis->context->err)
		return err_set(err, "redis at %.80s:%d: %s", redis->host, redis->port,
			       redis->context->errstr);
	redisSetTimeout(redis->context, redis->timeout);
	redisEnableKeepAlive(redis->context);
	if (greet(redis, err))
		return -1;
	redis->context->reader->fn = &in_arena;
	return 0;
}

static int read_reply(struct redis *redis, struct redis_reply *reply, struct err *err)
{
	void *raw = NULL;
	if (redisGetReply(redis->context, &raw) != REDIS_OK)
		return err_set(err, "redis: %s", redis->context->errstr);
	*reply = *(struct redis_reply *)raw;
	return 0;
}

int redis_run(struct redis *redis, struct arena *arena, struct redis_reply **replies, size_t *count,
	      struct err *err)
{
	*count = redis->waiting;
	*replies = arena_take(arena, redis->waiting * sizeof(**replies));
	int result = redis->context ? 0 : connect_again(redis, err);
	if (!result && redis->queued.len &&
	    redisAppendFormattedCommand(redis->context, redis->queued.data, redis->queued.len))
		result = err_set(err, "redis: %s", redis->context->errstr);
	if (!result)
		redis->context->reader->privdata = arena;
	for (size_t i = 0; !result && i < *count; i++)
		result = read_reply(redis, &(*replies)[i], err);
	if (result)
		drop(redis);
	buffer_clear(&redis->queued);
	redis->waiting = 0;
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
