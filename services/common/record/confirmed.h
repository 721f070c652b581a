/*
 * The cases of the record whose category people confirmed: an officer corrected it, or an office
 * answered the case under it. Each case once, at its last confirmation, under the category that it
 * has now; cases without a category are none. Read in the order of confirmation, page by page.
 */
#ifndef RECORD_CONFIRMED_H
#define RECORD_CONFIRMED_H

#include <stdint.h>

#include "case.pb-c.h"
#include "client/postgres.h"
#include "domain/unseal.h"
#include "util/arena.h"
#include "util/err.h"

/* Everything lives until the callback returns. */
struct confirmed {
	uint64_t number;
	int64_t at_ms;
	const char *how;                               /* "corrected", "answered" */
	const char *category;                          /* of the catalogue */
	const char *language;                          /* "" when unknown */
	const Redress__GrievanceText *text;            /* only from confirmed_texts */
	const Redress__Classification *classification; /* only from confirmed_classifications */
};

typedef int confirmed_each(void *self, const struct confirmed *confirmed, struct err *err);

/*
 * Both call each for every case confirmed at since_ms or later (0: ever), of one moment of the
 * record. -1 from each stops with its err.
 */

/* With its text, opened with the officers' key. A case whose person's data was erased is passed
 * over; one that does not open is logged and passed over. */
int confirmed_texts(struct postgres *postgres, struct unsealer *officer, int64_t since_ms,
		    confirmed_each *each, void *self, struct err *err) MUST_CHECK;
/* With what classification said when it was opened. */
int confirmed_classifications(struct postgres *postgres, int64_t since_ms, confirmed_each *each,
			      void *self, struct err *err) MUST_CHECK;

#endif
