/*
 * The classification daemon's own handler without Kafka: messages as intake seals them go in, the
 * commands that would be published come out. Says how many a second one core does, and on what the
 * time goes.
 *
 *   handle_classification SETTINGS TEXTS COUNT ROUNDS [MOST]
 *
 * SETTINGS: a file with the daemon's settings, but for kafka.* and the runtime's. TEXTS: lines
 * "language<TAB>text", read again from the start when COUNT is larger. MOST: only texts of at most
 * so many bytes. Prints "name value" lines: microseconds of processor time a message, the median
 * over all batches.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classification.h"
#include "judging/classify.h"
#include "client/key_file.h"
#include "domain/case_number.h"
#include "domain/message_fault.h"
#include "domain/unseal.h"
#include "runtime/runtime_private.h"
#include "sealed.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define BATCH       2000 /* as batch.messages */
#define LINE_SIZE   65536
#define ROUNDS_MAX  99
#define PARTITIONS  8
#define EPOCH_CASES 50000

struct bench {
	struct settings *settings;
	struct arena *kept; /* the messages */
	struct arena *arena;
	struct item *items;
	size_t count;
	size_t text_bytes, out_bytes, out;
	struct runtime runtime;
	struct outbox outbox;
	void *service;
	/* for the parts of the work */
	struct unsealer *unsealer;
	struct classifier *classifier;
};

/* ---- messages ------------------------------------------------------------------------------- */

static bool read_line(FILE *texts, char *line)
{
	for (int tries = 0; tries < 2; tries++, rewind(texts)) {
		if (fgets(line, LINE_SIZE, texts))
			return true;
	}
	return false;
}

static void add_message(struct bench *bench, const struct sealed_epoch *epoch,
			struct case_number_source *numbers, char *line, char *text)
{
	struct item *item = &bench->items[bench->count++];
	int64_t now_ms = clock_now_ms();
	uint64_t number;
	if (!case_number_next(numbers, now_ms, (uint8_t)randombytes_uniform(256), &number))
		fatal("there are no more numbers");
	size_t size;
	const void *value = sealed_message(epoch, bench->arena, number, now_ms, line, text, &size);
	item->message =
	    (struct kafka_message){.topic = TOPIC_RECEIVED,
				   .partition = case_number_partition(number, PARTITIONS),
				   .offset = (int64_t)bench->count,
				   .value = arena_copy(bench->kept, value, size),
				   .len = size};
	bench->text_bytes += strlen(text);
	arena_reset(bench->arena);
}

static void make_messages(struct bench *bench, FILE *texts, size_t count, size_t most)
{
	static char line[LINE_SIZE];
	static struct sealed_epoch epoch;
	static const char *const names[] = {"classification.pub", "officer.pub",
					    "notification.pub"};
	struct case_number_source numbers = {.current = {0, CASE_NUMBER_TIME_END, 0}};
	uint8_t public[3][32];
	struct err err;
	for (size_t i = 0; i < 3; i++) {
		if (key_file_read(settings_str(bench->settings, "keys.folder"), names[i], public[i],
				  &err))
			fatal("%s", err.text);
	}
	bench->items = x_calloc(count, sizeof(*bench->items));
	for (size_t passed = 0; bench->count < count;) {
		if (bench->count % EPOCH_CASES == 0)
			sealed_epoch_start(&epoch, public, clock_now_ms());
		if (!read_line(texts, line) || passed > 100000000)
			fatal("there are no such texts");
		line[strcspn(line, "\n")] = '\0';
		char *tab = strchr(line, '\t');
		if (!tab || !tab[1] || strlen(tab + 1) > most) {
			passed++;
			continue;
		}
		*tab = '\0';
		add_message(bench, &epoch, &numbers, line, tab + 1);
	}
}

/* ---- the work, and parts of it -------------------------------------------------------------- */

static void whole(struct bench *bench, struct batch *batch)
{
	struct err err;
	outbox_clear(&bench->outbox);
	if (classification_service.handle(bench->service, batch, &bench->outbox, &err))
		fatal("%s", err.text);
	if (classification_service.committed)
		classification_service.committed(bench->service, NULL, 0);
	bench->out += bench->outbox.count;
	for (size_t i = 0; i < bench->outbox.count; i++)
		bench->out_bytes += bench->outbox.entries[i].len;
}

static Redress__GrievanceReceived *unpack(struct batch *batch, const struct item *item)
{
	Redress__GrievanceReceived *received = redress__grievance_received__unpack(
	    arena_protobuf(batch->arena), item->message.len, item->message.value);
	const struct message_place place = {item->message.partition, PARTITIONS, clock_now_ms()};
	struct err err;
	if (message_fault(received ? &received->base : NULL, &place, &err))
		fatal("a message of this program's own cannot be read");
	return received;
}

static void only_unpack(struct bench *bench, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		unpack(batch, &batch->items[i]);
		arena_reset(bench->arena);
	}
}

