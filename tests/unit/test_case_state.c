/* What each kind of event makes of a case; what the clock does with each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "with_arena.h"

static char *words(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* A case at version 2, with an officer, late once. */
static Redress__CaseState before(void)
{
	Redress__CaseState state = REDRESS__CASE_STATE__INIT;
	state.number = 9;
	state.version = 2;
	state.status = REDRESS__STATUS__ASSIGNED;
	state.office = words("north");
	state.agency = words("water");
	state.officer = words("ann");
	state.category = words("water.leak");
	state.confidence = 0.5f;
	state.deadline_ms = 1000;
	state.escalation_level = 1;
	return state;
}

static Redress__CaseEvent event_of(Redress__CaseEvent__BodyCase kind, Redress__Status status)
{
	Redress__CaseEvent event = REDRESS__CASE_EVENT__INIT;
	event.number = 9;
	event.version = 3;
	event.at_ms = 500;
	event.status = status;
	event.body_case = kind;
	return event;
}

static Redress__CaseState *apply(const Redress__CaseEvent *event)
{
	struct err err = {""};
	Redress__CaseState state = before(), *next = NULL;
	Redress__CaseState *kept = arena_copy(arena, &state, sizeof(state));
	assert_int_equal(case_apply(arena, kept, event, &next, &err), 0);
	assert_int_equal(next->version, 3);
	assert_int_equal(next->status, event->status);
	assert_int_equal(next->updated_at_ms, 500);
	assert_int_equal(next->n_history, 1);
	assert_string_equal(next->history[0]->kind, event_kind(event));
	assert_int_equal(kept->version, 2); /* the old one is not touched */
	return next;
}

