/*
 * Where a case is found: the hot view in Redis, the contact cache that intake wrote on admission,
 * the record in PostgreSQL. One of these serves one thread at a time.
 */
#ifndef RECORD_LOOKUP_H
#define RECORD_LOOKUP_H

#include "client/postgres.h"
#include "record/found_case.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

struct lookup;

/* How many may look for cases in the record at a time; shared by several lookups. */
struct record_places {
	_Atomic int free;
};

/* application: in pg_stat_activity. places: must live as long; NULL: no limit. */
struct lookup *lookup_new(const struct settings *settings, const char *application,
			  int32_t partitions, struct record_places *places,
			  struct err *err) MUST_CHECK;
void lookup_free(struct lookup **lookup);

enum lookup_outcome {
	LOOKUP_FOUND,
	LOOKUP_NONE,    /* there is no such case, or the receipt code is not its own */
	LOOKUP_UNKNOWN, /* cannot be said at present */
};

/* By what somebody claims to be the one whose case it is. */
struct claim {
	/* Whether the text opens the case with this hash of its receipt code; in constant time, and
	 * hash_size 0, there is no such case, takes as long. NULL: it was proven before. */
	bool (*opens)(const char *text, uint64_t number, const uint8_t *hash, size_t hash_size,
		      int64_t now_ms);
	const char *text;
};

/* The receipt code itself, as a claim's opens. */
bool lookup_receipt_opens(const char *text, uint64_t number, const uint8_t *hash, size_t hash_size,
			  int64_t now_ms);

/*
 * Follows an alias to the case that lives on. Everything found is in the arena.
 *
 * A claim that opens nothing gets the same outcome, after the same look-ups, whether there is such
 * a case or not: NONE, or UNKNOWN where a case of that number might be there unseen (it is young,
 * or a store is away).
 */
enum lookup_outcome lookup_case(struct lookup *lookup, struct arena *arena, uint64_t number,
				const struct claim *claim, int64_t now_ms,
				struct found_case *found);
/* Why the last one was UNKNOWN, or found without extras; NULL: no store is to blame. */
const char *lookup_trouble(const struct lookup *lookup);
/* Asks both stores whether they are there, for others to know. To be called every second. */
void lookup_watch(struct lookup *lookup);
/* The connection this one has. */
struct postgres *lookup_postgres(struct lookup *lookup);
/* The versions in the hot view, all with one round trip; 0: not there, or not known at present
 * (lookup_trouble). */
void lookup_versions(struct lookup *lookup, struct arena *arena, const uint64_t *numbers,
		     size_t count, uint32_t *versions);

#endif
