#include "runtime/dead_letter.h"

#include <sodium.h>
#include <string.h>

#include "dead_letter.pb-c.h"
#include "util/text.h"

static ProtobufCBinaryData bytes(const void *data, size_t len)
{
	return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static char *words(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* Names are bytes to Kafka; in a protobuf string they would make the letter itself unreadable. */
static Redress__Header *make_header(struct arena *arena, const struct kafka_header *from)
{
	Redress__Header *header = arena_take(arena, sizeof(*header));
	redress__header__init(header);
	if (text_is_utf8(from->name, strlen(from->name)))
		header->name = words(from->name);
	else
		header->raw_name = bytes(from->name, strlen(from->name));
	header->value = bytes(from->value, from->len);
	return header;
}

static void add_headers(struct arena *arena, const struct kafka_message *from,
			Redress__DeadLetter *letter)
{
	struct kafka_header *headers = NULL;
	letter->n_headers = kafka_message_headers(from, arena, &headers);
	letter->headers = arena_take(arena, letter->n_headers * sizeof(*letter->headers));
	for (size_t i = 0; i < letter->n_headers; i++)
		letter->headers[i] = make_header(arena, &headers[i]);
}

/* As much of the reason as is whole characters: it may have been cut. */
static char *whole_reason(struct arena *arena, const char *reason)
{
	size_t len = strlen(reason);
	while (len && !text_is_utf8(reason, len))
		len--;
	return arena_strndup(arena, reason, len);
}

static void truncate_letter(struct arena *arena, const struct kafka_message *from,
			    Redress__DeadLetter *letter)
{
	letter->truncated = true;
	letter->n_headers = 0;
	letter->value = bytes(NULL, 0);
	letter->value_size = from->len;
	letter->value_sha256 =
	    bytes(arena_take(arena, crypto_hash_sha256_BYTES), crypto_hash_sha256_BYTES);
	crypto_hash_sha256(letter->value_sha256.data, from->value, from->len);
	letter->key_size = from->key_len;
	if (letter->key.len > DEAD_LETTER_KEY_MOST)
		letter->key.len = DEAD_LETTER_KEY_MOST;
}

void *dead_letter_pack(struct arena *arena, const struct item *item, const char *service,
		       int64_t now_ms, size_t most, size_t *size)
{
	const struct kafka_message *from = &item->message;
	Redress__DeadLetter letter = REDRESS__DEAD_LETTER__INIT;
	letter.topic = words(from->topic);
	letter.partition = from->partition;
	letter.offset = from->offset;
	letter.service = words(service);
	letter.reason = whole_reason(arena, item->reason.text);
	letter.at_ms = now_ms;
	letter.key = bytes(from->key, from->key_len);
	letter.value = bytes(from->value, from->len);
	add_headers(arena, from, &letter);
	*size = redress__dead_letter__get_packed_size(&letter);
	if (*size > most) {
		truncate_letter(arena, from, &letter);
		*size = redress__dead_letter__get_packed_size(&letter);
	}
	void *packed = arena_take(arena, *size);
	redress__dead_letter__pack(&letter, packed);
	return packed;
}
