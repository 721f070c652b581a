#include "training/names.h"

#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

void names_start(struct names *names, uint32_t most)
{
	*names = (struct names){.most = most};
	names->slots = x_calloc(2 * (size_t)most, sizeof(*names->slots));
}

void names_free(struct names *names)
{
	for (uint32_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	free(names->slots);
	*names = (struct names){0};
}

/* FNV-1a. */
static uint32_t hash_of(const char *name)
{
	uint32_t hash = 2166136261u;
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return hash;
}

/* Where the name is, or the free slot where it would be. */
static uint32_t *slot_of(const struct names *names, const char *name)
{
	uint32_t slots = 2 * names->most, at = hash_of(name) % slots;
	while (names->slots[at] && strcmp(names->name[names->slots[at] - 1], name) != 0)
		at = (at + 1) % slots;
	return &names->slots[at];
}

uint32_t names_find(const struct names *names, const char *name)
{
	uint32_t slot = *slot_of(names, name);
	return slot ? slot - 1 : NAMES_NONE;
}

int names_add(struct names *names, const char *name, uint32_t *number, struct err *err)
{
	uint32_t *slot = slot_of(names, name);
	if (!*slot) {
		if (names->count == names->most)
			return err_set(err, "there are more than %u different ones", names->most);
		names->name = x_realloc(names->name, names->count + 1, sizeof(*names->name));
		names->name[names->count] = x_strdup(name);
		*slot = ++names->count;
	}
	*number = *slot - 1;
	return 0;
}
