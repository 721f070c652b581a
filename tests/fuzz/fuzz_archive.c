/*
 * Batches of whatever messages: archival sets aside what it cannot keep and makes an entry of the
 * rest, in which every case's history is whole. A message is a byte that says of which topic, two
 * of its length, and its bytes.
 */
#include "fuzz.h"

#include <sodium.h>
#include <string.h>

#include "domain/pipeline.h"
#include "entry.h"

#define PARTITIONS   4
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
static void check_cases(const struct entry *entry)
{
	size_t versions = 0, leaves = 0;
	for (size_t i = 0; i < entry->case_count; i++) {
		const struct folded *folded = &entry->cases[i];
		MUST(folded->is_new && folded->changed == (folded->state != NULL));
		if (folded->changed)
			versions += folded->state->version;
	}
	for (size_t p = 0; p < PARTITIONS; p++)
		leaves += entry->leaves[p].count;
	MUST(versions == entry->counts[RECORD_EVENTS] && leaves == versions);
	MUST(entry->counts[RECORD_GRIEVANCES] == entry->counts[RECORD_KEYS]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct entry entry;
	struct item *items = arena_take(arena, MESSAGES_MAX * sizeof(*items));
	struct letter *letters = arena_take(arena, MESSAGES_MAX * sizeof(*letters));
	size_t read = read_items(data, size, items), count = 0;
	for (size_t i = 0; i < read; i++)
		count += letter_read(&letters[count], &items[i], PARTITIONS, arena) == NULL;
	entry.epochs_known = &epochs;
	entry.signer = &signer;
	entry_begin(&entry, arena, PARTITIONS, letters, count);
	for (size_t i = 0; i < count; i++)
		entry_add(&entry, &letters[i]);
	entry_end(&entry, INT64_C(1772445600000));
	check_cases(&entry);
	arena_reset(arena);
	return 0;
}
