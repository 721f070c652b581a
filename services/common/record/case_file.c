#include "record/case_file.h"

enum {
	STATE,
	DECLARED_LANGUAGE,
	SEALED_TEXT,
	SEALED_CONTACT,
	EPOCH_ID,
	TEXT_KEY,
	CONTACT_KEY,
	TEXT_FOR_OFFICER,
	CONTACT_FOR_OFFICER,
	ERASED_AT
};

static int open_contact(struct unsealer *officer, struct arena *arena, uint64_t number,
			const struct postgres_result *row, const Redress__Epoch *epoch,
			const Redress__CaseKey *key, struct case_file *file, struct err *err)
{
	Redress__Contact *contact;
	ProtobufCBinaryData sealed = postgres_get_data(row, 0, SEALED_CONTACT);
	if (!key->contact_key.len || !sealed.len)
		return 0;
	if (unsealer_contact(officer, arena, epoch, key, number, sealed.data, sealed.len, &contact,
			     err))
		return -1;
	file->contact = contact;
	return 0;
}

/* Without the row of case_keys nothing opens any more: the file has neither text nor contact. */
static int open_parts(struct unsealer *officer, struct arena *arena, uint64_t number,
		      const struct postgres_result *row, struct case_file *file, struct err *err)
{
	Redress__Epoch epoch = REDRESS__EPOCH__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	Redress__GrievanceText *text;
	ProtobufCBinaryData sealed = postgres_get_data(row, 0, SEALED_TEXT);
	key.epoch_id = epoch.id = postgres_get_data(row, 0, EPOCH_ID);
	key.text_key = postgres_get_data(row, 0, TEXT_KEY);
	key.contact_key = postgres_get_data(row, 0, CONTACT_KEY);
	epoch.text_for_officer = postgres_get_data(row, 0, TEXT_FOR_OFFICER);
	epoch.contact_for_officer = postgres_get_data(row, 0, CONTACT_FOR_OFFICER);
	if (!key.text_key.len)
		return 0;
	if (unsealer_key(officer, &epoch, &key, number, SEAL_TEXT, file->text_key, err) ||
	    unsealer_text(officer, arena, &epoch, &key, number, sealed.data, sealed.len, &text,
			  err))
		return -1;
	file->text = text;
	return open_contact(officer, arena, number, row, &epoch, &key, file, err);
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

static int read_messages(struct postgres *postgres, struct arena *arena, uint64_t number,
			 struct case_file *file, struct err *err)
{
	struct postgres_result *rows;
	struct postgres_param param = postgres_int8(arena, (int64_t)number);
	if (postgres_query(postgres,
			   "SELECT event_version, recipient, kind, channel, delivery, reason,"
			   " attempts, (extract(epoch FROM at) * 1000)::bigint FROM notifications"
			   " WHERE number = $1 ORDER BY event_version, recipient, channel",
			   &param, 1, &rows, err))
		return -1;
	size_t count = postgres_rows(rows);
	struct case_message *list = arena_take(arena, (count + 1) * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = (struct case_message){
		    .event_version = (uint32_t)postgres_get_int(rows, i, 0),
		    .recipient = arena_strdup(arena, postgres_get_text(rows, i, 1)),
		    .kind = arena_strdup(arena, postgres_get_text(rows, i, 2)),
		    .channel = arena_strdup(arena, postgres_get_text(rows, i, 3)),
		    .delivery = arena_strdup(arena, postgres_get_text(rows, i, 4)),
		    .reason = arena_strdup(arena, postgres_get_text(rows, i, 5)),
		    .attempts = postgres_get_int(rows, i, 6),
		    .at_ms = postgres_get_int(rows, i, 7),
		};
	postgres_result_free(&rows);
	file->messages = list;
	file->message_count = count;
	return 0;
}

static int take_row(struct unsealer *officer, struct arena *arena, uint64_t number,
		    const struct postgres_result *row, struct case_file *file, struct err *err)
{
	ProtobufCBinaryData state = postgres_get_data(row, 0, STATE);
	file->state = redress__case_state__unpack(arena_protobuf(arena), state.len, state.data);
	if (!file->state)
		return err_set(err, "the record's state of the case cannot be read");
	file->declared_language = arena_strdup(arena, postgres_get_text(row, 0, DECLARED_LANGUAGE));
	file->erased_at_ms = postgres_get_int(row, 0, ERASED_AT);
	return open_parts(officer, arena, number, row, file, err);
}

int case_file_read(struct postgres *postgres, struct unsealer *officer, struct arena *arena,
		   uint64_t number, struct case_file *file, struct err *err)
{
	struct postgres_result *row;
	struct postgres_param param = postgres_int8(arena, (int64_t)number);
	*file = (struct case_file){0};
	if (postgres_query(
		postgres,
		"SELECT state, COALESCE(declared_language, ''), COALESCE(sealed_text, ''),"
		" COALESCE(sealed_contact, ''), COALESCE(epoch_id, ''), COALESCE(text_key, ''),"
		" COALESCE(contact_key, ''), COALESCE(text_for_officer, ''),"
		" COALESCE(contact_for_officer, ''),"
		" COALESCE((extract(epoch FROM e.at) * 1000)::bigint, 0)"
		" FROM cases c LEFT JOIN grievances g USING (number)"
		" LEFT JOIN case_keys k USING (number)"
		" LEFT JOIN erasures e USING (number)"
		" LEFT JOIN epochs ON id = epoch_id WHERE c.number = $1",
		&param, 1, &row, err))
		return -1;
	int result = postgres_rows(row) ? take_row(officer, arena, number, row, file, err)
					: err_set(err, "the record has no such case");
	postgres_result_free(&row);
	return result || read_events(postgres, arena, number, file, err) ||
		       read_messages(postgres, arena, number, file, err)
		   ? -1
		   : 0;
}
