#include "audit_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/key_file.h"
#include "util/alloc.h"
#include "util/text.h"
#include "util/visible_text.h"

void audit_refuse(const char *file, const char *why)
{
	visible_printf(stderr, "redress-audit: %s: %s\n", file, why);
	exit(2);
}

json_t *audit_read_json(const char *file)
{
	json_error_t error;
	char where[200];
	json_t *json = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		snprintf(where, sizeof(where), "line %d: %.150s", error.line, error.text);
		audit_refuse(file, where);
	}
	return json;
}

bool audit_read_hash(const json_t *text, struct ledger_hash *hash)
{
	return json_is_string(text) &&
	       !text_unhex(hash->bytes, sizeof(hash->bytes), json_string_value(text));
}

size_t audit_read_path(const char *file, const json_t *list, struct ledger_hash *path, size_t most)
{
	size_t count = json_array_size(list);
	if (!json_is_array(list) || count > most)
		audit_refuse(file, "holds something that is no path");
	for (size_t i = 0; i < count; i++) {
		if (!audit_read_hash(json_array_get(list, i), &path[i]))
			audit_refuse(file, "holds a path with something that is no hash");
	}
	return count;
}

/* ---- heads ---------------------------------------------------------------------------------- */

static bool read_hex(const json_t *object, const char *name, uint8_t *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text && !text_unhex(out, size, text);
}

bool audit_read_head(json_t *object, struct ledger_head *head)
{
	json_int_t partition, size, at_ms;
	json_t *root;
	if (json_unpack(object, "{s:I, s:I, s:I, s:o}", "partition", &partition, "size", &size,
			"at_ms", &at_ms, "root", &root) ||
	    partition < 0 || partition > INT32_MAX)
		return false;
	*head = (struct ledger_head){.partition = (int32_t)partition, .size = size, .at_ms = at_ms};
	head->is_signed = read_hex(object, "key", head->key, sizeof(head->key)) &&
			  read_hex(object, "signature", head->signature, sizeof(head->signature));
	return audit_read_hash(root, &head->root);
}

void audit_read_heads(const char *file, struct audit_kept *kept)
{
	json_t *json = audit_read_json(file), *list = json_object_get(json, "partitions");
	size_t count = json_array_size(list);
	if (!json_is_array(list))
		audit_refuse(file,
			     "has no list \"partitions\": is it what GET /v1/ledger/head gave?");
	kept->heads = x_realloc(kept->heads, kept->count + count + 1, sizeof(*kept->heads));
	for (size_t i = 0; i < count; i++) {
		if (!audit_read_head(json_array_get(list, i), &kept->heads[kept->count++]))
			audit_refuse(file, "holds a head without partition, size, at_ms or root");
	}
	json_decref(json);
}

void audit_print_head(const char *name, const struct ledger_head *head)
{
	char hex[2 * LEDGER_HASH_SIZE + 1];
	text_hex(hex, head->root.bytes, sizeof(head->root.bytes));
	visible_printf(stdout, "%spartition %d, %" PRId64 " entries, head %s\n", name,
		       head->partition, head->size, hex);
}

enum audit_known audit_compare(const struct audit_kept *kept, const struct ledger_head *head)
{
	enum audit_known known = AUDIT_NOT_KEPT;
	for (size_t i = 0; i < kept->count; i++) {
		const struct ledger_head *one = &kept->heads[i];
		if (one->partition != head->partition || one->size != head->size)
			continue;
		if (memcmp(&one->root, &head->root, sizeof(one->root)) != 0)
			return AUDIT_OTHER;
		known = AUDIT_KEPT;
	}
	return known;
}

/* ---- signatures ----------------------------------------------------------------------------- */

void audit_read_key(const char *path, struct audit_kept *kept)
{
	struct err err;
	const char *slash = strrchr(path, '/');
	char *folder = slash ? x_printf("%.*s", (int)(slash - path), path) : x_strdup(".");
	kept->keys = x_realloc(kept->keys, kept->key_count + 1, sizeof(*kept->keys));
	if (key_file_read(folder, slash ? slash + 1 : path, kept->keys[kept->key_count++], &err))
		audit_refuse(path, err.text);
	free(folder);
}

const char *audit_signature_fault(const struct audit_kept *kept, const struct ledger_head *head)
{
	if (!kept->key_count)
		return NULL;
	if (!head->is_signed)
		return "is not signed";
	for (size_t i = 0; i < kept->key_count; i++) {
		if (memcmp(kept->keys[i], head->key, sizeof(head->key)) == 0)
			return ledger_head_holds(head) ? NULL : "is NOT what was signed";
	}
	return "is signed with another key";
}

int64_t audit_heads(const struct audit_kept *kept)
{
	int64_t faults = 0;
	for (size_t i = 0; i < kept->count; i++) {
		const char *fault = audit_signature_fault(kept, &kept->heads[i]);
		if (!fault)
			continue;
		faults++;
		audit_print_head("kept: ", &kept->heads[i]);
		visible_printf(stdout, "      %s\n", fault);
	}
	return faults;
}
