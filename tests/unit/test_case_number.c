#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "domain/case_number.h"

#define NOW INT64_C(1790000000000)

#define MINUTE INT64_C(60000)

static const int64_t now_number_time = NOW - CASE_NUMBER_EPOCH_MS;

static struct case_number_source source_of(uint8_t node, int64_t from_ms, int64_t to_ms)
{
	struct case_number_source source = {0};
	const struct case_number_lease lease = {from_ms, to_ms, node};
	case_number_extend(&source, &lease);
	return source;
}

static struct case_number_source any_source(uint8_t node)
{
	return source_of(node, 0, CASE_NUMBER_TIME_END);
}

static uint64_t next(struct case_number_source *source, int64_t now_ms, uint8_t slot)
{
	uint64_t number;
	assert_true(case_number_next(source, now_ms, slot, &number));
	return number;
}

static void numbers_rise_and_never_repeat(void **state)
{
	(void)state;
	struct case_number_source source = any_source(7);
	uint64_t last = 0;
	for (int i = 0; i < 100000; i++) {
		/* a clock that stands still, goes on and jumps back */
		uint64_t number = next(&source, NOW + i / 1000 - (i % 7 == 0) * 5000, 0);
		assert_true(number > last);
		last = number;
	}
	assert_true(last >> 63 == 0);
}

static void a_number_carries_its_parts(void **state)
{
	(void)state;
	struct case_number_source source = any_source(255);
	for (unsigned slot = 0; slot < CASE_NUMBER_SLOTS; slot++) {
		uint64_t number = next(&source, NOW + slot * 10, (uint8_t)slot);
		assert_int_equal(case_number_slot(number), slot);
		assert_int_equal(case_number_time_ms(number), NOW + slot * 10);
		assert_int_equal(case_number_partition(number, 12), slot % 12);
	}
}

static void two_nodes_never_give_the_same(void **state)
{
	(void)state;
	struct case_number_source a = any_source(1), b = any_source(2);
	for (int i = 0; i < 1000; i++)
		assert_int_not_equal(next(&a, NOW, 3), next(&b, NOW, 3));
}

static void without_a_lease_there_is_no_number(void **state)
{
	(void)state;
	struct case_number_source source = {0};
	uint64_t number;
	assert_false(case_number_next(&source, NOW, 0, &number));
	assert_true(case_number_wants_lease(&source, NOW));
}

/* Whatever the clock says: back by a year, ahead by twenty, before the epoch. */
static void no_clock_leads_out_of_the_lease(void **state)
{
	(void)state;
	static const int64_t clocks[] = {
	    NOW, NOW - 365 * 1440 * MINUTE, NOW + 20 * 365 * 1440 * MINUTE,
	    0,   CASE_NUMBER_EPOCH_MS - 1,  NOW + 3};
	struct case_number_source source = source_of(3, now_number_time, now_number_time + MINUTE);
	uint64_t last = 0, number;
	size_t given = 0;
	while (case_number_next(&source, clocks[given % 6], 9, &number)) {
		assert_true(number > last);
		assert_in_range(case_number_time_ms(number), NOW, NOW + MINUTE - 1);
		last = number;
		given++;
	}
	/* and the whole of it can be used: 64 a millisecond, less those without a plain check */
	assert_true(given > (MINUTE - 10) * 64 * 32 / 37 - 64);
	assert_false(case_number_next(&source, NOW, 9, &number));
}

static void the_next_lease_is_used_when_the_first_is_over(void **state)
{
	(void)state;
	struct case_number_source source =
	    source_of(3, now_number_time, now_number_time + 2 * MINUTE);
	const struct case_number_lease later = {now_number_time + 2 * MINUTE,
						now_number_time + 4 * MINUTE, 3};
	assert_false(case_number_wants_lease(&source, NOW));
	assert_false(case_number_wants_lease(&source, NOW + MINUTE - 1));
	assert_true(case_number_wants_lease(&source, NOW + MINUTE));
	case_number_extend(&source, &later);
	assert_false(case_number_wants_lease(&source, NOW + MINUTE));
	assert_int_equal(case_number_time_ms(next(&source, NOW + MINUTE, 0)), NOW + MINUTE);
	assert_int_equal(case_number_time_ms(next(&source, NOW + 2 * MINUTE, 0)), NOW + 2 * MINUTE);
	assert_true(case_number_wants_lease(&source, NOW + 3 * MINUTE));
	/* a clock that goes back then does not lead back into the first */
	assert_int_equal(case_number_time_ms(next(&source, NOW, 0)), NOW + 2 * MINUTE);
}

/* As a machine that slept: it goes on in its window, which is its own for ever, and wants another.
 */
static void a_window_that_is_over_by_the_clock_is_still_ours(void **state)
{
	(void)state;
	struct case_number_source source =
	    source_of(3, now_number_time, now_number_time + 10 * MINUTE);
	uint64_t before = next(&source, NOW + 5, 0);
	uint64_t after = next(&source, NOW + 600 * MINUTE, 0);
	assert_true(after > before);
	assert_int_equal(case_number_time_ms(after), NOW + 5);
	assert_true(case_number_wants_lease(&source, NOW + 600 * MINUTE));
}

static void a_written_number_reads_back(void **state)
{
	(void)state;
	struct case_number_source source = any_source(9);
	char text[CASE_NUMBER_TEXT_SIZE];
	for (int i = 0; i < 10000; i++) {
		uint64_t number = next(&source, NOW + i, (uint8_t)i), read;
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
	struct case_number_source source = any_source(1);
	char text[CASE_NUMBER_TEXT_SIZE], written[64];
	uint64_t number = next(&source, NOW, 0), read;
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
	struct case_number_source source = any_source(1);
	char text[CASE_NUMBER_TEXT_SIZE];
	uint64_t number = next(&source, NOW, 77), read;
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
	    cmocka_unit_test(without_a_lease_there_is_no_number),
	    cmocka_unit_test(no_clock_leads_out_of_the_lease),
	    cmocka_unit_test(the_next_lease_is_used_when_the_first_is_over),
	    cmocka_unit_test(a_window_that_is_over_by_the_clock_is_still_ours),
	    cmocka_unit_test(a_written_number_reads_back),
	    cmocka_unit_test(what_people_write_is_forgiven),
	    cmocka_unit_test(every_slip_of_the_pen_is_found),
	    cmocka_unit_test(nonsense_is_no_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
