/* Replies without an end. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client/http_private.h"
#include "util/alloc.h"

#define STREAM_UNSENT_MAX ((size_t)256 * 1024)

struct http_stream {
	pthread_mutex_t lock;
	struct MHD_Connection *connection;
	struct buffer unsent;
	bool suspended, gone, ended;
};

static void free_stream(struct http_stream *stream)
{
	pthread_mutex_destroy(&stream->lock);
	buffer_free(&stream->unsent);
	free(stream);
}

/* libmicrohttpd wants bytes: gives what there is, or sleeps until there is something. */
static ssize_t read_stream(void *self, uint64_t position, char *out, size_t room)
{
	(void)position;
	struct http_stream *stream = self;
	ssize_t given = 0;
	pthread_mutex_lock(&stream->lock);
	size_t size = stream->unsent.len < room ? stream->unsent.len : room;
	if (size) {
		memcpy(out, stream->unsent.data, size);
		memmove(stream->unsent.data, stream->unsent.data + size, stream->unsent.len - size);
		stream->unsent.len -= size;
		given = (ssize_t)size;
	} else if (stream->ended) {
		given = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		MHD_suspend_connection(stream->connection);
		stream->suspended = true;
	}
	pthread_mutex_unlock(&stream->lock);
	return given;
}

static void stream_closed(void *self)
{
	struct http_stream *stream = self;
	pthread_mutex_lock(&stream->lock);
	stream->gone = true;
	bool unused = stream->ended;
	pthread_mutex_unlock(&stream->lock);
	if (unused)
		free_stream(stream);
}

struct http_stream *http_stream_start(struct http_request *request, const char *type,
				      const struct http_field *fields)
{
	struct http_stream *stream = x_calloc(1, sizeof(*stream));
	pthread_mutex_init(&stream->lock, NULL);
	stream->connection = request->connection;
	struct MHD_Response *response = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, 4096, read_stream, stream, stream_closed);
	http_respond(request, 200, type, fields, response);
	return stream;
}

/* With the lock held. */
static void wake(struct http_stream *stream)
{
	if (!stream->suspended)
		return;
	stream->suspended = false;
	MHD_resume_connection(stream->connection);
}

int http_stream_send(struct http_stream *stream, const void *data, size_t size)
{
	pthread_mutex_lock(&stream->lock);
	int result = stream->gone || stream->unsent.len + size > STREAM_UNSENT_MAX ? -1 : 0;
	if (!result) {
		buffer_add(&stream->unsent, data, size);
		wake(stream);
	}
	pthread_mutex_unlock(&stream->lock);
	return result;
}

void http_stream_end(struct http_stream **stream)
{
	if (!*stream)
		return;
	pthread_mutex_lock(&(*stream)->lock);
	(*stream)->ended = true;
	bool unused = (*stream)->gone;
	if (!unused)
		wake(*stream);
	pthread_mutex_unlock(&(*stream)->lock);
	if (unused)
		free_stream(*stream);
	*stream = NULL;
}
