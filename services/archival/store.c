#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "client/postgres.h"
#include "domain/pipeline.h"
#include "util/alloc.h"
#include "util/log.h"

struct store {
	struct postgres *postgres;
};

/*
 * The time-outs: an instance that hangs in the middle of a transaction (a stopped machine, a frozen
 * disk) must not keep the offset rows from the one that took its partitions over. Then the staging
 * tables, where rows replace older ones.
 */
static const char session_sql[] =
    "SET client_min_messages = warning;"
    "SET idle_in_transaction_session_timeout = '5s'; SET statement_timeout = '30s';"
    "CREATE TEMP TABLE IF NOT EXISTS changed_cases (LIKE cases) ON COMMIT DELETE ROWS";

static const char change_cases_sql[] =
    "UPDATE cases c SET version = n.version, status = n.status, category = n.category, confidence "
    "= n.confidence,"
    " office = n.office, agency = n.agency, deadline = n.deadline, updated_at = n.updated_at,"
    " language = n.language, urgency = n.urgency, escalation_level = n.escalation_level,"
    " triage = n.triage, alias_of = n.alias_of, state = n.state"
    " FROM changed_cases n WHERE c.number = n.number";

struct store *store_new(const struct settings *settings)
{
	struct store *store = x_calloc(1, sizeof(*store));
	store->postgres = postgres_new(settings, "redress-archival");
	postgres_begin_with(store->postgres, session_sql);
	return store;
}

void store_free(struct store **store)
{
	if (!*store)
		return;
	postgres_free(&(*store)->postgres);
	free(*store);
	*store = NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The tree of the ledger as the last transaction left it. */
static int load_tree(struct store *store, struct arena *arena, struct position *position,
		     struct err *err)
{
	struct postgres_result *rows;
	struct postgres_param partition = postgres_int4(arena, position->partition);
	memset(&position->tree, 0, sizeof(position->tree));
	/* the complete subtrees it consists of: of each level the last one, where the size has that
	 * bit */
	if (postgres_query(store->postgres,
			   "SELECT size, n.level, n.hash FROM"
			   " (SELECT max(sequence) AS size FROM ledger WHERE partition = $1) l"
			   " CROSS JOIN generate_series(0, 39) AS bit JOIN ledger_nodes n"
			   " ON n.partition = $1 AND n.level = bit::smallint"
			   " AND n.index = (size >> bit) - 1 WHERE (size >> bit) & 1 = 1",
			   &partition, 1, &rows, err))
		return -1;
	for (size_t row = 0; row < postgres_rows(rows); row++) {
		size_t size, level = (size_t)postgres_get_int(rows, row, 1);
		const char *hash = postgres_get_bytes(rows, row, 2, &size);
		position->tree.size = postgres_get_int(rows, row, 0);
		if (level < LEDGER_LEVELS && size == LEDGER_HASH_SIZE)
			memcpy(position->tree.complete[level].bytes, hash, size);
	}
	postgres_result_free(&rows);
	return 0;
}

static int load_position(struct store *store, struct arena *arena, struct position *position,
			 struct err *err)
{
	struct postgres_result *result;
	const struct postgres_param params[] = {postgres_text(position->topic),
						postgres_int4(arena, position->partition)};
	if (postgres_query(store->postgres,
			   "INSERT INTO offsets (topic, partition, next) VALUES ($1, $2, 0)"
			   " ON CONFLICT DO NOTHING",
			   params, 2, NULL, err) ||
	    postgres_query(store->postgres,
			   "SELECT next FROM offsets WHERE topic = $1 AND partition = $2", params,
			   2, &result, err))
		return -1;
	position->next = postgres_get_int(result, 0, 0);
	postgres_result_free(&result);
	return strcmp(position->topic, TOPIC_EVENTS) == 0 ? load_tree(store, arena, position, err)
							  : 0;
}

int store_load_positions(struct store *store, struct arena *arena, struct position *positions,
			 size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (!positions[i].known && load_position(store, arena, &positions[i], err))
			return -1;
		positions[i].known = true;
		positions[i].reached = positions[i].next;
	}
	return 0;
}

