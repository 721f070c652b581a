#include "tree_head.h"

#include "ledger_json.h"
#include "util/clock.h"

enum proof_outcome tree_heads_now(struct postgres *postgres, struct arena *arena,
				  int32_t partitions, int64_t now_ms, char **json, struct err *err)
{
	char at[CLOCK_RFC3339_SIZE];
	enum proof_outcome outcome = PROOF_FOUND;
	json_t *list = json_array();
	for (int32_t p = 0; p < partitions && outcome == PROOF_FOUND; p++) {
		const struct ledger_reader reader = {postgres, arena, p, err};
		struct ledger_head head;
		outcome = ledger_reader_head(&reader, 0, &head);
		if (outcome == PROOF_FOUND)
			json_array_append_new(list, ledger_head_text(&head));
		else if (outcome == PROOF_NOT_YET)
			outcome = PROOF_FOUND; /* nothing has come to this partition */
	}
	json_t *all = json_pack("{s:s, s:o}", "at", clock_rfc3339(now_ms, at), "partitions", list);
	if (outcome == PROOF_FOUND)
		*json = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	return outcome;
}

enum proof_outcome tree_heads_consistency(struct postgres *postgres, struct arena *arena,
					  int32_t partition, int64_t from, int64_t to, char **json,
					  struct err *err)
{
	const struct ledger_reader reader = {postgres, arena, partition, err};
	struct ledger_head old, new;
	struct ledger_range ranges[LEDGER_CONSISTENCY_MAX];
	struct ledger_hash path[LEDGER_CONSISTENCY_MAX];
	enum proof_outcome outcome = ledger_reader_head(&reader, to, &new);
	if (outcome != PROOF_FOUND)
		return outcome;
	if (from > new.size)
		return PROOF_TOO_LARGE;
	outcome = ledger_reader_head(&reader, from, &old);
	if (outcome != PROOF_FOUND)
		return outcome == PROOF_TOO_LARGE ? PROOF_BROKEN : outcome;
	size_t length = ledger_consistency_ranges(old.size, new.size, ranges);
	outcome = ledger_reader_roots(&reader, ranges, length, path);
	if (outcome != PROOF_FOUND)
		return outcome;
	if (!ledger_consistent(old.size, &old.root, new.size, &new.root, path, length))
		return PROOF_BROKEN;
	json_t *all = json_pack("{s:o, s:o, s:o}", "from", ledger_head_text(&old), "to",
				ledger_head_text(&new), "path", ledger_path_text(path, length));
	*json = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	return PROOF_FOUND;
}
