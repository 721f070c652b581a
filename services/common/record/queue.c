#include "record/queue.h"

int queue_due(struct postgres *postgres, struct arena *arena, const char *office,
	      struct queue_place *place, struct queue_row *rows, size_t most, size_t *count,
	      struct err *err)
{
	struct postgres_result *found;
	const struct postgres_param params[] = {
	    postgres_text(office), postgres_int8(arena, place->deadline_us),
	    postgres_int8(arena, (int64_t)place->number), postgres_int4(arena, (int32_t)most)};
	*count = 0;
	if (postgres_query_planned(
		postgres,
		"SELECT number, version, (extract(epoch FROM deadline) * 1000000)::bigint, status,"
		" category FROM cases WHERE office = $1 AND deadline IS NOT NULL"
		" AND (deadline, number) > (timestamptz 'epoch' + $2 * interval '1 microsecond', "
		"$3)"
		" ORDER BY deadline, number LIMIT $4",
		params, 4, &found, err))
		return -1;
	*count = postgres_rows(found);
	for (size_t i = 0; i < *count; i++) {
		*place = (struct queue_place){postgres_get_int(found, i, 2),
					      (uint64_t)postgres_get_int(found, i, 0)};
		rows[i] = (struct queue_row){place->number, (uint32_t)postgres_get_int(found, i, 1),
					     place->deadline_us / 1000,
					     arena_strdup(arena, postgres_get_text(found, i, 3)),
					     arena_strdup(arena, postgres_get_text(found, i, 4))};
	}
	postgres_result_free(&found);
	return 0;
}
