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
	static Redress__Commented internal = REDRESS__COMMENTED__INIT;
	static Redress__Reopened reopened = REDRESS__REOPENED__INIT;
	static Redress__Escalated escalated = REDRESS__ESCALATED__INIT;
	Redress__CaseEvent event = REDRESS__CASE_EVENT__INIT;
	event.number = 7;
	event.version = 3;
	event.office = (char *)"roads-north";
	event.body_case = kind;
	if (kind == REDRESS__CASE_EVENT__BODY_ASSIGNED)
		event.assigned = &assigned;
	if (kind == REDRESS__CASE_EVENT__BODY_COMMENTED)
		event.commented = &internal;
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
    {REDRESS__CASE_EVENT__BODY_ERASED, OFFICE},
    {REDRESS__CASE_EVENT__BODY_RESUMED, OFFICE},
    {REDRESS__CASE_EVENT__BODY_RATED, 0},
    {REDRESS__CASE_EVENT__BODY_REMINDED, OFFICE},
    {REDRESS__CASE_EVENT__BODY_PRIORITIZED, CITIZEN | OFFICE},
    {REDRESS__CASE_EVENT__BODY_GIVEN, 0},
    {REDRESS__CASE_EVENT__BODY_RELEASED, 0},
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

/* Who wrote it knows; a note among colleagues concerns nobody else. */
static void test_the_other_side_is_told_of_a_public_comment(void **state)
{
	(void)state;
	Redress__NotificationJob *jobs[JOBS_MAX];
	Redress__Actor actor = REDRESS__ACTOR__INIT;
	Redress__Commented comment = REDRESS__COMMENTED__INIT;
	Redress__CaseEvent event = event_of(REDRESS__CASE_EVENT__BODY_COMMENTED);
	event.actor = &actor;
	event.commented = &comment;
	comment.public_ = true;
	actor.kind = REDRESS__ACTOR__KIND__OFFICER;
	assert_int_equal(jobs_of(arena, &event, jobs), 1);
	assert_int_equal(jobs[0]->recipient, REDRESS__RECIPIENT__TO_CITIZEN);
	assert_string_equal(jobs[0]->kind, "commented");
	actor.kind = REDRESS__ACTOR__KIND__CITIZEN;
	assert_int_equal(jobs_of(arena, &event, jobs), 1);
	assert_int_equal(jobs[0]->recipient, REDRESS__RECIPIENT__TO_OFFICE);
	comment.public_ = false;
	actor.kind = REDRESS__ACTOR__KIND__OFFICER;
	assert_int_equal(jobs_of(arena, &event, jobs), 0);
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

static void test_templates_are_listed(void **state)
{
	(void)state;
	const char *const *names = job_templates();
	size_t count = 0, office = 0;
	for (; names[count]; count++)
		office += strncmp(names[count], "office ", 7) == 0;
	assert_int_equal(count, 19);
	assert_int_equal(office, 11);
	assert_string_equal(names[count - 1], "office emergency*");
	assert_ptr_equal(job_templates(), names);
	assert_string_equal(job_templates()[0], names[0]);
}

static void test_an_emergency_goes_every_way(void **state)
{
	(void)state;
	const char *ways[] = {"email", "webhook"};
	Redress__NotificationJob *jobs[JOBS_MAX], *told[JOB_WAYS_MAX];
	Redress__CaseEvent event = event_of(REDRESS__CASE_EVENT__BODY_ASSIGNED);
	assert_int_equal(jobs_of(arena, &event, jobs), 2);
	assert_int_equal(job_each_way(arena, jobs[1], ways, 2, told), 1);
	assert_null(job_wrapper(jobs[1]));
	event.assigned->urgency = REDRESS__URGENCY__EMERGENCY;
	assert_int_equal(jobs_of(arena, &event, jobs), 2);
	event.assigned->urgency = REDRESS__URGENCY__ROUTINE;
	assert_int_equal(job_each_way(arena, jobs[0], ways, 2, told), 1);
	assert_null(job_wrapper(jobs[0]));
	assert_int_equal(job_each_way(arena, jobs[1], ways, 1, told), 1);
	assert_string_equal(told[0]->channel, "");
	assert_int_equal(job_each_way(arena, jobs[1], ways, 2, told), 2);
	assert_string_equal(told[0]->channel, "email");
	assert_string_equal(told[1]->channel, "webhook");
	assert_memory_not_equal(told[0]->key.data, told[1]->key.data, JOB_KEY_SIZE);
	assert_string_equal(job_wrapper(told[1]), "office emergency");
}

static void test_the_delay_doubles_up_to_six_hours(void **state)
{
	(void)state;
	assert_int_equal(job_next_ms(1000, 1, 500, 0), 1500);
	assert_int_equal(job_next_ms(1000, 2, 500, 0), 2000);
	assert_int_equal(job_next_ms(1000, 4, 500, 0), 5000);
	assert_int_equal(job_next_ms(1000, 4, 500, 1023), 6000);
	assert_int_equal(job_next_ms(0, 1000, 500, 0), INT64_C(6) * 3600 * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_who_is_told, with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(test_the_other_side_is_told_of_a_public_comment,
					    with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(test_the_office_above_is_told_of_a_late_case,
					    with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(test_a_key_for_each_event_and_recipient, with_arena,
					    drop_arena),
	    cmocka_unit_test(test_templates_are_listed),
	    cmocka_unit_test_setup_teardown(test_an_emergency_goes_every_way, with_arena,
					    drop_arena),
	    cmocka_unit_test(test_the_delay_doubles_up_to_six_hours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
