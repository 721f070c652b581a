/*
 * Routing rules: text that a person can read and change (deploy/catalogue/routing.rules). In order,
 * the first rule whose every condition holds decides. Pure.
 *
 *   rule NAME: CONDITION, CONDITION ... -> office CODE | agency CODE | person REASON
 *
 * A REASON is a code: its sentences are in deploy/texts, under triage.REASON.
 *
 *   category roads.*|water.leak     area CODE (or inside it)     language de|fr
 *   service water                   channel web|email            urgency high|emergency
 *   answer CODE VALUE|VALUE         time 22:00-06:00             day saturday|sunday
 *   confidence below 0.6            danger gas|power
 */
#ifndef ROUTING_RULE_H
#define ROUTING_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "case.pb-c.h"
#include "domain/catalogue.h"
#include "domain/texts.h"
#include "util/arena.h"
#include "util/err.h"

struct rules;

/* What rules look at. Strings are never NULL. */
struct rule_facts {
	const struct catalogue_category
	    *category;                           /* NULL: not known; no category condition holds */
	const struct catalogue_service *service; /* what the citizen chose, else the category's */
	const struct catalogue_area *area;       /* NULL: no place is known */
	const char *language;                    /* "": not known */
	const char *channel;
	Redress__Urgency urgency;
	Redress__Danger danger; /* of an emergency, as its words tell */
	float confidence;
	Redress__Answer *const *answers;
	size_t answer_count;
	struct calendar_local at; /* when it was received, in the nation's zone */
};

struct rule_outcome {
	const char *rule;                      /* NULL: no rule took it */
	const struct catalogue_office *office; /* NULL: agency or reason is set instead */
	const struct catalogue_agency *agency; /* its office for the place */
	const char *reason;                    /* code of why a person decides */
};

/* Everything named must be in the catalogue, which must outlive the rules. NULL: err has the line.
 */
struct rules *rules_parse(const struct catalogue *catalogue, const char *text,
			  struct err *err) MUST_CHECK;
void rules_free(struct rules **rules);

/* -1: err names the rule and a reason of its that has no sentence. */
int rules_check_texts(const struct rules *rules, const struct texts *texts,
		      struct err *err) MUST_CHECK;

/*
 * A condition that cannot be told (its place or language is not known) stops the search: the case
 * goes to a person with that reason. What is in the outcome lives as long as the rules.
 */
struct rule_outcome rules_decide(const struct rules *rules, const struct rule_facts *facts);

#endif
