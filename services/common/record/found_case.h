/* What the stores know of a case, for those who show it. */
#ifndef RECORD_FOUND_CASE_H
#define RECORD_FOUND_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case.pb-c.h"

struct message_outcome {
	const char *kind, *channel, *delivery, *reason;
	int64_t at_ms;
};

/* Everything known of a case. */
struct found_case {
	uint64_t number;                 /* as it was asked for */
	const Redress__CaseState *state; /* NULL: taken in, not yet opened */
	int64_t received_at_ms;
	int64_t erased_at_ms; /* 0: the person's data is there */
	const struct message_outcome *outcomes;
	size_t outcome_count;
	bool extras_unknown;         /* erasure and outcomes cannot be said at present */
	const uint8_t *receipt_hash; /* RECEIPT_HASH_SIZE bytes; not shown */
};

#endif
