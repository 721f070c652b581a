/* The case as its citizen sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "case_view.h"
#include "client/texts_folder.h"
#include "domain/event_facts.h"
#include "nation.h"
#include "util/arena.h"

#define AT INT64_C(1772445600000)

static char *words(const char *text)
{
	return (char *)(uintptr_t)text;
}

static struct texts *texts; /* as they are shipped */

static int load(void **state)
{
	static const struct setting *const tables[] = {texts_settings, NULL};
	struct err err;
	struct settings *settings = settings_load(tables, NULL, &err);
	texts = texts_load(settings, &err);
	settings_free(&settings);
	return texts ? nation_load(state) : -1;
}

static int drop(void **state)
{
	texts_free(&texts);
	return nation_drop(state);
}

static json_t *shown(const struct catalogue *catalogue, const struct found_case *found,
		     const char *language)
{
	char *text = case_view(catalogue, texts, found, language);
	json_t *view = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(view);
	free(text);
	return view;
}

static void assert_says(const json_t *view, const char *member, const char *expected)
{
	const char *text = json_string_value(json_object_get(view, member));
	if (!expected)
		assert_null(text);
	else
		assert_string_equal(text, expected);
}

static void a_case_that_was_only_taken_in(void **state)
{
	const struct found_case found = {.number = 0, .received_at_ms = AT};
	json_t *view = shown(*state, &found, "en");
	assert_says(view, "status", "received");
	assert_says(view, "received_at", "2026-03-02T10:00:00Z");
	assert_int_equal(json_array_size(json_object_get(view, "history")), 0);
	assert_true(json_is_array(json_object_get(view, "history")));
	assert_says(view, "office", NULL);
	assert_says(view, "erased_at", NULL);
	json_decref(view);
}

static void what_the_record_does_not_say_now(void **state)
{
	const struct found_case found = {.received_at_ms = AT, .extras_unknown = true};
	json_t *view = shown(*state, &found, "en");
	assert_int_equal(json_array_size(json_object_get(view, "not_known_now")), 2);
	json_decref(view);
}

static Redress__CaseState *with_history(struct arena *arena, size_t count, const char *const *kinds)
{
	Redress__CaseState *one = arena_take(arena, sizeof(*one));
	redress__case_state__init(one);
	one->history = arena_take(arena, count * sizeof(*one->history));
	one->n_history = count;
	for (size_t i = 0; i < count; i++) {
		Redress__HistoryEntry *line = arena_take(arena, sizeof(*line));
		redress__history_entry__init(line);
		line->kind = words(kinds[i]);
		line->at_ms = AT + (int64_t)i * 1000;
		line->office = words("water-north");
		one->history[i] = line;
	}
	return one;
}

static void a_case_at_an_office(void **state)
{
	static const char *const kinds[] = {"opened", "assigned"};
	static const struct message_outcome told = {"assigned", "email", "trying", "", AT};
	struct arena *arena = arena_new();
	Redress__CaseState *one = with_history(arena, 2, kinds);
	one->status = REDRESS__STATUS__ASSIGNED;
	one->version = 2;
	one->office = words("water-north");
	one->category = words("water.leak");
	one->deadline_ms = AT + 1000;
	const struct found_case found = {
	    .state = one, .received_at_ms = AT, .outcomes = &told, .outcome_count = 1};
	json_t *view = shown(*state, &found, "en");
	json_t *history = json_object_get(view, "history"),
	       *sent = json_object_get(view, "notifications");
	assert_says(view, "status", "assigned");
	assert_says(view, "office", "water-north");
	assert_says(view, "office_name", "Water north");
	assert_says(view, "category_name", "Leak");
	assert_says(view, "answer_due", "2026-03-02T10:00:01Z");
	assert_says(view, "same_as", NULL);
	assert_says(json_array_get(history, 1), "text", "Given to the office");
	assert_says(json_array_get(history, 1), "office_name", "Water north");
	assert_says(json_array_get(sent, 0), "delivery", "trying");
	assert_says(json_array_get(sent, 0), "reason", NULL);
	json_decref(view);
	arena_free(&arena);
}

