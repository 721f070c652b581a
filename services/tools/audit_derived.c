/*
 * What follows from the events: cases, signatures and counters. The events are read once more, case
 * by case, and folded as archival did; of each case no more than its state is held. Counters are
 * compared by sums of keyed hashes, whose key nobody can know before: as much memory as there are
 * days.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "audit_private.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"

#define PAGE     1000
#define DAY_MS   INT64_C(86400000)
#define DAYS_MAX 60000 /* since 1970-01-01: further than any event may be */

/* Of a day, over all counts: how many, and each count times the hash of what it counts. */
struct day {
	uint64_t events, sums[2];
};

struct folding {
	struct audit *audit;
	Redress__CaseState *state; /* of the case being folded; NULL: none yet */
	int64_t number;
	bool broken;             /* its events do not follow each other */
	struct buffer packed;    /* the state, when its arena is reset */
	struct buffer signature; /* the row as it should be; empty: it should have none */
	uint8_t key[crypto_generichash_KEYBYTES];
	struct day *days;
	/* the rows of cases, a page at a time */
	struct arena *case_arena;
	struct postgres_result *cases;
	size_t case_row;
	int64_t last_case;
};

/* ---- counters ------------------------------------------------------------------------------- */

static void count(struct folding *folding, int64_t day, const char *kind, const char *agency,
		  const char *category, int64_t events, bool is_expected)
{
	uint64_t hash[2], factor = is_expected ? (uint64_t)events : -(uint64_t)events;
	crypto_generichash_state state;
	const char *const parts[] = {kind, agency, category};
	if (day < 0 || day >= DAYS_MAX) {
		audit_complain(folding->audit, "counters: there are events of no possible day");
		return;
	}
	crypto_generichash_init(&state, folding->key, sizeof(folding->key), sizeof(hash));
	for (size_t i = 0; i < 3; i++)
		crypto_generichash_update(&state, (const uint8_t *)parts[i], strlen(parts[i]) + 1);
	crypto_generichash_final(&state, (uint8_t *)hash, sizeof(hash));
	folding->days[day].events += factor;
	for (size_t i = 0; i < 2; i++)
		folding->days[day].sums[i] += factor * hash[i];
}

/* A page of rows; *after: the last day, and how many rows of it were read. */
static void read_counters(struct folding *folding)
{
	struct audit *audit = folding->audit;
	struct postgres_result *days =
	    audit_ask(audit, "SELECT DISTINCT day - date '1970-01-01' FROM counters", NULL, 0);
	for (size_t i = 0; i < postgres_rows(days); i++) {
		int64_t day = postgres_get_int(days, i, 0);
		const struct postgres_param param = postgres_int4(audit->arena, (int32_t)day);
		struct postgres_result *rows =
		    audit_ask(audit,
			      "SELECT kind, agency, category, events FROM counters"
			      " WHERE day = date '1970-01-01' + $1::int",
			      &param, 1);
		for (size_t row = 0; row < postgres_rows(rows); row++) {
			int64_t events = postgres_get_int(rows, row, 3);
			if (events <= 0)
				audit_complain(
				    audit, "counters: a count of day %" PRId64 " is not above zero",
				    day);
			count(folding, day, postgres_get_text(rows, row, 0),
			      postgres_get_text(rows, row, 1), postgres_get_text(rows, row, 2),
			      events, false);
		}
		postgres_result_free(&rows);
		arena_reset(audit->arena);
	}
	postgres_result_free(&days);
}

static const char *day_text(int64_t day)
{
	static char text[CLOCK_RFC3339_SIZE];
	clock_rfc3339(day * DAY_MS, text);
	text[strlen("2026-12-31")] = '\0';
	return text;
}

static void check_counters(struct folding *folding)
{
	static const struct day even;
	read_counters(folding);
	for (int64_t day = 0; day < DAYS_MAX; day++) {
		if (memcmp(&folding->days[day], &even, sizeof(even)) != 0)
			audit_complain(folding->audit,
				       "counters: those of %s are not what the events come to",
				       day_text(day));
	}
}

/* ---- a case --------------------------------------------------------------------------------- */

#define CASE_COLUMNS      17
#define SIGNATURE_COLUMNS 5
#define ERASED            (CASE_COLUMNS + SIGNATURE_COLUMNS)
static const char cases_sql[] =
    "SELECT c.number, c.version, c.status, c.category, c.confidence, c.office, c.agency,"
    " c.deadline, c.opened_at, c.updated_at, c.language, c.channel, c.urgency,"
    " c.escalation_level, c.triage, c.alias_of, c.state,"
    " s.number, s.at, s.signature, s.bands, s.suspected_abuse, x.number"
    " FROM cases c LEFT JOIN signatures s ON s.number = c.number"
    " LEFT JOIN erasures x ON x.number = c.number"
    " WHERE c.number > $1 ORDER BY c.number LIMIT $2";

static void next_cases(struct folding *folding)
{
	if (folding->cases)
		postgres_result_free(&folding->cases);
	arena_reset(folding->case_arena);
	const struct postgres_param params[] = {
	    postgres_int8(folding->case_arena, folding->last_case),
	    postgres_int4(folding->case_arena, PAGE)};
	folding->cases = audit_ask(folding->audit, cases_sql, params, 2);
	folding->case_row = 0;
}

/* The number of the next row of cases; INT64_MAX: there is none. */
static int64_t next_case(struct folding *folding)
{
	size_t rows = postgres_rows(folding->cases);
	if (folding->case_row == rows && rows == PAGE) {
		next_cases(folding);
		rows = postgres_rows(folding->cases);
	}
	if (folding->case_row == rows)
		return INT64_MAX;
	return folding->last_case = postgres_get_int(folding->cases, folding->case_row, 0);
}

