#include "sealed.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

static ProtobufCBinaryData bytes(uint8_t *data, size_t len)
{
	return (ProtobufCBinaryData){.data = data, .len = len};
}

void sealed_epoch_start(struct sealed_epoch *epoch, const uint8_t public[3][32], int64_t now_ms)
{
	randombytes_buf(epoch->id, sizeof(epoch->id));
	randombytes_buf(epoch->text_key, SEAL_KEY_SIZE);
	randombytes_buf(epoch->contact_key, SEAL_KEY_SIZE);
	seal_epoch_close(epoch->sealed[0], public[0], epoch -> text_key);
	seal_epoch_close(epoch->sealed[1], public[1], epoch -> text_key);
	seal_epoch_close(epoch->sealed[2], public[2], epoch -> contact_key);
	seal_epoch_close(epoch->sealed[3], public[1], epoch -> contact_key);
	redress__epoch__init(&epoch->message);
	epoch->message.id = bytes(epoch->id, sizeof(epoch->id));
	epoch->message.started_at_ms = now_ms;
	epoch->message.text_for_classification = bytes(epoch->sealed[0], SEAL_EPOCH_SEALED_SIZE);
	epoch->message.text_for_officer = bytes(epoch->sealed[1], SEAL_EPOCH_SEALED_SIZE);
	epoch->message.contact_for_notification = bytes(epoch->sealed[2], SEAL_EPOCH_SEALED_SIZE);
	epoch->message.contact_for_officer = bytes(epoch->sealed[3], SEAL_EPOCH_SEALED_SIZE);
}

static ProtobufCBinaryData seal(struct arena *arena, uint64_t number, enum seal_part part,
				const uint8_t key[SEAL_KEY_SIZE], const ProtobufCMessage *message)
{
	uint8_t nonce[SEAL_NONCE_SIZE];
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *plain = arena_take(arena, size);
	protobuf_c_message_pack(message, plain);
	randombytes_buf(nonce, sizeof(nonce));
	struct seal_bytes sealed = seal_close(arena, key, number, part, nonce, plain, size);
	return bytes(sealed.data, sealed.len);
}

static ProtobufCBinaryData noise(struct arena *arena, size_t size)
{
	uint8_t *data = arena_take(arena, size);
	randombytes_buf(data, size);
	return bytes(data, size);
}

/* The first sentence, or what of it fits a subject line, becomes the subject and the rest the
 * description: a text of one sentence has no subject. Together they are the text. */
static void part(struct arena *arena, char *text, Redress__GrievanceText *body)
{
	size_t size = strcspn(text, ".!?\n");
	while (size > 100 || (size && (text[size] & 0xC0) == 0x80))
		size--;
	char *rest = text + size + strspn(text + size, ".!? \n");
	body->subject = arena_strndup(arena, text, *rest ? size : 0);
	body->description = *rest ? rest : text;
}

static void seal_parts(const struct sealed_epoch *epoch, struct arena *arena,
		       Redress__Grievance *grievance, Redress__CaseKey *key, const char *language,
		       char *text)
{
	uint8_t text_key[SEAL_KEY_SIZE], contact_key[SEAL_KEY_SIZE];
	uint8_t *wrapped = arena_take(arena, 2 * SEAL_WRAPPED_SIZE);
	Redress__GrievanceText body = REDRESS__GRIEVANCE_TEXT__INIT;
	Redress__Contact contact = REDRESS__CONTACT__INIT;
	part(arena, text, &body);
	contact.name = (char *)(uintptr_t) "Someone";
	contact.email = arena_printf(arena, "n%016" PRIx64 "@example.org", grievance->number);
	contact.language = arena_strdup(arena, language);
	randombytes_buf(text_key, sizeof(text_key));
	randombytes_buf(contact_key, sizeof(contact_key));
	grievance->sealed_text = seal(arena, grievance->number, SEAL_TEXT, text_key, &body.base);
	grievance->sealed_contact =
	    seal(arena, grievance->number, SEAL_CONTACT, contact_key, &contact.base);
	seal_wrap(wrapped, epoch->text_key, grievance->number, SEAL_TEXT, text_key);
	seal_wrap(wrapped + SEAL_WRAPPED_SIZE, epoch->contact_key, grievance->number, SEAL_CONTACT,
		  contact_key);
	key->epoch_id = epoch->message.id;
	key->text_key = bytes(wrapped, SEAL_WRAPPED_SIZE);
	key->contact_key = bytes(wrapped + SEAL_WRAPPED_SIZE, SEAL_WRAPPED_SIZE);
}

const void *sealed_message(const struct sealed_epoch *epoch, struct arena *arena, uint64_t number,
			   int64_t now_ms, const char *language, char *text, size_t *size)
{
	Redress__GrievanceReceived message = REDRESS__GRIEVANCE_RECEIVED__INIT;
	Redress__Grievance grievance = REDRESS__GRIEVANCE__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	Redress__Place place = REDRESS__PLACE__INIT;
	grievance.number = number;
	grievance.received_at_ms = now_ms;
	grievance.channel = (char *)(uintptr_t) "bulk";
	grievance.declared_language = (char *)(uintptr_t) "";
	place.has_position = 1;
	place.lat = (double)randombytes_uniform(8000) / 1000;
	place.lon = (double)randombytes_uniform(12000) / 1000;
	grievance.place = &place;
	grievance.idempotency_key = noise(arena, 16);
	grievance.fingerprint = noise(arena, 16);
	grievance.receipt_hash = noise(arena, 32);
	seal_parts(epoch, arena, &grievance, &key, language, text);
	message.grievance = &grievance;
	message.key = &key;
	message.epoch = (Redress__Epoch *)(uintptr_t)&epoch->message;
	*size = redress__grievance_received__get_packed_size(&message);
	uint8_t *packed = arena_take(arena, *size);
	redress__grievance_received__pack(&message, packed);
	return packed;
}