/* sql: number and perhaps a state, of the numbers in $1. */
static int load(struct store *store, struct arena *arena, const char *sql, const int64_t *numbers,
		size_t count,
		void (*each)(void *self, uint64_t number, const void *state, size_t size),
		void *self, bool with_state, struct err *err)
{
	struct postgres_result *result;
	if (!count)
		return 0;
	struct postgres_param param = postgres_int8_array(arena, numbers, count);
	if (postgres_query(store->postgres, sql, &param, 1, &result, err))
		return -1;
	for (size_t row = 0; row < postgres_rows(result); row++) {
		size_t size = 0;
		const char *state = with_state ? postgres_get_bytes(result, row, 1, &size) : NULL;
		each(self, (uint64_t)postgres_get_int(result, row, 0), state, size);
	}
	postgres_result_free(&result);
	return 0;
}

int store_load_cases(struct store *store, struct arena *arena, const int64_t *numbers, size_t count,
		     void (*each)(void *self, uint64_t number, const void *state, size_t size),
		     void *self, struct err *err)
{
	return load(store, arena, "SELECT number, state FROM cases WHERE number = ANY ($1)",
		    numbers, count, each, self, true, err);
}

int store_load_grievances(struct store *store, struct arena *arena, const int64_t *numbers,
			  size_t count,
			  void (*each)(void *self, uint64_t number, const void *state, size_t size),
			  void *self, struct err *err)
{
	return load(store, arena, "SELECT number FROM grievances WHERE number = ANY ($1)", numbers,
		    count, each, self, false, err);
}

/* ---- writing -------------------------------------------------------------------------------- */

static int move_offsets(struct store *store, struct arena *arena, const struct position *positions,
			size_t count, struct err *err)
{
	struct postgres_result *result;
	size_t moved = 0;
	const char **topics = arena_take(arena, count * sizeof(*topics));
	int64_t *numbers = arena_take(arena, 3 * count * sizeof(*numbers));
	int64_t *partitions = numbers, *before = numbers + count, *after = before + count;
	for (size_t i = 0; i < count; i++) {
		if (positions[i].reached == positions[i].next)
			continue;
		topics[moved] = positions[i].topic;
		partitions[moved] = positions[i].partition;
		before[moved] = positions[i].next;
		after[moved++] = positions[i].reached;
	}
	if (!moved)
		return 0;
	const struct postgres_param params[] = {postgres_text_array(arena, topics, moved),
						postgres_int8_array(arena, partitions, moved),
						postgres_int8_array(arena, before, moved),
						postgres_int8_array(arena, after, moved)};
	if (postgres_query(store->postgres,
			   "UPDATE offsets o SET next = m.after"
			   " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])"
			   " AS m (topic, partition, before, after) WHERE o.topic = m.topic"
			   " AND o.partition = m.partition AND o.next = m.before",
			   params, 4, &result, err))
		return -1;
	size_t affected = postgres_affected(result);
	postgres_result_free(&result);
	if (affected != moved)
		return err_set(err, "another instance has moved the offset of %zu partitions",
			       moved - affected);
	return 0;
}

