/* The unfinished messages: which are let go when there are too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery_queue.h"

static void add(struct delivery_queue *deliveries, int64_t due_ms, enum delivery_state state)
{
	uint8_t key[16] = {0};
	Redress__NotificationJob job = REDRESS__NOTIFICATION_JOB__INIT;
	Redress__NotificationOutcome outcome = REDRESS__NOTIFICATION_OUTCOME__INIT;
	job.key = (ProtobufCBinaryData){sizeof(key), key};
	outcome.job = &job;
	outcome.next_at_ms = due_ms;
	delivery_queue_add(deliveries, &outcome, state);
}

static void those_due_last_are_forgotten(void **state)
{
	struct delivery_queue deliveries = {NULL, 0, 0};
	(void)state;
	for (int i = 0; i < 10; i++)
		add(&deliveries, 100 - i, DELIVERY_WAITING);
	add(&deliveries, 1000, DELIVERY_RUNNING);
	add(&deliveries, 1000, DELIVERY_TO_REPORT);
	assert_int_equal(delivery_queue_forget_latest(&deliveries, 12), 0);
	assert_int_equal(delivery_queue_forget_latest(&deliveries, 7), 96);
	assert_int_equal(deliveries.count, 7);
	for (size_t i = 0; i < deliveries.count; i++)
		assert_true(deliveries.list[i]->state != DELIVERY_WAITING ||
			    deliveries.list[i]->due_ms < 96);
	/* of those due at the same time some stay */
	for (int i = 0; i < 10; i++)
		add(&deliveries, 50, DELIVERY_WAITING);
	assert_int_equal(delivery_queue_forget_latest(&deliveries, 6), 50);
	assert_int_equal(deliveries.count, 6);
	/* what is under way is not let go */
	assert_int_equal(delivery_queue_forget_latest(&deliveries, 1), 50);
	assert_int_equal(deliveries.count, 2);
	assert_int_equal(delivery_queue_forget_latest(&deliveries, 1), 0);
	delivery_queue_free(&deliveries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(those_due_last_are_forgotten)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
