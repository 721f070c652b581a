/*
 * Batches of whatever messages: archival sets aside what it cannot keep and makes a batch of the
 * rest, in which every case's history is whole. A message is a byte that says of which topic, two
 * of its length, and its bytes.
 */
#include "fuzz.h"

#include <sodium.h>
#include <string.h>

#include "domain/pipeline.h"
#include "record_batch.h"

#define PARTITIONS   4
#define NOW_MS       INT64_C(1772445600000)
#define MESSAGES_MAX 64

static struct arena *arena;
static struct epochs_known epochs;
static struct ledger_signer signer;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	arena = arena_new();
	MUST(sodium_init() >= 0);
	ledger_signer_init(&signer, (const uint8_t[LEDGER_KEY_SIZE]){1});
	return 0;
}

static size_t read_items(const uint8_t *data, size_t size, struct item *items)
{
	const struct pipeline_stage *stage = pipeline_stage("archival");
	size_t topics = 0, count = 0, length;
	while (stage->reads[topics])
		topics++;
	for (; size > 3 && count < MESSAGES_MAX; data += 3 + length, size -= 3 + length) {
		length = (size_t)data[1] << 8 | data[2];
		if (length > size - 3)
			length = size - 3;
		items[count] =
		    (struct item){.message = {.topic = stage->reads[data[0] % topics],
					      .partition = data[0] / topics % PARTITIONS,
					      .offset = (int64_t)count,
					      .value = arena_copy(arena, data + 3, length),
					      .len = length}};
		count++;
	}
	return count;
}

/* A case's rows: as many events as its version says. */
static void check_cases(const struct record_batch *batch)
{
	size_t versions = 0, leaves = 0;
	for (size_t i = 0; i < batch->case_count; i++) {
		const struct folded *folded = &batch->cases[i];
		MUST(folded->is_new && folded->changed == (folded->state != NULL));
		if (folded->changed)
			versions += folded->state->version;
	}
	for (size_t p = 0; p < PARTITIONS; p++)
		leaves += batch->leaves[p].count;
	MUST(versions == batch->counts[RECORD_EVENTS] && leaves == versions);
	MUST(batch->counts[RECORD_GRIEVANCES] == batch->counts[RECORD_KEYS]);
	/* everything else that is kept as it came is sealed too */
	for (size_t i = PARTITIONS; i < (size_t)PARTITIONS * SEALED_KINDS; i++)
		leaves += batch->leaves[i].count;
	MUST(leaves - versions == batch->counts[RECORD_GRIEVANCES] +
				      batch->counts[RECORD_REFUSALS] +
				      batch->counts[RECORD_OUTCOMES] + batch->counts[RECORD_DEAD]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_batch batch;
	struct item *items = arena_take(arena, MESSAGES_MAX * sizeof(*items));
	struct record_message *messages = arena_take(arena, MESSAGES_MAX * sizeof(*messages));
	size_t read = read_items(data, size, items), count = 0;
	for (size_t i = 0; i < read; i++)
		count +=
		    record_message_read(&messages[count], &items[i], PARTITIONS, NOW_MS, arena);
	batch.epochs_known = &epochs;
	batch.signer = &signer;
	record_batch_begin(&batch, arena, PARTITIONS, messages, count);
	for (size_t i = 0; i < count; i++)
		record_batch_add(&batch, &messages[i]);
	record_batch_end(&batch, NOW_MS);
	check_cases(&batch);
	arena_reset(arena);
	return 0;
}
