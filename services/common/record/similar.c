#include "record/similar.h"

#define SIGNATURE_SIZE 32

static const char like_sql[] =
    "SELECT l.number, (100 * l.equal + 16) / 32,"
    " to_char(c.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " coalesce(round(6371000 * 2 * asin(sqrt(least(1, sin(radians(g.lat - t.lat) / 2) ^ 2"
    " + cos(radians(g.lat)) * cos(radians(t.lat)) * sin(radians(g.lon - t.lon) / 2) ^ 2))))::text,"
    " '-'), c.category, c.office, c.status"
    " FROM cases_like($1, $2) l JOIN cases c ON c.number = l.number"
    " JOIN grievances g ON g.number = l.number JOIN grievances t ON t.number = $1"
    " ORDER BY l.equal DESC, l.number DESC LIMIT 100";

static const char suspected_sql[] =
    "SELECT s.number, 100, to_char(c.opened_at AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " '-', c.category, c.office, c.status"
    " FROM signatures s JOIN cases c ON c.number = s.number WHERE s.suspected_abuse"
    " ORDER BY s.at DESC, s.number DESC LIMIT 100";

enum column { NUMBER, PERCENT, OPENED, METRES, CATEGORY, OFFICE, STATUS };

static int read_cases(struct postgres *postgres, struct arena *arena, const char *sql,
		      const struct postgres_param *params, size_t count,
		      struct similar_cases *found, struct err *err)
{
	struct postgres_result *rows;
	if (postgres_query(postgres, sql, params, count, &rows, err))
		return -1;
	found->count = postgres_rows(rows);
	found->list = arena_take(arena, (found->count + 1) * sizeof(*found->list));
	for (size_t i = 0; i < found->count; i++) {
		const char *texts[STATUS + 1];
		for (int column = OPENED; column <= STATUS; column++)
			texts[column] = arena_strdup(arena, postgres_get_text(rows, i, column));
		found->list[i] = (struct similar_case){(uint64_t)postgres_get_int(rows, i, NUMBER),
						       postgres_get_int(rows, i, PERCENT),
						       texts[OPENED],
						       texts[METRES],
						       texts[CATEGORY],
						       texts[OFFICE],
						       texts[STATUS]};
	}
	postgres_result_free(&rows);
	return 0;
}

int similar_text(struct postgres *postgres, struct arena *arena, uint64_t number,
		 enum similar_text *what, struct err *err)
{
	struct postgres_result *rows;
	const struct postgres_param param = postgres_int8(arena, (int64_t)number);
	if (postgres_query(postgres, "SELECT length(signature) FROM signatures WHERE number = $1",
			   &param, 1, &rows, err))
		return -1;
	*what = !postgres_rows(rows)                ? SIMILAR_NONE
		: postgres_get_int(rows, 0, 0) <= 0 ? SIMILAR_SHORT
						    : SIMILAR_THERE;
	postgres_result_free(&rows);
	return 0;
}

int similar_find(struct postgres *postgres, struct arena *arena, uint64_t number, int64_t percent,
		 struct similar_cases *found, struct err *err)
{
	int32_t equal = (int32_t)((percent * SIGNATURE_SIZE + 99) / 100);
	const struct postgres_param params[] = {postgres_int8(arena, (int64_t)number),
						postgres_int4(arena, equal)};
	struct postgres_result *merged;
	if (postgres_query(postgres, "SELECT merge_signatures()", NULL, 0, &merged, err))
		return -1;
	postgres_result_free(&merged);
	return read_cases(postgres, arena, like_sql, params, 2, found, err);
}

int similar_suspected(struct postgres *postgres, struct arena *arena, struct similar_cases *found,
		      struct err *err)
{
	return read_cases(postgres, arena, suspected_sql, NULL, 0, found, err);
}
