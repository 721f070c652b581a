/* The contacts of cases: from the contact cache in Redis, and from PostgreSQL what the contact
 * cache has forgotten.
 */
#ifndef RECORD_CONTACT_H
#define RECORD_CONTACT_H

#include <stdbool.h>

#include "domain/unseal.h"
#include "util/settings.h"

struct contacts;

struct contacts *contacts_new(const struct settings *settings, int32_t partitions,
			      struct err *err) MUST_CHECK;
void contacts_free(struct contacts **contacts);

struct known_contact {
	uint64_t number;
	struct arena *arena;       /* where the rest goes */
	bool found;                /* false: it cannot be read at present */
	Redress__Contact *contact; /* NULL: the citizen gave none, or it has been erased */
	const char *language;      /* of the case; "" when unknown */
};

/* Fills in what follows number and arena, in a few round trips for all of them. */
void contacts_find(struct contacts *contacts, struct known_contact *known, size_t count);

#endif
