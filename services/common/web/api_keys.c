#include "web/api_keys.h"

#include <pthread.h>
#include <stdbool.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/secret_file.h"

#define HOLDER_MAX 64
#define HASH_SIZE  32

struct api_key {
	char holder[HOLDER_MAX + 1];
	uint8_t hash[HASH_SIZE];
};

struct key_list {
	struct api_key *list;
	size_t count;
};

struct api_keys {
	pthread_rwlock_t lock;
	struct key_list keys;
};

static void hash_key(uint8_t hash[HASH_SIZE], const char *key)
{
	crypto_generichash(hash, HASH_SIZE, (const uint8_t *)key, strlen(key), NULL, 0);
}

static bool is_name(const char *name)
{
	size_t size = strlen(name);
	return size && size <= HOLDER_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

/* What is wrong is told by its line; no key is repeated. */
static int add_line(struct key_list *keys, char *line, size_t number, struct err *err)
{
	char *rest = NULL, *holder = strtok_r(line, " \t\r", &rest);
	if (!holder || *holder == '#')
		return 0;
	const char *key = strtok_r(NULL, " \t\r", &rest);
	if (!is_name(holder))
		return err_set(err,
			       "line %zu: a holder's name has small letters, digits, '.', '_' and"
			       " '-', at most %d",
			       number, HOLDER_MAX);
	if (!key || strtok_r(NULL, " \t\r", &rest) || strlen(key) < API_KEY_LEAST)
		return err_set(err,
			       "line %zu: behind the holder's name comes one key of at least %d"
			       " characters",
			       number, API_KEY_LEAST);
	keys->list = x_realloc(keys->list, keys->count + 1, sizeof(*keys->list));
	struct api_key *added = &keys->list[keys->count++];
	strcpy(added->holder, holder);
	hash_key(added->hash, key);
	return 0;
}

static int read_keys(const char *path, struct key_list *keys, struct err *err)
{
	size_t number = 0;
	*keys = (struct key_list){NULL, 0};
	char *text = *path ? secret_file_read_all(path, err) : NULL;
	if (!text)
		return *path ? -1 : 0;
	int result = 0;
	size_t size = strlen(text);
	for (char *at = text, *line; !result && (line = strsep(&at, "\n"));)
		result = add_line(keys, line, ++number, err);
	explicit_bzero(text, size);
	free(text);
	if (!result)
		return 0;
	free(keys->list);
	err_context(err, "%s", path);
	return -1;
}

struct api_keys *api_keys_load(const char *path, struct err *err)
{
	struct key_list list;
	if (read_keys(path, &list, err))
		return NULL;
	struct api_keys *keys = x_calloc(1, sizeof(*keys));
	pthread_rwlock_init(&keys->lock, NULL);
	keys->keys = list;
	return keys;
}

void api_keys_free(struct api_keys **keys)
{
	if (!*keys)
		return;
	pthread_rwlock_destroy(&(*keys)->lock);
	free((*keys)->keys.list);
	free(*keys);
	*keys = NULL;
}

int api_keys_reload(struct api_keys *keys, const char *path, struct err *err)
{
	struct key_list list;
	if (read_keys(path, &list, err))
		return -1;
	pthread_rwlock_wrlock(&keys->lock);
	struct key_list old = keys->keys;
	keys->keys = list;
	pthread_rwlock_unlock(&keys->lock);
	free(old.list);
	return 0;
}

const char *api_keys_holder(struct api_keys *keys, struct arena *arena, const char *key)
{
	const char *holder = NULL;
	uint8_t hash[HASH_SIZE];
	if (!key)
		return NULL;
	hash_key(hash, key);
	pthread_rwlock_rdlock(&keys->lock);
	for (size_t i = 0; i < keys->keys.count; i++) {
		const struct api_key *known = &keys->keys.list[i];
		if (sodium_memcmp(known->hash, hash, HASH_SIZE) == 0)
			holder = arena_strdup(arena, known->holder);
	}
	pthread_rwlock_unlock(&keys->lock);
	return holder;
}
