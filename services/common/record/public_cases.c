#include "record/public_cases.h"

#include "domain/case_number.h"
#include "domain/event_facts.h"

#define DAY_MS       INT64_C(86400000)
#define CLOSED       "('answered', 'closed', 'withdrawn', 'merged', 'erased')"
#define MS(time)     "(extract(epoch FROM " time ") * 1000)::bigint"
#define TIME(ms)     "to_timestamp(" ms "::float8 / 1000)"
#define DEGREES(of)  "round(" of " * 1000)::bigint"
#define PER_DEGREE   1000.0
#define LAST_TIME_MS (CASE_NUMBER_EPOCH_MS + CASE_NUMBER_TIME_END - 1)

/* $1 the public services, $2 the sender. What a case that is not opened yet is about is not known:
 * it is its sender's alone. */
#define VISIBLE                                                                                    \
	" (g.service_code = ANY ($1) AND c.status <> 'erased'"                                     \
	"  AND (c.category = '' OR split_part(c.category, '.', 1) = ANY ($1))"                     \
	"  OR g.sender = $2 AND $2 <> '')"

#define COLUMNS                                                                                    \
	"SELECT g.number, " MS(                                                                    \
	    "g.received_at") ", g.service_code,"                                                   \
			     " (g.lat IS NOT NULL AND g.lon IS NOT NULL)::int, " DEGREES(          \
				 "g.lat") ", " DEGREES("g.lon") ", c.state FROM grievances g "     \
								"LEFT JOIN cases c USING "         \
								"(number) WHERE" VISIBLE

/* A number begins with its time, so a range of numbers is the index; the exact time decides within
 * it. */
#define FILTERED                                                                                   \
	COLUMNS " AND g.number BETWEEN $3 AND $4 AND g.received_at >= " TIME(                      \
	    "$5") " AND g.received_at < " TIME("$6") " AND (cardinality($7::text[]) = 0 OR "       \
						     "g.service_code = ANY ($7))"                  \
						     " AND ($8 = '' OR (coalesce(c.status, '') "   \
						     "IN " CLOSED ") = ($8 = 'closed'))"
#define PAGE " ORDER BY g.number DESC LIMIT $9 OFFSET $10"

static const char by_number[] = COLUMNS " AND g.number = ANY ($3) ORDER BY g.number DESC";
static const char by_time[] = FILTERED PAGE;
static const char by_update[] =
    FILTERED " AND g.number IN (SELECT e.number FROM case_events e WHERE e.at >= " TIME(
	"$11") " AND e.at < " TIME("$12") " AND e.kind <> '" EVENT_INTERNAL "')" PAGE;

static const char updates_sql[] = "SELECT e.number, e.version, " MS(
    "e.at") ", e.kind, e.status"
	    " FROM case_events e JOIN grievances g USING (number) LEFT JOIN cases c USING (number)"
	    " WHERE e.at >= " TIME("$3") " AND e.at < " TIME(
		"$4") " AND e.kind <> '" EVENT_INTERNAL "' AND" VISIBLE
		      " ORDER BY e.at, e.number, e.version LIMIT $5";

/* The time in a number is near that of its admission, but not the same. */
static int64_t number_at(int64_t ms)
{
	if (ms < CASE_NUMBER_EPOCH_MS)
		ms = CASE_NUMBER_EPOCH_MS;
	if (ms > LAST_TIME_MS)
		ms = LAST_TIME_MS;
	return (int64_t)case_number_first(ms);
}

