/*
 * NAME      redress-audit - prove that the record was not altered
 * SYNOPSIS  redress-audit [--config FILE] verify
 *
 * Recomputes every entry of the ledger from the events that are in the record: each entry's chain to
 * the one before, its Merkle root, its count; and looks for events that are in no entry. Prints what
 * does not agree and ends with 1, or prints each partition's last hash (to be kept elsewhere).
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/postgres.h"
#include "command_line.h"
#include "domain/ledger.h"
#include "util/alloc.h"
#include "util/log.h"
#include "util/text.h"

#define ENTRIES_AT_ONCE 500

static const char usage[] = "usage: redress-audit [--config FILE] verify\n"
			    "Recomputes the audit ledger from the record.\n";

struct audit {
	struct postgres *postgres;
	struct arena *arena;
	int64_t events, entries, faults;
};

static struct postgres_result *ask(struct audit *audit, const char *sql,
				   const struct postgres_param *params, size_t count)
{
	struct err err;
	struct postgres_result *result;
	if (postgres_query(audit->postgres, sql, params, count, &result, &err))
		fatal("%s", err.text);
	return result;
}

static void complain(struct audit *audit, const struct ledger_entry *entry, const char *what)
{
	audit->faults++;
	printf("partition %d, entry %" PRId64 " (offsets %" PRId64 " to %" PRId64 "): %s\n",
	       entry->partition, entry->sequence, entry->first_offset, entry->last_offset, what);
}

/* The root over the events that are in the record now. */
static void recompute(struct audit *audit, struct ledger_entry *entry)
{
	const struct postgres_param params[] = {postgres_int4(audit->arena, entry->partition),
						postgres_int8(audit->arena, entry->first_offset),
						postgres_int8(audit->arena, entry->last_offset)};
	struct postgres_result *events =
		ask(audit,
		    "SELECT body FROM case_events WHERE source_partition = $1"
		    " AND source_offset BETWEEN $2 AND $3 ORDER BY source_offset",
		    params, 3);
	size_t count = postgres_rows(events), size;
	uint8_t *leaves = arena_take(audit->arena, (count + 1) * LEDGER_HASH_SIZE);
	for (size_t i = 0; i < count; i++) {
		const char *body = postgres_get_bytes(events, i, 0, &size);
		ledger_leaf(leaves + i * LEDGER_HASH_SIZE, body, size);
	}
	ledger_root(entry->root, leaves, count);
	entry->events = (int32_t)count;
	audit->events += (int64_t)count;
	postgres_result_free(&events);
}

static void get_hash(const struct postgres_result *rows, size_t row, int column,
		     uint8_t hash[LEDGER_HASH_SIZE])
{
	size_t size;
	const char *data = postgres_get_bytes(rows, row, column, &size);
	memset(hash, 0, LEDGER_HASH_SIZE);
	memcpy(hash, data, size < LEDGER_HASH_SIZE ? size : LEDGER_HASH_SIZE);
}

/* last: of the entry before; becomes this one's. */
static void check_entry(struct audit *audit, const struct postgres_result *rows, size_t row,
			struct ledger_entry *last)
{
	uint8_t stored[LEDGER_HASH_SIZE], root[LEDGER_HASH_SIZE];
	struct ledger_entry entry = {
		.partition = last->partition,
		.sequence = postgres_get_int(rows, row, 0),
		.first_offset = postgres_get_int(rows, row, 1),
		.last_offset = postgres_get_int(rows, row, 2),
	};
	int64_t events = postgres_get_int(rows, row, 3);
	get_hash(rows, row, 4, root);
	get_hash(rows, row, 5, entry.previous);
	get_hash(rows, row, 6, stored);
	if (entry.sequence != last->sequence + 1)
		complain(audit, &entry, "an entry before it is missing");
	if (memcmp(entry.previous, last->hash, LEDGER_HASH_SIZE) != 0)
		complain(audit, &entry, "is not chained to the entry before");
	recompute(audit, &entry);
	if (entry.events != events)
		complain(audit, &entry, "has another number of events than was sealed");
	else if (memcmp(entry.root, root, LEDGER_HASH_SIZE) != 0)
		complain(audit, &entry, "an event was altered");
	entry.events = (int32_t)events;
	memcpy(entry.root, root, LEDGER_HASH_SIZE);
	ledger_seal(&entry);
	if (memcmp(entry.hash, stored, LEDGER_HASH_SIZE) != 0)
		complain(audit, &entry, "the entry itself was altered");
	*last = entry;
	audit->entries++;
}

static void check_partition(struct audit *audit, int32_t partition)
{
	char hex[2 * LEDGER_HASH_SIZE + 1];
	struct ledger_entry last = {.partition = partition};
	size_t count;
	do {
		const struct postgres_param params[] = {
			postgres_int4(audit->arena, partition),
			postgres_int8(audit->arena, last.sequence),
			postgres_int4(audit->arena, ENTRIES_AT_ONCE)};
		struct postgres_result *rows =
			ask(audit,
			    "SELECT sequence, first_offset, last_offset, events, root, previous, hash"
			    " FROM ledger WHERE partition = $1 AND sequence > $2"
			    " ORDER BY sequence LIMIT $3",
			    params, 3);
		count = postgres_rows(rows);
		for (size_t i = 0; i < count; i++)
			check_entry(audit, rows, i, &last);
		postgres_result_free(&rows);
		arena_reset(audit->arena);
	} while (count == ENTRIES_AT_ONCE);
	text_hex(hex, last.hash, LEDGER_HASH_SIZE);
	printf("partition %d: %" PRId64 " entries, last hash %s\n", partition, last.sequence, hex);
}

static void verify(struct audit *audit)
{
	struct postgres_result *rows =
		ask(audit, "SELECT DISTINCT partition FROM ledger ORDER BY 1", NULL, 0);
	for (size_t i = 0; i < postgres_rows(rows); i++)
		check_partition(audit, (int32_t)postgres_get_int(rows, i, 0));
	postgres_result_free(&rows);
	rows = ask(audit, "SELECT count(*) FROM case_events", NULL, 0);
	if (postgres_get_int(rows, 0, 0) != audit->events) {
		audit->faults++;
		printf("the record holds %" PRId64 " events, the ledger speaks of %" PRId64 "\n",
		       postgres_get_int(rows, 0, 0), audit->events);
	}
	postgres_result_free(&rows);
}

int main(int argc, char **argv)
{
	static const struct setting *const tables[] = {postgres_settings, NULL};
	struct err err;
	int first;
	log_setup("audit", LOG_LEVEL_INFO, false);
	struct settings *settings = command_line(argc, argv, usage, tables, &first);
	if (first + 1 != argc || strcmp(argv[first], "verify") != 0) {
		fprintf(stderr, "%s", usage);
		return 2;
	}
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	struct audit audit = {
		.postgres = postgres_new(settings_str(settings, "postgres.conninfo"), "redress-audit"),
		.arena = arena_new()};
	/* one moment of the record, however long this takes */
	if (postgres_exec(audit.postgres, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &err))
		fatal("%s", err.text);
	verify(&audit);
	printf("%" PRId64 " events in %" PRId64 " entries: %s\n", audit.events, audit.entries,
	       audit.faults ? "the record does NOT agree with the ledger" : "the record agrees");
	arena_free(&audit.arena);
	postgres_free(&audit.postgres);
	settings_free(&settings);
	return audit.faults ? 1 : 0;
}