static void events_that_only_move_keep_everything_else(void **state)
{
	static const struct {
		Redress__CaseEvent__BodyCase kind;
		Redress__Status status;
		int64_t deadline_ms;
	} moves[] = {
	    {REDRESS__CASE_EVENT__BODY_COMMENTED, REDRESS__STATUS__ASSIGNED, 1000},
	    {REDRESS__CASE_EVENT__BODY_ASKED, REDRESS__STATUS__WAITING, 1000},
	    {REDRESS__CASE_EVENT__BODY_REPLIED, REDRESS__STATUS__IN_PROGRESS, 1000},
	    {REDRESS__CASE_EVENT__BODY_ANSWERED, REDRESS__STATUS__ANSWERED, 0},
	    {REDRESS__CASE_EVENT__BODY_CLOSED, REDRESS__STATUS__CLOSED, 0},
	    {REDRESS__CASE_EVENT__BODY_WITHDRAWN, REDRESS__STATUS__WITHDRAWN, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		Redress__Answered answered = REDRESS__ANSWERED__INIT;
		Redress__CaseEvent event = event_of(moves[i].kind, moves[i].status);
		if (event.body_case == REDRESS__CASE_EVENT__BODY_ANSWERED)
			event.answered = &answered;
		Redress__CaseState *after = apply(&event);
		assert_int_equal(after->deadline_ms, moves[i].deadline_ms);
		assert_string_equal(after->office, "north");
		assert_string_equal(after->officer, "ann");
		assert_string_equal(after->category, "water.leak");
		assert_int_equal(after->escalation_level, 1);
	}
}

static void an_answer_is_judged_until_the_next_one(void **fixture)
{
	(void)fixture;
	struct err err = {""};
	Redress__CaseState state = before(), *after;
	Redress__Rated rated = REDRESS__RATED__INIT;
	Redress__Answered answered = REDRESS__ANSWERED__INIT;
	Redress__CaseEvent event =
	    event_of(REDRESS__CASE_EVENT__BODY_RATED, REDRESS__STATUS__ANSWERED);
	rated.score = 2;
	rated.settled = REDRESS__SETTLED__NOT_SETTLED;
	event.rated = &rated;
	after = apply(&event);
	assert_int_equal(after->score, 2);
	assert_string_equal(case_settled_name(after->history[0]->settled), "no");
	assert_int_equal(after->history[0]->score, 2);
	state = *after;
	answered.outcome = REDRESS__OUTCOME__EXPLAINED;
	answered.closes_at_ms = 7000;
	event = event_of(REDRESS__CASE_EVENT__BODY_ANSWERED, REDRESS__STATUS__ANSWERED);
	event.version = 4;
	event.answered = &answered;
	assert_int_equal(case_apply(arena, &state, &event, &after, &err), 0);
	assert_int_equal(after->score, 0);
	assert_string_equal(case_outcome_name(after->outcome), "explained");
	/* the office's clock has ended; silence has its own */
	assert_int_equal(case_clock_ms(after), 0);
	assert_int_equal(case_rings_ms(after), 7000);
	assert_string_equal(case_outcome_name(after->history[1]->outcome), "explained");
	assert_int_equal(case_outcome("explained"), REDRESS__OUTCOME__EXPLAINED);
	assert_int_equal(case_outcome("no such"), REDRESS__OUTCOME__NO_OUTCOME);
	assert_string_equal(case_outcome_name((Redress__Outcome)99), "");
}

static void an_assignment(void **state)
{
	Redress__Assigned assigned = REDRESS__ASSIGNED__INIT;
	Redress__CaseEvent event =
	    event_of(REDRESS__CASE_EVENT__BODY_ASSIGNED, REDRESS__STATUS__ASSIGNED);
	(void)state;
	event.assigned = &assigned;
	assigned.office = words("south");
	assigned.agency = words("roads");
	assigned.deadline_ms = 7000;
	assigned.triage = true;
	Redress__CaseState *after = apply(&event);
	assert_string_equal(after->office, "south");
	assert_string_equal(after->agency, "roads");
	assert_string_equal(after->officer, ""); /* nobody there has taken it up */
	assert_string_equal(after->category, "water.leak");
	assert_int_equal(after->deadline_ms, 7000);
	assert_true(after->triage);
	assert_int_equal(after->escalation_level, 1);
	assert_string_equal(after->history[0]->office, "south");
	assigned.office = words("north");
	assigned.category = words("water.bill");
	assigned.triage = false;
	after = apply(&event);
	assert_string_equal(after->officer, "ann");
	assert_string_equal(after->category, "water.bill");
	assert_false(after->triage);
}

static void an_officer_a_correction_an_escalation_a_reopening(void **state)
{
	Redress__Accepted accepted = REDRESS__ACCEPTED__INIT;
	Redress__Corrected corrected = REDRESS__CORRECTED__INIT;
	Redress__Escalated escalated = REDRESS__ESCALATED__INIT;
	Redress__Reopened reopened = REDRESS__REOPENED__INIT;
	Redress__CaseEvent event =
	    event_of(REDRESS__CASE_EVENT__BODY_ACCEPTED, REDRESS__STATUS__IN_PROGRESS);
	(void)state;
	event.accepted = &accepted;
	accepted.officer = words("bob");
	assert_string_equal(apply(&event)->officer, "bob");
	event = event_of(REDRESS__CASE_EVENT__BODY_CORRECTED, REDRESS__STATUS__ASSIGNED);
	event.corrected = &corrected;
	corrected.category = words("roads.pothole");
	Redress__CaseState *after = apply(&event);
	assert_string_equal(after->category, "roads.pothole");
	assert_true(after->confidence >= 1);
	assert_int_equal(after->deadline_ms, 1000);
	event = event_of(REDRESS__CASE_EVENT__BODY_ESCALATED, REDRESS__STATUS__ASSIGNED);
	event.escalated = &escalated;
	escalated.level = 2;
	escalated.deadline_ms = 9000;
	escalated.office = words("head");
	after = apply(&event);
	assert_int_equal(after->escalation_level, 2);
	assert_int_equal(after->deadline_ms, 9000);
	assert_string_equal(after->office, "north"); /* still theirs to answer */
	assert_string_equal(after->history[0]->office, "head");
	event = event_of(REDRESS__CASE_EVENT__BODY_REOPENED, REDRESS__STATUS__ASSIGNED);
	event.reopened = &reopened;
	reopened.deadline_ms = 8000;
	after = apply(&event);
	assert_int_equal(after->escalation_level, 0);
	assert_int_equal(after->deadline_ms, 8000);
}

/* Promise: internal is internal. Its version counts, and that is all. */
static void a_note_for_colleagues_is_no_public_history(void **state)
{
	struct err err;
	Redress__Commented commented = REDRESS__COMMENTED__INIT;
	Redress__CaseState one = before(), *after;
	Redress__CaseEvent event =
	    event_of(REDRESS__CASE_EVENT__BODY_COMMENTED, REDRESS__STATUS__ASSIGNED);
	(void)state;
	event.commented = &commented;
	assert_int_equal(case_apply(arena, &one, &event, &after, &err), 0);
	assert_int_equal(after->version, 3);
	assert_int_equal(after->n_history, 0);
	assert_string_equal(event_kind(&event), "internal");
	commented.public_ = true;
	assert_int_equal(case_apply(arena, &one, &event, &after, &err), 0);
	assert_int_equal(after->n_history, 1);
	assert_string_equal(after->history[0]->kind, "commented");
}

static void an_event_that_does_not_follow_changes_nothing(void **state)
{
	struct err err;
	Redress__CaseState *next = NULL, one = before();
	Redress__CaseEvent event =
	    event_of(REDRESS__CASE_EVENT__BODY_CLOSED, REDRESS__STATUS__CLOSED);
	Redress__Opened opened = REDRESS__OPENED__INIT;
	(void)state;
	for (uint32_t version = 0; version < 6; version++) {
		event.version = version;
		assert_int_equal(case_apply(arena, &one, &event, &next, &err),
				 version == 3 ? 0 : -1);
	}
	event.version = 2;
	assert_int_equal(case_apply(arena, NULL, &event, &next, &err), -1);
	assert_string_equal(err.text, "event version 2 does not follow 0");
	event = event_of(REDRESS__CASE_EVENT__BODY_OPENED, REDRESS__STATUS__REGISTERED);
	event.version = 1;
	assert_int_equal(case_apply(arena, NULL, &event, &next, &err), -1);
	event.opened = &opened;
	assert_int_equal(case_apply(arena, NULL, &event, &next, &err), -1);
	/* nothing comes before the opening, and it comes once */
	event = event_of(REDRESS__CASE_EVENT__BODY_COMMENTED, REDRESS__STATUS__ASSIGNED);
	event.version = 1;
	assert_int_equal(case_apply(arena, NULL, &event, &next, &err), -1);
	event = event_of(REDRESS__CASE_EVENT__BODY_OPENED, REDRESS__STATUS__REGISTERED);
	event.opened = &opened;
	assert_int_equal(case_apply(arena, &one, &event, &next, &err), -1);
}

static void only_the_last_commands_are_remembered(void **state)
{
	struct err err;
	Redress__CaseState one = before(), *at = &one;
	uint8_t id[40][16] = {{0}};
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		id[i][0] = (uint8_t)(i + 1);
		Redress__CaseEvent event =
		    event_of(REDRESS__CASE_EVENT__BODY_COMMENTED, REDRESS__STATUS__ASSIGNED);
		event.version = i + 3;
		event.cause = (ProtobufCBinaryData){16, id[i]};
		assert_int_equal(case_apply(arena, at, &event, &at, &err), 0);
	}
	const ProtobufCBinaryData last = {16, id[39]}, first = {16, id[0]}, none = {0, NULL},
				  shorter = {15, id[39]};
	assert_true(case_was_applied(at, &last));
	assert_false(case_was_applied(at, &first));
	assert_false(case_was_applied(at, &none));
	assert_false(case_was_applied(at, &shorter));
}

