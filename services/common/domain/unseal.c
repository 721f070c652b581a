#include "domain/unseal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

/* Epochs live some minutes; a reader that catches up meets them in order. */
#define EPOCHS_KEPT 64

struct epoch_key {
	uint8_t id[SEAL_EPOCH_ID_SIZE];
	enum seal_part part;
	uint8_t key[SEAL_KEY_SIZE];
};

struct unsealer {
	enum role role;
	uint8_t public[32];
	uint8_t secret[32];
	struct epoch_key epochs[EPOCHS_KEPT];
	size_t count, next;
};

struct unsealer *unsealer_new(enum role role, const uint8_t role_public[32],
			      const uint8_t role_secret[32])
{
	struct unsealer *unsealer = x_calloc(1, sizeof(*unsealer));
	unsealer->role = role;
	memcpy(unsealer->public, role_public, 32);
	memcpy(unsealer->secret, role_secret, 32);
	return unsealer;
}

void unsealer_free(struct unsealer **unsealer)
{
	if (!*unsealer)
		return;
	sodium_memzero(*unsealer, sizeof(**unsealer));
	free(*unsealer);
	*unsealer = NULL;
}

/* What of the epoch was sealed to this role; empty when the role may not read the part. */
static ProtobufCBinaryData for_role(const Redress__Epoch *epoch, enum role role,
				    enum seal_part part)
{
	static const ProtobufCBinaryData none;
	switch (role) {
	case ROLE_CLASSIFICATION:
		return part == SEAL_TEXT ? epoch->text_for_classification : none;
	case ROLE_NOTIFICATION:
		return part == SEAL_CONTACT ? epoch->contact_for_notification : none;
	case ROLE_OFFICER:
		return part == SEAL_TEXT      ? epoch->text_for_officer
		       : part == SEAL_CONTACT ? epoch->contact_for_officer
					      : none;
	}
	return none;
}

static const uint8_t *epoch_key(struct unsealer *unsealer, const Redress__Epoch *epoch,
				enum seal_part part, struct err *err)
{
	for (size_t i = 0; i < unsealer->count; i++) {
		struct epoch_key *known = &unsealer->epochs[i];
		if (known->part == part &&
		    memcmp(known->id, epoch->id.data, sizeof(known->id)) == 0)
			return known->key;
	}
	struct epoch_key opened = {.part = part};
	ProtobufCBinaryData sealed = for_role(epoch, unsealer->role, part);
	if (seal_epoch_open(opened.key, unsealer->public, unsealer->secret, sealed.data, sealed.len,
			    err))
		return NULL;
	memcpy(opened.id, epoch->id.data, sizeof(opened.id));
	struct epoch_key *slot = &unsealer->epochs[unsealer->next];
	*slot = opened;
	sodium_memzero(&opened, sizeof(opened));
	unsealer->next = (unsealer->next + 1) % EPOCHS_KEPT;
	if (unsealer->count < EPOCHS_KEPT)
		unsealer->count++;
	return slot->key;
}

int unsealer_key(struct unsealer *unsealer, const Redress__Epoch *epoch,
		 const Redress__CaseKey *case_key, uint64_t number, enum seal_part part,
		 uint8_t key[SEAL_KEY_SIZE], struct err *err)
{
	if (!epoch || !case_key || epoch->id.len != SEAL_EPOCH_ID_SIZE ||
	    case_key->epoch_id.len != SEAL_EPOCH_ID_SIZE ||
	    memcmp(epoch->id.data, case_key->epoch_id.data, SEAL_EPOCH_ID_SIZE) != 0)
		return err_set(err, "the case key and its epoch do not belong together");
	const uint8_t *opener = epoch_key(unsealer, epoch, part, err);
	if (!opener)
		return -1;
	const ProtobufCBinaryData *wrapped =
	    part == SEAL_CONTACT ? &case_key->contact_key : &case_key->text_key;
	return seal_unwrap(key, opener, number, part, wrapped->data, wrapped->len, err);
}

int unseal_text(const uint8_t key[SEAL_KEY_SIZE], struct arena *arena, uint64_t number,
		const uint8_t *sealed, size_t size, Redress__GrievanceText **text, struct err *err)
{
	struct seal_bytes plain;
	if (seal_open(arena, key, number, SEAL_TEXT, sealed, size, &plain, err))
		return -1;
	*text = redress__grievance_text__unpack(arena_protobuf(arena), plain.len, plain.data);
	return *text ? 0 : err_set(err, "the opened text is not a GrievanceText");
}

int unsealer_text(struct unsealer *unsealer, struct arena *arena, const Redress__Epoch *epoch,
		  const Redress__CaseKey *case_key, uint64_t number, const uint8_t *sealed,
		  size_t size, Redress__GrievanceText **text, struct err *err)
{
	uint8_t key[SEAL_KEY_SIZE];
	if (unsealer_key(unsealer, epoch, case_key, number, SEAL_TEXT, key, err))
		return -1;
	int result = unseal_text(key, arena, number, sealed, size, text, err);
	sodium_memzero(key, sizeof(key));
	return result;
}

int unsealer_contact(struct unsealer *unsealer, struct arena *arena, const Redress__Epoch *epoch,
		     const Redress__CaseKey *case_key, uint64_t number, const uint8_t *sealed,
		     size_t size, Redress__Contact **contact, struct err *err)
{
	uint8_t key[SEAL_KEY_SIZE];
	struct seal_bytes plain;
	if (unsealer_key(unsealer, epoch, case_key, number, SEAL_CONTACT, key, err))
		return -1;
	int result = seal_open(arena, key, number, SEAL_CONTACT, sealed, size, &plain, err);
	sodium_memzero(key, sizeof(key));
	if (result)
		return -1;
	*contact = redress__contact__unpack(arena_protobuf(arena), plain.len, plain.data);
	return *contact ? 0 : err_set(err, "the opened contact is not a Contact");
}