static int take_case(struct arena *arena, const struct postgres_result *rows, size_t row,
		     struct public_case *one, struct err *err)
{
	*one = (struct public_case){
	    .number = (uint64_t)postgres_get_int(rows, row, 0),
	    .received_at_ms = postgres_get_int(rows, row, 1),
	    .service = arena_strdup(arena, postgres_get_text(rows, row, 2)),
	    .has_place = postgres_get_int(rows, row, 3) != 0,
	};
	if (one->has_place) {
		one->lat = (double)postgres_get_int(rows, row, 4) / PER_DEGREE;
		one->lon = (double)postgres_get_int(rows, row, 5) / PER_DEGREE;
	}
	if (postgres_null(rows, row, 6))
		return 0;
	ProtobufCBinaryData state = postgres_get_data(rows, row, 6);
	one->state = redress__case_state__unpack(arena_protobuf(arena), state.len, state.data);
	return one->state ? 0 : err_set(err, "the state of a case cannot be read");
}

static int take_cases(struct arena *arena, struct postgres_result *rows, struct public_case **cases,
		      size_t *count, struct err *err)
{
	int result = 0;
	*count = postgres_rows(rows);
	*cases = arena_take(arena, (*count + 1) * sizeof(**cases));
	for (size_t i = 0; i < *count && !result; i++)
		result = take_case(arena, rows, i, &(*cases)[i], err);
	postgres_result_free(&rows);
	return result;
}

int public_cases_read(struct postgres *postgres, struct arena *arena,
		      const struct public_view *view, const struct public_filter *filter,
		      struct public_case **cases, size_t *count, struct err *err)
{
	struct postgres_result *rows;
	int64_t to_ms = filter->received_to_ms ? filter->received_to_ms : LAST_TIME_MS;
	bool by_updates = filter->updated_from_ms || filter->updated_to_ms;
	const struct postgres_param params[] = {
	    postgres_text_array(arena, view->services, view->service_count),
	    postgres_text(view->sender),
	    filter->numbers ? postgres_int8_array(arena, filter->numbers, filter->number_count)
			    : postgres_int8(arena, number_at(filter->received_from_ms - DAY_MS)),
	    postgres_int8(arena, number_at(to_ms + DAY_MS)),
	    postgres_int8(arena, filter->received_from_ms),
	    postgres_int8(arena, to_ms),
	    postgres_text_array(arena, filter->services, filter->service_count),
	    postgres_text(filter->open == filter->closed ? ""
			  : filter->open                 ? "open"
							 : "closed"),
	    postgres_int4(arena, filter->limit),
	    postgres_int4(arena, filter->offset),
	    postgres_int8(arena, filter->updated_from_ms),
	    postgres_int8(arena, filter->updated_to_ms ? filter->updated_to_ms : LAST_TIME_MS),
	};
	if (postgres_query_planned(postgres,
				   filter->numbers ? by_number
				   : by_updates    ? by_update
						   : by_time,
				   params,
				   filter->numbers ? 3
				   : by_updates    ? 12
						   : 10,
				   &rows, err))
		return -1;
	return take_cases(arena, rows, cases, count, err);
}

int public_updates_read(struct postgres *postgres, struct arena *arena,
			const struct public_view *view, int64_t from_ms, int64_t to_ms,
			int32_t limit, struct public_update **updates, size_t *count,
			struct err *err)
{
	struct postgres_result *rows;
	const struct postgres_param params[] = {
	    postgres_text_array(arena, view->services, view->service_count),
	    postgres_text(view->sender), postgres_int8(arena, from_ms), postgres_int8(arena, to_ms),
	    postgres_int4(arena, limit)};
	if (postgres_query_planned(postgres, updates_sql, params, 5, &rows, err))
		return -1;
	*count = postgres_rows(rows);
	*updates = arena_take(arena, (*count + 1) * sizeof(**updates));
	for (size_t i = 0; i < *count; i++)
		(*updates)[i] = (struct public_update){
		    (uint64_t)postgres_get_int(rows, i, 0), (uint32_t)postgres_get_int(rows, i, 1),
		    postgres_get_int(rows, i, 2),
		    arena_strdup(arena, postgres_get_text(rows, i, 3)),
		    arena_strdup(arena, postgres_get_text(rows, i, 4))};
	postgres_result_free(&rows);
	return 0;
}
