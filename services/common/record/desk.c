#include "record/desk.h"

#include <string.h>

static const char *text_at(struct arena *arena, const struct postgres_result *rows, size_t row,
			   int column)
{
	return postgres_null(rows, row, column)
		   ? ""
		   : arena_strdup(arena, postgres_get_text(rows, row, column));
}

/* ---- lists ---------------------------------------------------------------------------------- */

static struct desk_row read_row(struct arena *arena, const struct postgres_result *rows, size_t row)
{
	return (struct desk_row){
	    .number = (uint64_t)postgres_get_int(rows, row, 0),
	    .version = (uint32_t)postgres_get_int(rows, row, 1),
	    .stage = text_at(arena, rows, row, 2),
	    .office = text_at(arena, rows, row, 3),
	    .officer = text_at(arena, rows, row, 4),
	    .category = text_at(arena, rows, row, 5),
	    .area = text_at(arena, rows, row, 6),
	    .language = text_at(arena, rows, row, 7),
	    .urgency = (int)postgres_get_int(rows, row, 8),
	    .level = (int)postgres_get_int(rows, row, 9),
	    .opened_ms = postgres_get_int(rows, row, 10),
	    .clock_ms = postgres_get_int(rows, row, 11),
	};
}

int desk_list(struct postgres *postgres, struct arena *arena, const uint8_t token[DESK_TOKEN_SIZE],
	      const struct desk_query *query, int64_t now_ms, struct desk_row **rows, size_t *count,
	      struct err *err)
{
	struct postgres_result *found;
	const struct postgres_param params[] = {
	    postgres_bytes(token, DESK_TOKEN_SIZE), postgres_text(query->tab),
	    postgres_text(query->office),           postgres_int8(arena, now_ms),
	    postgres_int8(arena, query->after_ms),  postgres_int8(arena, query->after_number),
	    postgres_int4(arena, query->most)};
	if (postgres_query(postgres,
			   "SELECT number, version, stage, office, officer, category, area,"
			   " language, urgency, level, opened_ms, clock_ms"
			   " FROM desk_queue($1, $2, $3, $4, $5, $6, $7)",
			   params, 7, &found, err))
		return -1;
	*count = postgres_rows(found);
	*rows = arena_take(arena, (*count + 1) * sizeof(**rows));
	for (size_t i = 0; i < *count; i++)
		(*rows)[i] = read_row(arena, found, i);
	postgres_result_free(&found);
	return 0;
}

int desk_counts(struct postgres *postgres, struct arena *arena,
		const uint8_t token[DESK_TOKEN_SIZE], const char *office, int64_t now_ms,
		struct desk_count **counts, size_t *count, struct err *err)
{
	struct postgres_result *found;
	const struct postgres_param params[] = {postgres_bytes(token, DESK_TOKEN_SIZE),
						postgres_text(office), postgres_int8(arena, now_ms),
						postgres_int4(arena, DESK_COUNT_MOST)};
	if (postgres_query(postgres, "SELECT tab, count FROM desk_counts($1, $2, $3, $4)", params,
			   4, &found, err))
		return -1;
	*count = postgres_rows(found);
	*counts = arena_take(arena, (*count + 1) * sizeof(**counts));
	for (size_t i = 0; i < *count; i++)
		(*counts)[i] = (struct desk_count){text_at(arena, found, i, 0),
						   (int)postgres_get_int(found, i, 1)};
	postgres_result_free(&found);
	return 0;
}

/* ---- one case ------------------------------------------------------------------------------- */

/* Without the row of case_keys nothing opens any more, and there is no text. */
static int open_parts(struct unsealer *officer, struct arena *arena, uint64_t number,
		      const struct postgres_result *row, struct desk_case *found, struct err *err)
{
	Redress__Epoch epoch = REDRESS__EPOCH__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	Redress__GrievanceText *text;
	Redress__Contact *contact;
	ProtobufCBinaryData sealed_text = postgres_get_data(row, 0, 4);
	ProtobufCBinaryData sealed_contact = postgres_get_data(row, 0, 5);
	key.epoch_id = epoch.id = postgres_get_data(row, 0, 6);
	key.text_key = postgres_get_data(row, 0, 7);
	key.contact_key = postgres_get_data(row, 0, 8);
	epoch.text_for_officer = postgres_get_data(row, 0, 9);
	epoch.contact_for_officer = postgres_get_data(row, 0, 10);
	if (!key.text_key.len)
		return 0;
	if (unsealer_key(officer, &epoch, &key, number, SEAL_TEXT, found->text_key, err) ||
	    unseal_text(found->text_key, arena, number, sealed_text.data, sealed_text.len, &text,
			err))
		return -1;
	found->text = text;
	if (!sealed_contact.len || !key.contact_key.len)
		return 0;
	if (unsealer_contact(officer, arena, &epoch, &key, number, sealed_contact.data,
			     sealed_contact.len, &contact, err))
		return -1;
	found->contact = contact;
	return 0;
}

