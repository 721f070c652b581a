#include "lookup.h"

#include <stdlib.h>
#include <string.h>

#include "client/postgres.h"
#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/hot_key.h"
#include "domain/receipt.h"
#include "util/alloc.h"

#define JUST_NOW_MS  INT64_C(600000) /* so young a case may not have reached every store */
#define OUTCOMES_MAX 50

struct lookup {
	struct redis *redis;
	struct postgres *postgres;
	int32_t partitions;
};

/* What the stores say of a number. */
struct traces {
	Redress__CaseState *state;
	int64_t received_at_ms;
	ProtobufCBinaryData receipt_hash;
	bool unsure; /* a store did not answer */
};

struct lookup *lookup_new(const struct settings *settings, int32_t partitions, struct err *err)
{
	struct lookup *lookup = x_calloc(1, sizeof(*lookup));
	lookup->partitions = partitions;
	lookup->postgres = postgres_new(settings, "redress-portal");
	lookup->redis = redis_new(settings, err);
	if (!lookup->redis)
		lookup_free(&lookup);
	return lookup;
}

void lookup_free(struct lookup **lookup)
{
	if (!*lookup)
		return;
	redis_free(&(*lookup)->redis);
	postgres_free(&(*lookup)->postgres);
	free(*lookup);
	*lookup = NULL;
}

struct postgres *lookup_postgres(struct lookup *lookup)
{
	return lookup->postgres;
}

/* ---- Redis ---------------------------------------------------------------------------------- */

static void queue_get(struct lookup *lookup, const char *key, size_t len)
{
	const struct redis_arg args[] = {REDIS_ARG("GET"), {key, len}};
	redis_queue(lookup->redis, args, 2);
}

static void take_state(struct arena *arena, const void *data, size_t size, struct traces *traces)
{
	Redress__CaseState *state = redress__case_state__unpack(arena_protobuf(arena), size, data);
	if (!state)
		return;
	traces->state = state;
	traces->received_at_ms = state->opened_at_ms;
	traces->receipt_hash = state->receipt_hash;
}

static void look_in_redis(struct lookup *lookup, struct arena *arena, uint64_t number,
			  struct traces *traces)
{
	struct err err;
	char key[HOT_KEY_SIZE];
	size_t count;
	struct redis_reply *replies;
	int32_t partition = case_number_partition(number, lookup->partitions);
	queue_get(lookup, key, hot_key_case(key, partition, number));
	queue_get(lookup, key, hot_key_vault(key, partition, number));
	if (redis_run(lookup->redis, arena, &replies, &count, &err)) {
		traces->unsure = true;
		return;
	}
	if (replies[1].kind == REDIS_STRING) {
		const Redress__VaultEntry *vault = redress__vault_entry__unpack(
		    arena_protobuf(arena), replies[1].len, (const uint8_t *)replies[1].data);
		if (vault) {
			traces->received_at_ms = vault->received_at_ms;
			traces->receipt_hash = vault->receipt_hash;
		}
	}
	if (replies[0].kind == REDIS_STRING)
		take_state(arena, replies[0].data, replies[0].len, traces);
}

void lookup_versions(struct lookup *lookup, struct arena *arena, const uint64_t *numbers,
		     size_t count, uint32_t *versions)
{
	struct err err;
	char key[HOT_KEY_SIZE];
	size_t replied;
	struct redis_reply *replies;
	memset(versions, 0, count * sizeof(*versions));
	for (size_t i = 0; i < count; i++)
		queue_get(lookup, key,
			  hot_key_case(key, case_number_partition(numbers[i], lookup->partitions),
				       numbers[i]));
	if (redis_run(lookup->redis, arena, &replies, &replied, &err))
		return;
	for (size_t i = 0; i < count; i++) {
		struct traces traces = {0};
		if (replies[i].kind == REDIS_STRING)
			take_state(arena, replies[i].data, replies[i].len, &traces);
		versions[i] = traces.state ? traces.state->version : 0;
	}
}

/* ---- PostgreSQL ----------------------------------------------------------------------------- */

