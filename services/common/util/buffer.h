/* Bytes that grow. A zeroed struct buffer is an empty one. data is NULL or NUL-terminated at len.
 */
#ifndef UTIL_BUFFER_H
#define UTIL_BUFFER_H

#include <stddef.h>

struct buffer {
	char *data;
	size_t len;
	size_t room;
};

void buffer_free(struct buffer *buffer); /* and is empty again */
void buffer_clear(struct buffer *buffer);
/* Makes room for size more bytes and returns where they go; the caller adds to len. */
void *buffer_reserve(struct buffer *buffer, size_t size);
void buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_add_str(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
