/*
 * Fills grievances.received as intake would have: real-shaped texts, sealed for the right roles.
 *
 *   fill --config FILE TEXTS COUNT [NODE]
 *
 * TEXTS: lines "language<TAB>text"; read again from the start when COUNT is larger. NODE: 0..254,
 * another one for each run into the same topics. Settings: kafka.*, keys.folder.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka.h"
#include "client/key_file.h"
#include "domain/case_number.h"
#include "domain/pipeline.h"
#include "domain/seal.h"
#include "grievance.pb-c.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/settings.h"

#define EPOCH_CASES 50000 /* as many as intake meets in some minutes of full load */
#define LINE_SIZE   65536

struct epoch_keys {
	Redress__Epoch message;
	uint8_t id[SEAL_EPOCH_ID_SIZE];
	uint8_t text_key[SEAL_KEY_SIZE], contact_key[SEAL_KEY_SIZE];
	uint8_t sealed[4][SEAL_EPOCH_SEALED_SIZE];
};

static struct {
	struct settings *settings;
	struct kafka_producer *producer;
	int32_t partitions;
	uint8_t public[3][32]; /* classification, desk, notification */
	struct case_number_source numbers;
	struct epoch_keys epoch;
	size_t lost;
} fill;

static void delivered(void *self, void *tag, int32_t partition, int64_t offset, const char *error)
{
	(void)self;
	(void)tag;
	(void)partition;
	(void)offset;
	fill.lost += error != NULL;
}

static void connect_kafka(void)
{
	struct err err;
	const struct kafka_producer_options options = {
	    .delivered = delivered,
	    .linger_ms = 20,
	    .message_timeout_ms = 60000,
	    .queue_max_messages = 100000,
	    .queue_max_bytes = INT64_C(256) << 20,
	};
	if (kafka_partition_count(fill.settings, TOPIC_RECEIVED, &fill.partitions, &err))
		fatal("%s", err.text);
	fill.producer = kafka_producer_new(fill.settings, &options, &err);
	if (!fill.producer)
		fatal("%s", err.text);
}

static void read_keys(void)
{
	static const char *const names[] = {"classification.pub", "desk.pub", "notification.pub"};
	struct err err;
	for (size_t i = 0; i < 3; i++) {
		if (key_file_read(settings_str(fill.settings, "keys.folder"), names[i],
				  fill.public[i], &err))
			fatal("%s", err.text);
	}
}

static ProtobufCBinaryData bytes(uint8_t *data, size_t len)
{
	return (ProtobufCBinaryData){.data = data, .len = len};
}

