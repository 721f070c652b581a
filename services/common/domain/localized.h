/* A text in several languages. catalogue_text() of domain/catalogue.h chooses one. */
#ifndef DOMAIN_LOCALIZED_H
#define DOMAIN_LOCALIZED_H

#include <stddef.h>

struct localized_text {
	const char *language; /* BCP 47 */
	const char *text;
};

/* The first is in the catalogue's default language. */
struct localized {
	const struct localized_text *texts;
	size_t count;
};

#endif
