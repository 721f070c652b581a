#include "contact.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "case.pb-c.h"
#include "client/key_file.h"
#include "client/postgres.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/hot_key.h"
#include "util/alloc.h"
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
	contacts->postgres = postgres_new(settings, "redress-notification");
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

static int open_contact(struct contacts *contacts, struct known_contact *known,
			const Redress__Epoch *epoch, const Redress__CaseKey *key,
			const ProtobufCBinaryData *sealed)
{
	struct err err;
	if (!sealed->len || !key->contact_key.len)
		return 0;
	return unsealer_contact(contacts->unsealer, known->arena, epoch, key, known->number,
				sealed->data, sealed->len, &known->contact, &err);
}

/* ---- Redis ---------------------------------------------------------------------------------- */

/* What the vault holds of a case whose contact is to be opened. */
struct vaulted {
	struct known_contact *known;
	const Redress__VaultEntry *entry;
};

static const Redress__VaultEntry *read_vault(struct known_contact *known,
					     const struct redis_reply *state,
					     const struct redis_reply *vault)
{
	ProtobufCAllocator *allocator = arena_protobuf(known->arena);
	const Redress__CaseState *hot =
	    state->kind == REDIS_STRING
		? redress__case_state__unpack(allocator, state->len, (const uint8_t *)state->data)
		: NULL;
	if (hot)
		known->language = hot->language;
	const Redress__VaultEntry *entry =
	    vault->kind == REDIS_STRING
		? redress__vault_entry__unpack(allocator, vault->len, (const uint8_t *)vault->data)
		: NULL;
	if (!entry || !entry->key || entry->key->epoch_id.len != SEAL_EPOCH_ID_SIZE)
		return NULL;
	known->found = !entry->sealed_contact.len;
	return known->found ? NULL : entry;
}

/* One round trip for the states and vault entries of all. */
static size_t ask_vault(struct contacts *contacts, struct arena *arena, struct known_contact *known,
			size_t count, struct vaulted *vaulted)
{
	struct err err;
	char state[HOT_KEY_SIZE], vault[HOT_KEY_SIZE];
	struct redis_reply *replies;
	size_t replied, opened = 0;
	for (size_t i = 0; i < count; i++) {
		int32_t partition = case_number_partition(known[i].number, contacts->partitions);
		const struct redis_arg args[] = {
		    REDIS_ARG("MGET"),
		    {state, hot_key_case(state, partition, known[i].number)},
		    {vault, hot_key_vault(vault, partition, known[i].number)}};
		redis_queue(contacts->redis, args, 3);
	}
	if (redis_run(contacts->redis, arena, &replies, &replied, &err))
		return 0;
	for (size_t i = 0; i < count; i++) {
		const Redress__VaultEntry *entry = NULL;
		if (replies[i].kind == REDIS_LIST && replies[i].count == 2)
			entry = read_vault(&known[i], &replies[i].items[0], &replies[i].items[1]);
		if (entry)
			vaulted[opened++] = (struct vaulted){&known[i], entry};
	}
	return opened;
}

static bool has_id(const struct vaulted *vaulted, const uint8_t *id)
{
	return memcmp(vaulted->entry->key->epoch_id.data, id, SEAL_EPOCH_ID_SIZE) == 0;
}

/* Opens those of vaulted that are of the epoch in the reply. */
static void open_epoch(struct contacts *contacts, struct arena *arena, struct vaulted *vaulted,
		       size_t count, const uint8_t *id, const struct redis_reply *reply)
{
	const Redress__Epoch *epoch =
	    reply->kind == REDIS_STRING ? redress__epoch__unpack(arena_protobuf(arena), reply->len,
								 (const uint8_t *)reply->data)
					: NULL;
	for (size_t i = 0; epoch && i < count; i++) {
		const Redress__VaultEntry *entry = vaulted[i].entry;
		if (has_id(&vaulted[i], id))
			vaulted[i].known->found =
			    open_contact(contacts, vaulted[i].known, epoch, entry->key,
					 &entry->sealed_contact) == 0;
	}
}

/* One more for the epochs, of which there are one or two in some minutes. */
static void ask_epochs(struct contacts *contacts, struct arena *arena, struct vaulted *vaulted,
		       size_t count)
{
	struct err err;
	char key[HOT_KEY_SIZE];
	struct redis_reply *replies;
	const uint8_t **ids = arena_take(arena, (count + 1) * sizeof(*ids));
	size_t asked = 0, replied;
	for (size_t i = 0; i < count; i++) {
		size_t known = 0;
		while (known < asked && !has_id(&vaulted[i], ids[known]))
			known++;
		if (known < asked)
			continue;
		ids[asked] = vaulted[i].entry->key->epoch_id.data;
		const struct redis_arg args[] = {
		    REDIS_ARG("GET"), {key, hot_key_epoch(key, ids[asked], SEAL_EPOCH_ID_SIZE)}};
		redis_queue(contacts->redis, args, 2);
		asked++;
	}
	if (!asked || redis_run(contacts->redis, arena, &replies, &replied, &err))
		return;
	for (size_t i = 0; i < asked; i++)
		open_epoch(contacts, arena, vaulted, count, ids[i], &replies[i]);
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
	if (postgres_query(contacts->postgres,
			   "SELECT g.number, sealed_contact, COALESCE(contact_key, ''),"
			   " COALESCE(id, ''), COALESCE(contact_for_notification, ''),"
			   " COALESCE(language, '')"
			   " FROM grievances g LEFT JOIN case_keys k USING (number)"
			   " LEFT JOIN epochs ON id = epoch_id LEFT JOIN cases c USING (number)"
			   " WHERE g.number = ANY ($1)",
			   &param, 1, &rows, &err)) {
		log_debug(0, "contacts: %s", err.text);
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
	struct vaulted *vaulted = arena_take(arena, (count + 1) * sizeof(*vaulted));
	for (size_t i = 0; i < count; i++) {
		known[i].found = false;
		known[i].contact = NULL;
		known[i].language = "";
	}
	if (count)
		ask_epochs(contacts, arena, vaulted,
			   ask_vault(contacts, arena, known, count, vaulted));
	ask_record(contacts, arena, known, count);
	arena_free(&arena);
}