static void everything_has_a_name(void **state)
{
	Redress__CaseEvent event = REDRESS__CASE_EVENT__INIT;
	Redress__Command command = REDRESS__COMMAND__INIT;
	(void)state;
	for (int kind = REDRESS__CASE_EVENT__BODY_OPENED; kind <= REDRESS__CASE_EVENT__BODY_RESUMED;
	     kind++) {
		event.body_case = (Redress__CaseEvent__BodyCase)kind;
		assert_string_not_equal(event_kind(&event), "unknown");
	}
	for (int kind = REDRESS__COMMAND__BODY_OPEN; kind <= REDRESS__COMMAND__BODY_RESUME;
	     kind++) {
		command.body_case = (Redress__Command__BodyCase)kind;
		assert_string_not_equal(case_command_kind(&command), "unknown");
	}
	for (int status = REDRESS__STATUS__STATUS_NONE; status <= REDRESS__STATUS__ERASED; status++)
		assert_string_not_equal(case_status_name((Redress__Status)status), "unknown");
	assert_string_equal(case_status_name((Redress__Status)99), "unknown");
	assert_string_equal(case_status_name((Redress__Status)-1), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_that_only_move_keep_everything_else),
	    cmocka_unit_test(an_answer_is_judged_until_the_next_one),
	    cmocka_unit_test(an_assignment),
	    cmocka_unit_test(an_officer_a_correction_an_escalation_a_reopening),
	    cmocka_unit_test(a_note_for_colleagues_is_no_public_history),
	    cmocka_unit_test(an_event_that_does_not_follow_changes_nothing),
	    cmocka_unit_test(only_the_last_commands_are_remembered),
	    cmocka_unit_test(everything_has_a_name),
	};
	return cmocka_run_group_tests(tests, with_arena, drop_arena);
}
