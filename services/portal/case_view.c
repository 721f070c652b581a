#include "case_view.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "util/clock.h"

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

/* ---- sentences ------------------------------------------------------------------------------ */

/* What every view is made with. */
struct words {
	const struct catalogue *catalogue;
	const struct texts_language *texts;
	const char *language;
};

static bool no_argument(void *self, const char *name, struct message_value *value)
{
	(void)self;
	(void)name;
	(void)value;
	return false;
}

static void put_sentence(json_t *object, const char *name, const struct words *words,
			 const char *group, const char *code)
{
	static const struct message_values none = {no_argument, NULL, false};
	char key[TEXTS_KEY_MAX + 1];
	struct buffer sentence = {0};
	snprintf(key, sizeof(key), "%s.%s", group, code);
	bool known = texts_write(words->texts, key, &none, &sentence);
	json_object_set_new(object, name, json_string(known ? sentence.data : ""));
	buffer_free(&sentence);
}

static int need(const struct texts_language *texts, const char *group, const char *code,
		struct err *err)
{
	char key[TEXTS_KEY_MAX + 1];
	snprintf(key, sizeof(key), "%s.%s", group, code);
	return texts_has(texts, key) ? 0 : err_set(err, "the texts have no %s", key);
}

int case_view_check(const struct texts *texts, struct err *err)
{
	const struct texts_language *reference = texts_language(texts, TEXTS_REFERENCE);
	size_t count;
	const struct event_facts *facts = event_facts_all(&count);
	int result = 0;
	for (size_t i = 0; i < count && !result; i++) {
		if (facts[i].event != REDRESS__CASE_EVENT__BODY_REFUSED)
			result = need(reference, "talk", facts[i].kind, err);
	}
	for (int s = REDRESS__STATUS__REGISTERED; s <= REDRESS__STATUS__ERASED && !result; s++)
		result = need(reference, "status", case_status_name((Redress__Status)s), err);
	for (int o = REDRESS__OUTCOME__SOLVED; o <= REDRESS__OUTCOME__NO_REPLY && !result; o++)
		result = need(reference, "outcome", case_outcome_name((Redress__Outcome)o), err);
	return result ? result : need(reference, "talk", "added", err);
}

const char *case_view_kind(const Redress__HistoryEntry *entry)
{
	return entry->by_citizen && strcmp(entry->kind, "commented") == 0 ? "added" : entry->kind;
}

/* A code says nothing to a citizen. */
static void put_office(json_t *object, const struct words *words, const char *code)
{
	const struct catalogue_texts *name = catalogue_name(words->catalogue, CODES_OFFICES, code);
	if (name)
		put_text(object, "office_name", catalogue_text(name, words->language));
}

/* ---- parts ---------------------------------------------------------------------------------- */

static json_t *history_line(const struct words *words, const Redress__HistoryEntry *entry)
{
	json_t *line = json_object();
	put_time(line, "at", entry->at_ms);
	put_text(line, "kind", entry->kind);
	put_sentence(line, "text", words, "talk", case_view_kind(entry));
	put_office(line, words, entry->office);
	put_text(line, "outcome", case_outcome_name(entry->outcome));
	put_text(line, "settled", case_settled_name(entry->settled));
	if (entry->score)
		json_object_set_new(line, "score", json_integer(entry->score));
	return line;
}

static void put_state(json_t *view, const struct words *words, const Redress__CaseState *state)
{
	json_t *history = json_array();
	const struct catalogue_texts *category =
	    catalogue_name(words->catalogue, CODES_CATEGORIES, state->category);
	json_object_set_new(view, "status", json_string(case_status_name(state->status)));
	put_sentence(view, "status_text", words, "status", case_status_name(state->status));
	put_time(view, "updated_at",
		 state->n_history ? state->history[state->n_history - 1]->at_ms
				  : state->updated_at_ms);
	put_text(view, "category", state->category);
	if (category)
		put_text(view, "category_name", catalogue_text(category, words->language));
	put_text(view, "office", state->office);
	put_office(view, words, state->office);
	put_time(view, "answer_due", state->deadline_ms);
	put_time(view, "waiting_since", state->waiting_since_ms);
	put_time(view, "waiting_until", state->waiting_until_ms);
	put_time(view, "closes_at", state->closes_at_ms);
	put_text(view, "outcome", case_outcome_name(state->outcome));
	json_object_set_new(view, "version", json_integer(state->version));
	for (size_t i = 0; i < state->n_history; i++)
		json_array_append_new(history, history_line(words, state->history[i]));
	json_object_set_new(view, "history", history);
}

static json_t *outcomes_of(const struct found_case *found)
{
	json_t *list = json_array();
	for (size_t i = 0; i < found->outcome_count; i++) {
		const struct message_outcome *outcome = &found->outcomes[i];
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

char *case_view(const struct catalogue *catalogue, const struct texts *texts,
		const struct found_case *found, const char *language)
{
	const struct words words = {catalogue, texts_for(texts, language), language};
	char number[CASE_NUMBER_TEXT_SIZE];
	json_t *view = json_object();
	case_number_format(found->number, number);
	json_object_set_new(view, "case_number", json_string(number));
	put_time(view, "received_at", found->received_at_ms);
	put_time(view, "erased_at", found->erased_at_ms);
	if (found->erased_at_ms)
		put_sentence(view, "erased_text", &words, "case", "erased");
	if (found->state) {
		put_state(view, &words, found->state);
		if (found->state->number != found->number) {
			case_number_format(found->state->number, number);
			json_object_set_new(view, "same_as", json_string(number));
		}
	} else {
		json_object_set_new(view, "status", json_string("received"));
		put_sentence(view, "status_text", &words, "status", "received");
		json_object_set_new(view, "history", json_array());
	}
	json_object_set_new(view, "notifications", outcomes_of(found));
	if (found->extras_unknown)
		json_object_set_new(view, "not_known_now",
				    json_pack("[s, s]", "notifications", "erased_at"));
	char *text = json_dumps(view, JSON_COMPACT);
	json_decref(view);
	return text;
}
