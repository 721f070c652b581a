/* Answers to a service's questions, checked by the data types of Open311 GeoReport v2. Pure. */
#ifndef INTAKE_ANSWERS_H
#define INTAKE_ANSWERS_H

#include "submission.h"

/*
 * Checks all answers and brings them into their form, in place; a problem names answers.CODE. One
 * answer a question, except a multivaluelist's, which are several different ones of the list. A
 * number and a datetime keep the text that was sent, in ASCII digits. Cases:
 * tests/tables/answers.eval.
 */
bool answers_check(struct arena *arena, const struct catalogue *catalogue,
		   struct submission *submission, struct problem *problem);

#endif