static void look_in_record(struct lookup *lookup, struct arena *arena, uint64_t number,
			   struct traces *traces)
{
	struct err err;
	size_t size;
	struct postgres_result *row;
	struct postgres_param param = postgres_int8(arena, (int64_t)number);
	if (postgres_query(
		lookup->postgres,
		"SELECT c.state, g.receipt_hash,"
		" (extract(epoch FROM g.received_at) * 1000)::bigint"
		" FROM (SELECT $1::bigint AS number) n"
		" LEFT JOIN cases c USING (number) LEFT JOIN grievances g USING (number)",
		&param, 1, &row, &err)) {
		traces->unsure = true;
		return;
	}
	if (!postgres_null(row, 0, 1)) {
		const char *hash = postgres_get_bytes(row, 0, 1, &size);
		traces->receipt_hash = (ProtobufCBinaryData){size, arena_copy(arena, hash, size)};
		traces->received_at_ms = postgres_get_int(row, 0, 2);
	}
	if (!postgres_null(row, 0, 0)) {
		const char *state = postgres_get_bytes(row, 0, 0, &size);
		take_state(arena, state, size, traces);
	}
	postgres_result_free(&row);
}

static const char *text_of(struct arena *arena, const struct postgres_result *rows, size_t row,
			   int column)
{
	return arena_strdup(arena, postgres_get_text(rows, row, column));
}

/* What became of the messages to the citizen. Without PostgreSQL it is not shown. */
static void find_outcomes(struct lookup *lookup, struct arena *arena, uint64_t number,
			  struct found_case *found)
{
	struct err err;
	struct postgres_result *rows;
	const struct postgres_param params[] = {postgres_int8(arena, (int64_t)number),
						postgres_int4(arena, OUTCOMES_MAX)};
	if (postgres_query(lookup->postgres,
			   "SELECT kind, channel, delivery, reason,"
			   " (extract(epoch FROM at) * 1000)::bigint FROM notifications"
			   " WHERE number = $1 AND recipient = 'citizen'"
			   " ORDER BY event_version LIMIT $2",
			   params, 2, &rows, &err))
		return;
	size_t count = postgres_rows(rows);
	struct told_outcome *list = arena_take(arena, (count + 1) * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] =
		    (struct told_outcome){text_of(arena, rows, i, 0), text_of(arena, rows, i, 1),
					  text_of(arena, rows, i, 2), text_of(arena, rows, i, 3),
					  postgres_get_int(rows, i, 4)};
	postgres_result_free(&rows);
	found->outcomes = list;
	found->outcome_count = count;
}

static void find_erasure(struct lookup *lookup, struct arena *arena, struct found_case *found)
{
	struct err err;
	struct postgres_result *rows;
	struct postgres_param param = postgres_int8(arena, (int64_t)found->number);
	if (postgres_query(lookup->postgres,
			   "SELECT (extract(epoch FROM at) * 1000)::bigint FROM erasures"
			   " WHERE number = $1",
			   &param, 1, &rows, &err))
		return;
	if (postgres_rows(rows))
		found->erased_at_ms = postgres_get_int(rows, 0, 0);
	postgres_result_free(&rows);
}

/* ---- both ----------------------------------------------------------------------------------- */

static struct traces look(struct lookup *lookup, struct arena *arena, uint64_t number)
{
	struct traces traces = {0};
	look_in_redis(lookup, arena, number, &traces);
	if (!traces.state) {
		bool unsure = traces.unsure && !traces.receipt_hash.len;
		traces.unsure = false;
		look_in_record(lookup, arena, number, &traces);
		/* the record lags behind the view: what it has not, Redis may have */
		traces.unsure = (traces.unsure || unsure) && !traces.receipt_hash.len;
	}
	return traces;
}

enum lookup_outcome lookup_case(struct lookup *lookup, struct arena *arena, uint64_t number,
				const char *receipt, int64_t now_ms, struct found_case *found)
{
	struct traces traces = look(lookup, arena, number);
	if (!traces.receipt_hash.len) {
		/* never a false "there is none" for what was acknowledged a moment ago */
		int64_t age = now_ms - case_number_time_ms(number);
		bool young = age > -JUST_NOW_MS && age < JUST_NOW_MS;
		return traces.unsure || young ? LOOKUP_UNKNOWN : LOOKUP_NONE;
	}
	if (!receipt_matches(receipt, number, traces.receipt_hash.data, traces.receipt_hash.len))
		return LOOKUP_NONE;
	*found = (struct found_case){number, traces.state, traces.received_at_ms, 0, NULL, 0};
	if (traces.state && traces.state->alias_of) {
		struct traces other = look(lookup, arena, traces.state->alias_of);
		if (other.state)
			found->state = other.state;
	}
	if (found->state) {
		find_outcomes(lookup, arena, found->state->number, found);
		find_erasure(lookup, arena, found);
	}
	return LOOKUP_FOUND;
}
