/*
 * Cases as whoever asks may know of them: facts, never words. Everybody may know of those whose
 * services are public, both the one that the citizen chose and the one that the case was found to
 * be about; whoever sent a case may follow it, whatever it is about.
 */
#ifndef RECORD_PUBLIC_CASES_H
#define RECORD_PUBLIC_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case.pb-c.h"
#include "client/postgres.h"

/* What the asker may know of. */
struct public_view {
	const char *const *services; /* that are public */
	size_t service_count;
	const char *sender; /* as who asks is named; "" when nobody in particular */
};

/* Times are half-open, in Unix milliseconds; 0: no such bound. */
struct public_filter {
	const int64_t *numbers; /* these cases and no others; NULL: */
	size_t number_count;
	int64_t received_from_ms, received_to_ms;
	int64_t updated_from_ms, updated_to_ms; /* something happened that everybody may see */
	const char *const *services;            /* NULL: of all */
	size_t service_count;
	bool open, closed;
	int32_t limit, offset;
};

/* In the arena. */
struct public_case {
	uint64_t number;
	int64_t received_at_ms;
	const char *service;
	bool has_place;
	double lat, lon;                 /* as they are stored: rounded */
	const Redress__CaseState *state; /* NULL: it is being registered */
};

/* Newest first. -1: the record cannot be read. */
int public_cases_read(struct postgres *postgres, struct arena *arena,
		      const struct public_view *view, const struct public_filter *filter,
		      struct public_case **cases, size_t *count, struct err *err) MUST_CHECK;

/* Something that happened to one of them. */
struct public_update {
	uint64_t number;
	uint32_t version;
	int64_t at_ms;
	const char *kind, *status; /* domain/case_state.h */
};

/* Oldest first, of from_ms to before to_ms. */
int public_updates_read(struct postgres *postgres, struct arena *arena,
			const struct public_view *view, int64_t from_ms, int64_t to_ms,
			int32_t limit, struct public_update **updates, size_t *count,
			struct err *err) MUST_CHECK;

#endif
