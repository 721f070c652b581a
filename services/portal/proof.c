#include "proof.h"

#include <jansson.h>

#include "domain/case_number.h"

#define EVENTS_MAX 500

/* What is being proven. */
struct proof {
	struct tree tree;
	uint64_t number;
	struct ledger_head head;
};

static enum proof_outcome entry_path(const struct proof *proof, int64_t sequence, json_t **path)
{
	struct ledger_range ranges[LEDGER_LEVELS];
	struct ledger_hash hashes[LEDGER_LEVELS];
	size_t length = ledger_path_ranges(sequence - 1, proof->head.size, ranges);
	enum proof_outcome outcome = tree_roots(&proof->tree, ranges, length, hashes);
	if (outcome == PROOF_FOUND)
		*path = tree_path_text(hashes, length);
	return outcome;
}

enum column { BODY, LEAF, SEQUENCE, FIRST, LAST, EVENTS, LEAVES };

static enum proof_outcome put_entry(struct proof *proof, const struct postgres_result *rows,
				    size_t row, json_t *event)
{
	struct ledger_hash path[LEDGER_LEVELS];
	json_t *above;
	size_t size;
	int64_t leaf = postgres_get_int(rows, row, LEAF),
		count = postgres_get_int(rows, row, EVENTS);
	int64_t sequence = postgres_get_int(rows, row, SEQUENCE);
	const char *leaves = postgres_get_bytes(rows, row, LEAVES, &size);
	if (leaf < 0 || leaf >= count || size != (size_t)count * LEDGER_HASH_SIZE)
		return PROOF_BROKEN;
	enum proof_outcome outcome = entry_path(proof, sequence, &above);
	if (outcome != PROOF_FOUND)
		return outcome;
	const struct ledger_hash *hashes = arena_copy(proof->tree.arena, leaves, size);
	size_t length = ledger_path(proof->tree.arena, hashes, (size_t)count, (size_t)leaf, path);
	json_object_set_new(event, "leaf", json_integer(leaf));
	json_object_set_new(event, "path", tree_path_text(path, length));
	json_object_set_new(event, "entry",
			    json_pack("{s:I, s:I, s:I, s:I, s:o}", "sequence", (json_int_t)sequence,
				      "first_offset",
				      (json_int_t)postgres_get_int(rows, row, FIRST), "last_offset",
				      (json_int_t)postgres_get_int(rows, row, LAST), "events",
				      (json_int_t)count, "path", above));
	return PROOF_FOUND;
}

static enum proof_outcome add_event(struct proof *proof, const struct postgres_result *rows,
				    size_t row, json_t *list)
{
	size_t size;
	const uint8_t *body = (const uint8_t *)postgres_get_bytes(rows, row, BODY, &size);
	const Redress__CaseEvent *event =
	    redress__case_event__unpack(arena_protobuf(proof->tree.arena), size, body);
	if (!event)
		return PROOF_BROKEN;
	struct ledger_event shown = ledger_event(event, body, size);
	json_t *one =
	    json_pack("{s:i, s:I, s:s, s:s, s:s, s:I, s:o}", "version", (int)shown.version, "at_ms",
		      (json_int_t)shown.at_ms, "kind", shown.kind, "status", shown.status, "office",
		      shown.office, "deadline_ms", (json_int_t)shown.deadline_ms, "body_hash",
		      tree_hash_text(&shown.body));
	if (!one)
		return PROOF_BROKEN; /* a text that is not UTF-8 */
	json_array_append_new(list, one);
	return put_entry(proof, rows, row, one);
}

/* In a ledger of the proof's size. */
static enum proof_outcome add_events(struct proof *proof, json_t *list)
{
	struct err err;
	struct postgres_result *rows;
	const struct postgres_param params[] = {
	    postgres_int8(proof->tree.arena, (int64_t)proof->number),
	    postgres_int4(proof->tree.arena, proof->tree.partition),
	    postgres_int8(proof->tree.arena, proof->head.size),
	    postgres_int4(proof->tree.arena, EVENTS_MAX),
	    postgres_int8(proof->tree.arena, case_number_time_ms(proof->number))};
	/* no event is older than its case's number, give or take a clock */
	if (postgres_query(
		proof->tree.postgres,
		"SELECT e.body, e.leaf, l.sequence, l.first_offset, l.last_offset, l.events,"
		" l.leaves FROM case_events e JOIN ledger l ON l.partition = $2"
		" AND l.sequence = e.entry WHERE e.number = $1 AND e.source_partition = $2"
		" AND e.at > to_timestamp($5::bigint / 1000.0) - interval '1 day'"
		" AND l.sequence <= $3 ORDER BY e.version LIMIT $4",
		params, 5, &rows, &err))
		return PROOF_UNKNOWN;
	enum proof_outcome outcome = postgres_rows(rows) ? PROOF_FOUND : PROOF_NOT_YET;
	for (size_t i = 0; i < postgres_rows(rows) && outcome == PROOF_FOUND; i++)
		outcome = add_event(proof, rows, i, list);
	postgres_result_free(&rows);
	return outcome;
}

enum proof_outcome proof_of_case(struct postgres *postgres, struct arena *arena, uint64_t number,
				 int32_t partition, int64_t size, char **json)
{
	struct proof proof = {.tree = {postgres, arena, partition}, .number = number};
	char written[CASE_NUMBER_TEXT_SIZE];
	enum proof_outcome outcome = tree_head(&proof.tree, size, &proof.head);
	if (outcome != PROOF_FOUND)
		return outcome;
	json_t *events = json_array();
	outcome = add_events(&proof, events);
	case_number_format(number, written);
	json_t *all = json_pack("{s:s, s:o, s:o}", "case_number", written, "ledger",
				tree_head_text(&proof.head), "events", events);
	if (outcome == PROOF_FOUND)
		*json = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	return outcome;
}
