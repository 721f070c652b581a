/* Lanes: shares of senders and hosts, and the breaker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lane.h"

static const struct lane_limits limits = {.per_sender = 6,
					  .per_host = 2,
					  .pause_ms = 1000,
					  .pause_most_ms = 3000,
					  .relay_most_ms = 1500,
					  .asked_most_ms = 60000};
static struct lanes *lanes;

static int set_up(void **state)
{
	(void)state;
	lanes = lanes_new(&limits, 2);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lanes_free(&lanes);
	return lanes ? -1 : 0;
}

static void a_host_has_its_share(void **state)
{
	struct lane *silent = lanes_enter(lanes, 0, "silent:443", false);
	struct lane *other = lanes_enter(lanes, 0, "other:443", false);
	struct lane *relay = lanes_enter(lanes, 1, "relay", true);
	(void)state;
	assert_ptr_equal(lanes_enter(lanes, 0, "silent:443", false), silent);
	assert_ptr_not_equal(lanes_enter(lanes, 1, "silent:443", false), silent);
	lane_begin(silent, false);
	lane_begin(silent, false);
	assert_false(lane_may_begin(silent, false, 0));
	assert_true(lane_may_begin(other, false, 0));
	for (int i = 0; i < 6; i++) {
		assert_true(lane_may_begin(relay, false, 0));
		lane_begin(relay, false);
	}
	assert_false(lane_may_begin(relay, false, 0));
	assert_true(lane_may_begin(other, false, 0));
}

static void half_of_a_sender_is_for_first_attempts(void **state)
{
	struct lane *relay = lanes_enter(lanes, 1, "relay", true);
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(lane_may_begin(relay, true, 0));
		lane_begin(relay, true);
	}
	assert_false(lane_may_begin(relay, true, 0));
	assert_true(lane_may_begin(relay, false, 0));
	lane_end(relay, true, LANE_GOOD, 0, 0);
	assert_true(lane_may_begin(relay, true, 0));
}

static void fails(struct lane *lane, int64_t now_ms)
{
	lane_begin(lane, true);
	lane_end(lane, true, LANE_BAD, 0, now_ms);
}

static void a_host_that_fails_is_left_alone(void **state)
{
	struct lane *host = lanes_enter(lanes, 0, "dead:443", false);
	(void)state;
	fails(host, 0);
	fails(host, 0);
	assert_true(lane_may_begin(host, true, 0));
	fails(host, 0);
	assert_int_equal(lane_closed_until_ms(host, 0), 1000);
	assert_false(lane_may_begin(host, true, 999));
	assert_true(lane_may_begin(host, true, 1000));
	lane_begin(host, true); /* one message tries whether it is back */
	assert_false(lane_may_begin(host, false, 1000));
	lane_end(host, true, LANE_BAD, 0, 1000);
	assert_int_equal(lane_closed_until_ms(host, 1000), 3000);
	fails(host, 3000);
	assert_int_equal(lane_closed_until_ms(host, 3000), 6000);
	fails(host, 6000); /* no more than the most */
	assert_int_equal(lane_closed_until_ms(host, 6000), 9000);
	lane_begin(host, true);
	lane_end(host, true, LANE_GOOD, 0, 9000);
	lane_begin(host, true);
	assert_true(lane_may_begin(host, true, 9000));
}

static void those_that_began_together_are_one_failure(void **state)
{
	struct lane *relay = lanes_enter(lanes, 1, "relay", true);
	(void)state;
	for (int i = 0; i < 6; i++)
		lane_begin(relay, false);
	for (int i = 0; i < 6; i++)
		lane_end(relay, false, LANE_BAD, 0, 0);
	assert_int_equal(lane_closed_until_ms(relay, 0), 1000);
	fails(relay, 1000);
	assert_int_equal(lane_closed_until_ms(relay, 1000), 2500);
}

static void a_host_that_asks_for_it_is_left_alone(void **state)
{
	struct lane *host = lanes_enter(lanes, 0, "busy:443", false);
	(void)state;
	lane_begin(host, false);
	lane_end(host, false, LANE_BAD, 20000, 0);
	assert_int_equal(lane_closed_until_ms(host, 0), 20000);
	lane_begin(host, false);
	lane_end(host, false, LANE_BAD, INT64_C(99999999), 20000);
	assert_int_equal(lane_closed_until_ms(host, 20000), 80000);
}

static void what_nobody_is_in_is_forgotten(void **state)
{
	struct lane *host = lanes_enter(lanes, 0, "busy:443", false);
	(void)state;
	lane_begin(host, false);
	lane_end(host, false, LANE_BAD, 20000, 0);
	lane_leave(host);
	lanes_sweep(lanes, 1000); /* closed: still known */
	host = lanes_enter(lanes, 0, "busy:443", false);
	assert_int_equal(lane_closed_until_ms(host, 1000), 20000);
	lanes_sweep(lanes, 30000); /* somebody is in it */
	lane_leave(host);
	lanes_sweep(lanes, 30000);
	lane_leave(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_host_has_its_share, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(half_of_a_sender_is_for_first_attempts, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(a_host_that_fails_is_left_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(those_that_began_together_are_one_failure, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(a_host_that_asks_for_it_is_left_alone, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(what_nobody_is_in_is_forgotten, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
