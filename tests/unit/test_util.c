/* The smallest things: arena, buffer, err, number_map, text, clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <protobuf-c/protobuf-c.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/arena.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/number_map.h"
#include "table.h"
#include "util/log.h"
#include "util/text.h"
#include "util/visible_text.h"

static void an_arena_gives_what_does_not_overlap(void **state)
{
	struct arena *arena = arena_new();
	unsigned char *pieces[3000];
	size_t sizes[3000];
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 3000; i++) {
			sizes[i] = i % 997 == 0 ? 200000 : i % 61;
			pieces[i] = arena_take(arena, sizes[i]);
			assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
			memset(pieces[i], (int)(i % 251), sizes[i]);
		}
		for (size_t i = 0; i < 3000; i++) {
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(pieces[i][k], i % 251);
		}
		arena_reset(arena);
	}
	arena_free(&arena);
	assert_null(arena);
	arena_free(&arena);
}

static void an_arena_copies_and_prints(void **state)
{
	struct arena *arena = arena_new();
	char text[] = "abc";
	(void)state;
	char *copy = arena_strdup(arena, text), *cut = arena_strndup(arena, text, 2);
	text[0] = 'x';
	assert_string_equal(copy, "abc");
	assert_string_equal(cut, "ab");
	assert_string_equal(arena_printf(arena, "%s-%d", copy, 7), "abc-7");
	const char *zeros = arena_zero(arena, 100);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(zeros[i], 0);
	ProtobufCAllocator *allocator = arena_protobuf(arena);
	void *memory = allocator->alloc(allocator->allocator_data, 50);
	assert_non_null(memory);
	allocator->free(allocator->allocator_data, memory);
	arena_free(&arena);
}

static void a_buffer_grows_and_ends_with_nul(void **state)
{
	struct buffer buffer = {0};
	(void)state;
	for (int i = 0; i < 2000; i++) {
		buffer_printf(&buffer, "%d,", i);
		buffer_add_str(&buffer, "x");
		buffer_add(&buffer, "\0y", 2);
		assert_int_equal(buffer.data[buffer.len], '\0');
	}
	assert_true(buffer.len > 12000 && buffer.len < buffer.room);
	assert_memory_equal(buffer.data, "0,x\0y1,x", 8);
	size_t before = buffer.len;
	memset(buffer_reserve(&buffer, 5000), 'z', 5000);
	assert_int_equal(buffer.len, before);
	buffer_clear(&buffer);
	assert_int_equal(buffer.len, 0);
	assert_string_equal(buffer.data, "");
	buffer_add(&buffer, NULL, 0);
	assert_string_equal(buffer.data, "");
	buffer_free(&buffer);
	assert_null(buffer.data);
}

static void a_reason_has_its_context_and_its_bound(void **state)
{
	struct err err;
	(void)state;
	assert_int_equal(err_set(&err, "no %s", "water"), -1);
	assert_int_equal(err_context(&err, "line %d", 7), -1);
	assert_string_equal(err.text, "line 7: no water");
	for (int i = 0; i < 100; i++)
		err_context(&err, "outer");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_set(&err, "%0500d", 1);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void a_map_keeps_every_number(void **state)
{
	enum { MOST = 5000 };
	struct arena *arena = arena_new();
	struct number_map map = number_map(arena, MOST);
	uint64_t number = 1;
	(void)state;
	for (uint32_t i = 1; i <= MOST; i++) {
		number = i % 2 ? i * UINT64_C(4096) : number * 6364136223846793005u + i;
		uint32_t *at = number_map_at(&map, number);
		assert_int_equal(*at, 0);
		*at = i;
		assert_int_equal(*number_map_at(&map, number), i);
	}
	for (uint32_t i = 1; i <= MOST; i += 2)
		assert_int_equal(*number_map_at(&map, i * UINT64_C(4096)), i);
	struct number_map none = number_map(arena, 0);
	assert_int_equal(*number_map_at(&none, 0), 0);
	arena_free(&arena);
}

static void what_is_utf8(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} cases[] = {{"", true},
		     {"plain", true},
		     {"caf\xc3\xa9", true},
		     {"\xe0\xa4\x95\xf0\x9f\x9a\xb0", true},
		     {"\xf4\x8f\xbf\xbf", true},  /* U+10FFFF */
		     {"\xf4\x90\x80\x80", false}, /* beyond */
		     {"\xed\xa0\x80", false},     /* a surrogate */
		     {"\xc0\x80", false},         /* overlong */
		     {"\xe0\x9f\xbf", false},
		     {"\xf0\x8f\xbf\xbf", false},
		     {"\xc3", false}, /* cut off */
		     {"\xe2\x82", false},
		     {"\x80", false},
		     {"\xff", false},
		     {"a\xc3(", false}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(text_is_utf8(cases[i].text, strlen(cases[i].text)), cases[i].is);
	assert_true(text_is_utf8("a\0b", 3));
}

