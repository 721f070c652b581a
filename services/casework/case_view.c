#include "case_view.h"

#include <stdio.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "labels.h"
#include "web/delivery.h"

#define STRING_SIZE 64

const char *case_stage(const Redress__CaseState *state)
{
	return case_is_over(state->status)                  ? ""
	       : state->status == REDRESS__STATUS__WAITING  ? "waiting"
	       : state->status == REDRESS__STATUS__ANSWERED ? "answered"
							    : "open";
}

/* ---- facts ---------------------------------------------------------------------------------- */

static int64_t clock_of(const Redress__CaseState *state)
{
	return state->status == REDRESS__STATUS__ANSWERED ? state->updated_at_ms
							  : case_clock_ms(state);
}

/* In an object of its own: the lines of the history have members of these names. */
static void put_last_answer(json_t *view, const Redress__CaseState *state)
{
	json_t *answer = json_object();
	visit_put(answer, "outcome", case_outcome_name(state->outcome));
	visit_put(answer, "settled", case_settled_name(state->settled));
	if (state->score)
		json_object_set_new(answer, "score", json_integer(state->score));
	if (json_object_size(answer))
		json_object_set(view, "answer", answer);
	json_decref(answer);
}

static void put_facts(struct visit *visit, json_t *view, const struct desk_case *found)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	const Redress__CaseState *state = found->state;
	const char *urgency = label_urgency((int)state->urgency);
	case_number_format(state->number, number);
	visit_put(view, "number", number);
	visit_put(view, "case_number", number);
	json_object_set_new(view, "version", json_integer(state->version));
	visit_put(view, "status", case_status_name(state->status));
	visit_put(view, "urgency", urgency);
	json_object_set_new(view, "urgent", json_boolean(state->urgency > 0));
	visit_put(view, "urgency_tone", state->urgency > 1 ? "late" : "soon");
	json_object_set_new(view, "level", json_integer(state->escalation_level));
	json_object_set_new(view, "escalated", json_boolean(state->escalation_level > 0));
	json_object_set_new(view, "triage", json_boolean(state->triage));
	label_category(visit, view, "category", state->category);
	label_office(visit, view, "office", state->office);
	visit_put(view, "text_language", state->language);
	visit_put(view, "officer", state->officer);
	json_object_set_new(view, "mine",
			    json_boolean(strcmp(state->officer, visit->account.login) == 0));
	visit_put(view, "came_by", found->channel);
	put_last_answer(view, state);
	if (state->reminders)
		json_object_set_new(view, "reminders", json_integer(state->reminders));
	visit_put_time(visit, view, "received", state->office, found->received_ms);
	visit_put_time(visit, view, "erased", state->office, found->erased_ms);
	label_clock(visit, view, case_stage(state), state->office, clock_of(state));
	if (state->alias_of) {
		case_number_format(state->alias_of, number);
		visit_put(view, "same_as", number);
	}
}

/* ---- what the citizen sent ------------------------------------------------------------------ */

static void put_place(struct visit *visit, json_t *view, const struct desk_case *found)
{
	char position[STRING_SIZE];
	json_t *place = json_object();
	const Redress__GrievanceText *text = found->text;
	if (found->state->place)
		label_area(visit, place, "area", found->state->place->area_code);
	if (text && text->has_position) {
		snprintf(position, sizeof(position), "%.6f, %.6f", text->lat, text->lon);
		visit_put(place, "position", position);
	}
	visit_put(place, "address", text ? text->address : "");
	if (json_object_size(place))
		json_object_set(view, "place", place);
	json_decref(place);
}

/* Question and answer in the officer's words where the catalogue has them. */
static json_t *answer_view(const struct catalogue_service *service, const Redress__Answer *answer,
			   const char *language)
{
	const struct catalogue_question *question =
	    service ? catalogue_question(service, answer->code) : NULL;
	const struct catalogue_value *value =
	    question ? catalogue_value(question, answer->value) : NULL;
	const char *asked = question ? catalogue_text(&question->text, language) : "";
	const char *said = value ? catalogue_text(&value->name, language) : "";
	return json_pack("{s:s, s:s, s:s, s:s}", "question", answer->code, "question_text",
			 *asked ? asked : answer->code, "answer", answer->value, "answer_text",
			 *said ? said : answer->value);
}

