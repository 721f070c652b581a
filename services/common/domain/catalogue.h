/*
 * The catalogue: who deals with what, where, and by when. YAML files of one folder
 * (docs/catalogue.md), checked as a whole when loaded, so that users need not check again.
 * Immutable afterwards; reloading is loading another one and freeing the old one.
 */
#ifndef DOMAIN_CATALOGUE_H
#define DOMAIN_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/calendar.h"
#include "util/err.h"

#define CATALOGUE_URGENCIES    3 /* routine, high, emergency: Urgency of case.proto */
#define CATALOGUE_STEPS        4
#define CATALOGUE_OFFICE_AREAS 16

struct catalogue_text {
	const char *language; /* canonical (domain/language_tag.h) */
	const char *text;
};

struct catalogue_texts {
	const struct catalogue_text *texts;
	size_t count; /* 0: no text was given */
};

/* In the language that fits the preferences (domain/language_tag.h) best, else the first one given;
 * "" for none. */
const char *catalogue_text(const struct catalogue_texts *texts, const char *preferences);

struct catalogue_area {
	const char *code;
	struct catalogue_texts name;
	const struct catalogue_area *parent; /* NULL: the nation */
	size_t depth;
	const double *ring; /* longitude, latitude, ...; closed; NULL: known by its code only */
	size_t points;
	double south, north, west, east; /* around the ring */
};

enum catalogue_tell { TELL_OFFICE, TELL_PARENT, TELL_HEAD };

/* A step of an escalation ladder: who gets to know, and how long there is then. */
struct catalogue_step {
	enum catalogue_tell tell; /* the office itself again, the one above it, the agency's head */
	struct calendar_span within;
};

struct catalogue_level {
	const char *code;
	struct calendar_span answer[CATALOGUE_URGENCIES];
	struct catalogue_step
	    steps[CATALOGUE_STEPS]; /* the last repeats until there is an answer */
	size_t step_count;
	struct calendar_span
	    reply; /* how long the citizen may be asked and the clock stand still */
	struct calendar_span silence; /* after an answer, until the case closes by itself */
};

struct catalogue_agency {
	const char *code;
	struct catalogue_texts name;
	const struct catalogue_office *head; /* gets what no area's office gets */
};

struct catalogue_office {
	const char *code;
	struct catalogue_texts name;
	const struct catalogue_agency *agency;
	const struct catalogue_office *parent; /* NULL: none above */
	const struct calendar *calendar;
	const char *email;
	const char *webhook; /* "" when none */
	const struct catalogue_area *areas[CATALOGUE_OFFICE_AREAS];
	size_t area_count;
	bool triage; /* people here decide where cases go */
};

/* What urgency declares: 0 routine, 1 high, 2 emergency; it raises a case's, never lowers it. */
struct catalogue_value {
	const char *code;
	struct catalogue_texts name;
	int urgency; /* of a case with this answer */
};

/* The data types of Open311 GeoReport v2. */
enum catalogue_datatype {
	DATATYPE_STRING,
	DATATYPE_NUMBER,
	DATATYPE_DATETIME,
	DATATYPE_TEXT,
	DATATYPE_SINGLEVALUELIST,
	DATATYPE_MULTIVALUELIST,
};

struct catalogue_question {
	const char *code;
	struct catalogue_texts text;
	enum catalogue_datatype datatype;
	bool required;
	bool routing; /* rules may look at the answer; lists of values only */
	const struct catalogue_value *values;
	size_t value_count;
};

struct catalogue_service {
	const char *code;
	struct catalogue_texts name, description;
	const struct catalogue_question *questions;
	size_t question_count;
	const struct catalogue_agency *agency; /* whose office gets what is not understood any
						  better; NULL: people decide */
	const struct catalogue_level *level;   /* then; NULL: the nation's */
	int urgency;
	bool is_public; /* everybody may know of its cases: that there are, where, and their status */
};

struct catalogue_category {
	const char *code; /* service.topic */
	struct catalogue_texts name;
	const struct catalogue_service *service;
	const struct catalogue_agency *agency; /* owns the answer */
	const struct catalogue_level *level;
	int urgency;
	bool by_person; /* the classifier may only suggest it */
};

