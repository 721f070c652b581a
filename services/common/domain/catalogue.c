#include "domain/catalogue.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "domain/catalogue_private.h"
#include "domain/language_tag.h"
#include "util/arena.h"

void catalogue_free(struct catalogue **catalogue)
{
	if (!*catalogue)
		return;
	for (size_t i = 0; i < (*catalogue)->calendar_count; i++)
		calendar_close_zone(&(*catalogue)->calendars[i]);
	arena_free(&(*catalogue)->arena);
	free(*catalogue);
	*catalogue = NULL;
}

/* ---- the index: a nation has thousands of offices and areas --------------------------------- */

/* Everything that has a code begins with it. */
static const char *code_of(const void *element)
{
	return *(const char *const *)element;
}

static int compare_codes(const void *a, const void *b)
{
	return strcmp(code_of(*(const void *const *)a), code_of(*(const void *const *)b));
}

static void index_codes(struct catalogue *c, enum catalogue_codes which, const void *array,
			size_t count, size_t size)
{
	struct catalogue_codes_index *index = &c->by_code[which];
	index->sorted = arena_take(c->arena, (count + 1) * sizeof(*index->sorted));
	index->count = count;
	for (size_t i = 0; i < count; i++)
		index->sorted[i] = (const char *)array + i * size;
	qsort(index->sorted, count, sizeof(*index->sorted), compare_codes);
}

static const void *by_code(const struct catalogue_codes_index *index, const char *code)
{
	const void *probe = &code;
	const void *const *found =
	    bsearch(&probe, index->sorted, index->count, sizeof(*index->sorted), compare_codes);
	return found ? *found : NULL;
}

static int compare_places(const void *left, const void *right)
{
	const struct catalogue_duty *a = left, *b = right;
	if (a->agency != b->agency)
		return (uintptr_t)a->agency < (uintptr_t)b->agency ? -1 : 1;
	if (a->area != b->area)
		return (uintptr_t)a->area < (uintptr_t)b->area ? -1 : 1;
	return 0;
}

static int compare_duties(const void *left, const void *right)
{
	const struct catalogue_duty *a = left, *b = right;
	int places = compare_places(a, b);
	return places ? places : (a->rank > b->rank) - (a->rank < b->rank);
}

/* Of several offices of an agency for one area the first in the catalogue has it. */
static void index_duties(struct catalogue *c)
{
	size_t count = 0, kept = 0;
	for (size_t i = 0; i < c->office_count; i++)
		count += c->offices[i].area_count;
	c->duties = arena_take(c->arena, (count + 1) * sizeof(*c->duties));
	for (size_t i = 0, n = 0; i < c->office_count; i++) {
		const struct catalogue_office *office = &c->offices[i];
		for (size_t k = 0; k < office->area_count; k++)
			c->duties[n++] =
			    (struct catalogue_duty){office->agency, office->areas[k], office, i};
	}
	qsort(c->duties, count, sizeof(*c->duties), compare_duties);
	for (size_t i = 0; i < count; i++) {
		if (!kept || compare_places(&c->duties[kept - 1], &c->duties[i]) != 0)
			c->duties[kept++] = c->duties[i];
	}
	c->duty_count = kept;
}

static void index_area(struct catalogue_area *area)
{
	area->south = area->west = 360;
	area->north = area->east = -360;
	for (size_t i = 0; i < area->points; i++) {
		double lon = area->ring[2 * i], lat = area->ring[2 * i + 1];
		area->west = lon < area->west ? lon : area->west;
		area->east = lon > area->east ? lon : area->east;
		area->south = lat < area->south ? lat : area->south;
		area->north = lat > area->north ? lat : area->north;
	}
}

void catalogue_index(struct catalogue *c)
{
	index_codes(c, CODES_AREAS, c->areas, c->area_count, sizeof(*c->areas));
	index_codes(c, CODES_AGENCIES, c->agencies, c->agency_count, sizeof(*c->agencies));
	index_codes(c, CODES_OFFICES, c->offices, c->office_count, sizeof(*c->offices));
	index_codes(c, CODES_SERVICES, c->services, c->service_count, sizeof(*c->services));
	index_codes(c, CODES_CATEGORIES, c->categories, c->category_count, sizeof(*c->categories));
	index_duties(c);
	for (size_t i = 0; i < c->area_count; i++)
		index_area(&c->areas[i]);
}

/* ---- look-ups ------------------------------------------------------------------------------- */

static const char *language_of(const void *list, size_t i)
{
	return ((const struct catalogue_text *)list)[i].language;
}

const char *catalogue_text(const struct catalogue_texts *texts, const char *preferences)
{
	int found = language_lookup(preferences, language_of, texts->texts, texts->count);
	return texts->count ? texts->texts[found < 0 ? 0 : found].text : "";
}

const struct catalogue_office *catalogue_office(const struct catalogue *c, const char *code)
{
	return by_code(&c->by_code[CODES_OFFICES], code);
}

