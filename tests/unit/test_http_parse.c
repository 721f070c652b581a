/* The HTTP parser by itself: tests/tables/http.requests, in one piece and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/http_parse.h"
#include "table.h"

#define BODY_MAX 65536

/* ---- the table ------------------------------------------------------------------------------ */

static char escaped(const char **c)
{
	switch (*++*c) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '0':
		return '\0';
	case 'x':
		*c += 2;
		return (char)(http_hex((*c)[-1]) << 4 | http_hex(**c));
	default:
		return **c;
	}
}

/* What a case's text means, without repetitions. */
static void add_plain(struct buffer *bytes, const char *text, size_t size)
{
	for (const char *c = text; c < text + size; c++) {
		char byte = *c == '\\' ? escaped(&c) : *c;
		buffer_add(bytes, &byte, 1);
	}
}

static struct buffer read_bytes(const char *text)
{
	struct buffer bytes = {0};
	for (const char *open; (open = strstr(text, "\\{"));) {
		const char *star = strchr(open, '*'), *close = strchr(open, '}');
		add_plain(&bytes, text, (size_t)(open - text));
		for (long times = strtol(star + 1, NULL, 10); times > 0; times--)
			add_plain(&bytes, open + 2, (size_t)(star - open - 2));
		text = close + 1;
	}
	add_plain(&bytes, text, strlen(text));
	return bytes;
}

/* "ok N" or the status, as the table has it; step: bytes in a piece. */
static void parse_all(const struct buffer *bytes, size_t step, char result[16])
{
	struct http_parse parse = {.body_max = BODY_MAX};
	size_t at = 0, used, requests = 0;
	enum http_parsed parsed = HTTP_PARSED_MORE;
	while (at < bytes->len && parsed != HTTP_PARSED_BAD) {
		/* a copy of its own size, so that a sanitizer sees what is read behind it */
		size_t size = bytes->len - at < step ? bytes->len - at : step;
		char *piece = malloc(size);
		memcpy(piece, bytes->data + at, size);
		parsed = http_parse(&parse, piece, size, &used);
		free(piece);
		at += used;
		if (parsed == HTTP_PARSED_WHOLE) {
			requests++;
			http_parse_reset(&parse);
		}
	}
	if (parsed == HTTP_PARSED_BAD)
		snprintf(result, 16, "%d", parse.status);
	else
		snprintf(result, 16, "%s %zu", http_parse_is_empty(&parse) ? "ok" : "half",
			 requests);
	http_parse_free(&parse);
}

static void try_case(void *self, int line, char *text)
{
	static const size_t steps[] = {1, 2, 3, 7, 100000};
	const char *expected = table_part(&text, '|');
	struct buffer bytes = read_bytes(text + (*text == ' '));
	(void)self;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		char result[16];
		parse_all(&bytes, steps[i], result);
		if (strcmp(result, expected) != 0)
			fail_msg("http.requests:%d: %s, not %s, in pieces of %zu", line, result,
				 expected, steps[i]);
	}
	buffer_free(&bytes);
}

static void every_request_of_the_table(void **state)
{
	(void)state;
	table_lines("http.requests", try_case, NULL);
}

/* ---- what was read -------------------------------------------------------------------------- */

static enum http_parsed parse_text(struct http_parse *parse, const char *text)
{
	size_t used;
	*parse = (struct http_parse){.body_max = BODY_MAX};
	enum http_parsed parsed = http_parse(parse, text, strlen(text), &used);
	return parsed == HTTP_PARSED_HEAD
		   ? http_parse(parse, text + used, strlen(text) - used, &used)
		   : parsed;
}

static const char *field(const struct http_parse *parse, const char *name)
{
	size_t at = 0;
	return http_parse_field(parse, name, &at);
}

static void a_request_is_taken_apart(void **state)
{
	struct http_parse parse;
	(void)state;
	assert_int_equal(parse_text(&parse, "POST /a%20b?c=d%26 HTTP/1.1\r\nHost: a\r\n"
					    "X-Long: \t one two \r\nx-long: three\r\nX-None:\r\n"
					    "Content-Length: 5\r\n\r\n12345GET"),
			 HTTP_PARSED_WHOLE);
	assert_string_equal(http_parse_text(&parse, parse.method), "POST");
	assert_string_equal(http_parse_text(&parse, parse.path), "/a b");
	assert_string_equal(http_parse_text(&parse, parse.query), "c=d%26");
	assert_string_equal(field(&parse, "x-lonG"), "one two");
	assert_string_equal(field(&parse, "x-none"), "");
	assert_null(field(&parse, "x-lon"));
	size_t at = 0;
	assert_string_equal(http_parse_field(&parse, "x-long", &at), "one two");
	assert_string_equal(http_parse_field(&parse, "x-long", &at), "three");
	assert_null(http_parse_field(&parse, "x-long", &at));
	assert_int_equal(parse.body.len, 5);
	assert_memory_equal(parse.body.data, "12345", 5);
	assert_true(parse.keep_alive && !parse.http10 && !parse.expects_continue);
	http_parse_free(&parse);
}

static void chunks_are_put_together(void **state)
{
	struct http_parse parse;
	(void)state;
	assert_int_equal(parse_text(&parse, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:"
					    " chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n"
					    "Content-Length: 7\r\n\r\n"),
			 HTTP_PARSED_WHOLE);
	assert_int_equal(parse.body.len, 5);
	assert_memory_equal(parse.body.data, "abcde", 5);
	assert_null(field(&parse, "content-length")); /* a trailer is no field */
	http_parse_free(&parse);
}

static void connections_stay_or_close(void **state)
{
	static const struct {
		const char *request;
		bool keep;
	} cases[] = {
	    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
	    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", false},
	    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", false},
	    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
	    {"GET / HTTP/1.0\r\n\r\n", false},
	    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
	    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct http_parse parse;
		assert_int_equal(parse_text(&parse, cases[i].request), HTTP_PARSED_WHOLE);
		assert_int_equal(parse.keep_alive, cases[i].keep);
		http_parse_free(&parse);
	}
}

static void the_body_has_its_limit(void **state)
{
	static const char *const requests[] = {
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nB\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n"};
	size_t used;
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		struct http_parse parse = {.body_max = 10};
		const char *text = requests[i];
		if (http_parse(&parse, text, strlen(text), &used) == HTTP_PARSED_HEAD)
			http_parse(&parse, text + used, strlen(text) - used, &used);
		assert_int_equal(parse.status, 413);
		assert_true(parse.body.room < 1000); /* not for what was announced */
		http_parse_free(&parse);
	}
}

static void escapes_are_decoded(void **state)
{
	char fine[] = "a%20b+c%C3%A9", plus[] = "a+b%2B", zero[] = "a%00", cut[] = "a%2";
	(void)state;
	assert_true(http_decode(fine, false));
	assert_string_equal(fine, "a b+c\xc3\xa9");
	assert_true(http_decode(plus, true));
	assert_string_equal(plus, "a b+");
	assert_false(http_decode(zero, false));
	assert_false(http_decode(cut, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_request_of_the_table),
	    cmocka_unit_test(a_request_is_taken_apart),
	    cmocka_unit_test(chunks_are_put_together),
	    cmocka_unit_test(connections_stay_or_close),
	    cmocka_unit_test(the_body_has_its_limit),
	    cmocka_unit_test(escapes_are_decoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
