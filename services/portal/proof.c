#include "proof.h"

#include <jansson.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/ledger.h"
#include "util/clock.h"
#include "util/text.h"

#define EVENTS_MAX 500

/* What is being proven. */
struct proof {
	struct postgres *postgres;
	struct arena *arena;
	uint64_t number;
	int32_t partition;
	int64_t size; /* of the ledger */
};

static json_t *hash_text(const struct ledger_hash *hash)
{
	char hex[2 * LEDGER_HASH_SIZE + 1];
	text_hex(hex, hash->bytes, sizeof(hash->bytes));
	return json_string(hex);
}

static json_t *path_text(const struct ledger_hash *path, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, hash_text(&path[i]));
	return list;
}

static bool get_hash(const struct postgres_result *rows, size_t row, int column,
		     struct ledger_hash *hash)
{
	size_t size;
	const char *data = postgres_get_bytes(rows, row, column, &size);
	if (size == sizeof(hash->bytes))
		memcpy(hash->bytes, data, size);
	return size == sizeof(hash->bytes);
}

/* ---- the tree of entries -------------------------------------------------------------------- */

/* The hashes of these nodes. false: one of them is not there. */
static enum proof_outcome load_nodes(struct proof *proof, struct ledger_node *nodes, size_t count)
{
	struct err err;
	struct postgres_result *rows;
	int64_t *levels = arena_take(proof->arena, (2 * count + 1) * sizeof(*levels));
	int64_t *indexes = levels + count;
	for (size_t i = 0; i < count; i++) {
		levels[i] = nodes[i].level;
		indexes[i] = nodes[i].index;
	}
	const struct postgres_param params[] = {postgres_int4(proof->arena, proof->partition),
						postgres_int8_array(proof->arena, levels, count),
						postgres_int8_array(proof->arena, indexes, count)};
	if (postgres_query(proof->postgres,
			   "SELECT n.hash FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY"
			   " AS wanted (level, index, place) LEFT JOIN ledger_nodes n"
			   " ON n.partition = $1 AND n.level = wanted.level::smallint"
			   " AND n.index = wanted.index ORDER BY place",
			   params, 3, &rows, &err))
		return PROOF_UNKNOWN;
	bool complete = postgres_rows(rows) == count;
	for (size_t i = 0; i < count && complete; i++)
		complete = get_hash(rows, i, 0, &nodes[i].hash);
	postgres_result_free(&rows);
	return complete ? PROOF_FOUND : PROOF_BROKEN;
}

static enum proof_outcome entry_path(struct proof *proof, int64_t sequence, json_t **path)
{
	struct ledger_range ranges[LEDGER_LEVELS];
	struct ledger_hash hashes[LEDGER_LEVELS];
	size_t length = ledger_path_ranges(sequence - 1, proof->size, ranges), count = 0;
	size_t counts[LEDGER_LEVELS];
	/* all but one of a path's steps are one node; that one is at most as many as the tree has
	 * levels */
	struct ledger_node *nodes =
	    arena_take(proof->arena, (size_t)2 * LEDGER_LEVELS * sizeof(*nodes));
	for (size_t i = 0; i < length; i++) {
		counts[i] = ledger_range_nodes(ranges[i], nodes + count);
		count += counts[i];
	}
	enum proof_outcome outcome = load_nodes(proof, nodes, count);
	if (outcome != PROOF_FOUND)
		return outcome;
	for (size_t i = 0; i < length; nodes += counts[i], i++)
		hashes[i] = ledger_join(nodes, counts[i]);
	*path = path_text(hashes, length);
	return PROOF_FOUND;
}

