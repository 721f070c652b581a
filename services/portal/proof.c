#include "proof.h"

#include "domain/case_number.h"
#include "ledger_json.h"

/* What is being proven. */
struct proof {
	struct ledger_reader reader;
	uint64_t number;
	struct ledger_head head;
};

static enum proof_outcome entry_path(const struct proof *proof, int64_t sequence, json_t **path)
{
	struct ledger_range ranges[LEDGER_LEVELS];
	struct ledger_hash hashes[LEDGER_LEVELS];
	size_t length = ledger_path_ranges(sequence - 1, proof->head.size, ranges);
	enum proof_outcome outcome = ledger_reader_roots(&proof->reader, ranges, length, hashes);
	if (outcome == PROOF_FOUND)
		*path = ledger_path_text(hashes, length);
	return outcome;
}

static enum proof_outcome put_entry(struct proof *proof, const struct ledger_leaf *leaf,
				    json_t *event)
{
	struct ledger_hash path[LEDGER_LEVELS];
	json_t *above;
	enum proof_outcome outcome = entry_path(proof, leaf->sequence, &above);
	if (outcome != PROOF_FOUND)
		return outcome;
	size_t length = ledger_path(proof->reader.arena, leaf->leaves, (size_t)leaf->events,
				    (size_t)leaf->leaf, path);
	json_object_set_new(event, "leaf", json_integer(leaf->leaf));
	json_object_set_new(event, "path", ledger_path_text(path, length));
	json_object_set_new(event, "entry",
			    json_pack("{s:I, s:I, s:I, s:I, s:o}", "sequence",
				      (json_int_t)leaf->sequence, "first_offset",
				      (json_int_t)leaf->first_offset, "last_offset",
				      (json_int_t)leaf->last_offset, "events",
				      (json_int_t)leaf->events, "path", above));
	return PROOF_FOUND;
}

static enum proof_outcome add_event(struct proof *proof, const struct ledger_leaf *leaf,
				    json_t *list)
{
	const Redress__CaseEvent *event = redress__case_event__unpack(
	    arena_protobuf(proof->reader.arena), leaf->body.len, leaf->body.data);
	if (!event)
		return PROOF_BROKEN;
	struct ledger_event shown = ledger_event(event, leaf->body.data, leaf->body.len);
	json_t *one =
	    json_pack("{s:i, s:I, s:s, s:s, s:s, s:I, s:o}", "version", (int)shown.version, "at_ms",
		      (json_int_t)shown.at_ms, "kind", shown.kind, "status", shown.status, "office",
		      shown.office, "deadline_ms", (json_int_t)shown.deadline_ms, "body_hash",
		      ledger_hash_text(&shown.body));
	if (!one)
		return PROOF_BROKEN; /* a text that is not UTF-8 */
	json_array_append_new(list, one);
	return put_entry(proof, leaf, one);
}

/* In a ledger of the proof's size. */
static enum proof_outcome add_events(struct proof *proof, json_t *list)
{
	struct ledger_leaf *leaves;
	size_t count;
	enum proof_outcome outcome =
	    ledger_reader_leaves(&proof->reader, proof->number, proof->head.size, &leaves, &count);
	for (size_t i = 0; outcome == PROOF_FOUND && i < count; i++)
		outcome = add_event(proof, &leaves[i], list);
	return outcome;
}

enum proof_outcome proof_of_case(struct postgres *postgres, struct arena *arena, uint64_t number,
				 int32_t partition, int64_t size, char **json, struct err *err)
{
	struct proof proof = {.reader = {postgres, arena, partition, err}, .number = number};
	char written[CASE_NUMBER_TEXT_SIZE];
	enum proof_outcome outcome = ledger_reader_head(&proof.reader, size, &proof.head);
	if (outcome != PROOF_FOUND)
		return outcome;
	json_t *events = json_array();
	outcome = add_events(&proof, events);
	case_number_format(number, written);
	json_t *all = json_pack("{s:s, s:o, s:o}", "case_number", written, "ledger",
				ledger_head_text(&proof.head), "events", events);
	if (outcome == PROOF_FOUND)
		*json = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	return outcome;
}
