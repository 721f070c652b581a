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
#include "sealed.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/settings.h"

#define EPOCH_CASES 50000 /* as many as intake meets in some minutes of full load */
#define LINE_SIZE   65536

static struct {
	struct settings *settings;
	struct kafka_producer *producer;
	int32_t partitions;
	uint8_t public[3][32]; /* classification, desk, notification */
	struct case_number_source numbers;
	struct sealed_epoch epoch;
	size_t lost;
} fill;

static void delivered(void *self, void *tag, const struct kafka_delivery *delivery)
{
	(void)self;
	(void)tag;
	fill.lost += delivery->error != NULL;
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
	static const char *const names[] = {"classification.pub", "officer.pub",
					    "notification.pub"};
	struct err err;
	for (size_t i = 0; i < 3; i++) {
		if (key_file_read(settings_str(fill.settings, "keys.folder"), names[i],
				  fill.public[i], &err))
			fatal("%s", err.text);
	}
}

static void send_message(uint64_t number, int64_t now_ms, const void *value, size_t size)
{
	struct err err;
	char key[CASE_NUMBER_TEXT_SIZE], time[CLOCK_RFC3339_SIZE], id[33];
	uint8_t random[16];
	case_number_format(number, key);
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(id, sizeof(id), random, sizeof(random));
	clock_rfc3339(now_ms, time);
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
	size_t size;
	int64_t now_ms = clock_now_ms();
	uint64_t number;
	if (!case_number_next(&fill.numbers, now_ms, (uint8_t)randombytes_uniform(256), &number))
		fatal("there are no more numbers");
	const void *value =
	    sealed_message(&fill.epoch, arena, number, now_ms, language, text, &size);
	send_message(number, now_ms, value, size);
}

static void run(FILE *texts, long count)
{
	static char line[LINE_SIZE];
	struct arena *arena = arena_new();
	for (long i = 0; i < count; i++) {
		if (i % EPOCH_CASES == 0)
			sealed_epoch_start(&fill.epoch, fill.public, clock_now_ms());
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
	/* nobody else numbers what a benchmark makes */
	const struct case_number_lease all = {0, CASE_NUMBER_TIME_END,
					      argc > 5 ? (uint8_t)atoi(argv[5]) : 0};
	case_number_extend(&fill.numbers, &all);
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