static void put_declared(struct visit *visit, json_t *view, const struct desk_case *found)
{
	json_t *answers = json_array();
	const struct catalogue *c = shared_catalogue_borrow(visit->casework->catalogue);
	const struct catalogue_service *service = catalogue_service(c, found->service_code);
	for (size_t i = 0; found->text && i < found->text->n_answers; i++)
		json_array_append_new(
		    answers, answer_view(service, found->text->answers[i], visit->language));
	if (*found->service_code) {
		const char *name = service ? catalogue_text(&service->name, visit->language) : "";
		visit_put(view, "service", found->service_code);
		visit_put(view, "service_name", *name ? name : found->service_code);
	}
	shared_catalogue_return(visit->casework->catalogue);
	if (json_array_size(answers))
		json_object_set(view, "answers", answers);
	json_decref(answers);
}

static void put_contact(json_t *view, const Redress__Contact *contact)
{
	json_t *object;
	if (!contact)
		return;
	object = json_object();
	visit_put(object, "name", contact->name);
	visit_put(object, "email", contact->email);
	visit_put(object, "phone", contact->phone);
	visit_put(object, "webhook", contact->webhook);
	visit_put(object, "contact_language", contact->language);
	json_object_set_new(view, "contact", object);
}

static void put_text(struct visit *visit, json_t *view, const struct desk_case *found)
{
	if (found->text) {
		visit_put(view, "subject", found->text->subject);
		visit_put(view, "description", found->text->description);
	}
	json_object_set_new(view, "unreadable", json_boolean(!found->text));
	put_place(visit, view, found);
	put_declared(visit, view, found);
	put_contact(view, found->contact);
}

/* ---- why it was classified so --------------------------------------------------------------- */

static json_t *guess_view(struct visit *visit, const Redress__Guess *guess)
{
	json_t *view = json_object();
	label_category(visit, view, "category", guess->category);
	json_object_set_new(view, "percent",
			    json_integer((json_int_t)(guess->confidence * 100 + 0.5F)));
	return view;
}

/* has: said when there are some. */
static void put_terms(json_t *view, const char *has, const char *name, char **terms, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(terms[i]));
	if (count) {
		json_object_set(view, name, list);
		json_object_set_new(view, has, json_true());
	}
	json_decref(list);
}

static void put_why(struct visit *visit, json_t *view, const struct desk_case *found,
		    const Redress__Classification *c)
{
	struct err err;
	struct seal_bytes plain;
	if (!found->text || seal_open(visit->arena, found->text_key, found->state->number, SEAL_WHY,
				      c->sealed_why.data, c->sealed_why.len, &plain, &err))
		return;
	const Redress__Why *why =
	    redress__why__unpack(arena_protobuf(visit->arena), plain.len, plain.data);
	if (!why)
		return;
	put_terms(view, "has_terms", "category_terms", why->category_terms, why->n_category_terms);
	put_terms(view, "has_urgency_terms", "urgency_terms", why->urgency_terms,
		  why->n_urgency_terms);
}

static void put_classification(struct visit *visit, json_t *view, const struct desk_case *found)
{
	const Redress__CaseEvent *first = found->event_count ? found->events[0] : NULL;
	const Redress__Classification *c =
	    first && first->body_case == REDRESS__CASE_EVENT__BODY_OPENED
		? first->opened->classification
		: NULL;
	if (!c)
		return;
	json_t *object = json_object(), *guesses = json_array();
	for (size_t i = 0; i < c->n_guesses; i++)
		json_array_append_new(guesses, guess_view(visit, c->guesses[i]));
	json_object_set_new(object, "guesses", guesses);
	json_object_set_new(object, "abstained", json_boolean(c->abstained));
	json_object_set_new(object, "suspected_abuse", json_boolean(c->suspected_abuse));
	put_why(visit, object, found, c);
	json_object_set_new(view, "classification", object);
}

/* ---- what was said and done ----------------------------------------------------------------- */

static void put_said(struct visit *visit, json_t *line, const struct desk_case *found,
		     const ProtobufCBinaryData *sealed)
{
	struct err err;
	struct seal_bytes plain;
	json_object_set_new(line, "unreadable", json_false());
	if (!sealed || !sealed->len)
		return;
	bool opens =
	    found->text && !seal_open(visit->arena, found->text_key, found->state->number,
				      SEAL_CASEWORK, sealed->data, sealed->len, &plain, &err);
	if (opens)
		json_object_set_new(line, "text",
				    json_stringn((const char *)plain.data, plain.len));
	json_object_set_new(line, "unreadable", json_boolean(!opens));
}

