/* Cases whose texts are alike, and those that are suspected of abuse, by their signatures. */
#ifndef RECORD_SIMILAR_H
#define RECORD_SIMILAR_H

#include <stdint.h>

#include "client/postgres.h"

#define SIMILAR_MAX 100 /* cases of one list */

/* All texts are in the arena; "" where the record has none. */
struct similar_case {
	uint64_t number;
	int64_t percent; /* how alike; 100 of what is suspected */
	const char *opened_at, *metres /* between the places; "-": not known */, *category, *office,
	    *status;
};

struct similar_cases {
	struct similar_case *list;
	size_t count;
};

enum similar_text {
	SIMILAR_NONE,  /* no signature: no such case, not archived yet, or erased */
	SIMILAR_SHORT, /* a text that is too short to be compared */
	SIMILAR_THERE,
};
int similar_text(struct postgres *postgres, struct arena *arena, uint64_t number,
		 enum similar_text *what, struct err *err) MUST_CHECK;

/* Those at least percent alike, the most alike first. Also puts the newest signatures into the
 * index, so that nobody looks through their list again: not for a session that only reads. */
int similar_find(struct postgres *postgres, struct arena *arena, uint64_t number, int64_t percent,
		 struct similar_cases *found, struct err *err) MUST_CHECK;
/* The last ones that carry the flag of suspected abuse or spam. */
int similar_suspected(struct postgres *postgres, struct arena *arena, struct similar_cases *found,
		      struct err *err) MUST_CHECK;

#endif
