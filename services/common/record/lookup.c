#include "record/lookup.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/redis.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "client/redis_key.h"
#include "domain/receipt.h"
#include "record/record.h"
#include "util/alloc.h"
#include "util/log.h"

#define JUST_NOW_MS  INT64_C(600000) /* so young a case may not have reached every store */
#define OUTCOMES_MAX 50

struct lookup {
	struct redis *redis;
	struct postgres *postgres;
	int32_t partitions;
	struct record_places *places;
	struct err trouble; /* "": none */
};

/* What a store says of a number. */
struct traces {
	Redress__CaseState *state;
	int64_t received_at_ms;
	ProtobufCBinaryData receipt_hash;
	bool unsure; /* it did not answer */
};

struct lookup *lookup_new(const struct settings *settings, const char *application,
			  int32_t partitions, struct record_places *places, struct err *err)
{
	struct lookup *lookup = x_calloc(1, sizeof(*lookup));
	lookup->partitions = partitions;
	lookup->places = places;
	lookup->postgres = record_open(settings, application);
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

const char *lookup_trouble(const struct lookup *lookup)
{
	return *lookup->trouble.text ? lookup->trouble.text : NULL;
}

void lookup_watch(struct lookup *lookup)
{
	/* what they say is remembered for all */
	struct err err;
	if (redis_watch(lookup->redis, &err))
		log_debug(0, "%s", err.text);
	if (postgres_watch(lookup->postgres, &err))
		log_debug(0, "%s", err.text);
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
	char key[REDIS_KEY_SIZE];
	size_t count;
	struct redis_reply *replies;
	int32_t partition = case_number_partition(number, lookup->partitions);
	queue_get(lookup, key, redis_key_case(key, partition, number));
	queue_get(lookup, key, redis_key_contact(key, partition, number));
	if (redis_run(lookup->redis, arena, &replies, &count, &lookup->trouble)) {
		traces->unsure = true;
		return;
	}
	if (replies[1].kind == REDIS_STRING) {
		const Redress__CachedContact *contact = redress__cached_contact__unpack(
		    arena_protobuf(arena), replies[1].len, (const uint8_t *)replies[1].data);
		if (contact) {
			traces->received_at_ms = contact->received_at_ms;
			traces->receipt_hash = contact->receipt_hash;
		}
	}
	if (replies[0].kind == REDIS_STRING)
		take_state(arena, replies[0].data, replies[0].len, traces);
}

void lookup_versions(struct lookup *lookup, struct arena *arena, const uint64_t *numbers,
		     size_t count, uint32_t *versions)
{
	char key[REDIS_KEY_SIZE];
	size_t replied;
	struct redis_reply *replies;
	lookup->trouble.text[0] = '\0';
	memset(versions, 0, count * sizeof(*versions));
	for (size_t i = 0; i < count; i++)
		queue_get(lookup, key,
			  redis_key_case(key, case_number_partition(numbers[i], lookup->partitions),
					 numbers[i]));
	if (redis_run(lookup->redis, arena, &replies, &replied, &lookup->trouble))
		return;
	for (size_t i = 0; i < count; i++) {
		struct traces traces = {0};
		if (replies[i].kind == REDIS_STRING)
			take_state(arena, replies[i].data, replies[i].len, &traces);
		versions[i] = traces.state ? case_public_version(traces.state) : 0;
	}
}

/* ---- PostgreSQL ----------------------------------------------------------------------------- */

static void read_record(struct arena *arena, const struct postgres_result *row,
			struct traces *traces)
{
	size_t size;
	if (!postgres_null(row, 0, 1)) {
		const char *hash = postgres_get_bytes(row, 0, 1, &size);
		traces->receipt_hash = (ProtobufCBinaryData){size, arena_copy(arena, hash, size)};
		traces->received_at_ms = postgres_get_int(row, 0, 2);
	}
	if (!postgres_null(row, 0, 0)) {
		const char *state = postgres_get_bytes(row, 0, 0, &size);
		take_state(arena, state, size, traces);
	}
}

static int ask_record(struct lookup *lookup, struct arena *arena, uint64_t number,
		      struct traces *traces, struct err *err)
{
	struct postgres_result *row;
	struct postgres_param param = postgres_int8(arena, (int64_t)number);
	if (postgres_query(
		lookup->postgres,
		"SELECT c.state, g.receipt_hash,"
		" (extract(epoch FROM g.received_at) * 1000)::bigint"
		" FROM (SELECT $1::bigint AS number) n"
		" LEFT JOIN cases c USING (number) LEFT JOIN grievances g USING (number)",
		&param, 1, &row, err))
		return -1;
	read_record(arena, row, traces);
	postgres_result_free(&row);
	return 0;
}

static void look_in_record(struct lookup *lookup, struct arena *arena, uint64_t number,
			   struct traces *traces)
{
	_Atomic int *free = lookup->places ? &lookup->places->free : NULL;
	if (free && atomic_fetch_sub(free, 1) <= 0)
		traces->unsure = err_set(&lookup->trouble, "the record is busy");
	else
		traces->unsure = ask_record(lookup, arena, number, traces, &lookup->trouble);
	if (free)
		atomic_fetch_add(free, 1);
}

static const char *text_of(struct arena *arena, const struct postgres_result *rows, size_t row,
			   int column)
{
	return arena_strdup(arena, postgres_get_text(rows, row, column));
}

/* What became of the messages to the citizen. */
static int find_outcomes(struct lookup *lookup, struct arena *arena, uint64_t number,
			 struct found_case *found, struct err *err)
{
	struct postgres_result *rows;
	const struct postgres_param params[] = {postgres_int8(arena, (int64_t)number),
						postgres_int4(arena, OUTCOMES_MAX)};
	if (postgres_query_planned(lookup->postgres,
				   "SELECT kind, channel, delivery, reason,"
				   " (extract(epoch FROM at) * 1000)::bigint FROM notifications"
				   " WHERE number = $1 AND recipient = 'citizen'"
				   " ORDER BY event_version LIMIT $2",
				   params, 2, &rows, err))
		return -1;
	size_t count = postgres_rows(rows);
	struct message_outcome *list = arena_take(arena, (count + 1) * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] =
		    (struct message_outcome){text_of(arena, rows, i, 0), text_of(arena, rows, i, 1),
					     text_of(arena, rows, i, 2), text_of(arena, rows, i, 3),
					     postgres_get_int(rows, i, 4)};
	postgres_result_free(&rows);
	found->outcomes = list;
	found->outcome_count = count;
	return 0;
}

static int find_erasure(struct lookup *lookup, struct arena *arena, struct found_case *found,
			struct err *err)
{
	struct postgres_result *rows;
	struct postgres_param param = postgres_int8(arena, (int64_t)found->number);
	if (postgres_query(lookup->postgres,
			   "SELECT (extract(epoch FROM at) * 1000)::bigint FROM erasures"
			   " WHERE number = $1",
			   &param, 1, &rows, err))
		return -1;
	if (postgres_rows(rows))
		found->erased_at_ms = postgres_get_int(rows, 0, 0);
	postgres_result_free(&rows);
	return 0;
}

/* Nobody waits long for what the case can be shown without. */
static void find_extras(struct lookup *lookup, struct arena *arena, struct found_case *found)
{
	postgres_hurry(lookup->postgres, true);
	found->extras_unknown =
	    find_outcomes(lookup, arena, found->state->number, found, &lookup->trouble) ||
	    find_erasure(lookup, arena, found, &lookup->trouble);
	postgres_hurry(lookup->postgres, false);
}

/* ---- both ----------------------------------------------------------------------------------- */

bool lookup_receipt_opens(const char *text, uint64_t number, const uint8_t *hash, size_t hash_size,
			  int64_t now_ms)
{
	static const uint8_t none[RECEIPT_HASH_SIZE];
	bool known = hash_size == RECEIPT_HASH_SIZE;
	(void)now_ms;
	return receipt_matches(text, number, known ? hash : none, RECEIPT_HASH_SIZE) && known;
}

static bool opens(const struct claim *claim, uint64_t number, const struct traces *traces,
		  int64_t now_ms)
{
	const ProtobufCBinaryData *hash = &traces->receipt_hash;
	return claim->opens ? claim->opens(claim->text, number, hash->data, hash->len, now_ms)
			    : hash->len != 0;
}

static bool is_young(uint64_t number, int64_t now_ms)
{
	int64_t age = now_ms - case_number_time_ms(number);
	return age > -JUST_NOW_MS && age < JUST_NOW_MS;
}

/*
 * hot: what Redis says, which opened. Its state when it has one; the record's when it has not, and
 * that there is none yet only while the case is young or the record says so.
 */
static enum lookup_outcome complete(struct lookup *lookup, struct arena *arena, uint64_t number,
				    int64_t now_ms, struct traces *hot)
{
	struct traces recorded = {0};
	if (hot->state)
		return LOOKUP_FOUND;
	look_in_record(lookup, arena, number, &recorded);
	hot->state = recorded.state;
	return hot->state || !recorded.unsure || is_young(number, now_ms) ? LOOKUP_FOUND
									  : LOOKUP_UNKNOWN;
}

/* The first store whose traces the claim opens. */
static enum lookup_outcome look(struct lookup *lookup, struct arena *arena, uint64_t number,
				const struct claim *claim, int64_t now_ms, struct traces *traces)
{
	struct traces recorded = {0};
	look_in_redis(lookup, arena, number, traces);
	if (opens(claim, number, traces, now_ms))
		return complete(lookup, arena, number, now_ms, traces);
	bool unsure = traces->unsure;
	/* also when Redis has a case of this number: whoever cannot open it is not to learn that */
	look_in_record(lookup, arena, number, &recorded);
	*traces = recorded;
	bool young = is_young(number, now_ms);
	if (opens(claim, number, traces, now_ms))
		return traces->state || !unsure || young ? LOOKUP_FOUND : LOOKUP_UNKNOWN;
	/* never a false "there is none" for what was acknowledged a moment ago */
	return unsure || traces->unsure || young ? LOOKUP_UNKNOWN : LOOKUP_NONE;
}

static enum lookup_outcome find_case(struct lookup *lookup, struct arena *arena, uint64_t number,
				     const struct claim *claim, int64_t now_ms,
				     struct found_case *found)
{
	static const struct claim proven = {NULL, NULL};
	struct traces traces = {0}, other = {0};
	enum lookup_outcome outcome = look(lookup, arena, number, claim, now_ms, &traces);
	if (outcome != LOOKUP_FOUND)
		return outcome;
	*found = (struct found_case){.number = number,
				     .state = traces.state,
				     .received_at_ms = traces.received_at_ms,
				     .receipt_hash = traces.receipt_hash.data};
	if (traces.state && traces.state->alias_of &&
	    look(lookup, arena, traces.state->alias_of, &proven, now_ms, &other) == LOOKUP_FOUND &&
	    other.state)
		found->state = other.state;
	if (found->state)
		find_extras(lookup, arena, found);
	return LOOKUP_FOUND;
}

enum lookup_outcome lookup_case(struct lookup *lookup, struct arena *arena, uint64_t number,
				const struct claim *claim, int64_t now_ms, struct found_case *found)
{
	static struct log_limit unknown, without;
	lookup->trouble.text[0] = '\0';
	enum lookup_outcome outcome = find_case(lookup, arena, number, claim, now_ms, found);
	const char *trouble = lookup_trouble(lookup);
	if (trouble && outcome == LOOKUP_UNKNOWN)
		log_limited(&unknown, 0, "a case cannot be looked up: %s", trouble);
	else if (trouble)
		log_limited(&without, 0, "a case is shown without what is in the record: %s",
			    trouble);
	return outcome;
}
