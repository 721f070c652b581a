#include "tree.h"

#include "client/ledger_record.h"
#include "util/text.h"

enum proof_outcome tree_head(const struct tree *tree, int64_t size, struct ledger_head *head)
{
	struct err err;
	struct postgres_result *rows;
	const struct postgres_param params[] = {
	    postgres_int4(tree->arena, tree->partition),
	    postgres_int8(tree->arena, size ? size : INT64_MAX)};
	if (postgres_query(
		tree->postgres,
		"SELECT sequence, tree, (extract(epoch FROM at) * 1000)::bigint,"
		" signer, signature FROM ledger"
		" WHERE partition = $1 AND sequence <= $2 ORDER BY sequence DESC LIMIT 1",
		params, 2, &rows, &err))
		return PROOF_UNKNOWN;
	enum proof_outcome outcome = size ? PROOF_TOO_LARGE : PROOF_NOT_YET;
	if (postgres_rows(rows)) {
		*head = (struct ledger_head){.partition = tree->partition,
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

enum proof_outcome tree_roots(const struct tree *tree, const struct ledger_range *ranges,
			      size_t count, struct ledger_hash *roots)
{
	struct err err;
	size_t counts[LEDGER_CONSISTENCY_MAX], all = 0, missing;
	/* all but one of a path's steps are one node; that one is at most as many as the tree has
	 * levels */
	struct ledger_node *nodes =
	    arena_take(tree->arena, (LEDGER_CONSISTENCY_MAX + LEDGER_LEVELS) * sizeof(*nodes));
	for (size_t i = 0; i < count; i++) {
		counts[i] = ledger_range_nodes(ranges[i], nodes + all);
		all += counts[i];
	}
	if (ledger_record_nodes(tree->postgres, tree->arena, tree->partition, nodes, all, &missing,
				&err))
		return PROOF_UNKNOWN;
	for (size_t i = 0; i < count; nodes += counts[i], i++)
		roots[i] = ledger_join(nodes, counts[i]);
	return missing ? PROOF_BROKEN : PROOF_FOUND;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *hex_text(const uint8_t *bytes, size_t size)
{
	char hex[2 * LEDGER_SIGNATURE_SIZE + 1];
	text_hex(hex, bytes, size);
	return json_string(hex);
}

json_t *tree_hash_text(const struct ledger_hash *hash)
{
	return hex_text(hash->bytes, sizeof(hash->bytes));
}

json_t *tree_path_text(const struct ledger_hash *path, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, tree_hash_text(&path[i]));
	return list;
}

json_t *tree_head_text(const struct ledger_head *head)
{
	json_t *text = json_pack("{s:i, s:I, s:o, s:I}", "partition", (int)head->partition, "size",
				 (json_int_t)head->size, "root", tree_hash_text(&head->root),
				 "at_ms", (json_int_t)head->at_ms);
	if (head->is_signed) {
		json_object_set_new(text, "key", hex_text(head->key, sizeof(head->key)));
		json_object_set_new(text, "signature",
				    hex_text(head->signature, sizeof(head->signature)));
	}
	return text;
}
