/* For targets that look into a catalogue: the small nation, and an arena for one input. */
#ifndef FUZZ_FUZZ_NATION_H
#define FUZZ_FUZZ_NATION_H

#include "fuzz.h"
#include "nation.h"
#include "util/arena.h"

static struct catalogue *catalogue;
static struct arena *arena;

static inline void fuzz_nation(void)
{
	void *state = NULL;
	MUST(nation_load(&state) == 0);
	catalogue = state;
	arena = arena_new();
}

#endif
