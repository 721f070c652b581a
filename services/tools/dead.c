/*
 * NAME      redress-dead - list dead letters and replay them
 * SYNOPSIS  redress-dead [--config FILE] list | show ID | replay ID... | replay all
 *
 * An ID is topic:partition:offset of the dead letter, as list prints it. replay puts the message
 * back where it was read, for the service that could not process it and for no other, and marks the
 * letter as replayed; if the cause is not mended it comes back as a new letter.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/kafka.h"
#include "command_line.h"
#include "dead_letter.pb-c.h"
#include "domain/pipeline.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define ID_SIZE  160
#define FLUSH_MS 30000

static const char usage[] =
    "usage: redress-dead [--config FILE] list\n"
    "       redress-dead [--config FILE] show ID\n"
    "       redress-dead [--config FILE] replay ID... | all\n"
    "Lists the dead letters that have not been replayed, shows one without its content,\n"
    "or puts them back to the service that could not process them.\n";

struct letter {
	char id[ID_SIZE];
	char dead_topic[100];
	int64_t offset;
	bool replayed;
	Redress__DeadLetter *content;
};

struct letters {
	struct letter *list;
	size_t count;
};

static void mark_replayed(struct letters *letters, const char *topic, int32_t partition,
			  int64_t offset)
{
	for (size_t i = 0; i < letters->count; i++) {
		struct letter *letter = &letters->list[i];
		if (letter->offset == offset && letter->content->partition == partition &&
		    strcmp(letter->dead_topic, topic) == 0)
			letter->replayed = true;
	}
}

static int collect(void *self, const struct kafka_message *message, struct err *err)
{
	(void)err;
	struct letters *letters = self;
	Redress__DeadLetter *content =
	    redress__dead_letter__unpack(NULL, message->len, message->value);
	if (!content) {
		log_warn(0, "%s partition %d offset %" PRId64 " is not a dead letter: passed over",
			 message->topic, message->partition, message->offset);
		return 0;
	}
	if (content->replayed) {
		mark_replayed(letters, message->topic, message->partition,
			      content->replayed_offset);
		redress__dead_letter__free_unpacked(content, NULL);
		return 0;
	}
	letters->list = x_realloc(letters->list, letters->count + 1, sizeof(*letters->list));
	struct letter *letter = &letters->list[letters->count++];
	*letter = (struct letter){.offset = message->offset, .content = content};
	snprintf(letter->dead_topic, sizeof(letter->dead_topic), "%s", message->topic);
	snprintf(letter->id, sizeof(letter->id), "%s:%d:%" PRId64, message->topic,
		 message->partition, message->offset);
	return 0;
}

static bool is_dead_topic(const char *topic)
{
	size_t len = strlen(topic), suffix = strlen(TOPIC_DEAD_SUFFIX);
	return len > suffix && strcmp(topic + len - suffix, TOPIC_DEAD_SUFFIX) == 0;
}

static struct letters read_letters(const struct settings *settings)
{
	struct letters letters = {NULL, 0};
	struct kafka_partition *partitions = NULL;
	size_t count = 0;
	int32_t in_topic;
	struct err err;
	for (size_t i = 0; i < pipeline_topic_count; i++) {
		const char *topic = pipeline_topics[i].name;
		if (!is_dead_topic(topic))
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

static void list(const struct letters *letters)
{
	char time[CLOCK_RFC3339_SIZE];
	size_t open = 0;
	for (size_t i = 0; i < letters->count; i++) {
		const struct letter *letter = &letters->list[i];
		if (letter->replayed)
			continue;
		open++;
		printf("%s  %s  %s  %s\n", letter->id, clock_rfc3339(letter->content->at_ms, time),
		       letter->content->service, letter->content->reason);
	}
	fprintf(stderr, "%zu dead letters, %zu replayed before\n", open, letters->count - open);
}

static struct letter *find(const struct letters *letters, const char *id)
{
	for (size_t i = 0; i < letters->count; i++) {
		if (strcmp(letters->list[i].id, id) == 0)
			return &letters->list[i];
	}
	fatal("there is no dead letter %s", id);
}

static void show(const struct letter *letter)
{
	char time[CLOCK_RFC3339_SIZE];
	const Redress__DeadLetter *content = letter->content;
	printf("id:      %s%s\nread at: %s partition %d offset %" PRId64
	       "\nservice: %s\ntime:    %s\nreason:  %s\nkey:     %.*s\nsize:    %zu bytes\n",
	       letter->id, letter->replayed ? " (replayed)" : "", content->topic,
	       content->partition, content->offset, content->service,
	       clock_rfc3339(content->at_ms, time), content->reason, (int)content->key.len,
	       (const char *)content->key.data, content->value.len);
	for (size_t i = 0; i < content->n_headers; i++)
		printf("header:  %s = %.*s\n", content->headers[i]->name,
		       (int)content->headers[i]->value.len,
		       (const char *)content->headers[i]->value.data);
}

/* ---- replay -------------------------------------------------------------------------------- */

