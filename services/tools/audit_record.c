#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit_private.h"
#include "record/ledger_nodes.h"
#include "domain/case_state.h"
#include "util/log.h"
#include "util/text.h"

#define ENTRIES_AT_ONCE 200
#define ROWS_BEYOND     100 /* looked at, when there are more rows than were sealed */

static size_t kind_of(int32_t book)
{
	return (size_t)book / LEDGER_BOOKS_EACH;
}

static const char *table_of(int32_t book)
{
	return record_tables[sealed_kinds[kind_of(book)].record].name;
}

static void complain(struct audit *audit, const struct ledger_entry *entry, const char *what)
{
	audit_complain(
	    audit, "%s, partition %d, entry %" PRId64 " (offsets %" PRId64 " to %" PRId64 "): %s",
	    table_of(entry->partition), entry->partition % LEDGER_BOOKS_EACH, entry->sequence,
	    entry->first_offset, entry->last_offset, what);
}

#define OFFSET 8
#define BODY   11

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

/* The columns beside body are what queries look at: they must say what body says. */
static void check_columns(struct audit *audit, const struct postgres_result *rows, size_t row,
			  const struct ledger_entry *entry, const Redress__CaseEvent *event)
{
	size_t size;
	const char *body = postgres_get_bytes(rows, row, BODY, &size);
	const struct kafka_message source = {.partition = entry->partition,
					     .offset = postgres_get_int(rows, row, OFFSET),
					     .value = body,
					     .len = size};
	buffer_clear(&audit->image);
	row_event(&audit->image, event, &source, entry->sequence, (int32_t)entry->events);
	const char *column =
	    audit_difference(&audit->image, rows, row, 0, record_tables[RECORD_EVENTS].columns);
	if (column)
		audit_complain(
		    audit,
		    "case_events: %s of version %" PRId64 " of %s is not what its event says",
		    column, postgres_get_int(rows, row, 1), audit_number((int64_t)event->number));
}

/* Its leaf; entry->events is its place. */
static struct ledger_hash event_leaf(struct audit *audit, const struct postgres_result *rows,
				     size_t row, const struct ledger_entry *entry)
{
	size_t size;
	const uint8_t *body = (const uint8_t *)postgres_get_bytes(rows, row, BODY, &size);
	const Redress__CaseEvent *event =
	    redress__case_event__unpack(arena_protobuf(audit->arena), size, body);
	if (!event) {
		complain(audit, entry, "an event cannot be read any more");
		return (struct ledger_hash){{0}};
	}
	struct ledger_event shown = ledger_event(event, body, size);
	check_columns(audit, rows, row, entry, event);
	return ledger_event_leaf(&shown);
}

/* The events that are in the record now, after those of the entry before: the entry's root and
 * count are set. Returns their leaves. */
