#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "decide.h"
#include "domain/case_state.h"
#include "with_arena.h"

#define NUMBER UINT64_C(42)
#define T0     INT64_C(1790000000000)

/* clang-format off */
/* What each command does in each status: the status it leads to, '=' for the same one, '.' refused.
 * Columns: registered assigned in_progress waiting answered closed withdrawn merged */
static const struct {
	Redress__Command__BodyCase kind;
	const char *moves;
} expected[] = {
	{REDRESS__COMMAND__BODY_ASSIGN,   "AAAA...."},
	{REDRESS__COMMAND__BODY_ACCEPT,   ".P......"},
	{REDRESS__COMMAND__BODY_COMMENT,  "=====..."},
	{REDRESS__COMMAND__BODY_ASK,      ".WW....."},
	{REDRESS__COMMAND__BODY_REPLY,    "...P...."},
	{REDRESS__COMMAND__BODY_ANSWER,   ".NNN...."},
	{REDRESS__COMMAND__BODY_CLOSE,    "....C..."},
	{REDRESS__COMMAND__BODY_REOPEN,   "....AA.."},
	{REDRESS__COMMAND__BODY_WITHDRAW, "DDDDD..."},
	{REDRESS__COMMAND__BODY_CORRECT,  "====...."},
	{REDRESS__COMMAND__BODY_ESCALATE, ".===...."},
};
/* clang-format on */

static const char letters[] = "?RAPWNCDM"; /* by status */

static const struct placement here = {.office = "north",
				      .agency = "water",
				      .deadline_ms = T0 + 1000,
				      .rule = "",
				      .reason = "",
				      .level = 1};

/* A command of any kind with empty content. */
static Redress__Command make(Redress__Command__BodyCase kind, uint32_t based_on)
{
	static Redress__Assign assign;
	static Redress__Accept accept;
	static Redress__Comment comment;
	static Redress__Ask ask;
	static Redress__Reply reply;
	static Redress__AnswerCase answer;
	static Redress__Close close;
	static Redress__Reopen reopen;
	static Redress__Withdraw withdraw;
	static Redress__Correct correct;
	static Redress__Escalate escalate;
	Redress__Command command = REDRESS__COMMAND__INIT;
	redress__assign__init(&assign);
	redress__accept__init(&accept);
	redress__comment__init(&comment);
	redress__ask__init(&ask);
	redress__reply__init(&reply);
	redress__answer_case__init(&answer);
	redress__close__init(&close);
	redress__reopen__init(&reopen);
	redress__withdraw__init(&withdraw);
	redress__correct__init(&correct);
	redress__escalate__init(&escalate);
	command.number = NUMBER;
	command.based_on = based_on;
	command.body_case = kind;
	switch (kind) {
	case REDRESS__COMMAND__BODY_ASSIGN:
		command.assign = &assign;
		break;
	case REDRESS__COMMAND__BODY_ACCEPT:
		command.accept = &accept;
		break;
	case REDRESS__COMMAND__BODY_COMMENT:
		command.comment = &comment;
		break;
	case REDRESS__COMMAND__BODY_ASK:
		command.ask = &ask;
		break;
	case REDRESS__COMMAND__BODY_REPLY:
		command.reply = &reply;
		break;
	case REDRESS__COMMAND__BODY_ANSWER:
		command.answer = &answer;
		break;
	case REDRESS__COMMAND__BODY_CLOSE:
		command.close = &close;
		break;
	case REDRESS__COMMAND__BODY_REOPEN:
		command.reopen = &reopen;
		break;
	case REDRESS__COMMAND__BODY_WITHDRAW:
		command.withdraw = &withdraw;
		break;
	case REDRESS__COMMAND__BODY_CORRECT:
		command.correct = &correct;
		break;
	default:
		command.escalate = &escalate;
		break;
	}
	return command;
}

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
		for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__MERGED; s++) {
			Redress__CaseState state = in_status((Redress__Status)s);
			Redress__Command command = make(expected[row].kind, 5);
			struct decision d = decide(arena, &state, &command, &here, 0, T0);
			char want = expected[row].moves[s - 1];
			assert_int_equal(d.count, 1);
			if (want == '.') {
				assert_int_equal(d.events[0]->version, 0);
				assert_int_equal(d.events[0]->body_case,
						 REDRESS__CASE_EVENT__BODY_REFUSED);
				assert_int_equal(d.events[0]->refused->current_status, s);
				assert_true(strlen(d.events[0]->refused->reason) > 10);
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
	Redress__Command first = make(REDRESS__COMMAND__BODY_ACCEPT, 5);
	Redress__Command second = make(REDRESS__COMMAND__BODY_ANSWER, 5);
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

static Redress__Command make_open(void)
{
	Redress__Command command = REDRESS__COMMAND__INIT;
	command.number = NUMBER;
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
		Redress__Command command = make(expected[row].kind, 1);
		assert_false(decide_wants_placement(NULL, &command));
		struct decision d = decide(arena, NULL, &command, NULL, 0, T0);
		assert_int_equal(d.count, 1);
		assert_int_equal(d.events[0]->version, 0);
	}
}

static void a_place_that_does_not_exist_is_refused(void **fixture)
{
	(void)fixture;
	struct placement nowhere = {.refusal = "there is no such office"};
	Redress__CaseState state = in_status(REDRESS__STATUS__ASSIGNED);
	Redress__Command command = make(REDRESS__COMMAND__BODY_ASSIGN, 5);
	struct decision d = decide(arena, &state, &command, &nowhere, 0, T0);
	assert_int_equal(d.events[0]->version, 0);
	assert_string_equal(d.events[0]->refused->reason, "there is no such office");
}

static void a_correction_moves_a_waiting_case_but_not_one_at_work(void **fixture)
{
	(void)fixture;
	struct placement there = here;
	there.office = "south";
	Redress__Command command = make(REDRESS__COMMAND__BODY_CORRECT, 5);
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
	bool ends[REDRESS__STATUS__MERGED + 1] = {false};
	(void)fixture;
	for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__MERGED; s++)
		ends[s] = case_is_over((Redress__Status)s);
	for (size_t round = 0; round < sizeof(ends); round++) {
		for (size_t row = 0; row < sizeof(expected) / sizeof(*expected); row++) {
			for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__MERGED;
			     s++) {
				const char *to = strchr(letters, expected[row].moves[s - 1]);
				ends[s] |= to && ends[to - letters];
			}
		}
	}
	for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__MERGED; s++)
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
		Redress__Command comment = make(REDRESS__COMMAND__BODY_COMMENT, state->version);
		comment.id = (ProtobufCBinaryData){16, id};
		d = decide(arena, state, &comment, NULL, 0, T0 + i);
		assert_int_equal(case_apply(arena, state, d.events[0], &state, &err), 0);
		assert_true(case_was_applied(state, &comment.id));
	}
	assert_int_equal(state->version, 502);
	assert_true(state->n_history < 100);
	assert_true(redress__case_state__get_packed_size(state) < 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_table_of_moves_holds, with_arena, drop_arena),
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
	    cmocka_unit_test_setup_teardown(history_stays_bounded, with_arena, drop_arena),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