/* That an office answers for an area. */
struct catalogue_duty {
	const struct catalogue_agency *agency;
	const struct catalogue_area *area;
	const struct catalogue_office *office;
	size_t rank; /* of the office, in the order of the files */
};

enum catalogue_codes {
	CODES_AREAS,
	CODES_AGENCIES,
	CODES_OFFICES,
	CODES_SERVICES,
	CODES_CATEGORIES,
	CODES
};

/* What is no longer there but cases still speak of: its name, and who acts in its place. */
struct catalogue_retired {
	const char *code;
	enum catalogue_codes what; /* area, office, service or category */
	struct catalogue_texts name;
	const struct catalogue_office *successor; /* of an office */
};

struct catalogue_codes_index {
	const void **sorted; /* elements, by code */
	size_t count;
};

struct catalogue {
	const char *nation;          /* its name, for the pages; "" when not given */
	const char *emergency_phone; /* "" when not given */
	const char *helpline_phone;  /* someone to talk to, day and night; "" when not given */
	const char *default_language;
	const struct calendar *calendar;       /* the nation's: rules' times are in its zone */
	const struct catalogue_office *triage; /* who decides when nothing else does */
	const struct catalogue_level *level;   /* of cases without a category */
	struct calendar *calendars;
	struct catalogue_area *areas;
	struct catalogue_level *levels;
	struct catalogue_agency *agencies;
	struct catalogue_office *offices;
	struct catalogue_service *services;
	struct catalogue_category *categories;
	struct catalogue_retired *retired;
	size_t retired_count;
	size_t calendar_count, area_count, level_count, agency_count, office_count, service_count,
	    category_count;
	struct catalogue_codes_index by_code[CODES];
	struct catalogue_duty *duties; /* sorted by agency and area */
	size_t duty_count;
	struct arena *arena;
};

struct catalogue_file {
	const char *name; /* for messages: "offices.yaml" */
	const char *text;
	size_t size;
};

/* Pure. NULL, and err names file, line and what is wrong. */
struct catalogue *catalogue_parse(const struct catalogue_file *files, size_t count,
				  struct err *err) MUST_CHECK;
void catalogue_free(struct catalogue **catalogue); /* accepts NULL, sets NULL */

/* Look-ups; NULL: there is none. */
const struct catalogue_office *catalogue_office(const struct catalogue *catalogue,
						const char *code);
const struct catalogue_agency *catalogue_agency(const struct catalogue *catalogue,
						const char *code);
const struct catalogue_service *catalogue_service(const struct catalogue *catalogue,
						  const char *code);
const struct catalogue_category *catalogue_category(const struct catalogue *catalogue,
						    const char *code);
const struct catalogue_area *catalogue_area(const struct catalogue *catalogue, const char *code);
/* The office, or the one that acts in its place since it was retired; NULL: neither. */
const struct catalogue_office *catalogue_acting_office(const struct catalogue *catalogue,
						       const char *code);
/* Also of what was retired; NULL: the code is not known. Not of agencies. */
const struct catalogue_texts *catalogue_name(const struct catalogue *catalogue,
					     enum catalogue_codes what, const char *code);
const struct catalogue_question *catalogue_question(const struct catalogue_service *service,
						    const char *code);
const struct catalogue_value *catalogue_value(const struct catalogue_question *question,
					      const char *code);

/* The deepest area around the place, or with it on its border; NULL: outside of every area. Only
 * the exact place may be asked for. */
const struct catalogue_area *catalogue_area_at(const struct catalogue *catalogue, double lat,
					       double lon);
/* Whether area is outer or lies in it. */
bool catalogue_area_within(const struct catalogue_area *area, const struct catalogue_area *outer);
/* The agency's office for the area or the nearest one around it, else its head office. */
const struct catalogue_office *catalogue_office_for(const struct catalogue *catalogue,
						    const struct catalogue_agency *agency,
						    const struct catalogue_area *area);

#endif
