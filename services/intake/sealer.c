#include "sealer.h"

#include <math.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "case.pb-c.h"
#include "client/key_file.h"
#include "domain/receipt.h"
#include "domain/seal.h"
#include "util/alloc.h"
#include "util/log.h"

const struct setting sealer_settings[] = {
    {"intake.epoch", SETTING_DURATION, "5m", 1000, 86400000,
     "how long one pair of epoch keys is used before it is forgotten"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct role_keys {
	uint8_t classification[32], officer[32], notification[32];
};

struct epoch {
	uint8_t text_key[SEAL_KEY_SIZE], contact_key[SEAL_KEY_SIZE];
	uint8_t id[SEAL_EPOCH_ID_SIZE];
	int64_t started_at_ms;
	uint8_t sealed[4][SEAL_EPOCH_SEALED_SIZE]; /* in the order of Epoch's fields */
};

struct sealer {
	struct role_keys roles;
	int64_t epoch_ms;
	pthread_mutex_t lock; /* of epoch */
	struct epoch epoch;
};

struct sealer *sealer_new(const struct settings *settings, struct err *err)
{
	struct sealer *sealer = x_calloc(1, sizeof(*sealer));
	const char *folder = settings_str(settings, "keys.folder");
	if (key_file_read(folder, "classification.pub", sealer->roles.classification, err) ||
	    key_file_read(folder, "officer.pub", sealer->roles.officer, err) ||
	    key_file_read(folder, "notification.pub", sealer->roles.notification, err)) {
		free(sealer);
		return NULL;
	}
	sealer->epoch_ms = settings_int(settings, "intake.epoch");
	pthread_mutex_init(&sealer->lock, NULL);
	return sealer;
}

void sealer_free(struct sealer **sealer)
{
	if (!*sealer)
		return;
	pthread_mutex_destroy(&(*sealer)->lock);
	sodium_memzero(*sealer, sizeof(**sealer));
	free(*sealer);
	*sealer = NULL;
}

/* ---- epochs --------------------------------------------------------------------------------- */

static void new_epoch(struct epoch *epoch, const struct role_keys *roles, int64_t now_ms)
{
	randombytes_buf(epoch->text_key, sizeof(epoch->text_key));
	randombytes_buf(epoch->contact_key, sizeof(epoch->contact_key));
	randombytes_buf(epoch->id, sizeof(epoch->id));
	epoch->started_at_ms = now_ms;
	seal_epoch_close(epoch->sealed[0], roles->classification, epoch->text_key);
	seal_epoch_close(epoch->sealed[1], roles->officer, epoch->text_key);
	seal_epoch_close(epoch->sealed[2], roles->notification, epoch->contact_key);
	seal_epoch_close(epoch->sealed[3], roles->officer, epoch->contact_key);
}

static void current_epoch(struct sealer *sealer, int64_t now_ms, struct epoch *epoch)
{
	pthread_mutex_lock(&sealer->lock);
	if (now_ms - sealer->epoch.started_at_ms >= sealer->epoch_ms ||
	    now_ms < sealer->epoch.started_at_ms - sealer->epoch_ms)
		new_epoch(&sealer->epoch, &sealer->roles, now_ms);
	*epoch = sealer->epoch;
	pthread_mutex_unlock(&sealer->lock);
}

static ProtobufCBinaryData bytes(const uint8_t *data, size_t size)
{
	return (ProtobufCBinaryData){data ? size : 0, (uint8_t *)(uintptr_t)data};
}

static void describe_epoch(const struct epoch *epoch, Redress__Epoch *out)
{
	redress__epoch__init(out);
	out->id = bytes(epoch->id, sizeof(epoch->id));
	out->started_at_ms = epoch->started_at_ms;
	out->text_for_classification = bytes(epoch->sealed[0], SEAL_EPOCH_SEALED_SIZE);
	out->text_for_officer = bytes(epoch->sealed[1], SEAL_EPOCH_SEALED_SIZE);
	out->contact_for_notification = bytes(epoch->sealed[2], SEAL_EPOCH_SEALED_SIZE);
	out->contact_for_officer = bytes(epoch->sealed[3], SEAL_EPOCH_SEALED_SIZE);
}

/* ---- one submission ------------------------------------------------------------------------- */

/* About a hundred metres: enough for the office, not for more. */
static double rounded(double degrees)
{
	return round(degrees * 1000) / 1000 + 0.0; /* -0 is 0 */
}

static Redress__Place *coarse_place(struct arena *arena, const struct submission *submission)
{
	if (!submission->text.has_position && !*submission->place_area)
		return NULL;
	Redress__Place *place = arena_take(arena, sizeof(*place));
	redress__place__init(place);
	place->has_position = submission->text.has_position;
	if (place->has_position) {
		place->lat = rounded(submission->text.lat);
		place->lon = rounded(submission->text.lon);
	}
	place->area_code = (char *)(uintptr_t)submission->place_area;
	return place;
}

struct part_keys {
	uint8_t text[SEAL_KEY_SIZE], contact[SEAL_KEY_SIZE];
	uint8_t text_nonce[SEAL_NONCE_SIZE], contact_nonce[SEAL_NONCE_SIZE];
};

static ProtobufCBinaryData close_part(struct arena *arena, const uint8_t *key, uint64_t number,
				      enum seal_part part, const uint8_t *nonce,
				      const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *plain = arena_take(arena, size);
	protobuf_c_message_pack(message, plain);
	struct seal_bytes sealed = seal_close(arena, key, number, part, nonce, plain, size);
	sodium_memzero(plain, size);
	return (ProtobufCBinaryData){sealed.len, sealed.data};
}

static ProtobufCBinaryData wrap_for_receipt(struct arena *arena, uint64_t number,
					    const char *receipt, const uint8_t *text_key)
{
	uint8_t opener[SEAL_KEY_SIZE], *wrapped = arena_take(arena, SEAL_WRAPPED_SIZE);
	if (!receipt_text_key(receipt, number, opener))
		fatal("a receipt code that is none was made");
	seal_wrap(wrapped, opener, number, SEAL_TEXT, text_key);
	sodium_memzero(opener, sizeof(opener));
	return bytes(wrapped, SEAL_WRAPPED_SIZE);
}

static void seal_parts(struct arena *arena, const struct submission *submission,
		       const struct epoch *epoch, const char *receipt,
		       Redress__Grievance *grievance, Redress__CaseKey *key)
{
	struct part_keys keys;
	randombytes_buf(&keys, sizeof(keys));
	uint8_t *wrapped = arena_take(arena, 2 * SEAL_WRAPPED_SIZE);
	grievance->sealed_text = close_part(arena, keys.text, grievance->number, SEAL_TEXT,
					    keys.text_nonce, &submission->text.base);
	seal_wrap(wrapped, epoch->text_key, grievance->number, SEAL_TEXT, keys.text);
	key->text_key = bytes(wrapped, SEAL_WRAPPED_SIZE);
	key->text_for_receipt = wrap_for_receipt(arena, grievance->number, receipt, keys.text);
	if (!submission_is_anonymous(submission)) {
		wrapped += SEAL_WRAPPED_SIZE;
		grievance->sealed_contact =
		    close_part(arena, keys.contact, grievance->number, SEAL_CONTACT,
			       keys.contact_nonce, &submission->contact.base);
		seal_wrap(wrapped, epoch->contact_key, grievance->number, SEAL_CONTACT,
			  keys.contact);
		key->contact_key = bytes(wrapped, SEAL_WRAPPED_SIZE);
	}
	sodium_memzero(&keys, sizeof(keys));
}

static const void *packed(struct arena *arena, const ProtobufCMessage *message, size_t *size)
{
	*size = protobuf_c_message_get_packed_size(message);
	uint8_t *out = arena_take(arena, *size);
	protobuf_c_message_pack(message, out);
	return out;
}

static const void *pack_contact(struct arena *arena, const Redress__Grievance *grievance,
				Redress__CaseKey *key, size_t *size)
{
	Redress__CachedContact contact = REDRESS__CACHED_CONTACT__INIT;
	contact.number = grievance->number;
	contact.received_at_ms = grievance->received_at_ms;
	contact.receipt_hash = grievance->receipt_hash;
	contact.sealed_contact = grievance->sealed_contact;
	contact.key = key;
	contact.channel = grievance->channel;
	return packed(arena, &contact.base, size);
}

struct sealed sealer_seal(struct sealer *sealer, struct arena *arena,
			  const struct submission *submission, const struct seal_facts *facts)
{
	struct sealed sealed;
	struct epoch epoch;
	Redress__GrievanceReceived received = REDRESS__GRIEVANCE_RECEIVED__INIT;
	Redress__Grievance grievance = REDRESS__GRIEVANCE__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	Redress__Epoch public_epoch;
	current_epoch(sealer, facts->received_at_ms, &epoch);
	describe_epoch(&epoch, &public_epoch);
	grievance.number = facts->number;
	grievance.received_at_ms = facts->received_at_ms;
	grievance.channel = (char *)(uintptr_t)submission->channel;
	grievance.sender = (char *)(uintptr_t)submission->sender;
	grievance.service_code = (char *)(uintptr_t)submission->service_code;
	grievance.declared_language = (char *)(uintptr_t)submission->language;
	grievance.place = coarse_place(arena, submission);
	grievance.answers = submission->routing_answers;
	grievance.n_answers = submission->routing_answer_count;
	grievance.idempotency_key = bytes(facts->idempotency_key, 16);
	grievance.fingerprint = bytes(facts->fingerprint, 16);
	grievance.receipt_hash = bytes(facts->receipt_hash, 32);
	key.epoch_id = public_epoch.id;
	seal_parts(arena, submission, &epoch, facts->receipt, &grievance, &key);
	received.grievance = &grievance;
	received.key = &key;
	received.epoch = &public_epoch;
	sealed.received = packed(arena, &received.base, &sealed.received_size);
	sealed.contact = pack_contact(arena, &grievance, &key, &sealed.contact_size);
	sealed.epoch = packed(arena, &public_epoch.base, &sealed.epoch_size);
	memcpy(sealed.epoch_id, epoch.id, sizeof(sealed.epoch_id));
	sodium_memzero(&epoch, sizeof(epoch));
	return sealed;
}
