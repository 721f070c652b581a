#include "util/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

void *x_calloc(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size ? size : 1);
	if (!memory)
		fatal("out of memory");
	return memory;
}

void *x_realloc(void *memory, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		fatal("out of memory");
	size_t bytes = count * size;
	void *grown = realloc(memory, bytes ? bytes : 1);
	if (!grown)
		fatal("out of memory");
	return grown;
}

void *x_memdup(const void *data, size_t size)
{
	void *copy = x_calloc(1, size);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

char *x_strdup(const char *text)
{
	return x_memdup(text, strlen(text) + 1);
}

char *x_printf(const char *format, ...)
{
	va_list args;
	char *text = NULL;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		fatal("out of memory");
	va_end(args);
	return text;
}
