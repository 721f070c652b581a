#include "util/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

#define KIB ((size_t)1024)

struct block {
	struct block *next;
	size_t size;
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	struct block *blocks; /* the first one is being filled; those behind it are full */
	struct block *spare;  /* kept from before the last reset */
	size_t used;          /* of the first block */
	size_t spare_bytes;
	size_t block; /* size of one, for what is not larger */
	size_t keep;  /* bytes kept across resets; what a rare huge batch took beyond goes back */
	ProtobufCAllocator allocator;
};

static void *protobuf_alloc(void *arena, size_t size)
{
	return arena_take(arena, size);
}

/* Given back with the arena. */
static void protobuf_free(void *arena, void *memory)
{
	(void)arena;
	(void)memory;
}

static struct arena *make(size_t block, size_t keep)
{
	struct arena *arena = x_calloc(1, sizeof(*arena));
	arena->block = block;
	arena->keep = keep;
	arena->allocator.alloc = protobuf_alloc;
	arena->allocator.free = protobuf_free;
	arena->allocator.allocator_data = arena;
	return arena;
}

struct arena *arena_new(void)
{
	return make(64 * KIB, 4 * KIB * KIB);
}

struct arena *arena_new_small(void)
{
	return make(8 * KIB, 8 * KIB);
}

static void free_chain(struct block **chain)
{
	while (*chain) {
		struct block *next = (*chain)->next;
		free(*chain);
		*chain = next;
	}
}

void arena_free(struct arena **arena)
{
	if (!*arena)
		return;
	free_chain(&(*arena)->blocks);
	free_chain(&(*arena)->spare);
	free(*arena);
	*arena = NULL;
}

void arena_reset(struct arena *arena)
{
	while (arena->blocks) {
		struct block *block = arena->blocks;
		arena->blocks = block->next;
		if (block->size != arena->block || arena->spare_bytes >= arena->keep) {
			free(block);
			continue;
		}
		block->next = arena->spare;
		arena->spare = block;
		arena->spare_bytes += block->size;
	}
	arena->used = 0;
}

static void add_block(struct arena *arena, size_t size)
{
	struct block *block = arena->spare;
	if (block && size <= arena->block) {
		arena->spare = block->next;
		arena->spare_bytes -= block->size;
	} else {
		if (size < arena->block)
			size = arena->block;
		block = x_realloc(NULL, 1, sizeof(*block) + size);
		block->size = size;
	}
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used = 0;
}

void *arena_take(struct arena *arena, size_t size)
{
	size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (need < size)
		need = SIZE_MAX / 2; /* wrapped: let the allocation below fail loudly */
	if (!arena->blocks || arena->blocks->size - arena->used < need)
		add_block(arena, need);
	void *memory = arena->blocks->data + arena->used;
	arena->used += need;
	return memory;
}

void *arena_zero(struct arena *arena, size_t size)
{
	return memset(arena_take(arena, size), 0, size);
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
	void *copy = arena_take(arena, size);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text) + 1);
}

char *arena_strndup(struct arena *arena, const char *text, size_t size)
{
	char *copy = arena_take(arena, size + 1);
	if (size)
		memcpy(copy, text, size);
	copy[size] = '\0';
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int size = vsnprintf(NULL, 0, format, args);
	char *text = arena_take(arena, (size_t)size + 1);
	vsnprintf(text, (size_t)size + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}

void *arena_protobuf(struct arena *arena)
{
	return &arena->allocator;
}
