#include "case_file.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "client/key_file.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "util/clock.h"
#include "util/log.h"

struct unsealer *case_file_desk(const char *keys_folder)
{
	uint8_t public[32], secret[32];
	struct err err;
	if (key_file_read(keys_folder, "desk.pub", public, &err) ||
	    key_file_read(keys_folder, "desk.key", secret, &err))
		fatal("%s", err.text);
	struct unsealer *desk = unsealer_new(ROLE_DESK, public, secret);
	sodium_memzero(secret, sizeof(secret));
	return desk;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Without the row of case_keys nothing opens any more, and the file has no text. */
static int open_text(struct unsealer *desk, struct arena *arena, uint64_t number,
		     const struct postgres_result *row, struct case_file *file, struct err *err)
{
	Redress__Epoch epoch = REDRESS__EPOCH__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	Redress__GrievanceText *text;
	ProtobufCBinaryData sealed = postgres_get_data(row, 0, 1);
	key.epoch_id = epoch.id = postgres_get_data(row, 0, 2);
	key.text_key = postgres_get_data(row, 0, 3);
	epoch.text_for_desk = postgres_get_data(row, 0, 4);
	if (!key.text_key.len)
		return 0;
	if (unsealer_key(desk, &epoch, &key, number, SEAL_TEXT, file->text_key, err) ||
	    unsealer_text(desk, arena, &epoch, &key, number, sealed.data, sealed.len, &text, err))
		return -1;
	file->text = text;
	return 0;
}

static int read_events(struct postgres *postgres, struct arena *arena, uint64_t number,
		       struct case_file *file, struct err *err)
{
	struct postgres_result *rows;
	struct postgres_param param = postgres_int8(arena, (int64_t)number);
	if (postgres_query(postgres,
			   "SELECT body FROM case_events WHERE number = $1 ORDER BY version",
			   &param, 1, &rows, err))
		return -1;
	file->events = arena_take(arena, (postgres_rows(rows) + 1) * sizeof(*file->events));
	for (size_t i = 0; i < postgres_rows(rows); i++) {
		ProtobufCBinaryData body = postgres_get_data(rows, i, 0);
		const Redress__CaseEvent *event =
		    redress__case_event__unpack(arena_protobuf(arena), body.len, body.data);
		if (event)
			file->events[file->event_count++] = event;
	}
	postgres_result_free(&rows);
	return 0;
}

int case_file_read(struct postgres *postgres, struct unsealer *desk, struct arena *arena,
		   uint64_t number, struct case_file *file, struct err *err)
{
	struct postgres_result *row;
	struct postgres_param param = postgres_int8(arena, (int64_t)number);
	*file = (struct case_file){0};
	if (postgres_query(postgres,
			   "SELECT state, COALESCE(sealed_text, ''), COALESCE(epoch_id, ''),"
			   " COALESCE(text_key, ''), COALESCE(text_for_desk, '')"
			   " FROM cases c LEFT JOIN grievances g USING (number)"
			   " LEFT JOIN case_keys k USING (number)"
			   " LEFT JOIN epochs ON id = epoch_id WHERE c.number = $1",
			   &param, 1, &row, err))
		return -1;
	int result = -1;
	if (!postgres_rows(row)) {
		err_set(err, "the record has no such case");
	} else {
		ProtobufCBinaryData state = postgres_get_data(row, 0, 0);
		file->state =
		    redress__case_state__unpack(arena_protobuf(arena), state.len, state.data);
		result = file->state
			     ? open_text(desk, arena, number, row, file, err)
			     : err_set(err, "the record's state of the case cannot be read");
	}
	postgres_result_free(&row);
	return result ? result : read_events(postgres, arena, number, file, err);
}

/* ---- printing ------------------------------------------------------------------------------- */

static const char *const urgencies[] = {"routine", "high", "emergency"};

static void print_list(FILE *out, const char *title, char **terms, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s%s", i ? ", " : title, terms[i], i + 1 == count ? "\n" : "");
}

static void print_classification(const struct case_file *file, struct arena *arena, FILE *out)
{
	struct err err;
	struct seal_bytes plain;
	const Redress__CaseEvent *first = file->event_count ? file->events[0] : NULL;
	const Redress__Classification *c =
	    first && first->body_case == REDRESS__CASE_EVENT__BODY_OPENED
		? first->opened->classification
		: NULL;
	if (!c)
		return;
	for (size_t i = 0; i < c->n_guesses; i++)
		fprintf(out, "%s%s %.2f%s", i ? ", " : "guesses      ", c->guesses[i]->category,
			(double)c->guesses[i]->confidence, i + 1 == c->n_guesses ? "\n" : "");
	if (!file->text || seal_open(arena, file->text_key, file->state->number, SEAL_WHY,
				     c->sealed_why.data, c->sealed_why.len, &plain, &err))
		return;
	const Redress__Why *why =
	    redress__why__unpack(arena_protobuf(arena), plain.len, plain.data);
	if (!why)
		return;
	print_list(out, "because of   ", why->category_terms, why->n_category_terms);
	print_list(out, "urgent for   ", why->urgency_terms, why->n_urgency_terms);
}

/* The text that an event carries; NULL: none. */
static const ProtobufCBinaryData *text_of(const Redress__CaseEvent *event)
{
	switch (event->body_case) {
	case REDRESS__CASE_EVENT__BODY_COMMENTED:
		return &event->commented->sealed_text;
	case REDRESS__CASE_EVENT__BODY_ASKED:
		return &event->asked->sealed_text;
	case REDRESS__CASE_EVENT__BODY_REPLIED:
		return &event->replied->sealed_text;
	case REDRESS__CASE_EVENT__BODY_ANSWERED:
		return &event->answered->sealed_text;
	case REDRESS__CASE_EVENT__BODY_REOPENED:
		return &event->reopened->sealed_text;
	default:
		return NULL;
	}
}

static const char *detail_of(const Redress__CaseEvent *event)
{
	switch (event->body_case) {
	case REDRESS__CASE_EVENT__BODY_ASSIGNED:
		return event->assigned->office;
	case REDRESS__CASE_EVENT__BODY_CORRECTED:
		return event->corrected->category;
	case REDRESS__CASE_EVENT__BODY_ESCALATED:
		return event->escalated->office;
	default:
		return "";
	}
}

static void print_event(const struct case_file *file, struct arena *arena,
			const Redress__CaseEvent *event, FILE *out)
{
	char time[CLOCK_RFC3339_SIZE];
	struct err err;
	struct seal_bytes plain;
	const ProtobufCBinaryData *sealed = text_of(event);
	fprintf(out, "%4u  %s  %-10s %s  %s\n", event->version, clock_rfc3339(event->at_ms, time),
		case_event_kind(event), event->actor ? event->actor->id : "", detail_of(event));
	if (!sealed)
		return;
	if (file->text && !seal_open(arena, file->text_key, file->state->number, SEAL_CASEWORK,
				     sealed->data, sealed->len, &plain, &err))
		fprintf(out, "      %s\n", (const char *)plain.data);
	else
		fprintf(out, "      (sealed)\n");
}

void case_file_print(const struct case_file *file, struct arena *arena, FILE *out)
{
	char number[CASE_NUMBER_TEXT_SIZE], time[CLOCK_RFC3339_SIZE];
	const Redress__CaseState *state = file->state;
	case_number_format(state->number, number);
	fprintf(out, "case         %s\nversion      %u\nstatus       %s\n", number, state->version,
		case_status_name(state->status));
	if (state->alias_of) {
		case_number_format(state->alias_of, number);
		fprintf(out, "goes on as   %s\n", number);
		return;
	}
	fprintf(out, "category     %s (%.2f)\n", *state->category ? state->category : "none",
		(double)state->confidence);
	print_classification(file, arena, out);
	fprintf(out, "urgency      %s\nlanguage     %s\noffice       %s%s\n",
		state->urgency < 3 ? urgencies[state->urgency] : "unknown", state->language,
		state->office, state->triage ? " (to decide where it goes)" : "");
	if (state->deadline_ms)
		fprintf(out, "answer by    %s\n", clock_rfc3339(state->deadline_ms, time));
	if (file->text)
		fprintf(out, "\n%s\n%s\n%s%s\n", file->text->subject, file->text->description,
			file->text->address, *file->text->address ? "\n" : "");
	else
		fprintf(out, "\n(the person's data was erased)\n\n");
	for (size_t i = 0; i < file->event_count; i++)
		print_event(file, arena, file->events[i], out);
}
