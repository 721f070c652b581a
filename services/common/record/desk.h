/*
 * Cases as officers see them: in lists, and one with everything that is known of it, its texts
 * opened with the officers' key. The database is asked with the token of the officer's session and
 * gives what that account may see (deploy/sql/0010_accounts.sql); that a case was opened is
 * recorded there.
 */
#ifndef RECORD_DESK_H
#define RECORD_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "case.pb-c.h"
#include "client/postgres.h"
#include "domain/unseal.h"
#include "util/arena.h"

#define DESK_TOKEN_SIZE 32
#define DESK_NO_CLOCK   INT64_MAX

/* A row of a list. */
struct desk_row {
	uint64_t number;
	uint32_t version;
	const char *stage; /* "open", "waiting", "answered" */
	const char *office, *officer, *category, *area, *language;
	int urgency, level;
	int64_t opened_ms;
	int64_t clock_ms; /* due, asked until, or answered at; DESK_NO_CLOCK */
};

struct desk_query {
	const char *tab; /* "mine", "unclaimed", "office", "overdue", "told", "waiting", "answered"
			  */
	const char *office;
	int64_t after_ms; /* what the page before ended with; INT64_MIN: from the beginning */
	int64_t after_number;
	int most;
};

/* In the arena, by clock and number. An office that the account may not see has no rows. */
int desk_list(struct postgres *postgres, struct arena *arena, const uint8_t token[DESK_TOKEN_SIZE],
	      const struct desk_query *query, int64_t now_ms, struct desk_row **rows, size_t *count,
	      struct err *err) MUST_CHECK;

/* How many cases a list has; DESK_COUNT_MOST: so many or more. */
struct desk_count {
	const char *tab;
	int count;
};
#define DESK_COUNT_MOST 100

/* Of each list of the query's office, in the arena. */
int desk_counts(struct postgres *postgres, struct arena *arena,
		const uint8_t token[DESK_TOKEN_SIZE], const char *office, int64_t now_ms,
		struct desk_count **counts, size_t *count, struct err *err) MUST_CHECK;

struct desk_message {
	const char *kind, *recipient, *channel, *delivery, *reason;
	int64_t at_ms;
};

/* Everything is in the arena. */
struct desk_case {
	const Redress__CaseState *state;   /* NULL: no case that this account may see */
	const Redress__CaseEvent **events; /* by version */
	size_t event_count;
	const Redress__GrievanceText *text; /* NULL: the person's data was erased */
	uint8_t text_key[SEAL_KEY_SIZE];    /* only with text; to be wiped */
	const Redress__Contact *contact;    /* NULL: none, erased, or not for this account */
	const char *channel, *service_code;
	int64_t received_ms, erased_ms; /* 0: not */
	const struct desk_message *messages;
	size_t message_count;
};

/* -1: it cannot be read at present. */
int desk_case_read(struct postgres *postgres, struct unsealer *officer, struct arena *arena,
		   const uint8_t token[DESK_TOKEN_SIZE], uint64_t number, struct desk_case *found,
		   struct err *err) MUST_CHECK;

struct desk_decision {
	bool applied;
	uint32_t version;    /* of the case; 0: none that this account may see */
	const char *refusal; /* the last since then of this account; NULL: none */
};

/* What came of a command. */
int desk_decision_read(struct postgres *postgres, struct arena *arena,
		       const uint8_t token[DESK_TOKEN_SIZE], const Redress__Command *command,
		       struct desk_decision *decision, struct err *err) MUST_CHECK;

#endif
