#include "client/redis_key.h"

#include <string.h>

#include "util/text.h"

#define HASH_MAX 16 /* bytes of a hash that a key shows */

/* "name:{partition}": thousands of keys are made a batch, so not by snprintf. */
static char *begin(char *key, const char *name, int32_t partition)
{
	char *at = stpcpy(stpcpy(key, name), ":{");
	at += text_decimal(at, partition);
	*at++ = '}';
	*at = '\0';
	return at;
}

static size_t with_hash(char *key, char *at, const uint8_t *hash, size_t size)
{
	size_t shown = size < HASH_MAX ? size : HASH_MAX;
	*at++ = ':';
	text_hex(at, hash, shown);
	return (size_t)(at - key) + 2 * shown;
}

static size_t with_number(char *key, char *at, uint64_t number)
{
	uint8_t bytes[8];
	text_put_be64(bytes, number);
	return with_hash(key, at, bytes, sizeof(bytes));
}

size_t redis_key_case(char *key, int32_t partition, uint64_t number)
{
	return with_number(key, begin(key, "case", partition), number);
}

size_t redis_key_due(char *key, int32_t partition)
{
	return (size_t)(begin(key, "due", partition) - key);
}

size_t redis_key_idem(char *key, int32_t partition)
{
	return (size_t)(begin(key, "idem", partition) - key);
}

size_t redis_key_position(char *key, int32_t partition)
{
	return (size_t)(begin(key, "pos", partition) - key);
}

size_t redis_key_contact(char *key, int32_t partition, uint64_t number)
{
	return with_number(key, begin(key, "contact", partition), number);
}

size_t redis_key_reservations(char *key, int32_t partition)
{
	return (size_t)(begin(key, "reservations", partition) - key);
}

size_t redis_key_epoch(char *key, const uint8_t *id, size_t size)
{
	return with_hash(key, stpcpy(key, "epoch"), id, size);
}
