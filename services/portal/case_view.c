#include "case_view.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/case_state.h"
#include "util/clock.h"

/* clang-format off */
static const char *const status_texts[] = {
	[REDRESS__STATUS__REGISTERED]  = "Your grievance is registered.",
	[REDRESS__STATUS__ASSIGNED]    = "An office has your grievance and will deal with it.",
	[REDRESS__STATUS__IN_PROGRESS] = "The office is working on it.",
	[REDRESS__STATUS__WAITING]     = "The office waits for your reply to its question.",
	[REDRESS__STATUS__ANSWERED]    = "The office has answered. You can reopen the case if that does not settle it.",
	[REDRESS__STATUS__CLOSED]      = "The case is closed.",
	[REDRESS__STATUS__WITHDRAWN]   = "You have withdrawn the grievance.",
	[REDRESS__STATUS__MERGED]      = "The same was submitted before and goes on there.",
};

static const struct {
	const char *kind, *text; /* %s: the office */
} history_texts[] = {
	{"opened",    "We have registered your grievance."},
	{"assigned",  "It was given to: %s."},
	{"accepted",  "An officer has taken it up."},
	{"commented", "A note was added."},
	{"asked",     "The office has asked you something."},
	{"replied",   "You have replied."},
	{"answered",  "The office has answered."},
	{"closed",    "The case was closed."},
	{"reopened",  "The case was opened again."},
	{"withdrawn", "You have withdrawn the grievance."},
	{"corrected", "Its subject was corrected."},
	{"escalated", "The answer is late; this was reported to: %s."},
	{"aliased",   "The same was submitted before; it goes on there."},
};
/* clang-format on */

static const char erased_text[] =
    "What you wrote and how to reach you was erased and cannot be read by "
    "anybody any more; you get no more messages.";

static void put_time(json_t *object, const char *name, int64_t ms)
{
	char text[CLOCK_RFC3339_SIZE];
	if (ms)
		json_object_set_new(object, name, json_string(clock_rfc3339(ms, text)));
}

static void put_text(json_t *object, const char *name, const char *text)
{
	if (*text)
		json_object_set_new(object, name, json_string(text));
}

static const char *office_name(const struct catalogue *catalogue, const char *code,
			       const char *language)
{
	const struct catalogue_office *office = catalogue_office(catalogue, code);
	return office ? catalogue_text(&office->name, language) : code;
}

static json_t *history_line(const struct catalogue *catalogue, const Redress__HistoryEntry *entry,
			    const char *language)
{
	char text[400] = "";
	json_t *line = json_object();
	put_time(line, "at", entry->at_ms);
	put_text(line, "kind", entry->kind);
	for (size_t i = 0; i < sizeof(history_texts) / sizeof(*history_texts); i++) {
		const char *words = history_texts[i].text, *gap = strstr(words, "%s");
		if (strcmp(history_texts[i].kind, entry->kind) != 0)
			continue;
		snprintf(text, sizeof(text), "%.*s%s%s", gap ? (int)(gap - words) : 300, words,
			 gap ? office_name(catalogue, entry->office, language) : "",
			 gap ? gap + 2 : "");
	}
	json_object_set_new(line, "text", json_string(text));
	return line;
}

static void put_state(json_t *view, const struct catalogue *catalogue,
		      const Redress__CaseState *state, const char *language)
{
	json_t *history = json_array();
	const struct catalogue_category *category = catalogue_category(catalogue, state->category);
	size_t texts = sizeof(status_texts) / sizeof(*status_texts);
	const char *text = (size_t)state->status < texts ? status_texts[state->status] : NULL;
	json_object_set_new(view, "status", json_string(case_status_name(state->status)));
	json_object_set_new(view, "status_text", json_string(text ? text : ""));
	put_time(view, "updated_at", state->updated_at_ms);
	put_text(view, "category", state->category);
	if (category)
		put_text(view, "category_name", catalogue_text(&category->name, language));
	put_text(view, "office", state->office);
	put_text(view, "office_name", office_name(catalogue, state->office, language));
	put_time(view, "answer_due", state->deadline_ms);
	json_object_set_new(view, "version", json_integer(state->version));
	for (size_t i = 0; i < state->n_history; i++)
		json_array_append_new(history,
				      history_line(catalogue, state->history[i], language));
	json_object_set_new(view, "history", history);
}

static json_t *outcomes_of(const struct found_case *found)
{
	json_t *list = json_array();
	for (size_t i = 0; i < found->outcome_count; i++) {
		const struct told_outcome *outcome = &found->outcomes[i];
		json_t *one = json_object();
		put_text(one, "kind", outcome->kind);
		put_text(one, "channel", outcome->channel);
		put_text(one, "delivery", outcome->delivery);
		put_text(one, "reason", outcome->reason);
		put_time(one, "at", outcome->at_ms);
		json_array_append_new(list, one);
	}
	return list;
}

char *case_view(const struct catalogue *catalogue, const struct found_case *found,
		const char *language)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	json_t *view = json_object();
	case_number_format(found->number, number);
	json_object_set_new(view, "case_number", json_string(number));
	put_time(view, "received_at", found->received_at_ms);
	put_time(view, "erased_at", found->erased_at_ms);
	if (found->erased_at_ms)
		json_object_set_new(view, "erased_text", json_string(erased_text));
	if (found->state) {
		put_state(view, catalogue, found->state, language);
		if (found->state->number != found->number) {
			case_number_format(found->state->number, number);
			json_object_set_new(view, "same_as", json_string(number));
		}
	} else {
		json_object_set_new(view, "status", json_string("received"));
		json_object_set_new(view, "status_text",
				    json_string("We have your grievance and are registering it."));
		json_object_set_new(view, "history", json_array());
	}
	json_object_set_new(view, "notifications", outcomes_of(found));
	char *text = json_dumps(view, JSON_COMPACT);
	json_decref(view);
	return text;
}