static const struct ledger_hash *recompute(struct audit *audit, struct ledger_entry *entry,
					   int64_t reached)
{
	const struct postgres_param params[] = {
	    postgres_int4(audit->arena, entry->partition), postgres_int8(audit->arena, reached),
	    postgres_int8(audit->arena, entry->last_offset),
	    postgres_int8(audit->arena, entry->events + ROWS_BEYOND)};
	struct postgres_result *rows = audit_ask(
	    audit,
	    "SELECT number, version, at, kind, status, actor_kind, actor, source_partition,"
	    " source_offset, entry, leaf, body FROM case_events WHERE source_partition = $1"
	    " AND source_offset BETWEEN $2 AND $3 ORDER BY source_offset LIMIT $4",
	    params, 4);
	size_t most = postgres_rows(rows);
	struct ledger_hash *leaves = arena_zero(audit->arena, (most + 1) * sizeof(*leaves));
	entry->events = 0;
	for (size_t i = 0; i < most; i++) {
		if (postgres_get_int(rows, i, OFFSET) < entry->first_offset)
			complain(audit, entry, "there is an event before it that was never sealed");
		else {
			leaves[entry->events] = event_leaf(audit, rows, i, entry);
			entry->events++;
		}
	}
	entry->root = ledger_root(audit->arena, leaves, (size_t)entry->events);
	audit->rows[SEALED_EVENTS] += entry->events;
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
	if (ledger_nodes_read(audit->postgres, audit->arena, partition, stored, count, &missing,
			      &err))
		fatal("%s", err.text);
	for (size_t i = 0; i < count; i++) {
		if (same(&stored[i].hash, &nodes[i].hash))
			continue;
		audit_complain(
		    audit, "%s, partition %d: node %" PRId64 " of level %d of the tree was altered",
		    table_of(partition), partition % LEDGER_BOOKS_EACH, nodes[i].index,
		    nodes[i].level);
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
	count = leaves ? count : 0; /* only those of events are kept */
	return size == count * sizeof(*leaves) && (!size || memcmp(stored, leaves, size) == 0);
}

/* Its rows as they are now: they must be what was sealed. */
static void check_rows(struct audit *audit, const struct postgres_result *rows, size_t row,
		       const struct ledger_entry *stored, int64_t reached)
{
	struct ledger_entry now = *stored;
	const struct ledger_hash *leaves = NULL;
	if (kind_of(stored->partition) == SEALED_EVENTS)
		leaves = recompute(audit, &now, reached);
	else
		audit_sealed_rows(audit, kind_of(stored->partition), &now, reached);
	if (now.events != stored->events)
		complain(audit, stored, "has another number of rows than was sealed");
	else if (!same(&now.root, &stored->root))
		complain(audit, stored, "a row was altered");
	else if (!same_leaves(rows, row, leaves, (size_t)now.events))
		complain(audit, stored, "its leaves were altered");
}

/* Adds the nodes that are complete with it, and returns how many. *reached: the offset after the
 * rows of the entry before. */
static size_t check_entry(struct audit *audit, const struct postgres_result *rows, size_t row,
			  int32_t partition, struct ledger_tree *tree, struct ledger_node *nodes,
			  int64_t *reached)
{
	const struct ledger_entry entry = {
	    .partition = partition,
	    .sequence = postgres_get_int(rows, row, 0),
	    .first_offset = postgres_get_int(rows, row, 1),
	    .last_offset = postgres_get_int(rows, row, 2),
	    .events = postgres_get_int(rows, row, 3),
	    .root = get_hash(rows, row, 4),
	};
	struct ledger_hash head = get_hash(rows, row, 5);
	if (entry.sequence != tree->size + 1)
		complain(audit, &entry, "an entry before it is missing");
	check_rows(audit, rows, row, &entry, *reached);
	*reached = entry.last_offset + 1;
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

/* Nodes of the tree that are of no entry. */
static void count_nodes(struct audit *audit, int32_t partition, int64_t expected)
{
	const struct postgres_param param = postgres_int4(audit->arena, partition);
	struct postgres_result *rows =
	    audit_ask(audit, "SELECT count(*) FROM ledger_nodes WHERE partition = $1", &param, 1);
	if (postgres_get_int(rows, 0, 0) != expected)
		audit_complain(audit,
			       "ledger_nodes: there are %" PRId64
			       " nodes of %s, partition %d; %" PRId64 " were made",
			       postgres_get_int(rows, 0, 0), table_of(partition),
			       partition % LEDGER_BOOKS_EACH, expected);
	postgres_result_free(&rows);
}

static void check_partition(struct audit *audit, int32_t partition)
{
	char hex[2 * LEDGER_HASH_SIZE + 1];
	struct ledger_tree tree = {0};
	int64_t last = 0, reached = 0, node_count = 0;
	size_t count;
	do {
		const struct postgres_param params[] = {
		    postgres_int4(audit->arena, partition), postgres_int8(audit->arena, last),
		    postgres_int4(audit->arena, ENTRIES_AT_ONCE)};
		struct postgres_result *rows = audit_ask(
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
			complete += check_entry(audit, rows, i, partition, &tree, nodes + complete,
						&reached);
			last = postgres_get_int(rows, i, 0);
		}
		check_nodes(audit, partition, nodes, complete);
		node_count += (int64_t)complete;
		postgres_result_free(&rows);
		arena_reset(audit->arena);
	} while (count == ENTRIES_AT_ONCE);
	count_nodes(audit, partition, node_count);
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
	printf("%s, partition %d: %" PRId64 " entries, head %s\n", table_of(partition),
	       partition % LEDGER_BOOKS_EACH, tree.size, hex);
}

/* What nobody can check here, so that nobody takes it for checked. */
static void say_what_is_not_covered(const struct audit_kept *kept)
{
	static const char *const columns[] = {
	    "case_events.source_offset, but for its order and its entry",
	    "dead_letters.replayed_at, discarded_at and discard_reason",
	    "erasures.at, erased_by, db_user and reason",
	    "offsets, but for being behind the ledger",
	    "schema_migrations",
	};
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		printf("not covered: %s\n", columns[i]);
	if (!kept->count)
		printf("not covered: what was taken away at the ledger's end (no head was kept)\n");
	if (!kept->key_count)
		printf("not covered: ledger.at, signer and signature (there was no --key)\n");
}

static void check_partitions(struct audit *audit)
{
	const struct audit_kept *kept = audit->kept;
	int64_t *partitions = arena_take(audit->arena, (kept->count + 1) * sizeof(*partitions));
	for (size_t i = 0; i < kept->count; i++)
		partitions[i] = kept->heads[i].partition;
	/* also those of which only a kept head is left */
	struct postgres_param also = postgres_int8_array(audit->arena, partitions, kept->count);
	struct postgres_result *rows =
	    audit_ask(audit,
		      "SELECT partition FROM ledger UNION SELECT partition FROM ledger_nodes"
		      " UNION SELECT unnest($1::bigint[])::int ORDER BY 1",
		      &also, 1);
	for (size_t i = 0; i < postgres_rows(rows); i++) {
		int32_t partition = (int32_t)postgres_get_int(rows, i, 0);
		if (partition < 0 || kind_of(partition) >= SEALED_KINDS)
			audit_complain(audit, "ledger: there is none of number %d", partition);
		else
			check_partition(audit, partition);
	}
	postgres_result_free(&rows);
}

int64_t audit_record(struct postgres *postgres, const struct audit_kept *kept)
{
	struct audit audit = {.postgres = postgres, .arena = arena_new(), .kept = kept};
	int64_t others = 0;
	check_partitions(&audit);
	audit_strays(&audit);
	audit_derived(&audit);
	say_what_is_not_covered(kept);
	for (size_t kind = SEALED_EVENTS + 1; kind < SEALED_KINDS; kind++)
		others += audit.rows[kind];
	printf("%" PRId64 " events and %" PRId64 " other rows in %" PRId64 " entries: %s\n",
	       audit.rows[SEALED_EVENTS], others, audit.entries,
	       audit.faults ? "the record does NOT agree with the ledger" : "the record agrees");
	arena_free(&audit.arena);
	buffer_free(&audit.image);
	return audit.faults;
}