static int read_state(struct arena *arena, const struct postgres_result *row,
		      struct desk_case *found, struct err *err)
{
	ProtobufCBinaryData state = postgres_get_data(row, 0, 0);
	found->state = redress__case_state__unpack(arena_protobuf(arena), state.len, state.data);
	if (!found->state)
		return err_set(err, "the record's state of the case cannot be read");
	found->received_ms =
	    postgres_null(row, 0, 1) ? found->state->opened_at_ms : postgres_get_int(row, 0, 1);
	found->channel = text_at(arena, row, 0, 2);
	found->service_code = text_at(arena, row, 0, 3);
	found->erased_ms = postgres_null(row, 0, 11) ? 0 : postgres_get_int(row, 0, 11);
	return 0;
}

static int read_events(struct postgres *postgres, struct arena *arena,
		       const struct postgres_param params[2], struct desk_case *found,
		       struct err *err)
{
	struct postgres_result *rows;
	if (postgres_query(postgres, "SELECT desk_events($1, $2)", params, 2, &rows, err))
		return -1;
	found->events = arena_take(arena, (postgres_rows(rows) + 1) * sizeof(*found->events));
	for (size_t i = 0; i < postgres_rows(rows); i++) {
		ProtobufCBinaryData body = postgres_get_data(rows, i, 0);
		const Redress__CaseEvent *event =
		    redress__case_event__unpack(arena_protobuf(arena), body.len, body.data);
		if (event)
			found->events[found->event_count++] = event;
	}
	postgres_result_free(&rows);
	return 0;
}

static int read_messages(struct postgres *postgres, struct arena *arena,
			 const struct postgres_param params[2], struct desk_case *found,
			 struct err *err)
{
	struct postgres_result *rows;
	if (postgres_query(postgres,
			   "SELECT kind, recipient, channel, delivery, reason, at_ms"
			   " FROM desk_messages($1, $2)",
			   params, 2, &rows, err))
		return -1;
	size_t count = postgres_rows(rows);
	struct desk_message *list = arena_take(arena, (count + 1) * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] =
		    (struct desk_message){text_at(arena, rows, i, 0), text_at(arena, rows, i, 1),
					  text_at(arena, rows, i, 2), text_at(arena, rows, i, 3),
					  text_at(arena, rows, i, 4), postgres_get_int(rows, i, 5)};
	postgres_result_free(&rows);
	found->messages = list;
	found->message_count = count;
	return 0;
}

int desk_case_read(struct postgres *postgres, struct unsealer *officer, struct arena *arena,
		   const uint8_t token[DESK_TOKEN_SIZE], uint64_t number, struct desk_case *found,
		   struct err *err)
{
	struct postgres_result *row;
	const struct postgres_param params[] = {postgres_bytes(token, DESK_TOKEN_SIZE),
						postgres_int8(arena, (int64_t)number)};
	*found = (struct desk_case){0};
	if (postgres_query(postgres,
			   "SELECT state, received_ms, channel, service_code, sealed_text,"
			   " sealed_contact, epoch_id, text_key, contact_key, text_for_officer,"
			   " contact_for_officer, erased_ms FROM desk_open($1, $2)",
			   params, 2, &row, err))
		return -1;
	bool is_there = postgres_rows(row) > 0;
	int result = is_there ? read_state(arena, row, found, err) ||
				    open_parts(officer, arena, number, row, found, err)
			      : 0;
	postgres_result_free(&row);
	if (result || !is_there)
		return result ? -1 : 0;
	return read_events(postgres, arena, params, found, err) ||
		       read_messages(postgres, arena, params, found, err)
		   ? -1
		   : 0;
}

/* ---- what came of a command ----------------------------------------------------------------- */

int desk_decision_read(struct postgres *postgres, struct arena *arena,
		       const uint8_t token[DESK_TOKEN_SIZE], const Redress__Command *command,
		       struct desk_decision *decision, struct err *err)
{
	struct postgres_result *row;
	const struct postgres_param params[] = {postgres_bytes(token, DESK_TOKEN_SIZE),
						postgres_int8(arena, (int64_t)command->number),
						postgres_bytes(command->id.data, command->id.len),
						postgres_int8(arena, command->at_ms)};
	*decision = (struct desk_decision){0};
	if (postgres_query(
		postgres, "SELECT applied::int, version, refusal FROM desk_decided($1, $2, $3, $4)",
		params, 4, &row, err))
		return -1;
	if (!postgres_null(row, 0, 1)) {
		decision->applied = postgres_get_int(row, 0, 0) != 0;
		decision->version = (uint32_t)postgres_get_int(row, 0, 1);
		decision->refusal = postgres_null(row, 0, 2) ? NULL : text_at(arena, row, 0, 2);
	}
	postgres_result_free(&row);
	return 0;
}
