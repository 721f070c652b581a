#include "case_print.h"

#include <inttypes.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "util/clock.h"
#include "util/text.h"
#include "util/visible_text.h"

static const char *const urgencies[] = {"routine", "high", "emergency"};

struct print {
	const struct case_file *file;
	const struct catalogue *catalogue;
	const char *preferences;
	struct arena *arena;
	FILE *out;
};

/* ---- a line ---------------------------------------------------------------------------------- */

static void line(const struct print *print, const char *title, const char *value)
{
	if (!text_is_empty(value))
		visible_printf(print->out, "%-12s %s\n", title, value);
}

/* NAME (CODE), or the code alone. */
static void named_line(const struct print *print, const char *title, const char *code,
		       const struct catalogue_texts *name)
{
	const char *text = name ? catalogue_text(name, print->preferences) : "";
	line(print, title, *text ? arena_printf(print->arena, "%s (%s)", text, code) : code);
}

static void time_line(const struct print *print, const char *title, int64_t at_ms)
{
	char time[CLOCK_RFC3339_SIZE];
	if (at_ms)
		line(print, title, clock_rfc3339(at_ms, time));
}

static void list_line(const struct print *print, const char *title, char **terms, size_t count)
{
	struct buffer list = {0};
	for (size_t i = 0; i < count; i++)
		buffer_printf(&list, "%s%s", i ? ", " : "", terms[i]);
	line(print, title, list.data);
	buffer_free(&list);
}

/* ---- what was said of it --------------------------------------------------------------------- */

static const Redress__Opened *opening(const struct case_file *file)
{
	const Redress__CaseEvent *first = file->event_count ? file->events[0] : NULL;
	return first && first->body_case == REDRESS__CASE_EVENT__BODY_OPENED ? first->opened : NULL;
}

static void print_guesses(const struct print *print, const Redress__Classification *c)
{
	struct buffer list = {0};
	for (size_t i = 0; i < c->n_guesses; i++)
		buffer_printf(&list, "%s%s %.2f", i ? ", " : "", c->guesses[i]->category,
			      (double)c->guesses[i]->confidence);
	line(print, "guesses", list.data);
	buffer_free(&list);
}

static void print_why(const struct print *print, const Redress__Classification *c)
{
	struct err err;
	struct seal_bytes plain;
	const struct case_file *file = print->file;
	if (!file->text || seal_open(print->arena, file->text_key, file->state->number, SEAL_WHY,
				     c->sealed_why.data, c->sealed_why.len, &plain, &err))
		return;
	const Redress__Why *why =
	    redress__why__unpack(arena_protobuf(print->arena), plain.len, plain.data);
	if (!why)
		return;
	list_line(print, "because of", why->category_terms, why->n_category_terms);
	list_line(print, "urgent for", why->urgency_terms, why->n_urgency_terms);
	list_line(print, "abuse for", why->abuse_terms, why->n_abuse_terms);
}

static void print_classification(const struct print *print)
{
	const Redress__Opened *opened = opening(print->file);
	const Redress__Classification *c = opened ? opened->classification : NULL;
	if (c) {
		print_guesses(print, c);
		print_why(print, c);
	}
}

static void print_status(const struct print *print)
{
	const Redress__CaseState *state = print->file->state;
	const struct catalogue_category *category =
	    catalogue_category(print->catalogue, state->category);
	const struct catalogue_office *office = catalogue_office(print->catalogue, state->office);
	const struct catalogue_office *overseer =
	    catalogue_office(print->catalogue, state->overseer);
	const Redress__Opened *opened = opening(print->file);
	named_line(print, "category",
		   *state->category ? arena_printf(print->arena, "%s, %.2f", state->category,
						   (double)state->confidence)
				    : "none",
		   category ? &category->name : NULL);
	print_classification(print);
	line(print, "urgency", state->urgency < 3 ? urgencies[state->urgency] : "unknown");
	line(print, "raised by", opened ? opened->urgency_reason : "");
	named_line(print, "office", state->office, office ? &office->name : NULL);
	named_line(print, "told of it", state->overseer, overseer ? &overseer->name : NULL);
	line(print, "to do", state->triage ? "decide where it goes" : "");
	line(print, "officer", state->officer);
	time_line(print, "opened", state->opened_at_ms);
	time_line(print, "answer by", state->deadline_ms);
	time_line(print, "asked since", state->waiting_since_ms);
	time_line(print, "asked until", state->waiting_until_ms);
	time_line(print, "erased", print->file->erased_at_ms);
}

/* ---- what the citizen told ------------------------------------------------------------------- */

static void print_contact(const struct print *print)
{
	const Redress__Contact *contact = print->file->contact;
	line(print, "channel", print->file->state->channel);
	line(print, "language", print->file->state->language);
	line(print, "declared", print->file->declared_language);
	if (!contact) {
		line(print, "contact", print->file->erased_at_ms ? "erased" : "none given");
		return;
	}
	line(print, "name", contact->name);
	line(print, "e-mail", contact->email);
	line(print, "telephone", contact->phone);
	line(print, "webhook", contact->webhook);
	line(print, "write in", contact->language);
}