const struct catalogue_agency *catalogue_agency(const struct catalogue *c, const char *code)
{
	return by_code(&c->by_code[CODES_AGENCIES], code);
}

const struct catalogue_service *catalogue_service(const struct catalogue *c, const char *code)
{
	return by_code(&c->by_code[CODES_SERVICES], code);
}

const struct catalogue_category *catalogue_category(const struct catalogue *c, const char *code)
{
	return by_code(&c->by_code[CODES_CATEGORIES], code);
}

const struct catalogue_area *catalogue_area(const struct catalogue *c, const char *code)
{
	return by_code(&c->by_code[CODES_AREAS], code);
}

static const struct catalogue_retired *retired(const struct catalogue *c, enum catalogue_codes what,
					       const char *code)
{
	for (size_t i = 0; i < c->retired_count; i++) {
		if (c->retired[i].what == what && strcmp(c->retired[i].code, code) == 0)
			return &c->retired[i];
	}
	return NULL;
}

const struct catalogue_office *catalogue_acting_office(const struct catalogue *c, const char *code)
{
	const struct catalogue_office *office = catalogue_office(c, code);
	const struct catalogue_retired *gone = office ? NULL : retired(c, CODES_OFFICES, code);
	return gone ? gone->successor : office;
}

const struct catalogue_texts *catalogue_name(const struct catalogue *c, enum catalogue_codes what,
					     const char *code)
{
	/* code and name are the first two members of each of them */
	struct named {
		const char *code;
		struct catalogue_texts name;
	};
	const struct named *there = by_code(&c->by_code[what], code);
	const struct catalogue_retired *gone = there ? NULL : retired(c, what, code);
	return there ? &there->name : gone ? &gone->name : NULL;
}

const struct catalogue_question *catalogue_question(const struct catalogue_service *service,
						    const char *code)
{
	for (size_t i = 0; i < service->question_count; i++) {
		if (strcmp(service->questions[i].code, code) == 0)
			return &service->questions[i];
	}
	return NULL;
}

const struct catalogue_value *catalogue_value(const struct catalogue_question *question,
					      const char *code)
{
	for (size_t i = 0; i < question->value_count; i++) {
		if (strcmp(question->values[i].code, code) == 0)
			return &question->values[i];
	}
	return NULL;
}

/* Even-odd: crossings of the border on the way east. */
static bool is_inside(const struct catalogue_area *area, double lat, double lon)
{
	bool inside = false;
	if (lat < area->south || lat > area->north || lon < area->west || lon > area->east)
		return false;
	for (size_t i = 0; i + 1 < area->points; i++) {
		const double *a = &area->ring[2 * i], *b = &area->ring[2 * i + 2];
		if ((a[1] > lat) != (b[1] > lat) &&
		    lon < (b[0] - a[0]) * (lat - a[1]) / (b[1] - a[1]) + a[0])
			inside = !inside;
	}
	return inside;
}

/* Even-odd leaves out the border of one side: a place there belongs to an area as well. */
static bool is_on_border(const struct catalogue_area *area, double lat, double lon)
{
	for (size_t i = 0; i + 1 < area->points; i++) {
		const double *a = &area->ring[2 * i], *b = &area->ring[2 * i + 2];
		if ((b[0] - a[0]) * (lat - a[1]) == (b[1] - a[1]) * (lon - a[0]) &&
		    lat >= fmin(a[1], b[1]) && lat <= fmax(a[1], b[1]) && lon >= fmin(a[0], b[0]) &&
		    lon <= fmax(a[0], b[0]))
			return true;
	}
	return false;
}

static const struct catalogue_area *deepest(const struct catalogue *c,
					    bool (*holds)(const struct catalogue_area *area,
							  double lat, double lon),
					    double lat, double lon)
{
	const struct catalogue_area *found = NULL;
	for (size_t i = 0; i < c->area_count; i++) {
		const struct catalogue_area *area = &c->areas[i];
		if (area->points && (!found || area->depth > found->depth) && holds(area, lat, lon))
			found = area;
	}
	return found;
}

const struct catalogue_area *catalogue_area_at(const struct catalogue *c, double lat, double lon)
{
	const struct catalogue_area *found = deepest(c, is_inside, lat, lon);
	if (!found)
		found = deepest(c, is_on_border, lat, lon);
	if (!found && fabs(lon) == 180) /* the same meridian, from the other side */
		found = deepest(c, is_on_border, lat, -lon);
	return found;
}

bool catalogue_area_within(const struct catalogue_area *area, const struct catalogue_area *outer)
{
	for (; area; area = area->parent) {
		if (area == outer)
			return true;
	}
	return false;
}

const struct catalogue_office *catalogue_office_for(const struct catalogue *c,
						    const struct catalogue_agency *agency,
						    const struct catalogue_area *area)
{
	for (; area; area = area->parent) {
		struct catalogue_duty probe = {agency, area, NULL, 0};
		const struct catalogue_duty *found =
		    bsearch(&probe, c->duties, c->duty_count, sizeof(probe), compare_places);
		if (found)
			return found->office;
	}
	return agency->head;
}
