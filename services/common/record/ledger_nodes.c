#include "record/ledger_nodes.h"

#include <string.h>

static const char nodes_sql[] =
    "SELECT n.hash FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY"
    " AS wanted (level, index, place) LEFT JOIN ledger_nodes n ON n.partition = $1"
    " AND n.level = wanted.level::smallint AND n.index = wanted.index ORDER BY place";

int ledger_nodes_read(struct postgres *postgres, struct arena *arena, int32_t partition,
		      struct ledger_node *nodes, size_t count, size_t *missing, struct err *err)
{
	struct postgres_result *rows;
	int64_t *levels = arena_take(arena, (2 * count + 1) * sizeof(*levels));
	int64_t *indexes = levels + count;
	for (size_t i = 0; i < count; i++) {
		levels[i] = nodes[i].level;
		indexes[i] = nodes[i].index;
	}
	const struct postgres_param params[] = {postgres_int4(arena, partition),
						postgres_int8_array(arena, levels, count),
						postgres_int8_array(arena, indexes, count)};
	*missing = 0;
	if (postgres_query_planned(postgres, nodes_sql, params, 3, &rows, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (postgres_get_exactly(rows, i, 0, nodes[i].hash.bytes,
					 sizeof(nodes[i].hash.bytes)))
			continue;
		memset(&nodes[i].hash, 0, sizeof(nodes[i].hash));
		++*missing;
	}
	postgres_result_free(&rows);
	return 0;
}
