/* Who is told of what, and when it is tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "job.h"
#include "with_arena.h"

#define CITIZEN 1u
#define OFFICE  2u

/* Every body a field points to; unused ones do no harm. */
static Redress__CaseEvent event_of(Redress__CaseEvent__BodyCase kind)
{
	static Redress__Assigned assigned = REDRESS__ASSIGNED__INIT;
	static Redress__Reopened reopened = REDRESS__REOPENED__INIT;
	static Redress__Escalated escalated = REDRESS__ESCALATED__INIT;
	Redress__CaseEvent event = REDRESS__CASE_EVENT__INIT;
	event.number = 7;
	event.version = 3;
	event.office = (char *)"roads-north";
	event.body_case = kind;
	if (kind == REDRESS__CASE_EVENT__BODY_ASSIGNED)
		event.assigned = &assigned;
	if (kind == REDRESS__CASE_EVENT__BODY_REOPENED)
		event.reopened = &reopened;
	if (kind == REDRESS__CASE_EVENT__BODY_ESCALATED) {
		escalated.office = (char *)"roads-head";
		escalated.deadline_ms = 99;
		event.escalated = &escalated;
	}
	return event;
}

static const struct {
	Redress__CaseEvent__BodyCase event;
	unsigned told;
} expected[] = {
    {REDRESS__CASE_EVENT__BODY_OPENED, 0},
    {REDRESS__CASE_EVENT__BODY_ASSIGNED, CITIZEN | OFFICE},
    {REDRESS__CASE_EVENT__BODY_ACCEPTED, 0},
    {REDRESS__CASE_EVENT__BODY_COMMENTED, 0},
    {REDRESS__CASE_EVENT__BODY_ASKED, CITIZEN},
    {REDRESS__CASE_EVENT__BODY_REPLIED, OFFICE},
    {REDRESS__CASE_EVENT__BODY_ANSWERED, CITIZEN},
    {REDRESS__CASE_EVENT__BODY_CLOSED, CITIZEN},
    {REDRESS__CASE_EVENT__BODY_REOPENED, CITIZEN | OFFICE},
    {REDRESS__CASE_EVENT__BODY_WITHDRAWN, OFFICE},
    {REDRESS__CASE_EVENT__BODY_CORRECTED, 0},
    {REDRESS__CASE_EVENT__BODY_ESCALATED, CITIZEN | OFFICE},
    {REDRESS__CASE_EVENT__BODY_ALIASED, 0},
    {REDRESS__CASE_EVENT__BODY_REFUSED, 0},
};

static void test_who_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		Redress__NotificationJob *jobs[JOBS_MAX];
		Redress__CaseEvent event = event_of(expected[i].event);
		unsigned told = 0;
		for (size_t n = jobs_of(arena, &event, jobs); n > 0; n--) {
			bool office = jobs[n - 1]->recipient == REDRESS__RECIPIENT__TO_OFFICE;
			told |= office ? OFFICE : CITIZEN;
			assert_true(*jobs[n - 1]->office);
		}
		assert_int_equal(told, expected[i].told);
	}
}

static void test_the_office_above_is_told_of_a_late_case(void **state)
{
	(void)state;
	Redress__NotificationJob *jobs[JOBS_MAX];
	Redress__CaseEvent event = event_of(REDRESS__CASE_EVENT__BODY_ESCALATED);
	assert_int_equal(jobs_of(arena, &event, jobs), 2);
	assert_string_equal(jobs[0]->office, "roads-north");
	assert_string_equal(jobs[1]->office, "roads-head");
	assert_int_equal(jobs[1]->deadline_ms, 99);
}

static void test_a_key_for_each_event_and_recipient(void **state)
{
	(void)state;
	Redress__NotificationJob *jobs[JOBS_MAX], *again[JOBS_MAX];
	Redress__CaseEvent event = event_of(REDRESS__CASE_EVENT__BODY_ASSIGNED);
	jobs_of(arena, &event, jobs);
	jobs_of(arena, &event, again);
	assert_memory_equal(jobs[0]->key.data, again[0]->key.data, JOB_KEY_SIZE);
	assert_memory_not_equal(jobs[0]->key.data, jobs[1]->key.data, JOB_KEY_SIZE);
	event.version++;
	jobs_of(arena, &event, again);
	assert_memory_not_equal(jobs[0]->key.data, again[0]->key.data, JOB_KEY_SIZE);
}

static bool has(const void *self, const char *name)
{
	return strcmp(self, name) != 0;
}

static void test_a_missing_template_is_named(void **state)
{
	(void)state;
	char name[JOB_TEMPLATE_SIZE];
	assert_null(job_without_template(has, "nothing of this name", name));
	assert_string_equal(job_without_template(has, "office escalated", name),
			    "office escalated");
	assert_string_equal(job_without_template(has, "asked", name), "asked");
}

static void test_the_delay_doubles_up_to_six_hours(void **state)
{
	(void)state;
	assert_int_equal(job_next_ms(1000, 1, 500), 1500);
	assert_int_equal(job_next_ms(1000, 2, 500), 2000);
	assert_int_equal(job_next_ms(1000, 4, 500), 5000);
	assert_int_equal(job_next_ms(0, 1000, 500), INT64_C(6) * 3600 * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_who_is_told, with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(test_the_office_above_is_told_of_a_late_case,
					    with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(test_a_key_for_each_event_and_recipient, with_arena,
					    drop_arena),
	    cmocka_unit_test(test_a_missing_template_is_named),
	    cmocka_unit_test(test_the_delay_doubles_up_to_six_hours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
