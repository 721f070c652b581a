#include "util/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
	if (buffer->data)
		buffer->data[0] = '\0';
}

void *buffer_reserve(struct buffer *buffer, size_t size)
{
	if (buffer->room - buffer->len <= size || !buffer->data) {
		size_t room = buffer->room ? buffer->room : 256;
		while (room - buffer->len <= size)
			room = room > SIZE_MAX / 2 ? SIZE_MAX : room * 2;
		buffer->data = x_realloc(buffer->data, room, 1);
		buffer->room = room;
	}
	return buffer->data + buffer->len;
}

void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
	char *end = buffer_reserve(buffer, size);
	if (size)
		memcpy(end, data, size);
	buffer->len += size;
	buffer->data[buffer->len] = '\0';
}

void buffer_add_str(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int size = vsnprintf(NULL, 0, format, args);
	char *end = buffer_reserve(buffer, (size_t)size + 1);
	vsnprintf(end, (size_t)size + 1, format, again);
	buffer->len += (size_t)size;
	va_end(again);
	va_end(args);
}
