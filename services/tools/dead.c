/*
 * NAME      redress-dead - list dead letters, replay or discard them
 * SYNOPSIS  redress-dead [--config FILE] list | show ID | replay ID... | discard REASON ID...
 *
 * An ID is topic:partition:offset of the dead letter, as list prints it. replay puts the message
 * back where it was read, for the service that could not process it and for no other, and marks the
 * letter as replayed; if the cause is not mended it comes back as a new letter. discard marks it as
 * not to be processed, and why. Instead of IDs "all" may stand.
 *
 * A letter about a message that was too large for one is truncated: then the message is read where
 * it was, as long as its topic keeps it.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka.h"
#include "dead_letter.pb-c.h"
#include "domain/message_fault.h"
#include "domain/pipeline.h"
#include "util/alloc.h"
#include "util/arena.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/program.h"
#include "util/text.h"

#define ID_SIZE    160
#define FLUSH_MS   30000
#define FIND_MS    10000 /* to read one message again */
#define SHOWN_MOST 200   /* bytes of a key or a header */

struct letter {
	char id[ID_SIZE];
	char dead_topic[100];
	int64_t offset;
	size_t size;      /* of the message */
	const char *done; /* "replayed" or "discarded"; NULL: neither */
	Redress__DeadLetter *content;
};

struct letters {
	struct letter *list;
	size_t count;
	/* whose messages are wanted too: the others' are not kept */
	const char *const *ids;
	size_t id_count;
};

static bool names_all(const char *const *ids, size_t count)
{
	return count == 1 && strcmp(ids[0], "all") == 0;
}

static void drop_message(const struct letters *letters, struct letter *letter)
{
	bool wanted = names_all(letters->ids, letters->id_count);
	for (size_t i = 0; i < letters->id_count && !wanted; i++)
		wanted = strcmp(letters->ids[i], letter->id) == 0;
	if (wanted)
		return;
	free(letter->content->value.data);
	letter->content->value = (ProtobufCBinaryData){0, NULL};
}

static void mark_done(struct letters *letters, const char *topic, int32_t partition, int64_t offset,
		      const char *done)
{
	for (size_t i = 0; i < letters->count; i++) {
		struct letter *letter = &letters->list[i];
		if (letter->offset == offset && letter->content->partition == partition &&
		    strcmp(letter->dead_topic, topic) == 0)
			letter->done = done;
	}
}

static int collect(void *self, const struct kafka_message *message, struct err *err)
{
	(void)err;
	struct letters *letters = self;
	Redress__DeadLetter *content =
	    redress__dead_letter__unpack(NULL, message->len, message->value);
	struct err fault;
	const struct message_place place = {message->partition, 1,
					    message_time(message->timestamp_ms, clock_now_ms())};
	if (message_fault(content ? &content->base : NULL, &place, &fault)) {
		log_warn(0, "%s partition %d offset %" PRId64 " is no dead letter: passed over: %s",
			 message->topic, message->partition, message->offset, fault.text);
		if (content)
			redress__dead_letter__free_unpacked(content, NULL);
		return 0;
	}
	if (content->replayed || content->discarded) {
		mark_done(letters, message->topic, message->partition, content->replayed_offset,
			  content->discarded ? "discarded" : "replayed");
		redress__dead_letter__free_unpacked(content, NULL);
		return 0;
	}
	letters->list = x_realloc(letters->list, letters->count + 1, sizeof(*letters->list));
	struct letter *letter = &letters->list[letters->count++];
	*letter = (struct letter){.offset = message->offset,
				  .content = content,
				  .size = content->truncated ? (size_t)content->value_size
							     : content->value.len};
	snprintf(letter->dead_topic, sizeof(letter->dead_topic), "%s", message->topic);
	snprintf(letter->id, sizeof(letter->id), "%s:%d:%" PRId64, message->topic,
		 message->partition, message->offset);
	drop_message(letters, letter);
	return 0;
}

