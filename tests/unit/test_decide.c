#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "decide.h"
#include "domain/case_state.h"
#include "rightful.h"
#include "with_arena.h"

#define T0 INT64_C(1790000000000)

/* clang-format off */
/* What each command does in each status: the status it leads to, '=' for the same one, '.' refused.
 * Columns: registered assigned in_progress waiting answered closed withdrawn merged erased */
static const struct {
	Redress__Command__BodyCase kind;
	const char *moves;
} expected[] = {
	{REDRESS__COMMAND__BODY_ASSIGN,   "AAAA....."},
	{REDRESS__COMMAND__BODY_ACCEPT,   ".P......."},
	{REDRESS__COMMAND__BODY_COMMENT,  "=====...."},
	{REDRESS__COMMAND__BODY_ASK,      ".WW......"},
	{REDRESS__COMMAND__BODY_REPLY,    ".==P....."},
	{REDRESS__COMMAND__BODY_ANSWER,   ".NNN....."},
	{REDRESS__COMMAND__BODY_CLOSE,    "....C...."},
	{REDRESS__COMMAND__BODY_REOPEN,   "....AA..."},
	{REDRESS__COMMAND__BODY_WITHDRAW, "DDDDD...."},
	{REDRESS__COMMAND__BODY_CORRECT,  "====....."},
	{REDRESS__COMMAND__BODY_ESCALATE, ".==......"},
	{REDRESS__COMMAND__BODY_ERASE,    "EEEEEEE.."},
	{REDRESS__COMMAND__BODY_RESUME,   "...P....."},
	{REDRESS__COMMAND__BODY_RATE,     "....==..."},
	{REDRESS__COMMAND__BODY_REMIND,   "===......"},
	{REDRESS__COMMAND__BODY_PRIORITIZE, "===......"},
	{REDRESS__COMMAND__BODY_GIVE,     ".PP=....."},
	{REDRESS__COMMAND__BODY_RELEASE,  "..A......"},
};
/* clang-format on */

static const char letters[] = "?RAPWNCDME"; /* by status */

static const struct placement here = {
    .office = "north", .agency = "water", .deadline_ms = T0 + 1000, .rule = "", .level = 1};

/* A case in this status at version 5, held by this office. */
static Redress__CaseState in_status(Redress__Status status)
{
	Redress__CaseState state = REDRESS__CASE_STATE__INIT;
	state.number = NUMBER;
	state.version = 5;
	state.status = status;
	state.office = (char *)(uintptr_t) "north";
	state.agency = (char *)(uintptr_t) "water";
	return state;
}

static void the_table_of_moves_holds(void **fixture)
{
	(void)fixture;
	for (size_t row = 0; row < sizeof(expected) / sizeof(*expected); row++) {
		for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__ERASED; s++) {
			Redress__CaseState state = in_status((Redress__Status)s);
			Redress__Command command = rightful_command(arena, expected[row].kind, 5);
			struct decision d = decide(arena, &state, &command, &here, 0, T0);
			char want = expected[row].moves[s - 1];
			assert_int_equal(d.count, 1);
			if (want == '.') {
				assert_int_equal(d.events[0]->version, 0);
				assert_int_equal(d.events[0]->body_case,
						 REDRESS__CASE_EVENT__BODY_REFUSED);
				assert_int_equal(d.events[0]->refused->current_status, s);
				assert_true(reason_is_code(d.events[0]->refused->reason->code));
				continue;
			}
			assert_int_equal(d.events[0]->version, 6);
			assert_int_equal(letters[d.events[0]->status],
					 want == '=' ? letters[s] : want);
		}
	}
}

/* Promise 4. */
static void of_two_conflicting_commands_one_wins(void **fixture)
{
	(void)fixture;
	Redress__CaseState before = in_status(REDRESS__STATUS__ASSIGNED), *after;
	struct err err;
	uint8_t first_id[16] = {1}, second_id[16] = {2};
	Redress__Command first = rightful_command(arena, REDRESS__COMMAND__BODY_ACCEPT, 5);
	Redress__Command second = rightful_command(arena, REDRESS__COMMAND__BODY_ANSWER, 5);
	first.id = (ProtobufCBinaryData){sizeof(first_id), first_id};
	second.id = (ProtobufCBinaryData){sizeof(second_id), second_id};
	struct decision won = decide(arena, &before, &first, &here, 0, T0);
	assert_int_equal(case_apply(arena, &before, won.events[0], &after, &err), 0);
	struct decision lost = decide(arena, after, &second, &here, 0, T0);
	assert_int_equal(lost.count, 1);
	assert_int_equal(lost.events[0]->version, 0);
	assert_int_equal(lost.events[0]->refused->based_on, 5);
	assert_int_equal(lost.events[0]->refused->current_version, 6);
	assert_int_equal(lost.events[0]->refused->current_status, REDRESS__STATUS__IN_PROGRESS);
	assert_string_equal(lost.events[0]->refused->command, "answer");
	/* the winner sent again is not a conflict: it was done */
	assert_int_equal(decide(arena, after, &first, &here, 0, T0).count, 0);
}

