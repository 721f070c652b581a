#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "domain/number_book.h"

#define NOW INT64_C(1790000000000)
#define T   (NOW - CASE_NUMBER_EPOCH_MS) /* as number-time */

static struct number_book book;
static struct err err;

static void tell(const struct case_number_lease *lease)
{
	char key[NUMBER_BOOK_KEY_SIZE];
	uint8_t value[NUMBER_BOOK_VALUE_MAX];
	size_t size = number_book_write_lease(lease, key, value);
	number_book_read(&book, key, strlen(key), value, size);
}

static void tell_range(uint8_t first, uint8_t last)
{
	uint8_t value[NUMBER_BOOK_VALUE_MAX];
	size_t size = number_book_write_range(first, last, value);
	assert_true(size > 0); /* an empty one would delete its key */
	number_book_read(&book, NUMBER_BOOK_RANGE_KEY, strlen(NUMBER_BOOK_RANGE_KEY), value, size);
}

static int begin(void **state)
{
	(void)state;
	number_book_init(&book);
	tell_range(0, NUMBER_NODE_LAST);
	return 0;
}

static struct case_number_lease lease_of(int node, int64_t broker_ms)
{
	struct case_number_lease lease;
	assert_int_equal(number_book_lease(&book, node, broker_ms, &lease, &err), 0);
	return lease;
}

/* Whatever the broker's clock does, the windows of a node never meet. */
static void windows_of_a_node_follow_one_another(void **state)
{
	(void)state;
	static const int64_t clocks[] = {NOW,           NOW,           NOW - 5000,
					 NOW + 3600000, NOW + 3600001, NOW + 60000};
	int64_t reach_ms = 0;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		struct case_number_lease lease = lease_of(7, clocks[i]);
		assert_int_equal(lease.node, 7);
		assert_true(lease.from_ms >= reach_ms && lease.to_ms > lease.from_ms);
		assert_true(lease.from_ms >= clocks[i] - CASE_NUMBER_EPOCH_MS);
		reach_ms = lease.to_ms;
		tell(&lease);
	}
}

static void the_book_can_be_read_in_any_order_and_twice(void **state)
{
	(void)state;
	const struct case_number_lease early = {T, T + 10, 9}, late = {T + 10, T + 20, 9};
	tell(&late);
	tell(&early);
	tell(&late);
	assert_int_equal(book.reach_ms[9], T + 20);
	assert_int_equal(book.reach_ms[8], 0);
	assert_int_equal(book.unreadable, 0);
}

static void who_starts_takes_a_node_that_nobody_uses(void **state)
{
	(void)state;
	int node;
	for (int i = 0; i <= NUMBER_NODE_LAST; i++) {
		const struct case_number_lease used = {T, T + 1000 + i, (uint8_t)i};
		if (i != 17 && i != 200)
			tell(&used);
	}
	for (uint32_t chance = 0; chance < 100; chance++) {
		assert_int_equal(number_book_choose(&book, NOW, chance, &node, &err), 0);
		assert_int_equal(node, chance % 2 ? 200 : 17);
	}
	/* when all are in use, the one that is free soonest, and behind its window */
	const struct case_number_lease more = {T, T + 5000, 17}, still = {T, T + 5000, 200};
	tell(&more);
	tell(&still);
	assert_int_equal(number_book_choose(&book, NOW, 5, &node, &err), 0);
	assert_int_equal(node, 0);
	assert_int_equal(lease_of(node, NOW).from_ms, T + 1000);
}

static void a_cluster_leases_its_own_nodes_only(void **state)
{
	(void)state;
	int node;
	struct case_number_lease lease;
	tell_range(100, 101);
	for (uint32_t chance = 0; chance < 50; chance++) {
		assert_int_equal(number_book_choose(&book, NOW, chance, &node, &err), 0);
		assert_in_range(node, 100, 101);
	}
	assert_int_equal(number_book_lease(&book, 99, NOW, &lease, &err), -1);
	/* and none when it has not been told, or not so that it can be read */
	number_book_read(&book, NUMBER_BOOK_RANGE_KEY, strlen(NUMBER_BOOK_RANGE_KEY), "\xff", 1);
	assert_int_equal(number_book_choose(&book, NOW, 0, &node, &err), -1);
	number_book_init(&book);
	assert_int_equal(number_book_choose(&book, NOW, 0, &node, &err), -1);
	assert_non_null(strstr(err.text, "redress-topics"));
	assert_int_equal(number_book_lease(&book, 1, NOW, &lease, &err), -1);
}

static void what_cannot_be_read_takes_its_node_out_of_use(void **state)
{
	(void)state;
	struct case_number_lease lease;
	number_book_read(&book, "node-5", 6, "\xff\xff", 2);
	number_book_read(&book, "node-6", 6, NULL, 0);
	number_book_read(&book, "time", 4, NULL, 0);
	number_book_read(&book, NULL, 0, "x", 1);
	number_book_read(&book, "node-256", 8, "x", 1);
	number_book_read(&book, "node-", 5, "x", 1);
	assert_int_equal(book.unreadable, 2);
	assert_int_equal(number_book_lease(&book, 5, NOW, &lease, &err), -1);
	assert_int_equal(number_book_lease(&book, 6, NOW, &lease, &err), -1);
	assert_int_equal(number_book_lease(&book, 7, NOW, &lease, &err), 0);
}

static void times_that_cannot_be_are_refused(void **state)
{
	(void)state;
	struct case_number_lease lease;
	const struct case_number_lease ahead = {T, T + NUMBER_AHEAD_MS + 1, 4};
	assert_int_equal(number_book_lease(&book, 1, 0, &lease, &err), -1);
	assert_int_equal(number_book_lease(&book, 1, CASE_NUMBER_EPOCH_MS - 1, &lease, &err), -1);
	assert_int_equal(
	    number_book_lease(&book, 1, CASE_NUMBER_EPOCH_MS + CASE_NUMBER_TIME_END, &lease, &err),
	    -1);
	assert_int_equal(number_book_lease(&book, 1, INT64_MAX, &lease, &err), -1);
	tell(&ahead);
	assert_int_equal(number_book_lease(&book, 4, NOW, &lease, &err), -1);
	assert_int_equal(number_book_lease(&book, 4, NOW + 1, &lease, &err), 0);
}

static void ranges_are_two_numbers(void **state)
{
	(void)state;
	static const char *const wrong[] = {"",       "1",     "-",     "1-",
					    "-1",     "2-1",   "0-255", "0-254 ",
					    " 0-254", "1-2-3", "0x1-2", "1-2000"};
	uint8_t first, last;
	assert_true(number_book_parse_range("0-254", &first, &last));
	assert_true(number_book_parse_range("12-12", &first, &last));
	assert_int_equal(first, 12);
	assert_int_equal(last, 12);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(number_book_parse_range(wrong[i], &first, &last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(windows_of_a_node_follow_one_another, begin),
	    cmocka_unit_test_setup(the_book_can_be_read_in_any_order_and_twice, begin),
	    cmocka_unit_test_setup(who_starts_takes_a_node_that_nobody_uses, begin),
	    cmocka_unit_test_setup(a_cluster_leases_its_own_nodes_only, begin),
	    cmocka_unit_test_setup(what_cannot_be_read_takes_its_node_out_of_use, begin),
	    cmocka_unit_test_setup(times_that_cannot_be_are_refused, begin),
	    cmocka_unit_test(ranges_are_two_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
