/* The table of moves, walked through whole: every status, command and actor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/texts_folder.h"
#include "decide.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "rightful.h"
#include "util/text.h"
#include "with_arena.h"

#define T0     INT64_C(1790000000000)
#define LAST   REDRESS__STATUS__ERASED
#define NOBODY 0u

static const unsigned actors[] = {WHO_CITIZEN, WHO_OFFICER,  WHO_CLASSIFICATION,
				  WHO_ROUTING, WHO_OPERATOR, NOBODY};
static const struct placement here = {
    .office = OFFICE, .agency = "water", .deadline_ms = T0 + 1000, .rule = ""};

static Redress__CaseState in_status(Redress__Status status)
{
	Redress__CaseState state = REDRESS__CASE_STATE__INIT;
	state.number = NUMBER;
	state.version = 5;
	state.status = status;
	state.office = (char *)(uintptr_t)OFFICE;
	return state;
}

static Redress__Command by(Redress__Command__BodyCase kind, unsigned who, bool is_new)
{
	Redress__Command command = rightful_command(arena, kind, is_new ? 0 : 5);
	command.actor = rightful_actor(arena, who);
	if (kind == REDRESS__COMMAND__BODY_OPEN) {
		command.open->grievance = arena_take(arena, sizeof(Redress__Grievance));
		redress__grievance__init(command.open->grievance);
		command.open->grievance->number = NUMBER;
	}
	return command;
}

static bool is_emitted(const struct case_move *move, const Redress__CaseEvent *event)
{
	for (size_t i = 0; i < CASE_MOVE_EVENTS; i++) {
		if (move->emits[i] == event->body_case)
			return true;
	}
	return false;
}

static void assert_refused(const struct texts *texts, const struct decision *decision)
{
	assert_int_equal(decision->count, 1);
	assert_int_equal(decision->events[0]->version, 0);
	assert_int_equal(decision->events[0]->body_case, REDRESS__CASE_EVENT__BODY_REFUSED);
	const Redress__Reason *reason = decision->events[0]->refused->reason;
	assert_non_null(reason);
	for (const char *const *tag = texts_tags(texts); *tag; tag++) {
		if (!reason_has_text(texts_language(texts, *tag), REASON_REFUSAL, reason->code))
			fail_msg("%s.yaml has no sentence for %s", *tag, reason->code);
	}
}

/* Who may, in the status, makes just the events that the table names; who may not is refused. */
static void one_square(const struct texts *texts, const struct case_move *move,
		       Redress__Status status, unsigned who)
{
	Redress__CaseState case_there = in_status(status), *after = NULL;
	Redress__CaseState *state = status ? &case_there : NULL;
	Redress__Command command = by(move->command, who, !state);
	struct decision d = decide(arena, state, &command, &here, 0, T0);
	bool may = case_may(move->command, status, who);
	struct err err;
	if (!may && d.count == 0) {
		/* a repetition of the Open that opened it */
		assert_true(move->command == REDRESS__COMMAND__BODY_OPEN &&
			    who == WHO_CLASSIFICATION);
		return;
	}
	if (!may) {
		assert_refused(texts, &d);
		return;
	}
	assert_true(d.count >= 1 && d.events[0]->body_case == move->emits[0]);
	for (size_t i = 0; i < d.count; i++) {
		assert_true(is_emitted(move, d.events[i]));
		assert_int_equal(case_apply(arena, state, d.events[i], &after, &err), 0);
		state = after;
	}
	bool stays = move->to == CASE_MOVE_SAME || move->keeps & 1u << status;
	assert_int_equal(state->status, stays ? status : (Redress__Status)move->to);
}

static struct texts *shipped_texts(void)
{
	static const struct setting *const tables[] = {texts_settings, NULL};
	struct err err = {""};
	struct settings *settings = settings_load(tables, NULL, &err);
	struct texts *texts = texts_load(settings, &err);
	assert_string_equal(err.text, "");
	settings_free(&settings);
	return texts;
}

static void every_square_of_the_table_holds(void **fixture)
{
	size_t count, squares = 0;
	const struct case_move *moves = case_moves(&count);
	struct texts *texts = shipped_texts();
	(void)fixture;
	assert_int_equal(count, 19);
	for (size_t m = 0; m < count; m++) {
		for (int s = 0; s <= (int)LAST; s++) {
			for (size_t a = 0; a < sizeof(actors) / sizeof(*actors); a++, squares++)
				one_square(texts, &moves[m], (Redress__Status)s, actors[a]);
		}
	}
	assert_int_equal(squares, 19 * 10 * 6);
	texts_free(&texts);
}