static const char *refusal_of(struct decision decision)
{
	assert_int_equal(decision.count, 1);
	return decision.events[0]->version ? "" : decision.events[0]->refused->reason->code;
}

static void an_answer_says_what_it_comes_to(void **fixture)
{
	(void)fixture;
	Redress__CaseState state = in_status(REDRESS__STATUS__IN_PROGRESS);
	Redress__Command command = rightful_command(arena, REDRESS__COMMAND__BODY_ANSWER, 5);
	struct decision d = decide(arena, &state, &command, &here, 0, T0);
	assert_int_equal(d.events[0]->answered->outcome, REDRESS__OUTCOME__SOLVED);
	command.answer->outcome = REDRESS__OUTCOME__NO_OUTCOME;
	assert_string_equal(refusal_of(decide(arena, &state, &command, NULL, 0, T0)),
			    "outcome_missing");
	command.answer->outcome = (Redress__Outcome)99;
	assert_string_equal(refusal_of(decide(arena, &state, &command, NULL, 0, T0)),
			    "outcome_missing");
}

static void an_answer_is_rated_once(void **fixture)
{
	(void)fixture;
	Redress__CaseState state = in_status(REDRESS__STATUS__CLOSED);
	Redress__Command command = rightful_command(arena, REDRESS__COMMAND__BODY_RATE, 5);
	assert_string_equal(refusal_of(decide(arena, &state, &command, NULL, 0, T0)), "");
	for (uint32_t score = 0; score <= CASE_SCORE_MAX + 1; score += CASE_SCORE_MAX + 1) {
		command.rate->score = score;
		assert_string_equal(refusal_of(decide(arena, &state, &command, NULL, 0, T0)),
				    "score_missing");
	}
	command.rate->score = state.score = 1;
	assert_string_equal(refusal_of(decide(arena, &state, &command, NULL, 0, T0)),
			    "already_rated");
}

static void an_office_is_reminded_once_a_day(void **fixture)
{
	(void)fixture;
	Redress__CaseState state = in_status(REDRESS__STATUS__ASSIGNED);
	Redress__Command command = rightful_command(arena, REDRESS__COMMAND__BODY_REMIND, 5);
	state.reminders = 1;
	state.reminded_at_ms = T0;
	assert_string_equal(
	    refusal_of(decide(arena, &state, &command, NULL, 0, T0 + CASE_REMIND_AGAIN_MS - 1)),
	    "already_reminded");
	struct decision d = decide(arena, &state, &command, NULL, 0, T0 + CASE_REMIND_AGAIN_MS);
	assert_int_equal(d.events[0]->reminded->reminders, 2);
}

static Redress__Command make_open(void)
{
	Redress__Command command = REDRESS__COMMAND__INIT;
	command.number = NUMBER;
	command.actor = rightful_actor(arena, WHO_CLASSIFICATION);
	command.body_case = REDRESS__COMMAND__BODY_OPEN;
	command.open = arena_take(arena, sizeof(*command.open));
	redress__open__init(command.open);
	command.open->grievance = arena_take(arena, sizeof(*command.open->grievance));
	redress__grievance__init(command.open->grievance);
	command.open->grievance->number = NUMBER;
	command.open->grievance->received_at_ms = T0 - 5;
	command.open->grievance->channel = (char *)(uintptr_t) "web";
	return command;
}