static void an_alias_and_an_erased_case(void **state)
{
	Redress__CaseState one = REDRESS__CASE_STATE__INIT;
	one.number = 37;
	one.status = REDRESS__STATUS__CLOSED;
	const struct found_case found = {
	    .state = &one, .received_at_ms = AT, .erased_at_ms = AT + 5000};
	json_t *view = shown(*state, &found, "en");
	assert_says(view, "same_as", "00000-00000-0150");
	assert_says(view, "case_number", "00000-00000-0000");
	assert_says(view, "erased_at", "2026-03-02T10:00:05Z");
	assert_non_null(json_object_get(view, "erased_text"));
	json_decref(view);
}

static void a_case_that_waits_for_its_citizen(void **state)
{
	static const char *const kinds[] = {"opened", "assigned", "asked"};
	struct arena *arena = arena_new();
	Redress__CaseState *one = with_history(arena, 3, kinds);
	one->status = REDRESS__STATUS__WAITING;
	one->office = words("closed-down");
	one->waiting_since_ms = AT;
	one->waiting_until_ms = AT + 5000;
	const struct found_case found = {.state = one, .received_at_ms = AT};
	json_t *view = shown(*state, &found, "en");
	assert_says(view, "answer_due", NULL);
	assert_says(view, "waiting_since", "2026-03-02T10:00:00Z");
	assert_says(view, "waiting_until", "2026-03-02T10:00:05Z");
	/* an office that the catalogue no longer has is not called by its code */
	assert_says(view, "office_name", NULL);
	json_decref(view);
	arena_free(&arena);
}

/* Every status and every event has plain words, and a status that is not known breaks nothing. */
static void everything_has_words(void **state)
{
	size_t count, all = 0;
	const struct event_facts *facts = event_facts_all(&count);
	const char *kinds[32];
	struct err err = {""};
	assert_int_equal(case_view_check(texts, &err), 0);
	for (size_t i = 0; i < count; i++) {
		if (facts[i].event != REDRESS__CASE_EVENT__BODY_REFUSED) /* no part of a history */
			kinds[all++] = facts[i].kind;
	}
	struct arena *arena = arena_new();
	Redress__CaseState *one = with_history(arena, all, kinds);
	for (int status = REDRESS__STATUS__REGISTERED; status <= REDRESS__STATUS__ERASED;
	     status++) {
		one->status = (Redress__Status)status;
		const struct found_case found = {.state = one, .received_at_ms = AT};
		json_t *view = shown(*state, &found, "en");
		assert_true(strlen(json_string_value(json_object_get(view, "status_text"))) > 10);
		for (size_t i = 0; i < all; i++)
			assert_true(
			    strlen(json_string_value(json_object_get(
				json_array_get(json_object_get(view, "history"), i), "text"))) > 5);
		json_decref(view);
	}
	one->status = (Redress__Status)77;
	const struct found_case found = {.state = one, .received_at_ms = AT};
	json_t *view = shown(*state, &found, "zz");
	assert_says(view, "status_text", "");
	json_decref(view);
	one->status = REDRESS__STATUS__ASSIGNED;
	view = shown(*state, &found, "de-AT,fr");
	assert_says(view, "status_text",
		    "Eine Stelle hat Ihre Beschwerde und wird sich darum kümmern.");
	json_decref(view);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_case_that_was_only_taken_in),
	    cmocka_unit_test(what_the_record_does_not_say_now),
	    cmocka_unit_test(a_case_at_an_office),
	    cmocka_unit_test(an_alias_and_an_erased_case),
	    cmocka_unit_test(a_case_that_waits_for_its_citizen),
	    cmocka_unit_test(everything_has_words),
	};
	return cmocka_run_group_tests(tests, load, drop);
}
