#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "client/ledger_record.h"
#include "domain/case_state.h"
#include "util/log.h"
#include "util/text.h"

#define ENTRIES_AT_ONCE 200

struct audit {
	struct postgres *postgres;
	struct arena *arena;
	const struct audit_kept *kept;
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

/* One that is not there is like no other. */
static struct ledger_hash get_hash(const struct postgres_result *rows, size_t row, int column)
{
	struct ledger_hash hash;
	if (!postgres_get_exactly(rows, row, column, hash.bytes, sizeof(hash.bytes)))
		memset(&hash, 0, sizeof(hash));
	return hash;
}

static bool same(const struct ledger_hash *a, const struct ledger_hash *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool same_text(const struct postgres_result *rows, size_t row, int column, const char *text)
{
	size_t size;
	const char *stored = postgres_get_bytes(rows, row, column, &size);
	return strlen(text) == size && memcmp(stored, text, size) == 0;
}

/* The columns beside body are what queries look at: they must say what body says. */
static bool row_agrees(const struct postgres_result *rows, size_t row,
		       const struct ledger_entry *entry, const struct ledger_event *event)
{
	return postgres_get_int(rows, row, 1) == (int64_t)event->number &&
	       postgres_get_int(rows, row, 2) == event->version &&
	       postgres_get_int(rows, row, 3) == event->at_ms &&
	       same_text(rows, row, 4, event->kind) && same_text(rows, row, 5, event->status) &&
	       postgres_get_int(rows, row, 6) == entry->sequence &&
	       postgres_get_int(rows, row, 7) == (int64_t)row;
}

/* The events that are in the record now: their root and count. Returns their leaves. */
static const struct ledger_hash *recompute(struct audit *audit, struct ledger_entry *entry)
{
	const struct postgres_param params[] = {postgres_int4(audit->arena, entry->partition),
						postgres_int8(audit->arena, entry->first_offset),
						postgres_int8(audit->arena, entry->last_offset)};
	struct postgres_result *rows = ask(
	    audit,
	    "SELECT body, number, version, (extract(epoch FROM at) * 1000)::bigint, kind, status,"
	    " entry, leaf FROM case_events WHERE source_partition = $1"
	    " AND source_offset BETWEEN $2 AND $3 ORDER BY source_offset",
	    params, 3);
	size_t count = postgres_rows(rows), size;
	struct ledger_hash *leaves = arena_zero(audit->arena, (count + 1) * sizeof(*leaves));
	for (size_t i = 0; i < count; i++) {
		const uint8_t *body = (const uint8_t *)postgres_get_bytes(rows, i, 0, &size);
		const Redress__CaseEvent *event =
		    redress__case_event__unpack(arena_protobuf(audit->arena), size, body);
		if (!event) {
			complain(audit, entry, "an event cannot be read any more");
			continue;
		}
		struct ledger_event shown = ledger_event(event, body, size);
		leaves[i] = ledger_event_leaf(&shown);
		if (!row_agrees(rows, i, entry, &shown))
			complain(audit, entry, "a row says something else than the event it holds");
	}
	entry->root = ledger_root(audit->arena, leaves, count);
	entry->events = (int64_t)count;
	audit->events += (int64_t)count;
	postgres_result_free(&rows);
	return leaves;
}

/* The subtrees that became complete with a page of entries. */
static void check_nodes(struct audit *audit, int32_t partition, const struct ledger_node *nodes,
			size_t count)
{
	struct err err;
	size_t missing;
	struct ledger_node *stored = arena_copy(audit->arena, nodes, count * sizeof(*nodes));
	if (ledger_record_nodes(audit->postgres, audit->arena, partition, stored, count, &missing,
				&err))
		fatal("%s", err.text);
	for (size_t i = 0; i < count; i++) {
		if (same(&stored[i].hash, &nodes[i].hash))
			continue;
		audit->faults++;
		printf("partition %d: node %" PRId64 " of level %d of the tree was altered\n",
		       partition, nodes[i].index, nodes[i].level);
	}
}

static void check_kept(struct audit *audit, const struct ledger_entry *entry,
		       const struct ledger_hash *head)
{
	for (size_t i = 0; i < audit->kept->count; i++) {
		const struct ledger_head *kept = &audit->kept->heads[i];
		if (kept->partition == entry->partition && kept->size == entry->sequence &&
		    !same(&kept->root, head))
			complain(audit, entry, "the head that was kept is another one");
	}
}

/* Archival signed what the tree is with this entry. */
static void check_signature(struct audit *audit, const struct postgres_result *rows, size_t row,
			    const struct ledger_entry *entry, const struct ledger_hash *root)
{
	struct ledger_head head = {.partition = entry->partition,
				   .size = entry->sequence,
				   .at_ms = postgres_get_int(rows, row, 7),
				   .root = *root};
	char complaint[80];
	head.is_signed = postgres_get_exactly(rows, row, 8, head.key, sizeof(head.key)) &&
			 postgres_get_exactly(rows, row, 9, head.signature, sizeof(head.signature));
	const char *fault = audit_signature_fault(audit->kept, &head);
	snprintf(complaint, sizeof(complaint), "its head %s", fault ? fault : "");
	if (fault)
		complain(audit, entry, complaint);
}

static bool same_leaves(const struct postgres_result *rows, size_t row,
			const struct ledger_hash *leaves, size_t count)
{
	size_t size;
	const char *stored = postgres_get_bytes(rows, row, 6, &size);
	return size == count * sizeof(*leaves) && memcmp(stored, leaves, size) == 0;
}

/* Adds the nodes that are complete with it, and returns how many. */
static size_t check_entry(struct audit *audit, const struct postgres_result *rows, size_t row,
			  int32_t partition, struct ledger_tree *tree, struct ledger_node *nodes)
{
	struct ledger_entry entry = {
	    .partition = partition,
	    .sequence = postgres_get_int(rows, row, 0),
	    .first_offset = postgres_get_int(rows, row, 1),
	    .last_offset = postgres_get_int(rows, row, 2),
	};
	struct ledger_hash root = get_hash(rows, row, 4), head = get_hash(rows, row, 5);
	if (entry.sequence != tree->size + 1)
		complain(audit, &entry, "an entry before it is missing");
	const struct ledger_hash *leaves = recompute(audit, &entry);
	if (entry.events != postgres_get_int(rows, row, 3))
		complain(audit, &entry, "has another number of events than was sealed");
	else if (!same(&entry.root, &root))
		complain(audit, &entry, "an event was altered");
	else if (!same_leaves(rows, row, leaves, (size_t)entry.events))
		complain(audit, &entry, "its leaves were altered");
	entry.events = postgres_get_int(rows, row, 3);
	entry.root = root;
	struct ledger_hash leaf = ledger_entry_leaf(&entry);
	size_t count = ledger_tree_add(tree, &leaf, nodes);
	struct ledger_hash mine = ledger_tree_root(tree);
	if (!same(&mine, &head))
		complain(audit, &entry, "the entry itself, or one before it, was altered");
	check_kept(audit, &entry, &mine);
	check_signature(audit, rows, row, &entry, &mine);
	audit->entries++;
	return count;
}

static void check_partition(struct audit *audit, int32_t partition)
{
	char hex[2 * LEDGER_HASH_SIZE + 1];
	struct ledger_tree tree = {0};
	int64_t last = 0;
	size_t count;
	do {
		const struct postgres_param params[] = {
		    postgres_int4(audit->arena, partition), postgres_int8(audit->arena, last),
		    postgres_int4(audit->arena, ENTRIES_AT_ONCE)};
		struct postgres_result *rows = ask(
		    audit,
		    "SELECT sequence, first_offset, last_offset, events, root, tree, leaves,"
		    " (extract(epoch FROM at) * 1000)::bigint, COALESCE(signer, ''),"
		    " COALESCE(signature, '') FROM ledger WHERE partition = $1 AND sequence > $2"
		    " ORDER BY sequence LIMIT $3",
		    params, 3);
		count = postgres_rows(rows);
		/* an entry completes itself, every second one a pair, and so on */
		struct ledger_node *nodes =
		    arena_take(audit->arena, (2 * count + LEDGER_LEVELS) * sizeof(*nodes));
		size_t complete = 0;
		for (size_t i = 0; i < count; i++) {
			complete += check_entry(audit, rows, i, partition, &tree, nodes + complete);
			last = postgres_get_int(rows, i, 0);
		}
		check_nodes(audit, partition, nodes, complete);
		postgres_result_free(&rows);
		arena_reset(audit->arena);
	} while (count == ENTRIES_AT_ONCE);
	for (size_t i = 0; i < audit->kept->count; i++) {
		if (audit->kept->heads[i].partition == partition &&
		    audit->kept->heads[i].size > tree.size) {
			audit->faults++;
			printf("partition %d: the head that was kept is of %" PRId64
			       " entries, there are %" PRId64 "\n",
			       partition, audit->kept->heads[i].size, tree.size);
		}
	}
	struct ledger_hash head = ledger_tree_root(&tree);
	text_hex(hex, head.bytes, sizeof(head.bytes));
	printf("partition %d: %" PRId64 " entries, head %s\n", partition, tree.size, hex);
}

int64_t audit_record(struct postgres *postgres, const struct audit_kept *kept)
{
	struct audit audit = {postgres, arena_new(), kept, 0, 0, 0};
	int64_t *partitions = arena_take(audit.arena, (kept->count + 1) * sizeof(*partitions));
	for (size_t i = 0; i < kept->count; i++)
		partitions[i] = kept->heads[i].partition;
	/* also those of which only a kept head is left */
	struct postgres_param also = postgres_int8_array(audit.arena, partitions, kept->count);
	struct postgres_result *rows =
	    ask(&audit,
		"SELECT partition FROM ledger UNION SELECT unnest($1::bigint[])::int ORDER BY 1",
		&also, 1);
	for (size_t i = 0; i < postgres_rows(rows); i++)
		check_partition(&audit, (int32_t)postgres_get_int(rows, i, 0));
	postgres_result_free(&rows);
	rows = ask(&audit, "SELECT count(*) FROM case_events", NULL, 0);
	if (postgres_get_int(rows, 0, 0) != audit.events) {
		audit.faults++;
		printf("the record holds %" PRId64 " events, the ledger speaks of %" PRId64 "\n",
		       postgres_get_int(rows, 0, 0), audit.events);
	}
	postgres_result_free(&rows);
	printf("%" PRId64 " events in %" PRId64 " entries: %s\n", audit.events, audit.entries,
	       audit.faults ? "the record does NOT agree with the ledger" : "the record agrees");
	arena_free(&audit.arena);
	return audit.faults;
}
