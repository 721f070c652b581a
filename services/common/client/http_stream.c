/* Replies without an end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/http_private.h"
#include "util/alloc.h"

#define STREAM_UNSENT_MAX ((size_t)256 * 1024)

static void free_stream(struct http_stream *stream)
{
	pthread_mutex_destroy(&stream->lock);
	buffer_free(&stream->unsent);
	free(stream);
}

struct http_stream *http_stream_start(struct http_request *request, const char *type,
				      const struct http_field *fields)
{
	struct http_stream *stream = x_calloc(1, sizeof(*stream));
	pthread_mutex_init(&stream->lock, NULL);
	stream->chunked = !request->parse.http10;
	request->close = true;
	http_begin_reply(request, 200, type, fields);
	if (stream->chunked)
		buffer_add_str(&request->out, "Transfer-Encoding: chunked\r\n");
	buffer_add_str(&request->out, "\r\n");
	if (!request->head_only) {
		buffer_add(&stream->unsent, request->out.data, request->out.len);
		buffer_clear(&request->out);
		stream->connection = request->connection;
		request->connection->stream = stream;
	}
	http_end_reply(request);
	return stream;
}

void http_stream_watch(struct http_stream *stream, http_gone *on_gone, void *self)
{
	pthread_mutex_lock(&stream->lock);
	if (stream->connection) {
		stream->on_gone = on_gone;
		stream->self = self;
	} else {
		on_gone(self);
	}
	pthread_mutex_unlock(&stream->lock);
}

/* What has been sent makes room, before much of it has gathered. */
static void forget_sent(struct http_stream *stream)
{
	struct buffer *unsent = &stream->unsent;
	if (stream->sent < STREAM_UNSENT_MAX)
		return;
	memmove(unsent->data, unsent->data + stream->sent, unsent->len - stream->sent);
	unsent->len -= stream->sent;
	stream->sent = 0;
}

int http_stream_send(struct http_stream *stream, const void *data, size_t size)
{
	struct buffer *unsent = &stream->unsent;
	pthread_mutex_lock(&stream->lock);
	bool fine = stream->connection && unsent->len - stream->sent + size <= STREAM_UNSENT_MAX;
	if (fine && size) { /* an empty chunk would be the end */
		forget_sent(stream);
		if (stream->chunked)
			buffer_printf(unsent, "%zx\r\n", size);
		buffer_add(unsent, data, size);
		if (stream->chunked)
			buffer_add(unsent, "\r\n", 2);
		http_pass(stream->connection);
	}
	pthread_mutex_unlock(&stream->lock);
	return fine ? 0 : -1;
}

void http_stream_end(struct http_stream **handle)
{
	struct http_stream *stream = *handle;
	if (!stream)
		return;
	pthread_mutex_lock(&stream->lock);
	bool unused = !stream->connection;
	if (!unused) {
		stream->ended = true;
		if (stream->chunked)
			buffer_add_str(&stream->unsent, "0\r\n\r\n");
		http_pass(stream->connection);
	}
	pthread_mutex_unlock(&stream->lock);
	if (unused)
		free_stream(stream);
	*handle = NULL;
}

/* ---- on the loop's thread ------------------------------------------------------------------- */

static int send_unsent(struct http_stream *stream, int fd)
{
	struct buffer *unsent = &stream->unsent;
	while (stream->sent < unsent->len) {
		ssize_t sent = send(fd, unsent->data + stream->sent, unsent->len - stream->sent,
				    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		stream->sent += (size_t)sent;
	}
	buffer_free(unsent); /* most streams are silent most of the time */
	stream->sent = 0;
	return stream->ended;
}

int http_stream_flush(struct http_stream *stream, int fd)
{
	pthread_mutex_lock(&stream->lock);
	int result = send_unsent(stream, fd);
	pthread_mutex_unlock(&stream->lock);
	return result;
}

size_t http_stream_memory(struct http_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	size_t size = sizeof(*stream) + stream->unsent.room;
	pthread_mutex_unlock(&stream->lock);
	return size;
}

void http_stream_drop(struct http_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->connection = NULL;
	bool unused = stream->ended;
	if (!unused && stream->on_gone)
		stream->on_gone(stream->self);
	pthread_mutex_unlock(&stream->lock);
	if (unused)
		free_stream(stream);
}
