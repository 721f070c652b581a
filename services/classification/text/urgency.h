/*
 * How urgent a text is: the phrases of deploy/classification/urgency.txt that are in it and are not
 * denied by the words next to them. Pure, but for reading the file.
 */
#ifndef CLASSIFICATION_TEXT_URGENCY_H
#define CLASSIFICATION_TEXT_URGENCY_H

#include "case.pb-c.h"
#include "text/phrases.h"
#include "util/err.h"

struct urgency;

struct urgency *urgency_load(const char *file, const struct fold_table *table,
			     struct err *err) MUST_CHECK;
void urgency_free(struct urgency **urgency); /* accepts NULL, sets NULL */

struct urgency_finding {
	Redress__Urgency level;
	Redress__Danger danger; /* of an emergency: its kind */
	/* The phrases of that level, in the order of the text; none when routine. They live as long
	 * as urgency. */
	struct terms why;
};

void urgency_of(const struct urgency *urgency, const struct folded *text,
		struct urgency_finding *finding);

#endif
