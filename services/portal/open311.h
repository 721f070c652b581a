/*
 * Open311 GeoReport v2 (https://wiki.open311.org/GeoReport_v2/): discovery, services, requests and
 * mySociety's updates, for anybody, from the catalogue and the record. POST is handed on to intake
 * (intake/channels/open311.c), so that clients need one address.
 */
#ifndef PORTAL_OPEN311_H
#define PORTAL_OPEN311_H

#include "client/catalogue_folder.h"
#include "pages.h"
#include "pool.h"
#include "web/route.h"

extern const struct setting open311_settings[];

struct open311;

/* What it uses of the portal, all of it longer there than itself. */
struct open311_parts {
	struct shared_catalogue *catalogue;
	struct pages *pages; /* their texts */
	struct pool *readers, *writers;
};

struct open311 *open311_new(const struct settings *settings, const struct open311_parts *parts,
			    struct err *err) MUST_CHECK;
void open311_free(struct open311 **open311); /* accepts NULL, sets NULL */
/* The file of keys again. -1: those there were stay. */
int open311_reload(struct open311 *open311, const struct settings *settings,
		   struct err *err) MUST_CHECK;

void open311_serve(struct open311 *open311, struct router *router);

#endif