static Redress__GrievanceText *open_text(struct bench *bench, struct batch *batch,
					 const Redress__GrievanceReceived *received)
{
	struct err err;
	Redress__GrievanceText *text;
	const ProtobufCBinaryData *sealed = &received->grievance->sealed_text;
	if (unsealer_text(bench->unsealer, batch->arena, received->epoch, received->key,
			  received->grievance->number, sealed->data, sealed->len, &text, &err))
		fatal("%s", err.text);
	return text;
}

static void to_the_text(struct bench *bench, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		open_text(bench, batch, unpack(batch, &batch->items[i]));
		arena_reset(bench->arena);
	}
}

static void to_the_answer(struct bench *bench, struct batch *batch)
{
	Redress__Classification found;
	Redress__Why why;
	for (size_t i = 0; i < batch->count; i++) {
		const Redress__GrievanceReceived *received = unpack(batch, &batch->items[i]);
		classify(bench->classifier, batch->arena, open_text(bench, batch, received),
			 received->grievance->declared_language, &found, &why);
		arena_reset(bench->arena);
	}
}

/* Microseconds a message. */
static double timed(struct bench *bench, void (*work)(struct bench *, struct batch *), size_t from)
{
	size_t left = bench->count - from;
	struct batch batch = {bench->items + from, left < BATCH ? left : BATCH, bench->arena,
			      clock_now_ms()};
	int64_t begun = clock_thread_ns();
	work(bench, &batch);
	arena_reset(bench->arena);
	return (double)(clock_thread_ns() - begun) / 1000 / (double)batch.count;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

/* The works take turns batch by batch, so that what else the machine does meets all of them alike.
 */
static void run(struct bench *bench, size_t rounds)
{
	static void (*const works[])(struct bench *, struct batch *) = {only_unpack, to_the_text,
									to_the_answer, whole};
	size_t batches = (bench->count + BATCH - 1) / BATCH, samples = 0;
	double *took[4], of[4];
	for (size_t i = 0; i < 4; i++)
		took[i] = x_calloc(rounds * batches, sizeof(*took[i]));
	for (size_t round = 0; round <= rounds; round++) {
		for (size_t from = 0; from < bench->count; from += BATCH, samples++) {
			for (size_t i = 0; i < 4; i++)
				took[i][samples] = timed(bench, works[i], from);
		}
		if (!round) /* the first one warms up */
			samples = 0;
	}
	for (size_t i = 0; i < 4; i++) {
		of[i] = median(took[i], samples);
		free(took[i]);
	}
	if (bench->out != bench->count * (rounds + 1))
		fatal("only %zu of %zu messages were answered", bench->out,
		      bench->count * (rounds + 1));
	printf("messages %zu\ntext_bytes %.0f\nresult_bytes %.0f\n", bench->count,
	       (double)bench->text_bytes / (double)bench->count,
	       (double)bench->out_bytes / (double)bench->out);
	printf("unpack_us %.3f\nopen_us %.3f\nclassify_us %.3f\nanswer_us %.3f\ntotal_us %.3f\n",
	       of[0], of[1] - of[0], of[2] - of[1], of[3] - of[2], of[3]);
	printf("per_second %.0f\n", 1e6 / of[3]);
}

static void set_up(struct bench *bench, const char *file)
{
	uint8_t public[32], secret[32];
	struct err err;
	bench->settings = settings_load(classification_service.settings, file, &err);
	if (!bench->settings)
		fatal("%s", err.text);
	const char *keys = settings_str(bench->settings, "keys.folder");
	bench->kept = arena_new();
	bench->arena = arena_new();
	bench->runtime.service = &classification_service;
	bench->runtime.stage = bench->outbox.stage = pipeline_stage("classification");
	bench->runtime.settings = bench->settings;
	bench->runtime.partitions = PARTITIONS;
	if (key_file_read(keys, "classification.pub", public, &err) ||
	    key_file_read(keys, "classification.key", secret, &err) ||
	    classification_service.start(&bench->runtime, &bench->service, &err))
		fatal("%s", err.text);
	bench->unsealer = unsealer_new(ROLE_CLASSIFICATION, public, secret);
	bench->classifier = classifier_load(bench->settings, &err);
	if (!bench->classifier)
		fatal("%s", err.text);
}

int main(int argc, char **argv)
{
	static struct bench bench;
	log_setup("bench", LOG_LEVEL_WARN, false);
	if (argc < 5 || atoi(argv[3]) < 1 || atoi(argv[4]) < 1 || atoi(argv[4]) > ROUNDS_MAX)
		fatal("usage: handle_classification SETTINGS TEXTS COUNT ROUNDS [MOST]");
	FILE *texts = fopen(argv[2], "r");
	if (!texts || sodium_init() < 0)
		fatal("%s cannot be read", argv[2]);
	set_up(&bench, argv[1]);
	make_messages(&bench, texts, (size_t)atol(argv[3]),
		      argc > 5 ? (size_t)atol(argv[5]) : LINE_SIZE);
	run(&bench, (size_t)atol(argv[4]));
	classification_service.stop(bench.service);
	classifier_free(&bench.classifier);
	unsealer_free(&bench.unsealer);
	outbox_free(&bench.outbox);
	arena_free(&bench.kept);
	arena_free(&bench.arena);
	settings_free(&bench.settings);
	free(bench.items);
	fclose(texts);
	return 0;
}
