/*
 * Memory that belongs to a message or a batch: taken piece by piece, given back all at once.
 * Never fails: out of memory ends the process.
 */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* For a batch: blocks of 64 KiB, of which up to 4 MiB are kept at a reset. */
struct arena *arena_new(void);
/* For one message of many that are under way at once: blocks of 8 KiB, of which one is kept. */
struct arena *arena_new_small(void);
void arena_free(struct arena **arena); /* accepts NULL, sets NULL */

/* Everything taken since the last reset is gone; the memory is kept for the next use. */
void arena_reset(struct arena *arena);

/* Aligned for any type; not zeroed. */
void *arena_take(struct arena *arena, size_t size);
/* The same, zeroed. */
void *arena_zero(struct arena *arena, size_t size);
void *arena_copy(struct arena *arena, const void *data, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A ProtobufCAllocator * over this arena (typed void * so that util does not know protobuf-c). */
void *arena_protobuf(struct arena *arena);

#endif
