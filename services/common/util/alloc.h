/* Lasting memory. Out of memory ends the process, so no caller checks. */
#ifndef UTIL_ALLOC_H
#define UTIL_ALLOC_H

#include <stddef.h>

void *x_calloc(size_t count, size_t size);
void *x_realloc(void *memory, size_t count, size_t size);
void *x_memdup(const void *data, size_t size);
char *x_strdup(const char *text);
char *x_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