static int put_epochs(struct store *store, struct arena *arena, const struct entry *entry,
		      struct err *err)
{
	for (size_t i = 0; i < entry->epoch_count; i++) {
		const Redress__Epoch *epoch = entry->epochs[i];
		const struct postgres_param params[] = {
		    postgres_bytes(epoch->id.data, epoch->id.len),
		    postgres_int8(arena, epoch->started_at_ms),
		    postgres_bytes(epoch->text_for_classification.data,
				   epoch->text_for_classification.len),
		    postgres_bytes(epoch->text_for_desk.data, epoch->text_for_desk.len),
		    postgres_bytes(epoch->contact_for_notification.data,
				   epoch->contact_for_notification.len),
		    postgres_bytes(epoch->contact_for_desk.data, epoch->contact_for_desk.len)};
		if (postgres_query(
			store->postgres,
			"INSERT INTO epochs VALUES ($1, to_timestamp($2::bigint / 1000.0),"
			" $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			params, 6, NULL, err))
			return -1;
	}
	return 0;
}

/* The partitions of the months of these events; most often one look at a name in the catalogue. */
static int ensure_months(struct store *store, struct arena *arena, const struct entry *entry,
			 struct err *err)
{
	if (!entry->first_event_ms)
		return 0;
	const struct postgres_param params[] = {postgres_int8(arena, entry->first_event_ms / 1000),
						postgres_int8(arena, entry->last_event_ms / 1000)};
	return postgres_query(
	    store->postgres,
	    "SELECT ensure_month(month::date) FROM generate_series("
	    " date_trunc('month', to_timestamp($1::bigint) AT TIME ZONE 'UTC'),"
	    " to_timestamp($2::bigint) AT TIME ZONE 'UTC', interval '1 month') AS month",
	    params, 2, NULL, err);
}

static int copy_rows(struct store *store, struct entry *entry, struct err *err)
{
	for (size_t i = 0; i < RECORDS; i++) {
		if (entry->counts[i] &&
		    postgres_copy(store->postgres, record_copy[i], &entry->rows[i], err))
			return -1;
	}
	if (entry->counts[RECORD_CHANGED_CASES] &&
	    postgres_exec(store->postgres, change_cases_sql, err))
		return -1;
	return 0;
}

static int put_marks(struct store *store, struct arena *arena, const struct entry *entry,
		     struct err *err)
{
	for (size_t i = 0; i < entry->mark_count; i++) {
		const struct mark *mark = &entry->marks[i];
		const struct postgres_param params[] = {
		    postgres_text(mark->dead_topic), postgres_int4(arena, mark->partition),
		    postgres_int8(arena, mark->dead_offset), postgres_int8(arena, mark->at_ms)};
		if (postgres_query(store->postgres,
				   "UPDATE dead_letters SET replayed_at ="
				   " to_timestamp($4::bigint / 1000.0)"
				   " WHERE dead_topic = $1 AND partition = $2 AND dead_offset = $3",
				   params, 4, NULL, err))
			return -1;
	}
	return 0;
}

/* In one order for every instance, so that two of them never wait for each other. */
static int put_tallies(struct store *store, struct arena *arena, const struct entry *entry,
		       struct err *err)
{
	size_t count = entry->tally_count;
	if (!count)
		return 0;
	int64_t *numbers = arena_take(arena, 2 * count * sizeof(*numbers));
	const char **texts = arena_take(arena, 3 * count * sizeof(*texts));
	for (size_t i = 0; i < count; i++) {
		numbers[i] = entry->tallies[i].day;
		numbers[count + i] = entry->tallies[i].events;
		texts[i] = entry->tallies[i].kind;
		texts[count + i] = entry->tallies[i].agency;
		texts[2 * count + i] = entry->tallies[i].category;
	}
	const struct postgres_param params[] = {
	    postgres_int8_array(arena, numbers, count), postgres_text_array(arena, texts, count),
	    postgres_text_array(arena, texts + count, count),
	    postgres_text_array(arena, texts + 2 * count, count),
	    postgres_int8_array(arena, numbers + count, count)};
	return postgres_query(
	    store->postgres,
	    "INSERT INTO counters (day, kind, agency, category, events)"
	    " SELECT date '1970-01-01' + d::int, k, a, c, n FROM"
	    " unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[])"
	    " AS t (d, k, a, c, n) ORDER BY 1, 2, 3, 4"
	    " ON CONFLICT (day, kind, agency, category)"
	    " DO UPDATE SET events = counters.events + excluded.events",
	    params, 5, NULL, err);
}

static int store_all(struct store *store, struct arena *arena, struct entry *entry,
		     const struct position *positions, size_t count, struct err *err)
{
	if (postgres_exec(store->postgres, "BEGIN", err) ||
	    move_offsets(store, arena, positions, count, err) ||
	    put_epochs(store, arena, entry, err) || ensure_months(store, arena, entry, err) ||
	    copy_rows(store, entry, err) || put_marks(store, arena, entry, err) ||
	    put_tallies(store, arena, entry, err))
		return -1;
	return postgres_exec(store->postgres, "COMMIT", err);
}

int store_commit(struct store *store, struct arena *arena, struct entry *entry,
		 const struct position *positions, size_t count, struct err *err)
{
	struct err ignored;
	if (!store_all(store, arena, entry, positions, count, err))
		return 0;
	/* a connection that broke has lost its transaction too */
	if (postgres_connected(store->postgres) &&
	    postgres_exec(store->postgres, "ROLLBACK", &ignored))
		log_debug(0, "%s", ignored.text);
	return -1;
}