static struct letters read_letters(const struct settings *settings, const char *const *ids,
				   size_t id_count)
{
	struct letters letters = {NULL, 0, ids, id_count};
	struct kafka_partition *partitions = NULL;
	size_t count = 0;
	int32_t in_topic;
	struct err err;
	for (size_t i = 0; i < pipeline_topic_count; i++) {
		const char *topic = pipeline_topics[i].name;
		if (!pipeline_is_dead(topic))
			continue;
		if (kafka_partition_count(settings, topic, &in_topic, &err))
			fatal("%s", err.text);
		partitions = x_realloc(partitions, count + (size_t)in_topic, sizeof(*partitions));
		for (int32_t p = 0; p < in_topic; p++)
			partitions[count++] = (struct kafka_partition){topic, p, KAFKA_BEGINNING};
	}
	if (kafka_replay(settings, partitions, count, collect, &letters, &err))
		fatal("%s", err.text);
	free(partitions);
	return letters;
}

static void free_letters(struct letters *letters)
{
	for (size_t i = 0; i < letters->count; i++)
		redress__dead_letter__free_unpacked(letters->list[i].content, NULL);
	free(letters->list);
}

/* ---- showing ------------------------------------------------------------------------------- */

/* Whoever wrote it, a terminal may show it. */
static void print_bytes(const void *bytes, size_t len, const char *end)
{
	const uint8_t *at = bytes;
	for (size_t i = 0; i < len && i < SHOWN_MOST; i++) {
		if (at[i] >= ' ' && at[i] < 0x7f && at[i] != '\\')
			putchar(at[i]);
		else
			printf("\\x%02x", at[i]);
	}
	printf("%s%s", len > SHOWN_MOST ? "..." : "", end);
}

static void list(const struct letters *letters)
{
	char time[CLOCK_RFC3339_SIZE];
	size_t open = 0;
	for (size_t i = 0; i < letters->count; i++) {
		const struct letter *letter = &letters->list[i];
		const Redress__DeadLetter *content = letter->content;
		if (letter->done)
			continue;
		open++;
		printf("%s  %s  ", letter->id, clock_rfc3339(content->at_ms, time));
		print_bytes(content->service, strlen(content->service), "  ");
		print_bytes(content->reason, strlen(content->reason), "\n");
	}
	fprintf(stderr, "%zu dead letters, %zu replayed or discarded before\n", open,
		letters->count - open);
}

static struct letter *find(const struct letters *letters, const char *id)
{
	for (size_t i = 0; i < letters->count; i++) {
		if (strcmp(letters->list[i].id, id) == 0)
			return &letters->list[i];
	}
	fatal("%s: there is no such dead letter", id);
}

static void show(const struct letter *letter)
{
	char time[CLOCK_RFC3339_SIZE];
	const Redress__DeadLetter *content = letter->content;
	printf("id:      %s%s%s%s\nread at: ", letter->id, letter->done ? " (" : "",
	       letter->done ? letter->done : "", letter->done ? ")" : "");
	print_bytes(content->topic, strlen(content->topic), "");
	printf(" partition %d offset %" PRId64 "\nservice: ", content->partition, content->offset);
	print_bytes(content->service, strlen(content->service), "\n");
	printf("time:    %s\nreason:  ", clock_rfc3339(content->at_ms, time));
	print_bytes(content->reason, strlen(content->reason), "\n");
	printf("key:     ");
	print_bytes(content->key.data, content->key.len, "\n");
	printf("size:    %zu bytes%s\n", letter->size,
	       content->truncated ? ", truncated: the message itself is where it was read" : "");
	for (size_t i = 0; i < content->n_headers; i++) {
		const Redress__Header *header = content->headers[i];
		printf("header:  ");
		print_bytes(header->raw_name.len ? header->raw_name.data : (uint8_t *)header->name,
			    header->raw_name.len ? header->raw_name.len : strlen(header->name),
			    " = ");
		print_bytes(header->value.data, header->value.len, "\n");
	}
}

/* ---- replay -------------------------------------------------------------------------------- */

static void on_delivered(void *self, void *tag, const struct kafka_delivery *delivery)
{
	(void)tag;
	if (delivery->error)
		*(bool *)self = true;
}

/* A message as it was read, in the arena. */
struct original {
	const uint8_t *key, *value;
	size_t key_len, len, header_count;
	struct kafka_header *headers;
};

