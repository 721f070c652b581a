/*
 * A grievance as a citizen sends it, checked and brought into one form. Every channel ends here: a
 * channel says what it was given, submission_check() says whether it can be taken. Pure.
 *
 * Bounds are in characters (code points), those of docs/openapi.json.
 */
#ifndef INTAKE_SUBMISSION_H
#define INTAKE_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/catalogue.h"
#include "grievance.pb-c.h"
#include "util/arena.h"

/* Why it cannot be taken, for the person who sent it. */
struct problem {
	int status;        /* HTTP */
	const char *code;  /* machine-readable: "too-long" */
	const char *field; /* "contact.email"; NULL: no single one */
	const char *detail;
};

struct submission {
	const char *channel;
	const char *service_code; /* "" when none was chosen */
	const char *language;     /* BCP 47; "" when not said */
	const char *area_code;    /* "" when none */
	Redress__GrievanceText text;
	Redress__Contact contact;
	/* Set by submission_check: the answers that routing rules may look at, which are values of
	 * a list, so nothing personal. */
	Redress__Answer **routing_answers;
	size_t routing_answer_count;
};

/* All fields empty. */
void submission_init(struct submission *submission, const char *channel);

/*
 * Trims, normalises (Unicode NFC, one kind of line end) and checks everything in place; new texts
 * are in the arena. false: problem says why.
 */
bool submission_check(struct arena *arena, const struct catalogue *catalogue,
		      struct submission *submission, struct problem *problem);

bool submission_is_anonymous(const struct submission *submission);

/* The same for the same submission: everything in it, one part after the other. */
const void *submission_canonical(struct arena *arena, const struct submission *submission,
				 size_t *size);

#endif
