/* The contact of a case: from the vault in Redis, and from PostgreSQL when the vault has forgotten. */
#ifndef NOTIFICATION_CONTACT_H
#define NOTIFICATION_CONTACT_H

#include <stdbool.h>

#include "domain/unseal.h"
#include "util/settings.h"

struct contacts;

struct contacts *contacts_new(const struct settings *settings, int32_t partitions,
			      struct err *err) MUST_CHECK;
void contacts_free(struct contacts **contacts);

struct known_contact {
	Redress__Contact *contact; /* NULL: the citizen gave none, or it has been erased */
	const char *language;	   /* of the case; "" when unknown */
};

/* In the arena. -1: it cannot be found at present (err never tells whose). */
int contacts_find(struct contacts *contacts, struct arena *arena, uint64_t number,
		  struct known_contact *known, struct err *err) MUST_CHECK;

#endif