static void on_delivered(void *self, void *tag, int32_t partition, int64_t offset,
			 const char *error)
{
	(void)tag;
	(void)partition;
	(void)offset;
	if (error)
		*(bool *)self = true;
}

static void put_back(struct kafka_producer *producer, const Redress__DeadLetter *content)
{
	struct err err;
	char key[200];
	struct kafka_header *headers = x_calloc(content->n_headers, sizeof(*headers));
	for (size_t i = 0; i < content->n_headers; i++)
		headers[i] = (struct kafka_header){content->headers[i]->name,
						   content->headers[i]->value.data,
						   content->headers[i]->value.len};
	/* a letter that died again carries this in front already */
	const char *original = (const char *)content->key.data;
	int original_len = (int)content->key.len;
	bool again = original_len > 7 && memcmp(original, "replay:", 7) == 0;
	for (int colons = again ? 2 : 0; colons && original_len; original++, original_len--)
		colons -= *original == ':';
	int key_len =
	    snprintf(key, sizeof(key), "replay:%s:%.*s", content->service, original_len, original);
	if (kafka_produce(producer, content->topic, content->partition, key, (size_t)key_len,
			  content->value.data, content->value.len, headers, content->n_headers,
			  NULL, &err) != KAFKA_SENT)
		fatal("not replayed: %s", err.text);
	free(headers);
}

static void put_mark(struct kafka_producer *producer, const struct letter *letter)
{
	struct err err;
	uint8_t packed[512];
	Redress__DeadLetter mark = REDRESS__DEAD_LETTER__INIT;
	mark.topic = letter->content->topic;
	mark.partition = letter->content->partition;
	mark.service = letter->content->service;
	mark.at_ms = clock_now_ms();
	mark.replayed = true;
	mark.replayed_offset = letter->offset;
	if (redress__dead_letter__get_packed_size(&mark) > sizeof(packed))
		fatal("%s: names of absurd length", letter->id);
	size_t size = redress__dead_letter__pack(&mark, packed);
	if (kafka_produce(producer, letter->dead_topic, mark.partition, NULL, 0, packed, size, NULL,
			  0, NULL, &err) != KAFKA_SENT)
		fatal("replayed but not marked: %s", err.text);
}

static void replay(const struct settings *settings, const struct letters *letters,
		   const char *const *ids, size_t count)
{
	struct err err;
	bool failed = false;
	const struct kafka_producer_options options = {
	    .delivered = on_delivered,
	    .self = &failed,
	    .message_timeout_ms = FLUSH_MS,
	    .queue_max_messages = 1000000,
	    .queue_max_bytes = INT64_C(1) << 30,
	};
	struct kafka_producer *producer = kafka_producer_new(settings, &options, &err);
	if (!producer)
		fatal("%s", err.text);
	bool everything = count == 1 && strcmp(ids[0], "all") == 0;
	size_t done = 0;
	for (size_t i = 0; i < (everything ? letters->count : count); i++) {
		const struct letter *letter =
		    everything ? &letters->list[i] : find(letters, ids[i]);
		if (letter->replayed)
			continue;
		put_back(producer, letter->content);
		put_mark(producer, letter);
		done++;
	}
	if (kafka_producer_flush(producer, FLUSH_MS, &err) || failed)
		fatal("the broker did not take everything: list again and repeat");
	printf("%zu replayed\n", done);
	kafka_producer_free(&producer, 0);
}

int main(int argc, char **argv)
{
	static const struct setting *const tables[] = {kafka_settings, NULL};
	int first;
	log_setup("dead", LOG_LEVEL_INFO, false);
	struct settings *settings = command_line(argc, argv, usage, tables, &first);
	const char *verb = first < argc ? argv[first] : "";
	const char *const *ids = (const char *const *)argv + first + 1;
	int count = argc - first - 1;
	bool to_list = strcmp(verb, "list") == 0 && count == 0;
	bool to_show = strcmp(verb, "show") == 0 && count == 1;
	bool to_replay = strcmp(verb, "replay") == 0 && count >= 1;
	if (!to_list && !to_show && !to_replay) {
		fprintf(stderr, "%s", usage);
		return 2;
	}
	struct letters letters = read_letters(settings);
	if (to_list)
		list(&letters);
	else if (to_show)
		show(find(&letters, ids[0]));
	else
		replay(settings, &letters, ids, (size_t)count);
	free_letters(&letters);
	settings_free(&settings);
	return 0;
}