static void texts_are_cut_between_characters(void **state)
{
	static const char three[] = "\xe3\x82\xb5\xe3\x82\xb5\xe3\x82\xb5"; /* 3 letters */
	char out[8];
	struct err err;
	(void)state;
	for (size_t most = 0; most < 12; most++) {
		assert_int_equal(text_cut(three, most), most > 9 ? 9 : most - most % 3);
		text_format(out, sizeof(out), "%.*s", (int)most, three);
		assert_int_equal(strlen(out), most > 6 ? 6 : most - most % 3);
	}
	assert_int_equal(text_cut("a\xc3\xa9", 2), 1);
	assert_int_equal(text_cut("\xf0\x9f\x98\x80", 3), 0);
	text_format(out, sizeof(out), "%.1s%.2s!", "\xc3\xa9", "\xe2\x82\xac");
	assert_string_equal(out, "!");
	text_format(out, sizeof(out), "a\xff\x80z");
	assert_string_equal(out, "a??z");
	char *long_text = x_printf("%0237d%s", 7, three);
	err_set(&err, "%s", long_text);
	assert_true(text_is_utf8(err.text, strlen(err.text)));
	assert_int_equal(strlen(err.text), 237);
	err_set(&err, "%s", long_text + 3);
	err_context(&err, "\xe3\x82\xb5");
	assert_true(text_is_utf8(err.text, strlen(err.text)));
	free(long_text);
}

static void try_visible(void *self, int line, char *text)
{
	struct arena *arena = arena_new();
	char *rest = text;
	char *from = table_unescape(table_part(&rest, '|'));
	const char *shown = table_unescape(table_part(&rest, '|')), *cell = table_part(&rest, '|');
	if (strcmp(visible_lines(arena, from), shown) != 0 ||
	    strcmp(visible_line(arena, from), cell ? cell : shown) != 0)
		fail_msg("line %d: got %s", line, visible_lines(arena, from));
	++*(int *)self;
	arena_free(&arena);
}

static void what_is_shown_is_obeyed_by_no_terminal(void **state)
{
	int cases = 0;
	(void)state;
	table_lines("visible_text.eval", try_visible, &cases);
	assert_true(cases > 20);
}

/* Everything that log_line() wrote of one message. */
static void logged(const char *message, char *out, size_t room)
{
	int ends[2], before = dup(STDERR_FILENO);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_error(0, "%s", message);
	dup2(before, STDERR_FILENO);
	close(before);
	close(ends[1]);
	ssize_t size = read(ends[0], out, room - 1);
	assert_true(size > 0);
	out[size] = '\0';
	close(ends[0]);
}