/* What nobody but a table of its own says: who may do what. */
static void rights_are_these_and_no_others(void **fixture)
{
	static const struct {
		const char *command, *who;
	} rights[] = {
	    {"open", "classification"},     {"assign", "officer"},        {"accept", "officer"},
	    {"comment", "citizen officer"}, {"ask", "officer"},           {"reply", "citizen"},
	    {"answer", "officer"},          {"close", "officer routing"}, {"reopen", "citizen"},
	    {"withdraw", "citizen"},        {"correct", "officer"},       {"escalate", "routing"},
	    {"erase", "operator"},          {"resume", "routing"},        {"rate", "citizen"},
	    {"remind", "citizen"},          {"prioritize", "officer"},    {"give", "officer"},
	    {"release", "officer"},
	};
	size_t count;
	const struct case_move *moves = case_moves(&count);
	(void)fixture;
	assert_int_equal(count, sizeof(rights) / sizeof(*rights));
	for (size_t m = 0; m < count; m++) {
		Redress__Command command = REDRESS__COMMAND__INIT;
		char who[100] = "";
		command.body_case = moves[m].command;
		for (unsigned bit = WHO_CITIZEN; bit <= WHO_OPERATOR; bit <<= 1) {
			if (moves[m].who & bit)
				snprintf(who + strlen(who), sizeof(who) - strlen(who), "%s%s",
					 *who ? " " : "", case_who_name(bit));
		}
		assert_string_equal(case_command_kind(&command), rights[m].command);
		assert_string_equal(who, rights[m].who);
	}
}

/* From the beginning every status is reached, and from every one an end; only ends have no way on.
 */
static void nothing_is_unreachable_and_nothing_a_dead_end(void **fixture)
{
	unsigned reached = CASE_IN(STATUS_NONE), ends = 0, left = 0;
	size_t count;
	const struct case_move *moves = case_moves(&count);
	(void)fixture;
	for (int s = REDRESS__STATUS__REGISTERED; s <= (int)LAST; s++)
		ends |= case_is_over((Redress__Status)s) ? 1u << s : 0;
	unsigned final = ends;
	for (size_t round = 0; round < LAST; round++) {
		for (size_t m = 0; m < count; m++) {
			unsigned to = moves[m].to == CASE_MOVE_SAME ? 0 : 1u << moves[m].to;
			left |= to ? moves[m].from : 0;
			if (moves[m].from & reached)
				reached |= to;
			if (to & ends)
				ends |= moves[m].from & ~moves[m].keeps;
		}
	}
	/* between opened and assigned, which are written together; and an Open that is an alias */
	reached |= CASE_IN(REGISTERED) | CASE_IN(MERGED);
	for (int s = 0; s <= (int)LAST; s++) {
		assert_true(reached & 1u << s);
		assert_true(ends & 1u << s);
		assert_true((left | final) & 1u << s);
	}
}

static const char *refusal_of(const Redress__CaseState *state, const Redress__Command *command)
{
	struct decision d = decide(arena, state, command, &here, 0, T0);
	assert_int_equal(d.count, 1);
	return d.events[0]->version ? "" : d.events[0]->refused->reason->code;
}

static void an_officer_acts_for_the_office_that_has_the_case(void **fixture)
{
	(void)fixture;
	Redress__CaseState state = in_status(REDRESS__STATUS__ASSIGNED);
	Redress__Command command = rightful_command(arena, REDRESS__COMMAND__BODY_ACCEPT, 5);
	assert_string_equal(refusal_of(&state, &command), "");
	command.actor->office = (char *)(uintptr_t) "south";
	assert_string_equal(refusal_of(&state, &command), "wrong_office");
	command.actor->office = (char *)(uintptr_t) "";
	assert_string_equal(refusal_of(&state, &command), "wrong_office");
	/* who was told that it is late may see to it */
	command.actor->office = (char *)(uintptr_t) "head";
	assert_string_equal(refusal_of(&state, &command), "wrong_office");
	state.overseer = (char *)(uintptr_t) "head";
	assert_string_equal(refusal_of(&state, &command), "");
	/* a case that no office has is not lost */
	state.office = state.overseer = (char *)(uintptr_t) "";
	assert_string_equal(refusal_of(&state, &command), "");
	command.actor = NULL;
	assert_string_equal(refusal_of(&state, &command), "wrong_actor");
}

static void what_needs_a_text_is_refused_without(void **fixture)
{
	(void)fixture;
	Redress__CaseState state = in_status(REDRESS__STATUS__WAITING);
	Redress__Command command = rightful_command(arena, REDRESS__COMMAND__BODY_REPLY, 5);
	assert_string_equal(refusal_of(&state, &command), "");
	command.reply->sealed_text.len = 0;
	assert_string_equal(refusal_of(&state, &command), "text_missing");
}

