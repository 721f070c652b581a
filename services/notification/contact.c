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
	contacts->postgres =
		postgres_new(settings_str(settings, "postgres.conninfo"), "redress-notification");
	contacts->redis = redis_new(settings_str(settings, "redis.address"),
				    settings_str(settings, "redis.password"),
				    settings_int(settings, "redis.timeout"), err);
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

static int open_contact(struct contacts *contacts, struct arena *arena, uint64_t number,
			const Redress__Epoch *epoch, const Redress__CaseKey *key,
			const ProtobufCBinaryData *sealed, struct known_contact *known,
			struct err *err)
{
	if (!sealed->len || !key->contact_key.len)
		return 0;
	return unsealer_contact(contacts->unsealer, arena, epoch, key, number, sealed->data,
				sealed->len, &known->contact, err);
}

static const struct redis_reply *get(struct contacts *contacts, struct arena *arena,
				     const char *key, size_t len)
{
	struct err err;
	size_t count;
	struct redis_reply *reply;
	const struct redis_arg args[] = {REDIS_ARG("GET"), {key, len}};
	redis_queue(contacts->redis, args, 2);
	if (redis_run(contacts->redis, arena, &reply, &count, &err) || reply->kind != REDIS_STRING)
		return NULL;
	return reply;
}

/* false: the vault has it not. */
static bool from_vault(struct contacts *contacts, struct arena *arena, uint64_t number,
		       struct known_contact *known)
{
	struct err err;
	char key[HOT_KEY_SIZE];
	int32_t partition = case_number_partition(number, contacts->partitions);
	const struct redis_reply *state =
		get(contacts, arena, key, hot_key_case(key, partition, number));
	const Redress__CaseState *hot =
		state ? redress__case_state__unpack(arena_protobuf(arena), state->len,
						    (const uint8_t *)state->data)
		      : NULL;
	if (hot)
		known->language = hot->language;
	const struct redis_reply *entry =
		get(contacts, arena, key, hot_key_vault(key, partition, number));
	const Redress__VaultEntry *vault =
		entry ? redress__vault_entry__unpack(arena_protobuf(arena), entry->len,
						     (const uint8_t *)entry->data)
		      : NULL;
	if (!vault || !vault->key)
		return false;
	if (!vault->sealed_contact.len)
		return true;
	const struct redis_reply *found =
		get(contacts, arena, key,
		    hot_key_epoch(key, vault->key->epoch_id.data, vault->key->epoch_id.len));
	const Redress__Epoch *epoch =
		found ? redress__epoch__unpack(arena_protobuf(arena), found->len,
					       (const uint8_t *)found->data)
		      : NULL;
	return epoch && !open_contact(contacts, arena, number, epoch, vault->key,
				      &vault->sealed_contact, known, &err);
}

static ProtobufCBinaryData column(struct arena *arena, const struct postgres_result *row, int at)
{
	size_t size;
	const char *data = postgres_get_bytes(row, 0, at, &size);
	return (ProtobufCBinaryData){size, arena_copy(arena, data, size)};
}

static int from_record(struct contacts *contacts, struct arena *arena, uint64_t number,
		       struct known_contact *known, struct err *err)
{
	struct postgres_result *row;
	Redress__Epoch epoch = REDRESS__EPOCH__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	struct postgres_param param = postgres_int8(arena, (int64_t)number);
	if (postgres_query(contacts->postgres,
			   "SELECT sealed_contact, COALESCE(contact_key, ''), COALESCE(id, ''),"
			   " COALESCE(contact_for_notification, ''), COALESCE(language, '')"
			   " FROM grievances g LEFT JOIN case_keys k USING (number)"
			   " LEFT JOIN epochs ON id = epoch_id LEFT JOIN cases c USING (number)"
			   " WHERE g.number = $1",
			   &param, 1, &row, err))
		return -1;
	if (!postgres_rows(row)) {
		postgres_result_free(&row);
		return err_set(err, "neither Redis nor the record has the case yet");
	}
	ProtobufCBinaryData sealed = column(arena, row, 0), language = column(arena, row, 4);
	key.contact_key = column(arena, row, 1);
	key.epoch_id = epoch.id = column(arena, row, 2);
	epoch.contact_for_notification = column(arena, row, 3);
	known->language = arena_strndup(arena, (const char *)language.data, language.len);
	postgres_result_free(&row);
	return open_contact(contacts, arena, number, &epoch, &key, &sealed, known, err);
}

int contacts_find(struct contacts *contacts, struct arena *arena, uint64_t number,
		  struct known_contact *known, struct err *err)
{
	*known = (struct known_contact){NULL, ""};
	if (from_vault(contacts, arena, number, known))
		return 0;
	return from_record(contacts, arena, number, known, err);
}
