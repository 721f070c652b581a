/*
 * The catalogue: who deals with what, where, and by when. YAML files of a folder (deploy/catalogue,
 * docs/catalogue.md), checked as a whole: what is loaded is sound, so users check nothing again.
 * Immutable after loading; may be read by any number of threads. Reloading is loading another one
 * and freeing the old one when nobody uses it any more.
 *
 * Parsing is pure, from texts already read; client/catalogue_folder.h reads a folder's files:
 * catalogue_load(folder, err).
 */
#ifndef DOMAIN_CATALOGUE_H
#define DOMAIN_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/area.h"
#include "domain/calendar.h"
#include "domain/localized.h"
#include "util/err.h"

/* ---- texts in several languages -------------------------------------------------------------- */

/*
 * In the language, else in its base language (pt for pt-BR), else in the default one. language may
 * be NULL. Never NULL for what the catalogue holds; "" for an optional text that is not given.
 */
const char *catalogue_text(const struct localized *texts, const char *language);

/* ---- what there is --------------------------------------------------------------------------- */

enum { CATALOGUE_URGENCIES = 3 }; /* ROUTINE, HIGH, EMERGENCY of case.proto */

/* One step of an escalation ladder: whom to tell, and how long there is then. */
struct catalogue_step {
	enum { STEP_OFFICE, STEP_PARENT, STEP_HEAD } tell; /* the office named, or relative */
	const struct catalogue_office *office;             /* STEP_OFFICE only */
	struct calendar_span within;
};

struct catalogue_level {
	const char *code;
	struct localized name;
	struct calendar_span answer[CATALOGUE_URGENCIES];
	const struct catalogue_step
	    *steps; /* at least one; the last repeats until there is an answer */
	size_t step_count;
};

struct catalogue_agency {
	const char *code;
	struct localized name;
	const struct catalogue_office *head;   /* gets what no area's office gets */
	const struct catalogue_office *triage; /* people who decide; NULL: the nation's */
};

struct catalogue_office {
	const char *code;
	struct localized name;
	const struct catalogue_agency *agency;
	const struct catalogue_office *parent; /* NULL: none above */
	const struct calendar *calendar;
	const char *email;
	const char *webhook; /* "" when none */
	const struct area *const *areas;
	size_t area_count;
	bool triage; /* people here decide where cases go */
};

struct catalogue_category {
	const char *code; /* service.topic */
	struct localized name;
	const struct catalogue_service *service;
	const struct catalogue_agency *agency; /* owns the answer */
	const struct catalogue_level *level;
};

struct catalogue_value {
	const char *code;
	struct localized name;
};

enum catalogue_datatype { /* of Open311 GeoReport v2, in its order */
			  DATATYPE_STRING,
			  DATATYPE_NUMBER,
			  DATATYPE_DATETIME,
			  DATATYPE_TEXT,
			  DATATYPE_SINGLEVALUELIST,
			  DATATYPE_MULTIVALUELIST,
};

struct catalogue_question {
	const char *code;
	struct localized text;
	enum catalogue_datatype datatype;
	bool required;
	bool routing;                         /* rules may look at the answer; value lists only */
	const struct catalogue_value *values; /* of value lists */
	size_t value_count;
};

struct catalogue_service {
	const char *code; /* Open311 service_code */
	struct localized name;
	struct localized description;
	struct localized group;
	const char *const *keywords;
	size_t keyword_count;
	const struct catalogue_question *questions; /* in the order to ask them */
	size_t question_count;
};

struct catalogue {
	const char *default_language;
	struct localized name;                 /* of the nation */
	const struct calendar *calendar;       /* the nation's: rules' times are in its zone */
	const struct catalogue_office *triage; /* the people who decide when nothing else does */
	const struct catalogue_level *level;   /* of cases whose category is not known */

	/* Each in the order of the files. */
	const struct catalogue_agency *const *agencies;
	size_t agency_count;
	const struct catalogue_office *const *offices;
	size_t office_count;
	const struct catalogue_service *const *services;
	size_t service_count;
	const struct catalogue_category *const *categories;
	size_t category_count;
	const struct area *const *areas; /* a parent before its children */
	size_t area_count;
	const struct calendar *const *calendars;
	size_t calendar_count;
	const struct catalogue_level *const *levels;
	size_t level_count;
	const char *const *languages; /* the default one first */
	size_t language_count;

	struct catalogue_index *index; /* private */
};

/* ---- making ---------------------------------------------------------------------------------- */

struct catalogue_source {
	const char *name; /* for messages: "offices.yaml" */
	const char *text;
	size_t size;
};

/* Pure. NULL, and err names file, line and what is wrong. */
struct catalogue *catalogue_parse(const struct catalogue_source *sources, size_t count,
				  struct err *err) MUST_CHECK;
void catalogue_free(struct catalogue **catalogue); /* accepts NULL, sets NULL */

/* ---- look-ups, by binary search; NULL: there is none ------------------------------------------
 */

const struct catalogue_agency *catalogue_agency(const struct catalogue *catalogue,
						const char *code);
const struct catalogue_office *catalogue_office(const struct catalogue *catalogue,
						const char *code);
const struct catalogue_service *catalogue_service(const struct catalogue *catalogue,
						  const char *code);
const struct catalogue_category *catalogue_category(const struct catalogue *catalogue,
						    const char *code);
const struct area *catalogue_area(const struct catalogue *catalogue, const char *code);
const struct calendar *catalogue_calendar(const struct catalogue *catalogue, const char *code);
const struct catalogue_level *catalogue_level(const struct catalogue *catalogue, const char *code);
const struct catalogue_question *catalogue_question(const struct catalogue_service *service,
						    const char *code);
const struct catalogue_value *catalogue_value(const struct catalogue_question *question,
					      const char *code);

/* The deepest area that holds the place; NULL: outside of every area. */
const struct area *catalogue_area_at(const struct catalogue *catalogue, double lat, double lon);
/* The agency's office for this very area (not for those around it); NULL: none. */
const struct catalogue_office *catalogue_office_for(const struct catalogue *catalogue,
						    const struct catalogue_agency *agency,
						    const struct area *area);

#endif