/* An Open that classification did not send opens nothing, and is no reason to call a number taken.
 */
static void a_forged_open_opens_nothing(void **fixture)
{
	(void)fixture;
	Redress__CaseState state = in_status(REDRESS__STATUS__ASSIGNED);
	Redress__Command command = by(REDRESS__COMMAND__BODY_OPEN, WHO_CITIZEN, true);
	assert_string_equal(refusal_of(NULL, &command), "wrong_actor");
	assert_false(decide_is_number_taken(&state, &command, 0));
	assert_string_equal(refusal_of(&state, &command), "wrong_actor");
}

static void what_a_citizen_adds_is_never_an_internal_note(void **fixture)
{
	(void)fixture;
	Redress__CaseState state = in_status(REDRESS__STATUS__ASSIGNED);
	Redress__Command command = by(REDRESS__COMMAND__BODY_COMMENT, WHO_CITIZEN, false);
	struct decision d = decide(arena, &state, &command, NULL, 0, T0);
	assert_true(d.events[0]->commented->public_);
	command.actor = rightful_actor(arena, WHO_OFFICER);
	d = decide(arena, &state, &command, NULL, 0, T0);
	assert_false(d.events[0]->commented->public_);
}

/* ---- as it is published --------------------------------------------------------------------- */

static void add_statuses(char *line, size_t size, unsigned set)
{
	const char *between = "";
	for (int s = 0; s <= (int)LAST; s++) {
		if (!(set & 1u << s))
			continue;
		snprintf(line + strlen(line), size - strlen(line), "%s%s", between,
			 s ? case_status_name((Redress__Status)s) : "(none)");
		between = ", ";
	}
}

static void add_actors(char *line, size_t size, unsigned who)
{
	const char *between = "";
	for (unsigned bit = WHO_CITIZEN; bit <= WHO_OPERATOR; bit <<= 1) {
		if (!(who & bit))
			continue;
		snprintf(line + strlen(line), size - strlen(line), "%s%s", between,
			 case_who_name(bit));
		between = ", ";
	}
}

static void add_events(char *line, size_t size, const struct case_move *move)
{
	const char *between = "";
	for (size_t i = 0; i < CASE_MOVE_EVENTS && move->emits[i]; i++) {
		Redress__CaseEvent event = REDRESS__CASE_EVENT__INIT;
		Redress__Commented said = REDRESS__COMMENTED__INIT;
		event.body_case = move->emits[i];
		if (event.body_case == REDRESS__CASE_EVENT__BODY_COMMENTED) {
			said.public_ = true;
			event.commented = &said;
		}
		snprintf(line + strlen(line), size - strlen(line), "%s%s", between,
			 event_kind(&event));
		between = ", ";
	}
}

static void published(const struct case_move *move, char *line, size_t size)
{
	Redress__Command command = REDRESS__COMMAND__INIT;
	command.body_case = move->command;
	snprintf(line, size, "| %s | ", case_command_kind(&command));
	add_actors(line, size, move->who);
	strcat(line, " | ");
	add_statuses(line, size, move->from);
	strcat(line, " | ");
	if (move->to == CASE_MOVE_SAME)
		strcat(line, "the same");
	else
		strcat(line, case_status_name((Redress__Status)move->to));
	if (move->keeps) {
		strcat(line, "; the same from ");
		add_statuses(line, size, move->keeps);
	}
	strcat(line, " | ");
	add_events(line, size, move);
	strcat(line, " |\n");
}

static void the_documents_show_this_table(void **fixture)
{
	char line[500], reason[160];
	size_t count;
	const struct case_move *moves = case_moves(&count);
	char *text = text_read_file(TABLES "/../../docs/flow.md", 1 << 20, NULL, reason);
	(void)fixture;
	assert_non_null(text);
	for (size_t m = 0; m < count; m++) {
		published(&moves[m], line, sizeof(line));
		if (!strstr(text, line))
			fail_msg("docs/flow.md lacks: %s", line);
	}
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, with_arena, drop_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_square_of_the_table_holds),
	    TEST(rights_are_these_and_no_others),
	    TEST(nothing_is_unreachable_and_nothing_a_dead_end),
	    TEST(an_officer_acts_for_the_office_that_has_the_case),
	    TEST(what_needs_a_text_is_refused_without),
	    TEST(a_forged_open_opens_nothing),
	    TEST(what_a_citizen_adds_is_never_an_internal_note),
	    TEST(the_documents_show_this_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
