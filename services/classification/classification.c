/*
 * The handler: opens each text, has it classified, and sends the command that opens the case.
 */
#include "classification.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "client/key_file.h"
#include "domain/case_number.h"
#include "domain/message_check.h"
#include "domain/pipeline.h"
#include "domain/unseal.h"
#include "runtime/metrics.h"
#include "runtime/service.h"
#include "util/alloc.h"

#define COMMAND_TYPE "redress.case.command"

struct classification {
	struct runtime *runtime;
	struct unsealer *unsealer;
	struct classifier *classifier;
	struct metric *classified, *abstained;
};

static const char *fault(const Redress__GrievanceReceived *received, const struct item *item,
			 int32_t partitions)
{
	if (!received)
		return "is not a GrievanceReceived";
	if (message_bad_text(&received->base))
		return "has text that is not UTF-8";
	if (!received->grievance || !received->key || !received->epoch)
		return "the grievance, its key or its epoch is missing";
	if (case_number_partition(received->grievance->number, partitions) !=
	    item->message.partition)
		return "its case belongs to another partition";
	return NULL;
}

/* The words that decided are the citizen's, so they are sealed as the text is. */
static int seal_why(struct classification *self, struct arena *arena,
		    const Redress__GrievanceReceived *received, const Redress__Why *why,
		    ProtobufCBinaryData *sealed, struct err *err)
{
	uint8_t key[SEAL_KEY_SIZE], nonce[SEAL_NONCE_SIZE];
	uint64_t number = received->grievance->number;
	if (unsealer_key(self->unsealer, received->epoch, received->key, number, SEAL_TEXT, key,
			 err))
		return -1;
	size_t size = redress__why__get_packed_size(why);
	uint8_t *plain = arena_take(arena, size);
	redress__why__pack(why, plain);
	randombytes_buf(nonce, sizeof(nonce));
	struct seal_bytes closed =
		seal_close(arena, key, number, SEAL_WHY, nonce, plain, size);
	sodium_memzero(key, sizeof(key));
	sealed->data = closed.data;
	sealed->len = closed.len;
	return 0;
}

static void send_open(struct batch *batch, struct outbox *outbox, Redress__Grievance *grievance,
		      Redress__Classification *found)
{
	Redress__Command command = REDRESS__COMMAND__INIT;
	Redress__Actor actor = REDRESS__ACTOR__INIT;
	Redress__Open open = REDRESS__OPEN__INIT;
	uint8_t *id = arena_take(batch->arena, 16);
	randombytes_buf(id, 16);
	actor.id = (char *)(uintptr_t) "classification";
	open.grievance = grievance;
	open.classification = found;
	command.id.data = id;
	command.id.len = 16;
	command.number = grievance->number;
	command.actor = &actor;
	command.at_ms = batch->now_ms;
	command.body_case = REDRESS__COMMAND__BODY_OPEN;
	command.open = &open;
	size_t size = redress__command__get_packed_size(&command);
	uint8_t *packed = arena_take(batch->arena, size);
	redress__command__pack(&command, packed);
	outbox_add(outbox, TOPIC_COMMANDS, grievance->number, COMMAND_TYPE, packed, size);
}

static void classify_one(struct classification *self, struct batch *batch, struct item *item,
			 struct outbox *outbox)
{
	struct err err;
	Redress__GrievanceText *text;
	Redress__Classification found;
	Redress__Why why;
	Redress__GrievanceReceived *received = redress__grievance_received__unpack(
		arena_protobuf(batch->arena), item->message.len, item->message.value);
	const char *wrong = fault(received, item, runtime_partitions(self->runtime));
	if (received && received->grievance)
		item->number = received->grievance->number;
	if (wrong) {
		item_dead(item, "%s", wrong);
		return;
	}
	const ProtobufCBinaryData *sealed = &received->grievance->sealed_text;
	if (unsealer_text(self->unsealer, batch->arena, received->epoch, received->key,
			  item->number, sealed->data, sealed->len, &text, &err)) {
		item_dead(item, "the text cannot be opened: %s", err.text);
		return;
	}
	classify(self->classifier, batch->arena, text, received->grievance->declared_language,
		 &found, &why);
	if (seal_why(self, batch->arena, received, &why, &found.sealed_why, &err)) {
		item_dead(item, "%s", err.text);
		return;
	}
	outbox_cause(outbox, item);
	send_open(batch, outbox, received->grievance, &found);
	metric_add(self->classified, 1);
	metric_add(self->abstained, found.abstained);
}

static int handle(void *handle, struct batch *batch, struct outbox *outbox, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < batch->count; i++)
		classify_one(handle, batch, &batch->items[i], outbox);
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
	if (key_file_read(keys, "classification.pub", public, err) ||
	    key_file_read(keys, "classification.key", secret, err))
		return -1;
	self->unsealer = unsealer_new(ROLE_CLASSIFICATION, public, secret);
	sodium_memzero(secret, sizeof(secret));
	self->classifier = classifier_load(settings, err);
	self->classified = metric_counter("redress_classification_total", NULL,
					  "Grievances classified.");
	self->abstained = metric_counter("redress_classification_abstained_total", NULL,
					 "Grievances left to a person.");
	return self->classifier ? 0 : -1;
}

static void stop(void *handle)
{
	struct classification *self = handle;
	unsealer_free(&self->unsealer);
	classifier_free(&self->classifier);
	free(self);
}

static int reload(void *handle, struct err *err)
{
	struct classification *self = handle;
	struct classifier *fresh = classifier_load(runtime_settings(self->runtime), err);
	if (!fresh)
		return -1;
	classifier_free(&self->classifier);
	self->classifier = fresh;
	return 0;
}

static const struct setting *const settings[] = {key_file_settings, classifier_settings, NULL};

const struct service classification_service = {
	.name = "classification",
	.summary = "says what a grievance is about, in which language, how urgent",
	.settings = settings,
	.offsets = OFFSETS_TRANSACTION,
	.start = start,
	.stop = stop,
	.reload = reload,
	.handle = handle,
};