static void print_place(const struct print *print)
{
	const Redress__GrievanceText *text = print->file->text;
	const Redress__Place *place = print->file->state->place;
	const struct catalogue_area *area =
	    place ? catalogue_area(print->catalogue, place->area_code) : NULL;
	if (text && text->has_position)
		line(print, "place",
		     arena_printf(print->arena, "%.6f, %.6f", text->lat, text->lon));
	else if (place && place->has_position)
		line(print, "about",
		     arena_printf(print->arena, "%.3f, %.3f", place->lat, place->lon));
	if (place)
		named_line(print, "area", place->area_code, area ? &area->name : NULL);
	line(print, "address", text ? text->address : "");
}

/* An answer from a list is shown by the name of its value. */
static const char *answer_text(const struct print *print, const struct catalogue_question *question,
			       const char *code)
{
	const struct catalogue_value *value = question ? catalogue_value(question, code) : NULL;
	return value ? catalogue_text(&value->name, print->preferences) : code;
}

static void print_answers(const struct print *print)
{
	const Redress__CaseState *state = print->file->state;
	const Redress__GrievanceText *text = print->file->text;
	const struct catalogue_service *service =
	    catalogue_service(print->catalogue, state->service_code);
	/* all of them are in the text; in clear only those that rules may look at */
	Redress__Answer **answers = text ? text->answers : state->answers;
	size_t count = text ? text->n_answers : state->n_answers;
	named_line(print, "service", state->service_code, service ? &service->name : NULL);
	for (size_t i = 0; i < count; i++) {
		const struct catalogue_question *question =
		    service ? catalogue_question(service, answers[i]->code) : NULL;
		visible_printf(print->out, "  %s\n    %s\n",
			       question ? catalogue_text(&question->text, print->preferences)
					: answers[i]->code,
			       answer_text(print, question, answers[i]->value));
	}
}

static void print_text(const struct print *print)
{
	const Redress__GrievanceText *text = print->file->text;
	if (text)
		visible_printf(print->out, "\n%s%s%s\n\n", text->subject,
			       *text->subject ? "\n" : "", text->description);
	else
		fprintf(print->out, "\n(the person's data was erased)\n\n");
}

/* ---- what happened --------------------------------------------------------------------------- */

static void print_event(const struct print *print, const Redress__CaseEvent *event)
{
	char time[CLOCK_RFC3339_SIZE];
	struct err err;
	struct seal_bytes plain;
	const struct case_file *file = print->file;
	const ProtobufCBinaryData *sealed = event_text(event, SIDE_OFFICE);
	visible_printf(print->out, "%4u  %s  %-10s %s  %s\n", event->version,
		       clock_rfc3339(event->at_ms, time), event_kind(event),
		       event->actor ? event->actor->id : "",
		       *event_office(event) ? event_office(event) : event_category(event));
	if (!sealed)
		return;
	if (file->text && !seal_open(print->arena, file->text_key, file->state->number,
				     SEAL_CASEWORK, sealed->data, sealed->len, &plain, &err))
		visible_printf(print->out, "      %s\n", (const char *)plain.data);
	else
		fprintf(print->out, "      (sealed)\n");
}

static void print_message(const struct print *print, const struct case_message *message)
{
	char time[CLOCK_RFC3339_SIZE];
	visible_printf(print->out, "%4u  %s  %-10s to the %s%s%s: %s%s%s, %" PRId64 " tried\n",
		       message->event_version, clock_rfc3339(message->at_ms, time), message->kind,
		       message->recipient, *message->channel ? " by " : "", message->channel,
		       message->delivery, *message->reason ? ", " : "", message->reason,
		       message->attempts);
}

static void print_history(const struct print *print)
{
	const struct case_file *file = print->file;
	for (size_t i = 0; i < file->event_count; i++)
		print_event(print, file->events[i]);
	if (file->message_count)
		fprintf(print->out, "\nmessages\n");
	for (size_t i = 0; i < file->message_count; i++)
		print_message(print, &file->messages[i]);
}

void case_print(const struct case_file *file, const struct catalogue *catalogue,
		const char *preferences, struct arena *arena, FILE *out)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	const struct print print = {file, catalogue, preferences, arena, out};
	case_number_format(file->state->number, number);
	visible_printf(out, "%-12s %s\n%-12s %u\n%-12s %s\n", "case", number, "version",
		       file->state->version, "status", case_status_name(file->state->status));
	if (file->state->alias_of) {
		case_number_format(file->state->alias_of, number);
		line(&print, "goes on as", number);
		return;
	}
	print_status(&print);
	print_contact(&print);
	print_place(&print);
	print_answers(&print);
	print_text(&print);
	print_history(&print);
}