static void epoch_start(int64_t now_ms)
{
	struct epoch_keys *epoch = &fill.epoch;
	randombytes_buf(epoch->id, sizeof(epoch->id));
	randombytes_buf(epoch->text_key, SEAL_KEY_SIZE);
	randombytes_buf(epoch->contact_key, SEAL_KEY_SIZE);
	seal_epoch_close(epoch->sealed[0], fill.public[0], epoch -> text_key);
	seal_epoch_close(epoch->sealed[1], fill.public[1], epoch -> text_key);
	seal_epoch_close(epoch->sealed[2], fill.public[2], epoch -> contact_key);
	seal_epoch_close(epoch->sealed[3], fill.public[1], epoch -> contact_key);
	redress__epoch__init(&epoch->message);
	epoch->message.id = bytes(epoch->id, sizeof(epoch->id));
	epoch->message.started_at_ms = now_ms;
	epoch->message.text_for_classification = bytes(epoch->sealed[0], SEAL_EPOCH_SEALED_SIZE);
	epoch->message.text_for_desk = bytes(epoch->sealed[1], SEAL_EPOCH_SEALED_SIZE);
	epoch->message.contact_for_notification = bytes(epoch->sealed[2], SEAL_EPOCH_SEALED_SIZE);
	epoch->message.contact_for_desk = bytes(epoch->sealed[3], SEAL_EPOCH_SEALED_SIZE);
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

/* The first sentence, or what of it fits a subject line. */
static char *subject_of(struct arena *arena, const char *text)
{
	size_t size = strcspn(text, ".!?\n");
	while (size > 100 || (size && (text[size] & 0xC0) == 0x80))
		size--;
	return arena_strndup(arena, text, size);
}

static void seal_parts(struct arena *arena, Redress__Grievance *grievance, Redress__CaseKey *key,
		       const char *language, char *text)
{
	uint8_t text_key[SEAL_KEY_SIZE], contact_key[SEAL_KEY_SIZE];
	uint8_t *wrapped = arena_take(arena, 2 * SEAL_WRAPPED_SIZE);
	Redress__GrievanceText body = REDRESS__GRIEVANCE_TEXT__INIT;
	Redress__Contact contact = REDRESS__CONTACT__INIT;
	body.subject = subject_of(arena, text);
	body.description = text;
	contact.name = (char *)(uintptr_t)"Someone";
	contact.email = arena_printf(arena, "n%016" PRIx64 "@example.org", grievance->number);
	contact.language = arena_strdup(arena, language);
	randombytes_buf(text_key, sizeof(text_key));
	randombytes_buf(contact_key, sizeof(contact_key));
	grievance->sealed_text = seal(arena, grievance->number, SEAL_TEXT, text_key, &body.base);
	grievance->sealed_contact =
	    seal(arena, grievance->number, SEAL_CONTACT, contact_key, &contact.base);
	seal_wrap(wrapped, fill.epoch.text_key, grievance->number, SEAL_TEXT, text_key);
	seal_wrap(wrapped + SEAL_WRAPPED_SIZE, fill.epoch.contact_key, grievance->number,
		  SEAL_CONTACT, contact_key);
	key->epoch_id = fill.epoch.message.id;
	key->text_key = bytes(wrapped, SEAL_WRAPPED_SIZE);
	key->contact_key = bytes(wrapped + SEAL_WRAPPED_SIZE, SEAL_WRAPPED_SIZE);
}

static void send_message(struct arena *arena, uint64_t number,
			 const Redress__GrievanceReceived *message)
{
	struct err err;
	char key[CASE_NUMBER_TEXT_SIZE], time[CLOCK_RFC3339_SIZE], id[33];
	uint8_t random[16], *value;
	size_t size = redress__grievance_received__get_packed_size(message);
	value = arena_take(arena, size);
	redress__grievance_received__pack(message, value);
	case_number_format(number, key);
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(id, sizeof(id), random, sizeof(random));
	clock_rfc3339(message->grievance->received_at_ms, time);
	const struct kafka_header headers[] = {
	    {"ce_specversion", "1.0", 3},
	    {"ce_id", id, 32},
	    {"ce_type", "redress.grievance.received", 26},
	    {"ce_source", "redress/fill/0", 14},
	    {"ce_time", time, strlen(time)},
	    {"content-type", "application/protobuf", 20},
	};
	while (kafka_produce(fill.producer, TOPIC_RECEIVED,
			     case_number_partition(number, fill.partitions), key, strlen(key),
			     value, size, headers, 6, NULL, &err) == KAFKA_FULL)
		kafka_producer_poll(fill.producer, 10);
}

static void one(struct arena *arena, const char *language, char *text)
{
	int64_t now_ms = clock_now_ms();
	uint64_t number =
	    case_number_next(&fill.numbers, now_ms, (uint8_t)randombytes_uniform(256));
	Redress__GrievanceReceived message = REDRESS__GRIEVANCE_RECEIVED__INIT;
	Redress__Grievance grievance = REDRESS__GRIEVANCE__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	Redress__Place place = REDRESS__PLACE__INIT;
	grievance.number = number;
	grievance.received_at_ms = now_ms;
	grievance.channel = (char *)(uintptr_t)"bulk";
	grievance.declared_language = (char *)(uintptr_t)"";
	place.lat = (double)randombytes_uniform(8000) / 1000;
	place.lon = (double)randombytes_uniform(12000) / 1000;
	grievance.place = &place;
	grievance.ask_key = noise(arena, 16);
	grievance.fingerprint = noise(arena, 16);
	grievance.receipt_hash = noise(arena, 32);
	seal_parts(arena, &grievance, &key, language, text);
	message.grievance = &grievance;
	message.key = &key;
	message.epoch = &fill.epoch.message;
	send_message(arena, number, &message);
}

static void run(FILE *texts, long count)
{
	static char line[LINE_SIZE];
	struct arena *arena = arena_new();
	for (long i = 0; i < count; i++) {
		if (i % EPOCH_CASES == 0)
			epoch_start(clock_now_ms());
		if (!fgets(line, sizeof(line), texts)) {
			rewind(texts);
			if (!fgets(line, sizeof(line), texts))
				fatal("there are no texts");
		}
		line[strcspn(line, "\n")] = '\0';
		char *tab = strchr(line, '\t');
		if (!tab)
			fatal("a line of the texts has no tab");
		*tab = '\0';
		one(arena, line, tab + 1);
		arena_reset(arena);
		if (i % 256 == 0)
			kafka_producer_poll(fill.producer, 0);
	}
	arena_free(&arena);
}

int main(int argc, char **argv)
{
	const struct setting *const tables[] = {kafka_settings, key_file_settings, NULL};
	struct err err;
	log_setup("fill", LOG_LEVEL_WARN, false);
	if (argc < 5 || strcmp(argv[1], "--config") != 0)
		fatal("usage: fill --config FILE TEXTS COUNT [NODE]");
	fill.settings = settings_load(tables, argv[2], &err);
	FILE *texts = fopen(argv[3], "r");
	if (!fill.settings || !texts || sodium_init() < 0)
		fatal("%s", fill.settings ? "the texts cannot be read" : err.text);
	fill.numbers.node = argc > 5 ? (uint8_t)atoi(argv[5]) : 0;
	read_keys();
	connect_kafka();
	run(texts, atol(argv[4]));
	if (kafka_producer_flush(fill.producer, 120000, &err))
		fatal("%s", err.text);
	kafka_producer_free(&fill.producer, 0);
	settings_free(&fill.settings);
	fclose(texts);
	if (fill.lost)
		fatal("%zu messages were not delivered", fill.lost);
	return 0;
}