/* ---- an event ------------------------------------------------------------------------------- */

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
	const struct ledger_hash *hashes = arena_copy(proof->arena, leaves, size);
	size_t length = ledger_path(proof->arena, hashes, (size_t)count, (size_t)leaf, path);
	json_object_set_new(event, "leaf", json_integer(leaf));
	json_object_set_new(event, "path", path_text(path, length));
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
	    redress__case_event__unpack(arena_protobuf(proof->arena), size, body);
	if (!event)
		return PROOF_BROKEN;
	struct ledger_event shown = ledger_event(event, body, size);
	json_t *one =
	    json_pack("{s:i, s:I, s:s, s:s, s:s, s:I, s:o}", "version", (int)shown.version, "at_ms",
		      (json_int_t)shown.at_ms, "kind", shown.kind, "status", shown.status, "office",
		      shown.office, "deadline_ms", (json_int_t)shown.deadline_ms, "body_hash",
		      hash_text(&shown.body));
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
	    postgres_int8(proof->arena, (int64_t)proof->number),
	    postgres_int4(proof->arena, proof->partition), postgres_int8(proof->arena, proof->size),
	    postgres_int4(proof->arena, EVENTS_MAX),
	    postgres_int8(proof->arena, case_number_time_ms(proof->number))};
	/* no event is older than its case's number, give or take a clock */
	if (postgres_query(
		proof->postgres,
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

/* ---- heads ---------------------------------------------------------------------------------- */

static json_t *head_text(int32_t partition, int64_t size, const struct ledger_hash *root)
{
	return json_pack("{s:i, s:I, s:o}", "partition", (int)partition, "size", (json_int_t)size,
			 "root", hash_text(root));
}

/* The head of a ledger of at most so many entries; 0: as it is now. */
static enum proof_outcome find_head(struct proof *proof, int64_t size, struct ledger_hash *root)
{
	struct err err;
	struct postgres_result *rows;
	const struct postgres_param params[] = {
	    postgres_int4(proof->arena, proof->partition),
	    postgres_int8(proof->arena, size ? size : INT64_MAX)};
	if (postgres_query(
		proof->postgres,
		"SELECT sequence, tree FROM ledger WHERE partition = $1 AND sequence <= $2"
		" ORDER BY sequence DESC LIMIT 1",
		params, 2, &rows, &err))
		return PROOF_UNKNOWN;
	enum proof_outcome outcome = size ? PROOF_TOO_LARGE : PROOF_NOT_YET;
	if (postgres_rows(rows)) {
		proof->size = postgres_get_int(rows, 0, 0);
		if (!get_hash(rows, 0, 1, root))
			outcome = PROOF_BROKEN;
		else if (!size || proof->size == size)
			outcome = PROOF_FOUND;
	}
	postgres_result_free(&rows);
	return outcome;
}

enum proof_outcome proof_of_case(struct postgres *postgres, struct arena *arena, uint64_t number,
				 int32_t partition, int64_t size, char **json)
{
	struct proof proof = {postgres, arena, number, partition, 0};
	struct ledger_hash root;
	char written[CASE_NUMBER_TEXT_SIZE];
	enum proof_outcome outcome = find_head(&proof, size, &root);
	if (outcome != PROOF_FOUND)
		return outcome;
	json_t *events = json_array();
	outcome = add_events(&proof, events);
	case_number_format(number, written);
	json_t *all = json_pack("{s:s, s:o, s:o}", "case_number", written, "ledger",
				head_text(partition, proof.size, &root), "events", events);
	if (outcome == PROOF_FOUND)
		*json = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	return outcome;
}

enum proof_outcome proof_heads(struct postgres *postgres, struct arena *arena, int32_t partitions,
			       int64_t now_ms, char **json)
{
	char at[CLOCK_RFC3339_SIZE];
	enum proof_outcome outcome = PROOF_FOUND;
	json_t *list = json_array();
	for (int32_t p = 0; p < partitions && outcome == PROOF_FOUND; p++) {
		struct proof proof = {postgres, arena, 0, p, 0};
		struct ledger_hash root;
		outcome = find_head(&proof, 0, &root);
		if (outcome == PROOF_FOUND)
			json_array_append_new(list, head_text(p, proof.size, &root));
		else if (outcome == PROOF_NOT_YET)
			outcome = PROOF_FOUND; /* nothing has come to this partition */
	}
	json_t *all = json_pack("{s:s, s:o}", "at", clock_rfc3339(now_ms, at), "partitions", list);
	if (outcome == PROOF_FOUND)
		*json = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	return outcome;
}
