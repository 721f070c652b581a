#include "util/number_map.h"

struct number_map number_map(struct arena *arena, size_t most)
{
	size_t slots = 16;
	while (slots < 2 * most)
		slots *= 2;
	return (struct number_map){arena_take(arena, slots * sizeof(uint64_t)),
				   arena_zero(arena, slots * sizeof(uint32_t)), slots - 1};
}

/* Open addressing; an empty slot has the value 0. */
uint32_t *number_map_at(struct number_map *map, uint64_t number)
{
	size_t at = (size_t)(number * UINT64_C(0x9E3779B97F4A7C15) >> 20) & map->mask;
	while (map->values[at] && map->keys[at] != number)
		at = (at + 1) & map->mask;
	map->keys[at] = number;
	return &map->values[at];
}
