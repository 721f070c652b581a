#include "ledger_json.h"

#include "util/text.h"

static json_t *hex_text(const uint8_t *bytes, size_t size)
{
	char hex[2 * LEDGER_SIGNATURE_SIZE + 1];
	text_hex(hex, bytes, size);
	return json_string(hex);
}

json_t *ledger_hash_text(const struct ledger_hash *hash)
{
	return hex_text(hash->bytes, sizeof(hash->bytes));
}

json_t *ledger_path_text(const struct ledger_hash *path, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, ledger_hash_text(&path[i]));
	return list;
}

json_t *ledger_head_text(const struct ledger_head *head)
{
	json_t *text = json_pack("{s:i, s:I, s:o, s:I}", "partition", (int)head->partition, "size",
				 (json_int_t)head->size, "root", ledger_hash_text(&head->root),
				 "at_ms", (json_int_t)head->at_ms);
	if (head->is_signed) {
		json_object_set_new(text, "key", hex_text(head->key, sizeof(head->key)));
		json_object_set_new(text, "signature",
				    hex_text(head->signature, sizeof(head->signature)));
	}
	return text;
}
