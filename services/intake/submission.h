/*
 * A grievance as a citizen sends it, checked and brought into one form. Every channel ends here: a
 * channel says what it was given, submission_check() says whether it can be taken. Pure.
 */
#ifndef INTAKE_SUBMISSION_H
#define INTAKE_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/catalogue.h"
#include "domain/text_bounds.h"
#include "grievance.pb-c.h"
#include "util/arena.h"

/* Why it cannot be taken, for the person who sent it. */
struct problem {
	int status;        /* HTTP */
	const char *code;  /* machine-readable: "too-long" */
	const char *field; /* "contact.email"; NULL: no single one */
	const char *detail;
};

/* Always false, so that a caller can write: return submission_refuse(problem, ...). */
bool submission_refuse(struct problem *problem, const char *code, const char *field,
		       const char *detail);

struct submission {
	const char *channel;
	const char *sender;       /* whose system sends it for the citizen; "" when nobody's */
	const char *service_code; /* "" when none was chosen */
	const char *language;     /* BCP 47; "" when not said */
	const char *area_code;    /* "" when none */
	Redress__GrievanceText text;
	Redress__Contact contact;
	/* Set by submission_check: the area that decides the office, found by the exact place; "":
	 * unknown. */
	const char *place_area;
	/* Set by submission_check: the answers that routing rules may look at, which are values of
	 * a list, so nothing personal. */
	Redress__Answer **routing_answers;
	size_t routing_answer_count;
};

/*
 * A text that a submission may have, and its bound, in characters (domain/text_bounds.h).
 */
struct submission_field {
	const char *name;
	size_t most;
	bool lines; /* may have several */
	/* The form that is stored; NULL: this is none. Itself NULL: any text will do. */
	const char *(*form)(struct arena *arena, const char *text);
	const char *otherwise; /* what a valid one looks like */
};

extern const struct submission_field submission_fields[];
extern const size_t submission_field_count;

#define COORDINATE_MAX 64 /* characters of a number of degrees */

/* Bytes of the largest submission in JSON, every character written in the longest way. */
size_t submission_json_max(void);

/* All fields empty. */
void submission_init(struct submission *submission, const char *channel);

/*
 * Brings everything into its form (domain/text_form.h, contact_form.h) and checks it, in place; new
 * texts are in the arena. What has no content counts as not given. false: problem says why.
 */
bool submission_check(struct arena *arena, const struct catalogue *catalogue,
		      struct submission *submission, struct problem *problem);

/* One text. false: problem says why. */
bool submission_check_text(struct arena *arena, const struct submission_field *field,
			   const char **text, struct problem *problem);

/* "contact.phone", "answers.CODE": name may be the sender's own, so it is cut and made visible. */
const char *submission_field_name(struct arena *arena, const char *prefix, const char *name);

bool submission_is_anonymous(const struct submission *submission);

/* The same for the same submission: everything in it, one part after the other. */
const void *submission_canonical(struct arena *arena, const struct submission *submission,
				 size_t *size);

#endif
