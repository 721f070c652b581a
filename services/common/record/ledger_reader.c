#include "record/ledger_reader.h"

#include "domain/case_number.h"
#include "record/ledger_nodes.h"

enum proof_outcome ledger_reader_head(const struct ledger_reader *reader, int64_t size,
				      struct ledger_head *head)
{
	struct postgres_result *rows;
	const struct postgres_param params[] = {
	    postgres_int4(reader->arena, reader->partition),
	    postgres_int8(reader->arena, size ? size : INT64_MAX)};
	if (postgres_query(
		reader->postgres,
		"SELECT sequence, tree, (extract(epoch FROM at) * 1000)::bigint,"
		" signer, signature FROM ledger"
		" WHERE partition = $1 AND sequence <= $2 ORDER BY sequence DESC LIMIT 1",
		params, 2, &rows, reader->err))
		return PROOF_UNKNOWN;
	enum proof_outcome outcome = size ? PROOF_TOO_LARGE : PROOF_NOT_YET;
	if (postgres_rows(rows)) {
		*head = (struct ledger_head){.partition = reader->partition,
					     .size = postgres_get_int(rows, 0, 0),
					     .at_ms = postgres_get_int(rows, 0, 2)};
		head->is_signed =
		    postgres_get_exactly(rows, 0, 3, head->key, sizeof(head->key)) &&
		    postgres_get_exactly(rows, 0, 4, head->signature, sizeof(head->signature));
		if (!postgres_get_exactly(rows, 0, 1, head->root.bytes, sizeof(head->root.bytes)))
			outcome = PROOF_BROKEN;
		else if (!size || head->size == size)
			outcome = PROOF_FOUND;
	}
	postgres_result_free(&rows);
	return outcome;
}

enum proof_outcome ledger_reader_roots(const struct ledger_reader *reader,
				       const struct ledger_range *ranges, size_t count,
				       struct ledger_hash *roots)
{
	size_t counts[LEDGER_CONSISTENCY_MAX], all = 0, missing;
	/* all but one of a path's steps are one node; that one is at most as many as the reader has
	 * levels */
	struct ledger_node *nodes =
	    arena_take(reader->arena, (LEDGER_CONSISTENCY_MAX + LEDGER_LEVELS) * sizeof(*nodes));
	for (size_t i = 0; i < count; i++) {
		counts[i] = ledger_range_nodes(ranges[i], nodes + all);
		all += counts[i];
	}
	if (ledger_nodes_read(reader->postgres, reader->arena, reader->partition, nodes, all,
			      &missing, reader->err))
		return PROOF_UNKNOWN;
	for (size_t i = 0; i < count; nodes += counts[i], i++)
		roots[i] = ledger_join(nodes, counts[i]);
	return missing ? PROOF_BROKEN : PROOF_FOUND;
}

/* ---- the events of a case ------------------------------------------------------------------- */

/* No event is older than its case's number, give or take a clock. */
static const char leaves_sql[] =
    "SELECT e.body, e.leaf, l.sequence, l.first_offset, l.last_offset, l.events,"
    " l.leaves FROM case_events e JOIN ledger l ON l.partition = $2"
    " AND l.sequence = e.entry WHERE e.number = $1 AND e.source_partition = $2"
    " AND e.at > to_timestamp($5::bigint / 1000.0) - interval '1 day'"
    " AND l.sequence <= $3 ORDER BY e.version LIMIT $4";
enum column { BODY, LEAF, SEQUENCE, FIRST, LAST, EVENTS, LEAVES };

/* false: the entry is not of the shape it must have. */
static bool read_leaf(struct arena *arena, const struct postgres_result *rows, size_t row,
		      struct ledger_leaf *leaf)
{
	ProtobufCBinaryData body = postgres_get_data(rows, row, BODY);
	ProtobufCBinaryData leaves = postgres_get_data(rows, row, LEAVES);
	*leaf = (struct ledger_leaf){
	    .body = {body.len, arena_copy(arena, body.data, body.len)},
	    .sequence = postgres_get_int(rows, row, SEQUENCE),
	    .first_offset = postgres_get_int(rows, row, FIRST),
	    .last_offset = postgres_get_int(rows, row, LAST),
	    .events = postgres_get_int(rows, row, EVENTS),
	    .leaf = postgres_get_int(rows, row, LEAF),
	    .leaves = arena_copy(arena, leaves.data, leaves.len),
	};
	return leaf->leaf >= 0 && leaf->leaf < leaf->events &&
	       leaves.len == (size_t)leaf->events * LEDGER_HASH_SIZE;
}

enum proof_outcome ledger_reader_leaves(const struct ledger_reader *reader, uint64_t number,
					int64_t size, struct ledger_leaf **leaves, size_t *count)
{
	struct postgres_result *rows;
	struct arena *arena = reader->arena;
	const struct postgres_param params[] = {
	    postgres_int8(arena, (int64_t)number), postgres_int4(arena, reader->partition),
	    postgres_int8(arena, size), postgres_int4(arena, LEDGER_LEAVES_MAX),
	    postgres_int8(arena, case_number_time_ms(number))};
	if (postgres_query_planned(reader->postgres, leaves_sql, params, 5, &rows, reader->err))
		return PROOF_UNKNOWN;
	*count = postgres_rows(rows);
	*leaves = arena_take(arena, (*count + 1) * sizeof(**leaves));
	enum proof_outcome outcome = *count ? PROOF_FOUND : PROOF_NOT_YET;
	for (size_t i = 0; i < *count && outcome == PROOF_FOUND; i++) {
		if (!read_leaf(arena, rows, i, &(*leaves)[i]))
			outcome = PROOF_BROKEN;
	}
	postgres_result_free(&rows);
	return outcome;
}
