#include "record/confirmed.h"

#include <limits.h>

#include "util/log.h"

#define PAGE 500

/* Keyset paging over the partial index case_events_confirming; $1 to $3 is the last row seen. */
#define CONFIRMING "IN ('corrected', 'answered')"
#define CONFIRMED(columns, joins)                                                                  \
	"SELECT e.number, e.version, (extract(epoch FROM e.at) * 1000)::bigint, e.kind,"           \
	" c.category, c.language, " columns                                                        \
	" FROM case_events e JOIN cases c USING (number) " joins " WHERE e.kind " CONFIRMING       \
	" AND c.category <> ''"                                                                    \
	" AND (e.at, e.number, e.version)"                                                         \
	" > (to_timestamp($1::bigint / 1000.0), $2::bigint, $3::int)"                              \
	" AND NOT EXISTS (SELECT FROM case_events later WHERE later.number = e.number"             \
	" AND later.version > e.version AND later.kind " CONFIRMING ")"                            \
	" ORDER BY e.at, e.number, e.version LIMIT $4"

static const char texts_sql[] =
    CONFIRMED("g.sealed_text, k.epoch_id, k.text_key, p.text_for_officer",
	      "JOIN grievances g USING (number) JOIN case_keys k USING (number)"
	      " JOIN epochs p ON p.id = k.epoch_id");
static const char classifications_sql[] =
    CONFIRMED("o.body", "JOIN case_events o ON o.number = e.number AND o.version = 1");

struct reading {
	struct postgres *postgres;
	struct unsealer *officer; /* NULL: the classification is read */
	struct arena *arena;      /* of one page */
	confirmed_each *each;
	void *self;
	/* the last row seen */
	int64_t at_ms, number;
	int32_t version;
};

/* false: it cannot be opened, which has been logged. */
static bool read_text(struct reading *reading, const struct postgres_result *rows, size_t row,
		      struct confirmed *confirmed)
{
	struct err err;
	Redress__GrievanceText *text;
	Redress__Epoch epoch = REDRESS__EPOCH__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	ProtobufCBinaryData sealed = postgres_get_data(rows, row, 6);
	key.epoch_id = epoch.id = postgres_get_data(rows, row, 7);
	key.text_key = postgres_get_data(rows, row, 8);
	epoch.text_for_officer = postgres_get_data(rows, row, 9);
	if (unsealer_text(reading->officer, reading->arena, &epoch, &key, confirmed->number,
			  sealed.data, sealed.len, &text, &err)) {
		log_warn(confirmed->number, "passed over: %s", err.text);
		return false;
	}
	confirmed->text = text;
	return true;
}

/* false: opened without a classification (an alias, or by hand). */
static bool read_classification(struct reading *reading, const struct postgres_result *rows,
				size_t row, struct confirmed *confirmed)
{
	ProtobufCBinaryData body = postgres_get_data(rows, row, 6);
	const Redress__CaseEvent *event =
	    redress__case_event__unpack(arena_protobuf(reading->arena), body.len, body.data);
	if (!event || event->body_case != REDRESS__CASE_EVENT__BODY_OPENED)
		return false;
	confirmed->classification = event->opened->classification;
	return confirmed->classification != NULL;
}

static int read_row(struct reading *reading, const struct postgres_result *rows, size_t row,
		    struct err *err)
{
	struct confirmed confirmed = {
	    .number = (uint64_t)postgres_get_int(rows, row, 0),
	    .at_ms = postgres_get_int(rows, row, 2),
	    .how = postgres_get_text(rows, row, 3),
	    .category = postgres_get_text(rows, row, 4),
	    .language = postgres_get_text(rows, row, 5),
	};
	reading->number = (int64_t)confirmed.number;
	reading->version = (int32_t)postgres_get_int(rows, row, 1);
	reading->at_ms = confirmed.at_ms;
	bool whole = reading->officer ? read_text(reading, rows, row, &confirmed)
				      : read_classification(reading, rows, row, &confirmed);
	return whole ? reading->each(reading->self, &confirmed, err) : 0;
}

static int read_pages(struct reading *reading, const char *sql, struct err *err)
{
	size_t count;
	int result = 0;
	do {
		struct postgres_result *rows;
		const struct postgres_param params[] = {
		    postgres_int8(reading->arena, reading->at_ms),
		    postgres_int8(reading->arena, reading->number),
		    postgres_int4(reading->arena, reading->version),
		    postgres_int4(reading->arena, PAGE)};
		if (postgres_query(reading->postgres, sql, params, 4, &rows, err))
			return -1;
		count = postgres_rows(rows);
		for (size_t i = 0; i < count && !result; i++)
			result = read_row(reading, rows, i, err);
		postgres_result_free(&rows);
		arena_reset(reading->arena);
	} while (count == PAGE && !result);
	return result;
}

static int read_all(struct reading *reading, const char *sql, int64_t since_ms, struct err *err)
{
	struct err ignored;
	/* one moment of the record, however long this takes */
	if (postgres_exec(reading->postgres, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
			  err))
		return -1;
	reading->arena = arena_new();
	reading->at_ms = since_ms;
	reading->number = -1;
	int result = read_pages(reading, sql, err);
	arena_free(&reading->arena);
	if (postgres_exec(reading->postgres, "COMMIT", result ? &ignored : err))
		return -1;
	return result;
}

int confirmed_texts(struct postgres *postgres, struct unsealer *officer, int64_t since_ms,
		    confirmed_each *each, void *self, struct err *err)
{
	struct reading reading = {
	    .postgres = postgres, .officer = officer, .each = each, .self = self};
	return read_all(&reading, texts_sql, since_ms, err);
}

int confirmed_classifications(struct postgres *postgres, int64_t since_ms, confirmed_each *each,
			      void *self, struct err *err)
{
	struct reading reading = {.postgres = postgres, .each = each, .self = self};
	return read_all(&reading, classifications_sql, since_ms, err);
}