static struct original from_letter(struct arena *arena, const Redress__DeadLetter *content)
{
	struct original original = {content->key.data,  content->value.data, content->key.len,
				    content->value.len, content->n_headers,  NULL};
	original.headers =
	    arena_take(arena, (content->n_headers + 1) * sizeof(struct kafka_header));
	for (size_t i = 0; i < content->n_headers; i++) {
		const Redress__Header *header = content->headers[i];
		const char *name = header->raw_name.len
				       ? arena_strndup(arena, (const char *)header->raw_name.data,
						       header->raw_name.len)
				       : header->name;
		original.headers[i] =
		    (struct kafka_header){name, header->value.data, header->value.len};
	}
	return original;
}

static bool is_it(const Redress__DeadLetter *content, const struct kafka_message *message)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, message->value, message->len);
	return message->offset == content->offset && message->len == content->value_size &&
	       content->value_sha256.len == sizeof(hash) &&
	       memcmp(hash, content->value_sha256.data, sizeof(hash)) == 0;
}

static struct original copy_of(struct arena *arena, const struct kafka_message *message)
{
	struct original original = {arena_copy(arena, message->key, message->key_len),
				    arena_copy(arena, message->value, message->len),
				    message->key_len,
				    message->len,
				    0,
				    NULL};
	original.header_count = kafka_message_headers(message, arena, &original.headers);
	return original;
}

/* Of a truncated letter; false: the topic does not have it any more. */
static bool read_again(const struct settings *settings, struct arena *arena,
		       const Redress__DeadLetter *content, struct original *original)
{
	struct err err;
	struct kafka_message message;
	const struct kafka_partition from = {content->topic, content->partition, content->offset};
	int64_t until = clock_mono_us() + INT64_C(1000) * FIND_MS;
	struct kafka_consumer *reader = kafka_reader_new(settings, &from, 1, &err);
	int got = reader ? 0 : -1;
	while (!got && clock_mono_us() < until)
		got = kafka_consumer_poll(reader, 100, &message, 1, &err);
	if (got < 0)
		fatal("%s", err.text);
	bool found = got && is_it(content, &message);
	if (found)
		*original = copy_of(arena, &message);
	if (got)
		kafka_consumer_release(reader, &message, 1);
	kafka_consumer_free(&reader);
	return found;
}

/* "replay:service:" and the key; a letter that died again carries this in front already. */
static struct buffer replay_key(const char *service, const struct original *original)
{
	struct buffer key = {0};
	const uint8_t *at = original->key, *end = at + original->key_len;
	size_t prefix = strlen(REPLAY_PREFIX);
	bool again = original->key_len > prefix && memcmp(at, REPLAY_PREFIX, prefix) == 0;
	for (int colons = again ? 2 : 0; colons && at < end; at++)
		colons -= *at == ':';
	buffer_printf(&key, REPLAY_PREFIX "%s:", service);
	buffer_add(&key, at, (size_t)(end - at));
	return key;
}

static void put_back(struct kafka_producer *producer, const Redress__DeadLetter *content,
		     const struct original *original)
{
	struct err err;
	struct buffer key = replay_key(content->service, original);
	if (kafka_produce(producer, content->topic, content->partition, key.data, key.len,
			  original->value, original->len, original->headers, original->header_count,
			  NULL, &err) != KAFKA_SENT)
		fatal("not replayed: %s", err.text);
	buffer_free(&key);
}

/* reason: why it is discarded; NULL: it was replayed. */
static void put_mark(struct kafka_producer *producer, const struct letter *letter,
		     const char *reason)
{
	struct err err;
	uint8_t packed[2048];
	Redress__DeadLetter mark = REDRESS__DEAD_LETTER__INIT;
	mark.topic = letter->content->topic;
	mark.partition = letter->content->partition;
	mark.service = letter->content->service;
	mark.at_ms = clock_now_ms();
	mark.replayed = true;
	mark.replayed_offset = letter->offset;
	mark.discarded = reason != NULL;
	if (reason)
		mark.reason = (char *)(uintptr_t)reason;
	if (redress__dead_letter__get_packed_size(&mark) > sizeof(packed))
		fatal("%s: names of absurd length", letter->id);
	size_t size = redress__dead_letter__pack(&mark, packed);
	if (kafka_produce(producer, letter->dead_topic, mark.partition, NULL, 0, packed, size, NULL,
			  0, NULL, &err) != KAFKA_SENT)
		fatal("%s but not marked: %s", reason ? "discarded" : "replayed", err.text);
}

