/* Lines as they come, and an error that names the line for each that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "training/json_lines.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int file_of(const char *data, size_t size)
{
	int file = memfd_create("lines", 0);
	assert_int_equal(write(file, data, size), (ssize_t)size);
	lseek(file, 0, SEEK_SET);
	return file;
}

/* Reads texts until the end (0) or a wrong line (-1); *count: how many there were. */
static int read_all(const char *data, size_t size, size_t *count, struct err *err)
{
	int file = file_of(data, size), failed;
	struct json_lines *lines = json_lines_new(file, "input", NULL);
	const char *text;
	json_t *object;
	*count = 0;
	while (!(failed = json_lines_next(lines, &object, err)) && object) {
		failed = json_lines_string(lines, object, "text", true, &text, err);
		json_decref(object);
		if (failed)
			break;
		++*count;
	}
	json_lines_free(&lines);
	close(file);
	return failed;
}

static void last_line_needs_no_end(void **state)
{
	static const char *const inputs[] = {"{\"text\":\"a\"}\n{\"text\":\"b\"}\n",
					     "{\"text\":\"a\"}\n{\"text\":\"b\"}",
					     "{\"text\":\"a\"}\r\n {\"x\":1, \"text\":\"b\"} \n",
					     "\xEF\xBB\xBF{\"text\":\"a\"}\n{\"text\":\"b\"}\n"};
	struct err err;
	size_t count;
	(void)state;
	for (size_t i = 0; i < COUNT(inputs); i++) {
		assert_int_equal(read_all(inputs[i], strlen(inputs[i]), &count, &err), 0);
		assert_int_equal(count, 2);
	}
}

/* Whatever they hold, as long as it is JSON. */
static void other_members_are_passed_over(void **state)
{
	static const char lines[] =
	    "{\"text\":\"a\",\"id\":18446744073709551615}\n"
	    "{\"text\":\"b\",\"id\":123456789012345678901234567890123456789012345678901234567890}\n"
	    "{\"text\":\"c\",\"note\":\"\\u0000\",\"more\":{\"text\":[null,1.5]}}\n";
	struct err err;
	size_t count;
	(void)state;
	assert_int_equal(read_all(lines, strlen(lines), &count, &err), 0);
	assert_int_equal(count, 3);
}

static void a_wrong_line_is_named(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
	    {"nonsense", "input line 2: is no JSON object"},
	    {"", "input line 2: is no JSON object"},
	    {"[1]", "input line 2: is no JSON object"},
	    {"{\"text\":\"x\"} trailing", "input line 2: is no JSON object"},
	    {"{}", "input line 2: text: is missing"},
	    {"{\"text\":7}", "input line 2: text: must be a string"},
	    {"{\"text\":\"a\",\"text\":\"b\"}", "input line 2: has a member twice"},
	    {"{\"text\":\"\xff\"}", "input line 2: is not UTF-8"},
	    {"{\"text\":\"\\u0000\"}", "input line 2: text: has a NUL character"},
	    {"{\"text\":\"x\",\"\\u0000\":1}", "input line 2: has a NUL character"},
	    {"{\"text\":\"x\",\"n\":1e999}", "input line 2: has a number that is too great"},
	    {"\xEF\xBB\xBF{\"text\":\"x\"}", "input line 2: is no JSON object"},
	};
	char data[200];
	struct err err;
	size_t count;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(data, sizeof(data), "{\"text\":\"a\"}\n%s\n{\"text\":\"c\"}\n",
			 cases[i].line);
		assert_int_equal(read_all(data, strlen(data), &count, &err), -1);
		assert_int_equal(count, 1);
		assert_memory_equal(err.text, cases[i].error, strlen(cases[i].error));
	}
}

/* Line lengths around the bound, and around what is read at once. */
static void long_lines(void **state)
{
	static const size_t lengths[] = {65535, 65536, 65537, JSON_TEXT_MAX};
	char *data = malloc(2 * JSON_LINE_MAX);
	struct err err;
	size_t count;
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		size_t size = (size_t)sprintf(data, "{\"text\":\"");
		memset(data + size, 'a', lengths[i]);
		size += lengths[i];
		size += (size_t)sprintf(data + size, "\"}\n{\"text\":\"b\"}\n");
		assert_int_equal(read_all(data, size, &count, &err), 0);
		assert_int_equal(count, 2);
	}
	size_t size = (size_t)sprintf(data, "{\"text\":\"");
	memset(data + size, 'a', 2 * JSON_LINE_MAX - size);
	sprintf(data + size + JSON_TEXT_MAX + 1, "\"}\n");
	assert_int_equal(read_all(data, size + JSON_TEXT_MAX + 4, &count, &err), -1);
	assert_string_equal(err.text, "input line 1: text: is longer than 262144 bytes");
	memset(data + size, 'a', 2 * JSON_LINE_MAX - size);
	assert_int_equal(read_all(data, 2 * JSON_LINE_MAX, &count, &err), -1);
	assert_string_equal(err.text, "input line 1: is longer than 1048576 bytes");
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(last_line_needs_no_end),
	    cmocka_unit_test(other_members_are_passed_over),
	    cmocka_unit_test(a_wrong_line_is_named),
	    cmocka_unit_test(long_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
