/* Who may call a store that is away, and when every wait is over. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/breaker.h"
#include "util/clock.h"
#include "util/deadline.h"

static const struct err why = {"nobody answers"};

static void one_that_is_there_is_called_by_all(void **state)
{
	(void)state;
	struct err err;
	struct breaker breaker = BREAKER("Store");
	for (int i = 0; i < 3; i++)
		assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), 0);
	breaker_leave(&breaker, NULL);
	assert_int_equal(breaker_check(&breaker, &err), 0);
}

static void one_that_is_away_is_called_by_nobody_for_a_while(void **state)
{
	(void)state;
	struct err err;
	struct breaker breaker = BREAKER("Store");
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), 0);
	breaker_leave(&breaker, &why);
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), -1);
	assert_string_equal(err.text, "Store is away: nobody answers");
	assert_int_equal(stores_check(&err), -1);
	assert_non_null(strstr(err.text, "Store is away"));
	breaker_leave(&breaker, NULL);
	assert_int_equal(stores_check(&err), 0);
}

static void then_one_at_a_time_tries(void **state)
{
	(void)state;
	struct err err;
	struct breaker breaker = BREAKER("Store");
	breaker_leave(&breaker, &why);
	breaker.again_us = clock_mono_us();
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), 0);
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), -1);
	breaker_leave(&breaker, &why); /* in vain */
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), -1);
	breaker.again_us = clock_mono_us();
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), 0);
	breaker_leave(&breaker, NULL);
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), 0);
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), 0);
}

static void who_watches_tries_for_all(void **state)
{
	(void)state;
	struct err err;
	struct breaker breaker = BREAKER("Store");
	assert_int_equal(breaker_enter(&breaker, BREAKER_WATCHER, &err), 0);
	breaker_leave(&breaker, &why);
	breaker.again_us = clock_mono_us();
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), -1);
	assert_int_equal(breaker_enter(&breaker, BREAKER_WATCHER, &err), 0);
	breaker_leave(&breaker, NULL);
	assert_int_equal(breaker_enter(&breaker, BREAKER_USER, &err), 0);
}

static void a_deadline_passes(void **state)
{
	(void)state;
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	const struct deadline past = deadline_in(0), later = deadline_in(3600000);
	assert_int_equal(deadline_left_ms(&past), 0);
	assert_true(deadline_left_ms(&later) > 3000000);
	assert_false(deadline_poll(&past, pipes[0], POLLIN));
	assert_true(deadline_poll(&later, pipes[1], POLLOUT));
	const struct deadline soon = deadline_in(150);
	assert_false(deadline_poll(&soon, pipes[0], POLLIN));
	/* whatever is waited for, once the process is to end */
	deadline_end_all_in(150);
	assert_false(deadline_poll(&later, pipes[0], POLLIN));
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_that_is_there_is_called_by_all),
	    cmocka_unit_test(one_that_is_away_is_called_by_nobody_for_a_while),
	    cmocka_unit_test(then_one_at_a_time_tries),
	    cmocka_unit_test(who_watches_tries_for_all),
	    cmocka_unit_test(a_deadline_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