/* false: what the letter is about is gone. */
static bool replay_one(const struct settings *settings, struct kafka_producer *producer,
		       const struct letter *letter)
{
	struct arena *arena = arena_new();
	struct original original;
	bool found = true;
	if (letter->content->truncated)
		found = read_again(settings, arena, letter->content, &original);
	else
		original = from_letter(arena, letter->content);
	if (found)
		put_back(producer, letter->content, &original);
	else
		log_warn(0, "%s: its topic does not have the message any more", letter->id);
	arena_free(&arena);
	return found;
}

/* reason: why they are discarded; NULL: they are replayed. */
static void settle(const struct settings *settings, const struct letters *letters,
		   const char *reason)
{
	struct err err;
	bool failed = false;
	const struct kafka_producer_options options = {
	    .delivered = on_delivered,
	    .self = &failed,
	    .message_timeout_ms = FLUSH_MS,
	    .message_max_bytes = PIPELINE_DEAD_MAX_BYTES,
	    .queue_max_messages = 1000000,
	    .queue_max_bytes = INT64_C(1) << 30,
	};
	struct kafka_producer *producer = kafka_producer_new(settings, &options, &err);
	if (!producer)
		fatal("%s", err.text);
	bool everything = names_all(letters->ids, letters->id_count);
	size_t done = 0;
	for (size_t i = 0; i < (everything ? letters->count : letters->id_count); i++) {
		const struct letter *letter =
		    everything ? &letters->list[i] : find(letters, letters->ids[i]);
		if (letter->done || (!reason && !replay_one(settings, producer, letter)))
			continue;
		put_mark(producer, letter, reason);
		done++;
	}
	if (kafka_producer_flush(producer, FLUSH_MS, &err) || failed)
		fatal("the broker did not take everything: list again and repeat");
	printf("%zu %s\n", done, reason ? "discarded" : "replayed");
	kafka_producer_free(&producer, 0);
}

static void check_reason(const char *reason)
{
	size_t length = strlen(reason);
	if (!length || length > MESSAGE_REASON_MOST || !text_is_utf8(reason, length))
		program_refuse("REASON: must be UTF-8 of 1 to %d bytes", MESSAGE_REASON_MOST);
}

enum { LIST, SHOW, REPLAY, DISCARD };
static const struct program_command commands[] = {
    [LIST] = {"list", "Lists those that are neither replayed nor discarded.", false},
    [SHOW] = {"show ID", "Shows one without its content.", false},
    [REPLAY] = {"replay ID...", "Puts them back to the service that could not process them.",
		false},
    [DISCARD] = {"discard REASON ID...", "Marks them as not to be processed, and why.", false},
    {NULL, NULL, false},
};
static const struct setting *const tables[] = {kafka_settings, NULL};
static const struct program program = {
    .name = "dead",
    .summary = "list dead letters, replay or discard them",
    .commands = commands,
    .settings = tables,
    .notes = "ID is topic:partition:offset as list prints it; \"all\" may stand for all of them.\n",
};

int main(int argc, char **argv)
{
	struct program_call call = program_begin(argc, argv, &program);
	const char *const *ids = (const char *const *)call.words;
	const char *reason = NULL;
	size_t count = call.count;
	if (call.command == DISCARD) {
		reason = *ids++;
		count--;
		check_reason(reason);
	}
	bool to_settle = call.command == REPLAY || call.command == DISCARD;
	struct letters letters = read_letters(call.settings, ids, to_settle ? count : 0);
	if (call.command == LIST)
		list(&letters);
	else if (call.command == SHOW)
		show(find(&letters, ids[0]));
	else
		settle(call.settings, &letters, reason);
	free_letters(&letters);
	program_end(&call);
	return 0;
}
