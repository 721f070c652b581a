/*
 * Words that make a case urgent: deploy/classification/urgency.txt, compared as texts are folded.
 * Pure, but for reading the file.
 */
#ifndef CLASSIFICATION_URGENCY_H
#define CLASSIFICATION_URGENCY_H

#include "case.pb-c.h"
#include "fold.h"
#include "util/err.h"

struct urgency;

struct urgency *urgency_load(const char *file, const struct fold_table *table,
			     struct err *err) MUST_CHECK;
void urgency_free(struct urgency **urgency);

/* The most urgent level that a term of the text has; *term is that term, or NULL. */
Redress__Urgency urgency_of(const struct urgency *urgency, const struct folded *text,
			    const char **term);

#endif