static const char *who_of(const struct visit *visit, const Redress__Actor *actor)
{
	return !actor || actor->kind == REDRESS__ACTOR__KIND__SYSTEM ? "system"
	       : actor->kind == REDRESS__ACTOR__KIND__CITIZEN        ? "citizen"
	       : strcmp(actor->id, visit->account.login) == 0        ? "me"
								     : "officer";
}

/* What the line says besides its kind. */
static void put_particulars(json_t *line, const Redress__CaseEvent *event)
{
	if (event->body_case == REDRESS__CASE_EVENT__BODY_ANSWERED)
		visit_put(line, "outcome", case_outcome_name(event->answered->outcome));
	if (event->body_case == REDRESS__CASE_EVENT__BODY_GIVEN)
		visit_put(line, "to_officer", event->given->officer);
	if (event->body_case == REDRESS__CASE_EVENT__BODY_PRIORITIZED)
		visit_put(line, "to_urgency", label_urgency((int)event->prioritized->urgency));
	if (event->body_case != REDRESS__CASE_EVENT__BODY_RATED)
		return;
	json_object_set_new(line, "score", json_integer(event->rated->score));
	visit_put(line, "settled", case_settled_name(event->rated->settled));
}

static json_t *line_of(struct visit *visit, const struct desk_case *found,
		       const Redress__CaseEvent *event)
{
	json_t *line = json_object();
	const char *who = who_of(visit, event->actor);
	bool by_citizen = strcmp(who, "citizen") == 0;
	const char *kind = event_kind(event);
	json_object_set_new(line, "version", json_integer(event->version));
	visit_put(line, "kind", by_citizen && strcmp(kind, "commented") == 0 ? "added" : kind);
	visit_put(line, "who", who);
	json_object_set_new(line, "by_citizen", json_boolean(by_citizen));
	json_object_set_new(line, "by_officer",
			    json_boolean(strcmp(who, "me") == 0 || strcmp(who, "officer") == 0));
	if (event->actor && !by_citizen)
		visit_put(line, "actor", event->actor->id);
	visit_put_time(visit, line, "at", found->state->office, event->at_ms);
	label_office(visit, line, "to_office", event_office(event));
	label_category(
	    visit, line, "to_category",
	    event->body_case == REDRESS__CASE_EVENT__BODY_CORRECTED ? event_category(event) : "");
	put_particulars(line, event);
	put_said(visit, line, found, event_text(event, SIDE_OFFICE));
	return line;
}

/* The newest first. */
static void put_history(struct visit *visit, json_t *view, const struct desk_case *found)
{
	json_t *history = json_array();
	for (size_t i = found->event_count; i > 0; i--) {
		json_t *line = line_of(visit, found, found->events[i - 1]);
		json_object_set_new(line, "last", json_boolean(i == found->event_count));
		json_array_append_new(history, line);
	}
	json_object_set_new(view, "history", history);
}

static void put_messages(struct visit *visit, json_t *view, const struct desk_case *found)
{
	json_t *items = json_array();
	for (size_t i = 0; i < found->message_count; i++) {
		const struct desk_message *message = &found->messages[i];
		json_t *one = json_object();
		visit_put(one, "kind", message->kind);
		visit_put(one, "recipient", message->recipient);
		visit_put(one, "channel", message->channel);
		visit_put(one, "delivery", message->delivery);
		visit_put(one, "told", delivery_told(message->delivery, message->reason));
		visit_put(one, "reason", message->reason);
		visit_put(one, "tone", delivery_tone(message->delivery, message->reason));
		visit_put_time(visit, one, "at", found->state->office, message->at_ms);
		json_array_append_new(items, one);
	}
	if (json_array_size(items))
		json_object_set_new(view, "messages", json_pack("{s:O}", "items", items));
	json_decref(items);
}

json_t *case_view(struct visit *visit, const struct desk_case *found)
{
	json_t *view = json_object();
	put_facts(visit, view, found);
	put_text(visit, view, found);
	put_classification(visit, view, found);
	put_history(visit, view, found);
	put_messages(visit, view, found);
	return view;
}