static void an_open_case_is_opened_and_assigned(void **fixture)
{
	(void)fixture;
	struct err err;
	Redress__CaseState *state = NULL;
	Redress__Command command = make_open();
	struct decision d = decide(arena, NULL, &command, &here, 0, T0);
	assert_int_equal(d.count, 2);
	for (size_t i = 0; i < d.count; i++) {
		assert_int_equal(d.events[i]->version, i + 1);
		assert_int_equal(case_apply(arena, state, d.events[i], &state, &err), 0);
	}
	assert_int_equal(state->status, REDRESS__STATUS__ASSIGNED);
	assert_string_equal(state->office, "north");
	assert_int_equal(state->deadline_ms, T0 + 1000);
	assert_int_equal(state->opened_at_ms, T0 - 5);
	assert_int_equal(state->n_history, 2);
	/* the same submission under the same number: nothing more */
	assert_int_equal(decide(arena, state, &command, &here, 0, T0).count, 0);
	/* an event that does not follow is not applied */
	assert_int_equal(case_apply(arena, state, d.events[1], &state, &err), -1);
}

/* Promise 2, where Redis had forgotten the first number. */
static void the_same_submission_under_a_second_number_is_an_alias(void **fixture)
{
	(void)fixture;
	struct err err;
	Redress__CaseState *state;
	Redress__Command command = make_open();
	struct decision d = decide(arena, NULL, &command, &here, 41, T0);
	assert_int_equal(d.count, 1);
	assert_int_equal(case_apply(arena, NULL, d.events[0], &state, &err), 0);
	assert_int_equal(state->status, REDRESS__STATUS__MERGED);
	assert_int_equal(state->alias_of, 41);
	assert_int_equal(state->deadline_ms, 0);
}

static void nothing_is_decided_about_an_unknown_case(void **fixture)
{
	(void)fixture;
	for (size_t row = 0; row < sizeof(expected) / sizeof(*expected); row++) {
		Redress__Command command = rightful_command(arena, expected[row].kind, 1);
		assert_false(decide_wants_placement(NULL, &command));
		struct decision d = decide(arena, NULL, &command, NULL, 0, T0);
		assert_int_equal(d.count, 1);
		assert_int_equal(d.events[0]->version, 0);
	}
}

static void a_place_that_does_not_exist_is_refused(void **fixture)
{
	(void)fixture;
	struct placement nowhere = {.refusal = {"no_such_office", "office", "nowhere"}};
	Redress__CaseState state = in_status(REDRESS__STATUS__ASSIGNED);
	Redress__Command command = rightful_command(arena, REDRESS__COMMAND__BODY_ASSIGN, 5);
	struct decision d = decide(arena, &state, &command, &nowhere, 0, T0);
	assert_int_equal(d.events[0]->version, 0);
	const Redress__Reason *reason = d.events[0]->refused->reason;
	assert_string_equal(reason->code, "no_such_office");
	assert_string_equal(reason->arguments[0]->name, "office");
	assert_string_equal(reason->arguments[0]->value, "nowhere");
}

static void a_correction_moves_a_waiting_case_but_not_one_at_work(void **fixture)
{
	(void)fixture;
	struct placement there = here;
	there.office = "south";
	Redress__Command command = rightful_command(arena, REDRESS__COMMAND__BODY_CORRECT, 5);
	command.correct->category = (char *)(uintptr_t) "water.leak";
	Redress__CaseState waiting = in_status(REDRESS__STATUS__ASSIGNED);
	struct decision d = decide(arena, &waiting, &command, &there, 0, T0);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.events[1]->version, 7);
	assert_string_equal(d.events[1]->assigned->office, "south");
	assert_string_equal(d.events[1]->assigned->previous_office, "north");
	Redress__CaseState at_work = in_status(REDRESS__STATUS__IN_PROGRESS);
	assert_int_equal(decide(arena, &at_work, &command, &there, 0, T0).count, 1);
}

/* From every status some commands lead to one in which the case is over. */
static void every_status_reaches_an_end(void **fixture)
{
	bool ends[REDRESS__STATUS__ERASED + 1] = {false};
	(void)fixture;
	for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__ERASED; s++)
		ends[s] = case_is_over((Redress__Status)s);
	for (size_t round = 0; round < sizeof(ends); round++) {
		for (size_t row = 0; row < sizeof(expected) / sizeof(*expected); row++) {
			for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__ERASED;
			     s++) {
				const char *to = strchr(letters, expected[row].moves[s - 1]);
				ends[s] |= to && ends[to - letters];
			}
		}
	}
	for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__ERASED; s++)
		assert_true(ends[s]);
}

