#include "record/contact.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "case.pb-c.h"
#include "client/key_file.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "client/redis_key.h"
#include "util/alloc.h"
#include "record/record.h"
#include "util/log.h"

struct contacts {
	struct redis *redis;
	struct postgres *postgres;
	struct unsealer *unsealer;
	int32_t partitions;
};

struct contacts *contacts_new(const struct settings *settings, int32_t partitions, struct err *err)
{
	uint8_t public[32], secret[32];
	const char *keys = settings_str(settings, "keys.folder");
	if (key_file_read(keys, "notification.pub", public, err) ||
	    key_file_read(keys, "notification.key", secret, err))
		return NULL;
	struct contacts *contacts = x_calloc(1, sizeof(*contacts));
	contacts->partitions = partitions;
	contacts->unsealer = unsealer_new(ROLE_NOTIFICATION, public, secret);
	sodium_memzero(secret, sizeof(secret));
	contacts->postgres = record_open(settings, "redress-notification");
	contacts->redis = redis_new(settings, err);
	if (!contacts->redis)
		contacts_free(&contacts);
	return contacts;
}

void contacts_free(struct contacts **contacts)
{
	if (!*contacts)
		return;
	redis_free(&(*contacts)->redis);
	postgres_free(&(*contacts)->postgres);
	unsealer_free(&(*contacts)->unsealer);
	free(*contacts);
	*contacts = NULL;
}

/* What is behind a contact that is "not known at present". */
static void tell(uint64_t number, const char *what, const struct err *why)
{
	static struct log_limit limit;
	log_limited(&limit, number, "%s: %s", what, why->text);
}

static int open_contact(struct contacts *contacts, struct known_contact *known,
			const Redress__Epoch *epoch, const Redress__CaseKey *key,
			const ProtobufCBinaryData *sealed)
{
	struct err err;
	if (!sealed->len || !key->contact_key.len)
		return 0;
	int result = unsealer_contact(contacts->unsealer, known->arena, epoch, key, known->number,
				      sealed->data, sealed->len, &known->contact, &err);
	if (result)
		tell(known->number, "a contact cannot be opened", &err);
	return result;
}

/* ---- Redis ---------------------------------------------------------------------------------- */

/* What the contact cache holds of a case whose contact is to be opened. */
struct cached {
	struct known_contact *known;
	const Redress__CachedContact *entry;
};

static const Redress__CachedContact *read_cached(struct known_contact *known,
						 const struct redis_reply *state,
						 const struct redis_reply *contact)
{
	ProtobufCAllocator *allocator = arena_protobuf(known->arena);
	const Redress__CaseState *hot =
	    state->kind == REDIS_STRING
		? redress__case_state__unpack(allocator, state->len, (const uint8_t *)state->data)
		: NULL;
	if (hot)
		known->language = hot->language;
	const Redress__CachedContact *entry =
	    contact->kind == REDIS_STRING
		? redress__cached_contact__unpack(allocator, contact->len,
						  (const uint8_t *)contact->data)
		: NULL;
	if (!entry || !entry->key || entry->key->epoch_id.len != SEAL_EPOCH_ID_SIZE)
		return NULL;
	known->found = !entry->sealed_contact.len;
	return known->found ? NULL : entry;
}

/* One round trip for the states and cached contacts of all. */
static size_t look_up_cache(struct contacts *contacts, struct arena *arena,
			    struct known_contact *known, size_t count, struct cached *cached)
{
	struct err err;
	char state[REDIS_KEY_SIZE], contact[REDIS_KEY_SIZE];
	struct redis_reply *replies;
	size_t replied, opened = 0;
	for (size_t i = 0; i < count; i++) {
		int32_t partition = case_number_partition(known[i].number, contacts->partitions);
		const struct redis_arg args[] = {
		    REDIS_ARG("MGET"),
		    {state, redis_key_case(state, partition, known[i].number)},
		    {contact, redis_key_contact(contact, partition, known[i].number)}};
		redis_queue(contacts->redis, args, 3);
	}
	if (redis_run(contacts->redis, arena, &replies, &replied, &err)) {
		tell(0, "no contact can be read from Redis", &err);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		const Redress__CachedContact *entry = NULL;
		if (replies[i].kind == REDIS_LIST && replies[i].count == 2)
			entry = read_cached(&known[i], &replies[i].items[0], &replies[i].items[1]);
		if (entry)
			cached[opened++] = (struct cached){&known[i], entry};
	}
	return opened;
}

static bool has_id(const struct cached *cached, const uint8_t *id)
{
	return memcmp(cached->entry->key->epoch_id.data, id, SEAL_EPOCH_ID_SIZE) == 0;
}