/* Rows of cases before this one that no event made. */
static void pass_over(struct folding *folding, int64_t number)
{
	for (int64_t next; (next = next_case(folding)) < number; folding->case_row++)
		audit_complain(folding->audit, "cases: %s is a case without events",
			       audit_number(next));
}

static void check_signature(struct folding *folding)
{
	struct audit *audit = folding->audit;
	const struct postgres_result *rows = folding->cases;
	size_t row = folding->case_row;
	const char *number = audit_number(folding->number), *column;
	bool is_there = !postgres_null(rows, row, CASE_COLUMNS);
	bool is_erased = !postgres_null(rows, row, ERASED);
	if (!is_there && folding->signature.len && !is_erased)
		audit_complain(audit, "signatures: that of %s is missing", number);
	if (!is_there)
		return;
	if (is_erased || !folding->signature.len)
		audit_complain(audit, "signatures: %s should have none", number);
	else if ((column = audit_difference(&folding->signature, rows, row, CASE_COLUMNS,
					    record_tables[RECORD_SIGNATURES].columns)))
		audit_complain(audit, "signatures: %s of %s is not what its events say", column,
			       number);
}

static void finish_case(struct folding *folding)
{
	struct audit *audit = folding->audit;
	const char *column;
	if (!folding->state)
		return;
	pass_over(folding, folding->number);
	if (next_case(folding) != folding->number) {
		audit_complain(audit, "cases: %s is missing", audit_number(folding->number));
		return;
	}
	buffer_clear(&audit->image);
	row_case(&audit->image, folding->state);
	column = folding->broken
		     ? NULL
		     : audit_difference(&audit->image, folding->cases, folding->case_row, 0,
					record_tables[RECORD_NEW_CASES].columns);
	if (column)
		audit_complain(audit, "cases: %s of %s is not what its events say", column,
			       audit_number(folding->number));
	check_signature(folding);
	folding->case_row++;
}

static void start_case(struct folding *folding, int64_t number)
{
	finish_case(folding);
	folding->number = number;
	folding->state = NULL;
	folding->broken = false;
	buffer_clear(&folding->signature);
}

/* ---- the events ----------------------------------------------------------------------------- */

static void fold(struct folding *folding, const Redress__CaseEvent *event)
{
	struct err err;
	if (folding->broken)
		return;
	if (case_apply(folding->audit->arena, folding->state, event, &folding->state, &err)) {
		audit_complain(folding->audit, "case_events: %s: %s", audit_number(folding->number),
			       err.text);
		folding->broken = true;
		return;
	}
	if (event->body_case == REDRESS__CASE_EVENT__BODY_OPENED) {
		buffer_clear(&folding->signature);
		row_signature(&folding->signature, event);
	}
	count(folding, event->at_ms / DAY_MS, event_kind(event), folding->state->agency,
	      folding->state->category, 1, true);
}

static void fold_row(struct folding *folding, const struct postgres_result *rows, size_t row)
{
	int64_t number = postgres_get_int(rows, row, 0);
	ProtobufCBinaryData body = postgres_get_data(rows, row, 2);
	const Redress__CaseEvent *event =
	    redress__case_event__unpack(arena_protobuf(folding->audit->arena), body.len, body.data);
	if (number != folding->number)
		start_case(folding, number);
	if (event) /* otherwise it does not agree with its leaf, which was said */
		fold(folding, event);
}

/* The state outlives the page of events that it was made of. */
static void keep_state(struct folding *folding)
{
	struct arena *arena = folding->audit->arena;
	if (!folding->state) {
		arena_reset(arena);
		return;
	}
	size_t size = redress__case_state__get_packed_size(folding->state);
	buffer_clear(&folding->packed);
	redress__case_state__pack(folding->state, buffer_reserve(&folding->packed, size));
	arena_reset(arena);
	folding->state = redress__case_state__unpack(arena_protobuf(arena), size,
						     (const uint8_t *)folding->packed.data);
}

static void fold_events(struct folding *folding)
{
	struct audit *audit = folding->audit;
	int64_t number = -1, version = 0;
	size_t read;
	do {
		const struct postgres_param params[] = {
		    postgres_int8(audit->arena, number),
		    postgres_int4(audit->arena, (int32_t)version),
		    postgres_int4(audit->arena, PAGE)};
		struct postgres_result *rows =
		    audit_ask(audit,
			      "SELECT number, version, body FROM case_events WHERE (number, "
			      "version) > ($1, $2)"
			      " ORDER BY number, version LIMIT $3",
			      params, 3);
		read = postgres_rows(rows);
		for (size_t i = 0; i < read; i++)
			fold_row(folding, rows, i);
		if (read) {
			number = postgres_get_int(rows, read - 1, 0);
			version = postgres_get_int(rows, read - 1, 1);
		}
		postgres_result_free(&rows);
		keep_state(folding);
	} while (read == PAGE);
	start_case(folding, -1);
}

void audit_derived(struct audit *audit)
{
	struct folding folding = {.audit = audit,
				  .number = -1,
				  .case_arena = arena_new(),
				  .last_case = -1,
				  .days = x_calloc(DAYS_MAX, sizeof(struct day))};
	randombytes_buf(folding.key, sizeof(folding.key));
	next_cases(&folding);
	fold_events(&folding);
	pass_over(&folding, INT64_MAX);
	check_counters(&folding);
	postgres_result_free(&folding.cases);
	arena_free(&folding.case_arena);
	buffer_free(&folding.packed);
	buffer_free(&folding.signature);
	free(folding.days);
}