static void history_stays_bounded(void **fixture)
{
	(void)fixture;
	struct err err;
	Redress__CaseState *state = NULL;
	Redress__Command open = make_open();
	struct decision d = decide(arena, NULL, &open, &here, 0, T0);
	for (size_t i = 0; i < d.count; i++)
		assert_int_equal(case_apply(arena, state, d.events[i], &state, &err), 0);
	for (int i = 0; i < 500; i++) {
		uint8_t *id = arena_zero(arena, 16);
		snprintf((char *)id, 16, "%d", i);
		Redress__Command comment =
		    rightful_command(arena, REDRESS__COMMAND__BODY_COMMENT, state->version);
		comment.id = (ProtobufCBinaryData){16, id};
		comment.comment->public_ = true;
		d = decide(arena, state, &comment, NULL, 0, T0 + i);
		assert_int_equal(case_apply(arena, state, d.events[0], &state, &err), 0);
		assert_true(case_was_applied(state, &comment.id));
	}
	assert_int_equal(state->version, 502);
	assert_true(state->n_history < 100);
	assert_true(redress__case_state__get_packed_size(state) < 4096);
}

static Redress__CaseState *step(Redress__CaseState *state, const Redress__Command *command,
				const struct placement *placement, int64_t now_ms)
{
	struct err err;
	Redress__CaseState *after = state;
	struct decision d = decide(arena, state, command, placement, 0, now_ms);
	assert_int_equal(d.count, 1);
	assert_int_equal(d.events[0]->version, state->version + 1);
	assert_int_equal(case_apply(arena, state, d.events[0], &after, &err), 0);
	return after;
}

/* Promise 10: while the citizen is asked the office's clock stands still, but not for ever. */
static void the_clock_stands_still_while_the_citizen_is_asked(void **fixture)
{
	(void)fixture;
	const struct placement asked = {
	    .waiting_until_ms = T0 + 900, .remaining_ms = 70, .remaining_elapsed = true};
	const struct placement resumed = {.deadline_ms = T0 + 770};
	Redress__CaseState before = in_status(REDRESS__STATUS__ASSIGNED);
	before.deadline_ms = T0 + 100;
	Redress__Command ask = rightful_command(arena, REDRESS__COMMAND__BODY_ASK, 5);
	assert_true(decide_wants_placement(&before, &ask));
	Redress__CaseState *waiting = step(&before, &ask, &asked, T0 + 30);
	assert_int_equal(waiting->deadline_ms, 0);
	assert_int_equal(waiting->waiting_since_ms, T0 + 30);
	assert_int_equal(waiting->waiting_until_ms, T0 + 900);
	assert_int_equal(waiting->remaining_ms, 70);
	assert_true(waiting->remaining_elapsed);
	assert_int_equal(case_clock_ms(waiting), T0 + 900);
	/* what is noted meanwhile changes nothing of it */
	Redress__Command comment = rightful_command(arena, REDRESS__COMMAND__BODY_COMMENT, 6);
	Redress__CaseState *noted = step(waiting, &comment, NULL, T0 + 40);
	assert_int_equal(case_clock_ms(noted), T0 + 900);
	/* a reply, its absence, and another office each let it go on */
	static const Redress__Command__BodyCase ends[] = {REDRESS__COMMAND__BODY_REPLY,
							  REDRESS__COMMAND__BODY_RESUME,
							  REDRESS__COMMAND__BODY_ASSIGN};
	for (size_t i = 0; i < 3; i++) {
		Redress__Command end = rightful_command(arena, ends[i], 6);
		assert_true(decide_wants_placement(waiting, &end));
		struct placement to = resumed;
		to.office = "south";
		Redress__CaseState *after = step(waiting, &end, &to, T0 + 700);
		assert_int_equal(after->deadline_ms, T0 + 770);
		assert_int_equal(after->waiting_until_ms, 0);
		assert_int_equal(after->waiting_since_ms, 0);
		assert_int_equal(after->remaining_ms, 0);
		assert_int_equal(case_clock_ms(after), T0 + 770);
	}
	/* an answer ends it too, and no clock is left */
	Redress__Command answer = rightful_command(arena, REDRESS__COMMAND__BODY_ANSWER, 6);
	assert_int_equal(case_clock_ms(step(waiting, &answer, &here, T0 + 50)), 0);
}

/* A reply that comes too late, or unasked, is taken as well, and changes no clock. */
static void a_late_reply_is_heard(void **fixture)
{
	(void)fixture;
	Redress__CaseState before = in_status(REDRESS__STATUS__IN_PROGRESS);
	before.deadline_ms = T0 + 100;
	Redress__Command reply = rightful_command(arena, REDRESS__COMMAND__BODY_REPLY, 5);
	assert_false(decide_wants_placement(&before, &reply));
	const struct placement none = {0};
	Redress__CaseState *after = step(&before, &reply, &none, T0);
	assert_int_equal(after->deadline_ms, T0 + 100);
	assert_int_equal(after->status, REDRESS__STATUS__IN_PROGRESS);
}

