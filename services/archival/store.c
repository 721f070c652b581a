#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/postgres.h"
#include "domain/pipeline.h"
#include "util/alloc.h"
#include "util/log.h"

struct store {
	struct postgres *postgres;
	char refusal[6]; /* SQLSTATE of the last STORE_REFUSED */
};

/*
 * The time-out: an instance that hangs in the middle of a transaction (a stopped machine, a frozen
 * disk) must not keep the offset rows from the one that took its partitions over. Then the staging
 * tables, where rows replace older ones.
 */
static const char session_sql[] =
    "SET client_min_messages = warning;"
    "SET idle_in_transaction_session_timeout = '5s';"
    "CREATE TEMP TABLE IF NOT EXISTS changed_cases (LIKE cases) ON COMMIT DELETE ROWS;"
    "CREATE TEMP TABLE IF NOT EXISTS changed_open_cases (LIKE open_cases) ON COMMIT DELETE ROWS";

static const char change_cases_sql[] =
    "UPDATE cases c SET version = n.version, status = n.status, category = n.category, confidence "
    "= n.confidence,"
    " office = n.office, agency = n.agency, deadline = n.deadline, updated_at = n.updated_at,"
    " language = n.language, urgency = n.urgency, escalation_level = n.escalation_level,"
    " triage = n.triage, alias_of = n.alias_of, state = n.state"
    " FROM changed_cases n WHERE c.number = n.number";

/* In the order of their numbers, so that two instances never wait for each other. */
static const char change_open_cases_sql[] =
    "DELETE FROM open_cases c USING changed_open_cases n WHERE c.number = n.number AND n.stage = '';"
    "INSERT INTO open_cases SELECT * FROM changed_open_cases WHERE stage <> '' ORDER BY number"
    " ON CONFLICT (number) DO UPDATE SET version = excluded.version, stage = excluded.stage,"
    " office = excluded.office, agency = excluded.agency, overseer = excluded.overseer,"
    " officer = excluded.officer, category = excluded.category, area = excluded.area,"
    " language = excluded.language, urgency = excluded.urgency, level = excluded.level,"
    " opened_ms = excluded.opened_ms, clock_ms = excluded.clock_ms";

struct store *store_new(const struct settings *settings)
{
	struct store *store = x_calloc(1, sizeof(*store));
	store->postgres = postgres_new_bulk(settings, "redress-archival");
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
static int load_tree(struct store *store, struct arena *arena, int32_t book,
		     struct ledger_tree *tree, struct err *err)
{
	struct postgres_result *rows;
	struct postgres_param partition = postgres_int4(arena, book);
	memset(tree, 0, sizeof(*tree));
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
		tree->size = postgres_get_int(rows, row, 0);
		if (level < LEDGER_LEVELS && size == LEDGER_HASH_SIZE)
			memcpy(tree->complete[level].bytes, hash, size);
	}
	postgres_result_free(&rows);
	return 0;
}

