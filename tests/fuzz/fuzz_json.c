/* JSON of outside: read as jansson reads it, except for numbers, whose text is kept. */
#include "fuzz.h"

#include <jansson.h>
#include <string.h>

#include "util/json_read.h"
#include "util/text.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void check_same(const struct json_node *node, const json_t *value);

static void check_members(const struct json_node *node, const json_t *value)
{
	size_t i = 0;
	MUST(node->count ==
	     (json_is_array(value) ? json_array_size(value) : json_object_size(value)));
	for (const struct json_node *one = node->first; one; one = one->next, i++)
		check_same(one, json_is_array(value) ? json_array_get(value, i)
						     : json_object_get(value, one->name));
	MUST(i == node->count);
}

static void check_same(const struct json_node *node, const json_t *value)
{
	static const json_type types[] = {JSON_NULL,   JSON_FALSE, JSON_TRUE,  JSON_REAL,
					  JSON_STRING, JSON_ARRAY, JSON_OBJECT};
	MUST(value);
	if (node->kind == JSON_KIND_NUMBER)
		MUST(json_is_number(value) && strtod(node->text, NULL) == json_number_value(value));
	else
		MUST(json_typeof(value) == types[node->kind]);
	if (node->kind == JSON_KIND_STRING)
		MUST(strcmp(node->text, json_string_value(value)) == 0 &&
		     text_is_utf8(node->text, strlen(node->text)));
	if (node->kind >= JSON_KIND_ARRAY)
		check_members(node, value);
}

/*
 * jansson refuses numbers that no double holds, and passes over a NUL behind a number; here there
 * are bounds that it does not have.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct json_fault fault = {0};
	json_error_t error;
	const struct json_node *node = json_read(arena, (const char *)data, size, &fault);
	json_t *value =
	    json_loadb((const char *)data, size,
		       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
	if (node && value)
		check_same(node, value);
	else if (node)
		MUST(json_error_code(&error) == json_error_numeric_overflow);
	else
		MUST(fault.line >= 1 && fault.column >= 1 &&
		     (!value || fault.kind == JSON_FAULT_BOUNDS || memchr(data, '\0', size)));
	json_decref(value);
	arena_free(&arena);
	return 0;
}
