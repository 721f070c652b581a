/* JSON of outside: tables/json_read.eval; its bounds, and that its cost is linear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table.h"
#include "util/buffer.h"
#include "util/json_read.h"

static void write_node(struct buffer *out, const struct json_node *node)
{
	static const char *const words[] = {"null", "false", "true"};
	if (node->name)
		buffer_printf(out, "\"%s\":", node->name);
	if (node->kind <= JSON_KIND_TRUE)
		buffer_add_str(out, words[node->kind]);
	else if (node->kind == JSON_KIND_NUMBER)
		buffer_add_str(out, node->text);
	else if (node->kind == JSON_KIND_STRING)
		buffer_printf(out, "\"%s\"", node->text);
	else
		buffer_add_str(out, node->kind == JSON_KIND_ARRAY ? "[" : "{");
	for (const struct json_node *one = node->first; one; one = one->next) {
		write_node(out, one);
		if (one->next)
			buffer_add_str(out, ",");
	}
	if (node->kind >= JSON_KIND_ARRAY)
		buffer_add_str(out, node->kind == JSON_KIND_ARRAY ? "]" : "}");
}

static void read_as(struct buffer *out, const char *text, size_t size)
{
	static const char *const faults[] = {"syntax", "encoding", "repeated", "bounds"};
	struct arena *arena = arena_new();
	struct json_fault fault;
	const struct json_node *node = json_read(arena, text, size, &fault);
	buffer_clear(out);
	if (node)
		write_node(out, node);
	else
		buffer_printf(out, "%s %zu:%zu", faults[fault.kind], fault.line, fault.column);
	arena_free(&arena);
}

static void try_one(void *self, int line, char *text)
{
	struct buffer got = {0};
	int *counts = self;
	char *rest = text, *from = table_part(&rest, '|'), *to = table_part(&rest, '|');
	size_t size = strcmp(from, "\\x00") == 0 ? 1 : strlen(table_unescape(from));
	read_as(&got, size == 1 && *from == '\\' ? "" : from, size);
	counts[0]++;
	if (strcmp(got.data, table_unescape(to)) != 0) {
		print_error("json_read.eval line %d: got %s\n", line, got.data);
		counts[1]++;
	}
	buffer_free(&got);
}

static void what_is_json(void **state)
{
	int counts[2] = {0, 0};
	(void)state;
	table_lines("json_read.eval", try_one, counts);
	assert_true(counts[0] > 50);
	assert_int_equal(counts[1], 0);
}

static void repeat(struct buffer *out, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buffer_add_str(out, text);
}

/* What would cost the square of its size, or a stack without end, is not read at all. */
static void depth_and_counts_are_bounded(void **state)
{
	struct buffer json = {0}, got = {0};
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		buffer_clear(&json);
		repeat(&json, "[", JSON_READ_DEPTH + 1 + more);
		repeat(&json, "]", JSON_READ_DEPTH + 1 + more);
		read_as(&got, json.data, json.len);
		assert_int_equal(strncmp(got.data, "bounds", 6) == 0, more);

		buffer_clear(&json);
		buffer_add_str(&json, "[0");
		repeat(&json, ",0", JSON_READ_VALUES - 2 + more); /* the list is a value too */
		buffer_add_str(&json, "]");
		read_as(&got, json.data, json.len);
		assert_int_equal(strncmp(got.data, "bounds", 6) == 0, more);

		buffer_clear(&json);
		buffer_add_str(&json, "{\"a\":0");
		for (size_t i = 1; i < JSON_READ_MEMBERS + more; i++)
			buffer_printf(&json, ",\"%zu\":0", i);
		buffer_add_str(&json, "}");
		read_as(&got, json.data, json.len);
		assert_int_equal(strncmp(got.data, "bounds", 6) == 0, more);
	}
	buffer_free(&json);
	buffer_free(&got);
}

/* Every cut of a text is refused, and none is read beyond its end (sanitizers). */
static void what_is_cut_off_is_refused(void **state)
{
	static const char whole[] =
	    "{\"a\": [1.5e3, true, \"caf\\u00e9 \\ud83d\\ude00 \xc3\xa9\"]}";
	struct buffer got = {0};
	(void)state;
	for (size_t size = 0; size < sizeof(whole) - 1; size++) {
		char *copy = malloc(size + 1);
		memcpy(copy, whole, size);
		read_as(&got, copy, size);
		assert_true(got.data[0] == 's' || got.data[0] == 'e');
		free(copy);
	}
	buffer_free(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_json),
	    cmocka_unit_test(depth_and_counts_are_bounded),
	    cmocka_unit_test(what_is_cut_off_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
