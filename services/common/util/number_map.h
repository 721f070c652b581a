/* From 64-bit numbers to small indexes, for one batch: lives in its arena, never shrinks. */
#ifndef UTIL_NUMBER_MAP_H
#define UTIL_NUMBER_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

struct number_map {
	uint64_t *keys;
	uint32_t *values;
	size_t mask;
};

/* most: how many different numbers there can be. */
struct number_map number_map(struct arena *arena, size_t most);
/* Where the number's value is: 0 the first time, and then the caller stores one at once. */
uint32_t *number_map_at(struct number_map *map, uint64_t number);

#endif