/* Opens those of cached that are of the epoch in the reply. */
static void open_epoch(struct contacts *contacts, struct arena *arena, struct cached *cached,
		       size_t count, const uint8_t *id, const struct redis_reply *reply)
{
	const Redress__Epoch *epoch =
	    reply->kind == REDIS_STRING ? redress__epoch__unpack(arena_protobuf(arena), reply->len,
								 (const uint8_t *)reply->data)
					: NULL;
	for (size_t i = 0; epoch && i < count; i++) {
		const Redress__CachedContact *entry = cached[i].entry;
		if (has_id(&cached[i], id))
			cached[i].known->found =
			    open_contact(contacts, cached[i].known, epoch, entry->key,
					 &entry->sealed_contact) == 0;
	}
}

/* One more for the epochs, of which there are one or two in some minutes. */
static void ask_epochs(struct contacts *contacts, struct arena *arena, struct cached *cached,
		       size_t count)
{
	struct err err;
	char key[REDIS_KEY_SIZE];
	struct redis_reply *replies;
	const uint8_t **ids = arena_take(arena, (count + 1) * sizeof(*ids));
	size_t asked = 0, replied;
	for (size_t i = 0; i < count; i++) {
		size_t known = 0;
		while (known < asked && !has_id(&cached[i], ids[known]))
			known++;
		if (known < asked)
			continue;
		ids[asked] = cached[i].entry->key->epoch_id.data;
		const struct redis_arg args[] = {
		    REDIS_ARG("GET"), {key, redis_key_epoch(key, ids[asked], SEAL_EPOCH_ID_SIZE)}};
		redis_queue(contacts->redis, args, 2);
		asked++;
	}
	if (!asked)
		return;
	if (redis_run(contacts->redis, arena, &replies, &replied, &err)) {
		tell(0, "no contact can be read from Redis", &err);
		return;
	}
	for (size_t i = 0; i < asked; i++)
		open_epoch(contacts, arena, cached, count, ids[i], &replies[i]);
}

/* ---- PostgreSQL ----------------------------------------------------------------------------- */

static void read_record(struct contacts *contacts, const struct postgres_result *rows, size_t row,
			struct known_contact *known)
{
	Redress__Epoch epoch = REDRESS__EPOCH__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	ProtobufCBinaryData sealed = postgres_get_data(rows, row, 1);
	key.contact_key = postgres_get_data(rows, row, 2);
	key.epoch_id = epoch.id = postgres_get_data(rows, row, 3);
	epoch.contact_for_notification = postgres_get_data(rows, row, 4);
	known->language = arena_strdup(known->arena, postgres_get_text(rows, row, 5));
	known->found = open_contact(contacts, known, &epoch, &key, &sealed) == 0;
}

static void ask_record(struct contacts *contacts, struct arena *arena, struct known_contact *known,
		       size_t count)
{
	struct err err;
	struct postgres_result *rows;
	int64_t *numbers = arena_take(arena, (count + 1) * sizeof(*numbers));
	size_t asked = 0;
	for (size_t i = 0; i < count; i++) {
		if (!known[i].found)
			numbers[asked++] = (int64_t)known[i].number;
	}
	if (!asked)
		return;
	struct postgres_param param = postgres_int8_array(arena, numbers, asked);
	if (postgres_query_planned(
		contacts->postgres,
		"SELECT g.number, sealed_contact, COALESCE(contact_key, ''),"
		" COALESCE(id, ''), COALESCE(contact_for_notification, ''),"
		" COALESCE(language, '')"
		" FROM grievances g LEFT JOIN case_keys k USING (number)"
		" LEFT JOIN epochs ON id = epoch_id LEFT JOIN cases c USING (number)"
		" WHERE g.number = ANY ($1)",
		&param, 1, &rows, &err)) {
		tell(0, "no contact can be read from the record", &err);
		return;
	}
	for (size_t row = 0; row < postgres_rows(rows); row++) {
		uint64_t number = (uint64_t)postgres_get_int(rows, row, 0);
		for (size_t i = 0; i < count; i++) {
			if (!known[i].found && known[i].number == number)
				read_record(contacts, rows, row, &known[i]);
		}
	}
	postgres_result_free(&rows);
}

void contacts_find(struct contacts *contacts, struct known_contact *known, size_t count)
{
	struct arena *arena = arena_new();
	struct cached *cached = arena_take(arena, (count + 1) * sizeof(*cached));
	for (size_t i = 0; i < count; i++) {
		known[i].found = false;
		known[i].contact = NULL;
		known[i].language = "";
	}
	if (count)
		ask_epochs(contacts, arena, cached,
			   look_up_cache(contacts, arena, known, count, cached));
	ask_record(contacts, arena, known, count);
	arena_free(&arena);
}
