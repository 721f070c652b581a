/* An arena for each test, or for each group: with_arena and drop_arena are its set-up and teardown.
 */
#ifndef UNIT_WITH_ARENA_H
#define UNIT_WITH_ARENA_H

#include "util/arena.h"

static struct arena *arena;

static inline int with_arena(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static inline int drop_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

#endif