static void what_was_declared_raises_and_what_is_suggested_does_not_count(void **fixture)
{
	(void)fixture;
	struct err err;
	Redress__CaseState *state;
	Redress__Command command = make_open();
	Redress__Classification said = REDRESS__CLASSIFICATION__INIT;
	struct placement placement = here;
	said.category = (char *)(uintptr_t) "other.not_grievance";
	said.confidence = 0.9f;
	said.urgency = REDRESS__URGENCY__HIGH;
	command.open->classification = &said;
	placement.suggestion = true;
	placement.urgency = REDRESS__URGENCY__EMERGENCY;
	placement.urgency_reason = "answer";
	struct decision d = decide(arena, NULL, &command, &placement, 0, T0);
	assert_int_equal(case_apply(arena, NULL, d.events[0], &state, &err), 0);
	assert_int_equal(state->urgency, REDRESS__URGENCY__EMERGENCY);
	assert_string_equal(state->category, "");
	assert_string_equal(d.events[0]->opened->urgency_reason, "answer");
	assert_string_equal(d.events[1]->assigned->category, "");
	assert_true(d.events[0]->opened->classification->abstained);
	/* nothing lowers it */
	placement.suggestion = false;
	placement.urgency = REDRESS__URGENCY__ROUTINE;
	d = decide(arena, NULL, &command, &placement, 0, T0);
	assert_int_equal(case_apply(arena, NULL, d.events[0], &state, &err), 0);
	assert_int_equal(state->urgency, REDRESS__URGENCY__HIGH);
	assert_string_equal(state->category, "other.not_grievance");
	Redress__Command correct = rightful_command(arena, REDRESS__COMMAND__BODY_CORRECT, 1);
	placement.office = "";
	state->office = (char *)(uintptr_t) "";
	assert_int_equal(step(state, &correct, &placement, T0)->urgency, REDRESS__URGENCY__HIGH);
	placement.urgency = REDRESS__URGENCY__EMERGENCY;
	assert_int_equal(step(state, &correct, &placement, T0)->urgency,
			 REDRESS__URGENCY__EMERGENCY);
}

static void an_erased_case_is_over(void **fixture)
{
	(void)fixture;
	Redress__CaseState before = in_status(REDRESS__STATUS__ASSIGNED);
	before.deadline_ms = T0 + 100;
	Redress__Command erase = rightful_command(arena, REDRESS__COMMAND__BODY_ERASE, 5);
	erase.erase->reason = (char *)(uintptr_t) "request";
	Redress__CaseState *after = step(&before, &erase, NULL, T0);
	assert_int_equal(case_clock_ms(after), 0);
	assert_true(case_is_over(after->status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_table_of_moves_holds, with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(an_answer_says_what_it_comes_to, with_arena,
					    drop_arena),
	    cmocka_unit_test_setup_teardown(an_answer_is_rated_once, with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(an_office_is_reminded_once_a_day, with_arena,
					    drop_arena),
	    cmocka_unit_test_setup_teardown(of_two_conflicting_commands_one_wins, with_arena,
					    drop_arena),
	    cmocka_unit_test_setup_teardown(an_open_case_is_opened_and_assigned, with_arena,
					    drop_arena),
	    cmocka_unit_test_setup_teardown(the_same_submission_under_a_second_number_is_an_alias,
					    with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(nothing_is_decided_about_an_unknown_case, with_arena,
					    drop_arena),
	    cmocka_unit_test_setup_teardown(a_place_that_does_not_exist_is_refused, with_arena,
					    drop_arena),
	    cmocka_unit_test_setup_teardown(a_correction_moves_a_waiting_case_but_not_one_at_work,
					    with_arena, drop_arena),
	    cmocka_unit_test(every_status_reaches_an_end),
	    cmocka_unit_test_setup_teardown(the_clock_stands_still_while_the_citizen_is_asked,
					    with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(a_late_reply_is_heard, with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(
		what_was_declared_raises_and_what_is_suggested_does_not_count, with_arena,
		drop_arena),
	    cmocka_unit_test_setup_teardown(an_erased_case_is_over, with_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(history_stays_bounded, with_arena, drop_arena),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
