#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "domain/case_number.h"

#define NOW INT64_C(1790000000000)

static void numbers_rise_and_never_repeat(void **state)
{
	(void)state;
	struct case_number_source source = {.node = 7};
	uint64_t last = 0;
	for (int i = 0; i < 100000; i++) {
		/* a clock that stands still, goes on and jumps back */
		uint64_t number =
		    case_number_next(&source, NOW + i / 1000 - (i % 7 == 0) * 5000, 0);
		assert_true(number > last);
		last = number;
	}
	assert_true(last >> 63 == 0);
}

static void a_number_carries_its_parts(void **state)
{
	(void)state;
	struct case_number_source source = {.node = 255};
	for (unsigned slot = 0; slot < CASE_NUMBER_SLOTS; slot++) {
		uint64_t number = case_number_next(&source, NOW + slot * 10, (uint8_t)slot);
		assert_int_equal(case_number_slot(number), slot);
		assert_int_equal(case_number_time_ms(number), NOW + slot * 10);
		assert_int_equal(case_number_partition(number, 12), slot % 12);
	}
}

static void two_nodes_never_give_the_same(void **state)
{
	(void)state;
	struct case_number_source a = {.node = 1}, b = {.node = 2};
	for (int i = 0; i < 1000; i++)
		assert_int_not_equal(case_number_next(&a, NOW, 3), case_number_next(&b, NOW, 3));
}

static void a_written_number_reads_back(void **state)
{
	(void)state;
	struct case_number_source source = {.node = 9};
	char text[CASE_NUMBER_TEXT_SIZE];
	for (int i = 0; i < 10000; i++) {
		uint64_t number = case_number_next(&source, NOW + i, (uint8_t)i), read;
		case_number_format(number, text);
		assert_int_equal(strlen(text), 16);
		assert_int_equal(strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), 16);
		assert_true(case_number_parse(text, &read));
		assert_int_equal(read, number);
	}
}

static void what_people_write_is_forgiven(void **state)
{
	(void)state;
	struct case_number_source source = {.node = 1};
	char text[CASE_NUMBER_TEXT_SIZE], written[64];
	uint64_t number = case_number_next(&source, NOW, 0), read;
	case_number_format(number, text);
	size_t at = 0;
	for (const char *p = text; *p; p++) {
		char c = *p;
		if (c == '0')
			c = 'o';
		else if (c == '1')
			c = 'l';
		else if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		written[at++] = c == '-' ? ' ' : c;
	}
	written[at] = '\0';
	assert_true(case_number_parse(written, &read));
	assert_int_equal(read, number);
}

/* Crockford's modulus 37 finds every wrong digit and every swap of neighbours. */
static void every_slip_of_the_pen_is_found(void **state)
{
	(void)state;
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	struct case_number_source source = {.node = 1};
	char text[CASE_NUMBER_TEXT_SIZE];
	uint64_t number = case_number_next(&source, NOW, 77), read;
	case_number_format(number, text);
	for (size_t i = 0; i < strlen(text); i++) {
		char kept = text[i];
		for (const char *d = digits; *d && kept != '-'; d++) {
			text[i] = *d;
			assert_int_equal(case_number_parse(text, &read), *d == kept);
		}
		text[i] = kept;
		if (i + 1 < strlen(text) && text[i + 1] != '-' && kept != '-' &&
		    text[i + 1] != kept) {
			text[i] = text[i + 1];
			text[i + 1] = kept;
			assert_false(case_number_parse(text, &read));
			text[i + 1] = text[i];
			text[i] = kept;
		}
	}
}

static void nonsense_is_no_number(void **state)
{
	(void)state;
	static const char *const nonsense[] = {"",
					       "-",
					       "0",
					       "0000000000000",
					       "000000000000000",
					       "ZZZZZ-ZZZZZ-ZZZZ",
					       "8AAAA-AAAAA-AAAA",
					       "0AAAA-AAAAA-AAA*",
					       "0AAAA-AAAAA-AAAU",
					       "0AAAA_AAAAA_AAAA",
					       "\xc3\xa9"};
	uint64_t number;
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++)
		assert_false(case_number_parse(nonsense[i], &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_rise_and_never_repeat),
	    cmocka_unit_test(a_number_carries_its_parts),
	    cmocka_unit_test(two_nodes_never_give_the_same),
	    cmocka_unit_test(a_written_number_reads_back),
	    cmocka_unit_test(what_people_write_is_forgiven),
	    cmocka_unit_test(every_slip_of_the_pen_is_found),
	    cmocka_unit_test(nonsense_is_no_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