static int load_trees(struct store *store, struct arena *arena, struct position *position,
		      struct err *err)
{
	for (size_t kind = 0; kind < SEALED_KINDS; kind++) {
		if (strcmp(sealed_kinds[kind].topic, position->topic) == 0 &&
		    load_tree(store, arena, ledger_book(kind, position->partition),
			      &position->trees[kind], err))
			return -1;
	}
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
	return load_trees(store, arena, position, err);
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

/* sql: number and what is known of it, of the numbers in $1. */
static int load(struct store *store, struct arena *arena, const char *sql, const int64_t *numbers,
		size_t count,
		void (*each)(void *self, uint64_t number, const void *state, size_t size),
		void *self, struct err *err)
{
	struct postgres_result *result;
	if (!count)
		return 0;
	struct postgres_param param = postgres_int8_array(arena, numbers, count);
	if (postgres_query_planned(store->postgres, sql, &param, 1, &result, err))
		return -1;
	for (size_t row = 0; row < postgres_rows(result); row++) {
		size_t size;
		const char *state = postgres_get_bytes(result, row, 1, &size);
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
		    numbers, count, each, self, err);
}

int store_load_grievances(struct store *store, struct arena *arena, const int64_t *numbers,
			  size_t count,
			  void (*each)(void *self, uint64_t number, const void *state, size_t size),
			  void *self, struct err *err)
{
	return load(store, arena,
		    "SELECT number, receipt_hash || idempotency_key || CASE"
		    " WHEN fingerprint = '' THEN sealed_text ELSE fingerprint END"
		    " FROM grievances WHERE number = ANY ($1)",
		    numbers, count, each, self, err);
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

static int put_epochs(struct store *store, struct arena *arena, const struct record_batch *batch,
		      struct err *err)
{
	for (size_t i = 0; i < batch->epoch_count; i++) {
		const Redress__Epoch *epoch = batch->epochs[i];
		const struct postgres_param params[] = {
		    postgres_bytes(epoch->id.data, epoch->id.len),
		    postgres_int8(arena, epoch->started_at_ms),
		    postgres_bytes(epoch->text_for_classification.data,
				   epoch->text_for_classification.len),
		    postgres_bytes(epoch->text_for_officer.data, epoch->text_for_officer.len),
		    postgres_bytes(epoch->contact_for_notification.data,
				   epoch->contact_for_notification.len),
		    postgres_bytes(epoch->contact_for_officer.data,
				   epoch->contact_for_officer.len)};
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
static int ensure_months(struct store *store, struct arena *arena, const struct record_batch *batch,
			 struct err *err)
{
	if (!batch->first_event_ms)
		return 0;
	const struct postgres_param params[] = {postgres_int8(arena, batch->first_event_ms / 1000),
						postgres_int8(arena, batch->last_event_ms / 1000)};
	return postgres_query(
	    store->postgres,
	    "SELECT ensure_month(month::date) FROM generate_series("
	    " date_trunc('month', to_timestamp($1::bigint) AT TIME ZONE 'UTC'),"
	    " to_timestamp($2::bigint) AT TIME ZONE 'UTC', interval '1 month') AS month",
	    params, 2, NULL, err);
}

static int copy_rows(struct store *store, struct record_batch *batch, struct err *err)
{
	for (size_t i = 0; i < RECORDS; i++) {
		if (batch->counts[i] &&
		    postgres_copy(store->postgres, record_tables[i].copy, &batch->rows[i], err))
			return -1;
	}
	if (batch->counts[RECORD_CHANGED_CASES] &&
	    postgres_exec(store->postgres, change_cases_sql, err))
		return -1;
	if (batch->counts[RECORD_OPEN_CASES] &&
	    postgres_exec(store->postgres, change_open_cases_sql, err))
		return -1;
	return 0;
}

static int put_marks(struct store *store, struct arena *arena, const struct record_batch *batch,
		     struct err *err)
{
	for (size_t i = 0; i < batch->mark_count; i++) {
		const struct mark *mark = &batch->marks[i];
		const struct postgres_param params[] = {
		    postgres_text(mark->dead_topic), postgres_int4(arena, mark->partition),
		    postgres_int8(arena, mark->dead_offset), postgres_int8(arena, mark->at_ms),
		    postgres_text(mark->discarded)};
		const char *sql =
		    mark->discarded
			? "UPDATE dead_letters SET discarded_at ="
			  " to_timestamp($4::bigint / 1000.0), discard_reason = $5"
			  " WHERE dead_topic = $1 AND partition = $2 AND dead_offset = $3"
			: "UPDATE dead_letters SET replayed_at ="
			  " to_timestamp($4::bigint / 1000.0)"
			  " WHERE dead_topic = $1 AND partition = $2 AND dead_offset = $3";
		if (postgres_query_planned(store->postgres, sql, params, mark->discarded ? 5 : 4,
					   NULL, err))
			return -1;
	}
	return 0;
}

/* In one order for every instance, so that two of them never wait for each other. */
static int put_tallies(struct store *store, struct arena *arena, const struct record_batch *batch,
		       struct err *err)
{
	size_t count = batch->tally_count;
	if (!count)
		return 0;
	int64_t *numbers = arena_take(arena, 2 * count * sizeof(*numbers));
	const char **texts = arena_take(arena, 3 * count * sizeof(*texts));
	for (size_t i = 0; i < count; i++) {
		numbers[i] = batch->tallies[i].day;
		numbers[count + i] = batch->tallies[i].events;
		texts[i] = batch->tallies[i].kind;
		texts[count + i] = batch->tallies[i].agency;
		texts[2 * count + i] = batch->tallies[i].category;
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

static int store_all(struct store *store, struct arena *arena, struct record_batch *batch,
		     const struct position *positions, size_t count, struct err *err)
{
	if (postgres_exec(store->postgres, "BEGIN", err) ||
	    move_offsets(store, arena, positions, count, err) ||
	    put_epochs(store, arena, batch, err) || ensure_months(store, arena, batch, err) ||
	    copy_rows(store, batch, err) || put_marks(store, arena, batch, err) ||
	    put_tallies(store, arena, batch, err))
		return -1;
	return 0;
}

/* A connection that broke has lost its transaction too. */
static void roll_back(struct store *store)
{
	struct err ignored;
	if (postgres_connected(store->postgres) &&
	    postgres_exec(store->postgres, "ROLLBACK", &ignored))
		log_debug(0, "%s", ignored.text);
}

/* Rolling back is a success too, and must not be taken for the reason. */
static enum store_outcome undo(struct store *store)
{
	const char *sqlstate = postgres_refused_data(store->postgres);
	snprintf(store->refusal, sizeof(store->refusal), "%s", sqlstate ? sqlstate : "");
	roll_back(store);
	return sqlstate ? STORE_REFUSED : STORE_FAILED;
}

enum store_outcome store_commit(struct store *store, struct arena *arena,
				struct record_batch *batch, const struct position *positions,
				size_t count, struct err *err)
{
	if (store_all(store, arena, batch, positions, count, err) ||
	    postgres_exec(store->postgres, "COMMIT", err))
		return undo(store);
	return STORE_DONE;
}

enum store_outcome store_try(struct store *store, struct arena *arena, struct record_batch *batch,
			     const struct position *positions, size_t count, struct err *err)
{
	if (store_all(store, arena, batch, positions, count, err))
		return undo(store);
	roll_back(store);
	return STORE_DONE;
}

const char *store_refusal(const struct store *store)
{
	return store->refusal;
}