static void a_log_line_stays_one_line(void **state)
{
	char out[4096];
	(void)state;
	logged("a\nb\r\x1b[31m\xc2\x9b\xe2\x80\xae\xe2\x80\xa8\xf3\xa0\x81\x81\"\\ \xc3\xa9\xff",
	       out, sizeof(out));
	assert_non_null(strstr(out, "msg=\"a\\u000ab\\u000d\\u001b[31m\\u009b\\u202e\\u2028"
				    "\\udb40\\udc41\\\"\\\\ \xc3\xa9?\"\n"));
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
	char *long_text = x_printf("%0510d\xe3\x82\xb5", 7);
	logged(long_text, out, sizeof(out));
	assert_true(text_is_utf8(out, strlen(out)));
	free(long_text);
}

static void hex_and_numbers(void **state)
{
	uint8_t bytes[4] = {0, 0x7f, 0x80, 0xff}, back[4], wire[8];
	char hex[9];
	(void)state;
	text_hex(hex, bytes, sizeof(bytes));
	assert_string_equal(hex, "007f80ff");
	assert_int_equal(text_unhex(back, 4, "007F80fF"), 0);
	assert_memory_equal(back, bytes, 4);
	assert_int_equal(text_unhex(back, 4, "007f80f"), -1);
	assert_int_equal(text_unhex(back, 4, "007f80ff0"), -1);
	assert_int_equal(text_unhex(back, 4, "007f80fg"), -1);
	text_put_be64(wire, UINT64_C(0x0102030405060708));
	assert_int_equal(wire[0], 1);
	assert_int_equal(wire[7], 8);
	assert_true(text_get_be64(wire) == UINT64_C(0x0102030405060708));
	assert_true(text_is_empty(NULL) && text_is_empty("") && !text_is_empty("a"));
	assert_true(text_equal(NULL, "") && text_equal("a", "a") && !text_equal("a", NULL));
}

static void files_are_read_whole_or_not_at_all(void **state)
{
	char path[] = "/tmp/redress-text-XXXXXX", reason[160], big[10000];
	size_t size;
	int fd = mkstemp(path);
	(void)state;
	memset(big, 'b', sizeof(big));
	assert_int_equal(write(fd, big, sizeof(big)), sizeof(big));
	close(fd);
	char *text = text_read_file(path, 10000, &size, reason);
	assert_non_null(text);
	assert_int_equal(size, 10000);
	assert_int_equal(strlen(text), 10000);
	free(text);
	assert_null(text_read_file(path, 9999, &size, reason));
	assert_non_null(strstr(reason, "too large"));
	unlink(path);
	assert_null(text_read_file(path, 9999, &size, reason));
	assert_non_null(strstr(reason, "No such file"));
	assert_null(text_read_file("/", 9999, &size, reason));
}

static void times_are_written_as_rfc3339(void **state)
{
	char text[CLOCK_RFC3339_SIZE];
	(void)state;
	assert_string_equal(clock_rfc3339(0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(clock_rfc3339(INT64_C(1772445600999), text), "2026-03-02T10:00:00Z");
	assert_string_equal(clock_rfc3339(INT64_C(4102444799000), text), "2099-12-31T23:59:59Z");
	int64_t before = clock_mono_us(), now = clock_now_ms();
	assert_true(clock_mono_us() >= before && now > INT64_C(1700000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_arena_gives_what_does_not_overlap),
	    cmocka_unit_test(an_arena_copies_and_prints),
	    cmocka_unit_test(a_buffer_grows_and_ends_with_nul),
	    cmocka_unit_test(a_reason_has_its_context_and_its_bound),
	    cmocka_unit_test(a_map_keeps_every_number),
	    cmocka_unit_test(what_is_utf8),
	    cmocka_unit_test(texts_are_cut_between_characters),
	    cmocka_unit_test(what_is_shown_is_obeyed_by_no_terminal),
	    cmocka_unit_test(a_log_line_stays_one_line),
	    cmocka_unit_test(hex_and_numbers),
	    cmocka_unit_test(files_are_read_whole_or_not_at_all),
	    cmocka_unit_test(times_are_written_as_rfc3339),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
