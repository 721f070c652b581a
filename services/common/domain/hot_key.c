#include "domain/hot_key.h"

#include <inttypes.h>
#include <stdio.h>

#include "util/text.h"

#define HASH_MAX 16 /* bytes of a hash that a key shows */

size_t hot_key_case(char *key, int32_t partition, uint64_t number)
{
	return (size_t)snprintf(key, HOT_KEY_SIZE, "case:{%" PRId32 "}:%016" PRIx64, partition,
				number);
}

size_t hot_key_due(char *key, int32_t partition)
{
	return (size_t)snprintf(key, HOT_KEY_SIZE, "due:{%" PRId32 "}", partition);
}

static size_t with_hash(char *key, const char *what, int32_t partition, const uint8_t *hash,
			size_t size)
{
	char hex[2 * HASH_MAX + 1];
	text_hex(hex, hash, size < HASH_MAX ? size : HASH_MAX);
	return (size_t)snprintf(key, HOT_KEY_SIZE, "%s:{%" PRId32 "}:%s", what, partition, hex);
}

size_t hot_key_idem(char *key, int32_t partition, const uint8_t *ask_key, size_t size)
{
	return with_hash(key, "idem", partition, ask_key, size);
}

size_t hot_key_position(char *key, int32_t partition)
{
	return (size_t)snprintf(key, HOT_KEY_SIZE, "pos:{%" PRId32 "}", partition);
}

size_t hot_key_vault(char *key, int32_t partition, uint64_t number)
{
	return (size_t)snprintf(key, HOT_KEY_SIZE, "vault:{%" PRId32 "}:%016" PRIx64, partition,
				number);
}

size_t hot_key_ask(char *key, int32_t partition, const uint8_t *ask_key, size_t size)
{
	return with_hash(key, "ask", partition, ask_key, size);
}

size_t hot_key_epoch(char *key, const uint8_t *id, size_t size)
{
	char hex[2 * HASH_MAX + 1];
	text_hex(hex, id, size < HASH_MAX ? size : HASH_MAX);
	return (size_t)snprintf(key, HOT_KEY_SIZE, "epoch:%s", hex);
}
