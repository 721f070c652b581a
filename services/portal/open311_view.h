/* What Open311 GeoReport v2 says of services and cases, as JSON (web/open311.h makes XML of it).
 * Facts alone: no word of a citizen or an office, which the portal cannot read. Pure. */
#ifndef PORTAL_OPEN311_VIEW_H
#define PORTAL_OPEN311_VIEW_H

#include <jansson.h>

#include "domain/catalogue.h"
#include "domain/texts.h"
#include "record/public_cases.h"

struct open311_words {
	const struct catalogue *catalogue;
	const struct texts_language *texts;
	const char *language; /* preferences, for the catalogue's names */
};

struct open311_site {
	const char *url; /* of the endpoint */
	const char *contact, *key_service;
	int64_t changed_at_ms;
};

json_t *open311_discovery(const struct open311_site *site);
json_t *open311_services(const struct open311_words *words);
json_t *open311_definition(const struct open311_words *words,
			   const struct catalogue_service *service);
json_t *open311_request(const struct open311_words *words, const struct public_case *one);
json_t *open311_update(const struct open311_words *words, const struct public_update *update);

#endif
