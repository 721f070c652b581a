/* Addresses in wire form: tables/wire_address.eval. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/wire_address.h"
#include "table.h"

static int cases, failed;

static void try_line(void *self, int line, char *text)
{
	char *rest = text, wire[WIRE_EMAIL_SIZE];
	bool international;
	(void)self;
	bool good = wire_email(table_part(&rest, '|'), wire, &international);
	const char *expected = table_part(&rest, '|');
	bool expected_international = strcmp(table_part(&rest, '|'), "yes") == 0;
	cases++;
	if (strcmp(good ? wire : "-", expected) == 0 &&
	    (!good || international == expected_international))
		return;
	print_error("line %d: got \"%s\"\n", line, wire);
	failed++;
}

static void each_line_of_the_table(void **state)
{
	(void)state;
	table_lines("wire_address.eval", try_line, NULL);
	assert_true(cases > 20);
	assert_int_equal(failed, 0);
}

static void nothing_escapes_from_a_header(void **state)
{
	static const char *const bad[] = {
	    "a\r\nBcc: x@y.example", "a@b.example\r\n", "a\tb@c.example",    "a\x7f@c.example",
	    "a\xc2\x85@c.example",   "a\xff@c.example", "a@b.example\nDATA", ""};
	char wire[WIRE_EMAIL_SIZE];
	bool international;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(wire_email(bad[i], wire, &international));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_line_of_the_table),
	    cmocka_unit_test(nothing_escapes_from_a_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
