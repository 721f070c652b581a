/*
 * Areas of the nation and where a place is. Polygons are read and judged by GEOS when the catalogue
 * is made; looking up is by even-odd on their rings, which touches nothing, needs no lock, and
 * gives a place on the border between two areas to exactly one of them.
 */
#ifndef DOMAIN_AREA_H
#define DOMAIN_AREA_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/localized.h"
#include "util/arena.h"
#include "util/err.h"

struct area_ring {
	const double *points; /* longitude, latitude; the last is the first */
	size_t count;
};

struct area_shape {
	double west, south, east, north;
	const struct area_ring *rings;
	size_t ring_count;
};

struct area {
	const char *code;
	struct localized name;
	const struct area *parent;      /* NULL: a root */
	const struct area_shape *shape; /* NULL: known by its code only */
	size_t depth;                   /* 0: a root */
};

/*
 * Takes a polygon or multipolygon as WKT ("POLYGON ((lon lat, ...))") into the arena.
 * -1: not WKT, no polygon, not valid (a ring that crosses itself, ...), or not on the Earth.
 */
int area_shape_parse(struct arena *arena, const char *wkt, struct area_shape **shape,
		     struct err *err) MUST_CHECK;

bool area_holds(const struct area *area, double lat, double lon); /* false without a shape */
/* The area itself or one around it is outer. */
bool area_within(const struct area *area, const struct area *outer);
/* The deepest of the areas that holds the place; NULL: none. */
const struct area *area_at(const struct area *const *areas, size_t count, double lat, double lon);

/*
 * Judges how the areas' shapes lie: one must lie within its parent's, and children of one parent
 * (or roots) must not overlap. *culprit is the area that does not fit. -1: it does not.
 */
int area_check(const struct area *const *areas, size_t count, const struct area **culprit,
	       struct err *err) MUST_CHECK;

#endif
