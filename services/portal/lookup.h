/*
 * Where a case is found: the hot view in Redis, the vault that intake wrote at the door, the record
 * in PostgreSQL. One of these serves one thread at a time.
 */
#ifndef PORTAL_LOOKUP_H
#define PORTAL_LOOKUP_H

#include "case_view.h"
#include "client/postgres.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

struct lookup;

struct lookup *lookup_new(const struct settings *settings, int32_t partitions,
			  struct err *err) MUST_CHECK;
void lookup_free(struct lookup **lookup);

enum lookup_outcome {
	LOOKUP_FOUND,
	LOOKUP_NONE,    /* there is no such case, or the receipt code is not its own */
	LOOKUP_UNKNOWN, /* cannot be said at present */
};

/* Follows an alias to the case that lives on. Everything found is in the arena. */
enum lookup_outcome lookup_case(struct lookup *lookup, struct arena *arena, uint64_t number,
				const char *receipt, int64_t now_ms, struct found_case *found);
/* The connection this one has. */
struct postgres *lookup_postgres(struct lookup *lookup);
/* The versions in the hot view, all with one round trip; 0: not there, or not known at present. */
void lookup_versions(struct lookup *lookup, struct arena *arena, const uint64_t *numbers,
		     size_t count, uint32_t *versions);

#endif
