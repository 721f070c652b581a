/*
 * What citizen and office wrote to each other, opened with the citizen's receipt code for one
 * request: the portal has no key of its own.
 */
#ifndef RECORD_CONVERSATION_H
#define RECORD_CONVERSATION_H

#include "client/postgres.h"
#include "domain/seal.h"
#include "util/arena.h"
#include "util/err.h"

#define CONVERSATION_MAX 500 /* texts of one case that are shown */

struct conversation_text {
	uint32_t version; /* of the event that carries it */
	bool by_citizen;
	const char *text;
};

struct conversation {
	const char *description; /* what the citizen wrote first; NULL: not there, or erased */
	bool can_write;          /* text_key is there: more can be sealed */
	uint8_t text_key[SEAL_KEY_SIZE];
	struct conversation_text *texts; /* by version */
	size_t count;
};

/* All in the arena. receipt must be the case's own. Texts that cannot be opened are left out. -1:
 * the record cannot be read. Wipe it with conversation_wipe(). */
int conversation_read(struct postgres *postgres, struct arena *arena, uint64_t number,
		      const char *receipt, struct conversation *conversation,
		      struct err *err) MUST_CHECK;
void conversation_wipe(struct conversation *conversation);
/* NULL: the event of that version carries no text that can be opened. */
const struct conversation_text *conversation_at(const struct conversation *conversation,
						uint32_t version);

#endif
