/*
 * The handler: opens each text, has it classified, and sends the command that opens the case. What
 * the numbers count is counted when the batch is committed.
 */
#include "classification.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "client/key_file.h"
#include "judging/counts.h"
#include "domain/case_number.h"
#include "domain/pipeline.h"
#include "domain/unseal.h"
#include "judging/models.h"
#include "runtime/service.h"
#include "util/alloc.h"
#include "util/log.h"

#define COMMAND_TYPE      "redress.case.command"
#define SIGNATURE_PURPOSE "redress signature key"
#define ID_SIZE           16
#define LOOK_MS           1000 /* how often the model files are looked at, and shares are shown */

static const struct setting shadow_settings[] = {
    {"model.shadow_percent", SETTING_INT, "100", 1, 100,
     "of how many cases in a hundred the shadow is asked, where asking it of all costs too much"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct classification {
	struct runtime *runtime;
	struct unsealer *unsealer;
	struct models *models;
	struct counts *counts;
	struct arena *scratch; /* of one message: stays in the processor's cache */
	uint32_t shadow_percent;
	uint8_t signature_key[SIGNATURE_KEY_SIZE];
	int64_t looked_ms;

	/* Of the batch that is being published; in its arena. */
	struct note *notes;
	size_t note_count;
};

/* A message at work. */
struct work {
	struct batch *batch;
	struct arena *scratch;
	struct item *item;
	const Redress__GrievanceReceived *received;
	const uint8_t *random; /* RANDOM_SIZE bytes that no other message has */
	struct note *note;
};

#define RANDOM_SIZE (ID_SIZE + SEAL_NONCE_SIZE)

/* ---- the shadow ------------------------------------------------------------------------------ */

/* The same cases whenever a batch comes again. */
static bool is_asked_of_shadow(const struct classification *self, uint64_t number)
{
	return (number * UINT64_C(0x9E3779B97F4A7C15) >> 32) % 100 < self->shadow_percent;
}

static void ask_shadow(const struct classification *self, const struct work *work,
		       Redress__Classification *found)
{
	struct verdict verdict;
	const struct model *shadow = models_shadow(self->models);
	if (!shadow || !is_asked_of_shadow(self, work->item->number))
		return;
	model_judge(shadow, classifier_features(models_classifier(self->models)), &verdict);
	Redress__Shadow *said = arena_take(work->scratch, sizeof(*said));
	redress__shadow__init(said);
	said->model_version = (char *)(uintptr_t)model_card(shadow)->version;
	said->abstained = verdict.abstained;
	if (verdict.guesses) {
		said->category = (char *)(uintptr_t)model_label(shadow, verdict.best[0].label);
		said->confidence = verdict.best[0].confidence;
	}
	found->shadow = said;
	work->note->shadowed = true;
	work->note->shadow_differs =
	    strcmp(said->category, found->n_guesses ? found->guesses[0]->category : "") != 0;
}

/* ---- one message ----------------------------------------------------------------------------- */

/* The words that decided are the citizen's, so they are sealed as the text is. */
static ProtobufCBinaryData seal_why(const struct work *work, const uint8_t key[SEAL_KEY_SIZE],
				    const Redress__Why *why)
{
	size_t size = redress__why__get_packed_size(why);
	uint8_t *plain = arena_take(work->scratch, size);
	redress__why__pack(why, plain);
	struct seal_bytes closed = seal_close(work->scratch, key, work->item->number, SEAL_WHY,
					      work->random + ID_SIZE, plain, size);
	return (ProtobufCBinaryData){closed.len, closed.data};
}

static void send_open(const struct work *work, struct outbox *outbox,
		      Redress__Classification *found)
{
	Redress__Command command = REDRESS__COMMAND__INIT;
	Redress__Actor actor = REDRESS__ACTOR__INIT;
	Redress__Open open = REDRESS__OPEN__INIT;
	actor.id = (char *)(uintptr_t) "classification";
	open.grievance = work->received->grievance;
	open.classification = found;
	command.id.data = (uint8_t *)(uintptr_t)work->random;
	command.id.len = ID_SIZE;
	command.number = work->item->number;
	command.actor = &actor;
	command.at_ms = work->batch->now_ms;
	command.body_case = REDRESS__COMMAND__BODY_OPEN;
	command.open = &open;
	size_t size = redress__command__get_packed_size(&command);
	uint8_t *packed = arena_take(work->batch->arena, size);
	redress__command__pack(&command, packed);
	outbox_cause(outbox, work->item);
	outbox_add(outbox, TOPIC_COMMANDS, command.number, COMMAND_TYPE, packed, size);
}

static void take_note(const struct classification *self, struct note *note)
{
	const struct verdict *verdict = classifier_verdict(models_classifier(self->models));
	note->label = verdict->guesses ? verdict->best[0].label : DRIFT_NOTHING;
	note->confidence = verdict->guesses ? verdict->best[0].confidence : 0;
	note->abstained = verdict->abstained;
}

/* -1: the message cannot be read, and err says why. */
static int classify_text(struct classification *self, const struct work *work,
			 struct outbox *outbox, struct err *err)
{
	uint8_t key[SEAL_KEY_SIZE];
	Redress__GrievanceText *text;
	Redress__Classification found;
	Redress__Why why;
	struct arena *arena = work->scratch;
	const Redress__GrievanceReceived *received = work->received;
	const ProtobufCBinaryData *sealed = &received->grievance->sealed_text;
	uint64_t number = work->item->number;
	if (unsealer_key(self->unsealer, received->epoch, received->key, number, SEAL_TEXT, key,
			 err))
		return -1;
	int result = unseal_text(key, arena, number, sealed->data, sealed->len, &text, err);
	if (!result) {
		classify(models_classifier(self->models), arena, text,
			 received->grievance->declared_language, &found, &why);
		classifier_sign(models_classifier(self->models), arena, self->signature_key,
				&found);
		take_note(self, work->note);
		ask_shadow(self, work, &found);
		found.sealed_why = seal_why(work, key, &why);
		send_open(work, outbox, &found);
	}
	sodium_memzero(key, sizeof(key));
	return result;
}

static void classify_one(struct classification *self, struct work *work, struct outbox *outbox)
{
	struct err err;
	struct item *item = work->item;
	work->received = redress__grievance_received__unpack(
	    arena_protobuf(work->scratch), item->message.len, item->message.value);
	if (item_faulty(item, work->received ? &work->received->base : NULL,
			runtime_partitions(self->runtime), work->batch->now_ms))
		return;
	item->number = work->received->grievance->number;
	work->note = &self->notes[self->note_count];
	*work->note = (struct note){0};
	if (classify_text(self, work, outbox, &err))
		item_dead(item, "the text cannot be opened: %s", err.text);
	else
		self->note_count++;
}

/* Asking the kernel for each message would cost more than the message. */
static uint8_t *random_for(struct batch *batch)
{
	uint8_t seed[randombytes_SEEDBYTES];
	size_t size = batch->count * RANDOM_SIZE;
	uint8_t *random = arena_take(batch->arena, size);
	randombytes_buf(seed, sizeof(seed));
	randombytes_buf_deterministic(random, size, seed);
	sodium_memzero(seed, sizeof(seed));
	return random;
}

static int handle(void *handle, struct batch *batch, struct outbox *outbox, struct err *err)
{
	(void)err;
	struct classification *self = handle;
	const uint8_t *random = random_for(batch);
	self->notes = arena_take(batch->arena, (batch->count + 1) * sizeof(*self->notes));
	self->note_count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct work work = {.batch = batch,
				    .scratch = self->scratch,
				    .item = &batch->items[i],
				    .random = random + i * RANDOM_SIZE};
		if (!work.item->dead)
			classify_one(self, &work, outbox);
		arena_reset(self->scratch);
	}
	return 0;
}

static void committed(void *handle, const struct kafka_partition *written, size_t count)
{
	struct classification *self = handle;
	(void)written;
	(void)count;
	counts_add(self->counts, self->notes, self->note_count);
	self->note_count = 0;
}

static void aborted(void *handle)
{
	((struct classification *)handle)->note_count = 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int reload(void *handle, struct err *err)
{
	struct classification *self = handle;
	if (models_reload(self->models, err))
		return -1;
	counts_begin(self->counts, self->models);
	return 0;
}

/* A model file that was replaced is taken without anybody's signal. */
static int tick(void *handle, struct arena *arena, int64_t now_ms, struct outbox *outbox,
		struct err *err)
{
	struct classification *self = handle;
	struct err why;
	(void)arena;
	(void)outbox;
	(void)err;
	if (now_ms - self->looked_ms < LOOK_MS && now_ms >= self->looked_ms)
		return 0;
	self->looked_ms = now_ms;
	if (models_changed(self->models) && reload(self, &why))
		log_error(0, "a model file was replaced but not taken, going on as before: %s",
			  why.text);
	counts_show(self->counts);
	return 0;
}

static int start(struct runtime *runtime, void **handle, struct err *err)
{
	uint8_t public[32], secret[32];
	const struct settings *settings = runtime_settings(runtime);
	const char *keys = settings_str(settings, "keys.folder");
	struct classification *self = x_calloc(1, sizeof(*self));
	*handle = self;
	self->runtime = runtime;
	self->scratch = arena_new();
	self->shadow_percent = (uint32_t)settings_int(settings, "model.shadow_percent");
	if (key_file_read(keys, "classification.pub", public, err) ||
	    key_file_read(keys, "classification.key", secret, err))
		return -1;
	self->unsealer = unsealer_new(ROLE_CLASSIFICATION, public, secret);
	/* the same for all instances, and for as long as the role's key is */
	crypto_generichash(self->signature_key, sizeof(self->signature_key),
			   (const uint8_t *)SIGNATURE_PURPOSE, strlen(SIGNATURE_PURPOSE), secret,
			   sizeof(secret));
	sodium_memzero(secret, sizeof(secret));
	self->models = models_load(settings, err);
	if (!self->models)
		return -1;
	self->counts = counts_new(settings);
	counts_begin(self->counts, self->models);
	return 0;
}

static void stop(void *handle)
{
	struct classification *self = handle;
	unsealer_free(&self->unsealer);
	counts_free(&self->counts);
	models_free(&self->models);
	arena_free(&self->scratch);
	free(self);
}

static const struct setting *const settings[] = {key_file_settings, classifier_settings,
						 models_settings,   shadow_settings,
						 counts_settings,   NULL};

static int check_models(const struct settings *given, struct err *err)
{
	struct models *models = models_load(given, err);
	if (!models)
		return -1;
	models_free(&models);
	return 0;
}

/* --check */
static int check(const struct settings *given, struct err *err)
{
	static const char *const keys[] = {"classification.pub", "classification.key", NULL};
	if (key_file_check(settings_str(given, "keys.folder"), keys, err) ||
	    check_models(given, err))
		return -1;
	return 0;
}

const struct service classification_service = {
    .name = "classification",
    .summary = "says what a grievance is about, in which language, how urgent",
    .settings = settings,
    .offsets = OFFSETS_TRANSACTION,
    .check = check,
    .start = start,
    .stop = stop,
    .reload = reload,
    .handle = handle,
    .tick = tick,
    .committed = committed,
    .aborted = aborted,
};
