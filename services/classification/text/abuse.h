/*
 * Whether a text is suspected of abuse or spam: by the phrases of deploy/classification/abuse.txt
 * and by signs of its form. Only ever a flag for a person, so it is set seldom. Pure, but for
 * reading the file.
 */
#ifndef CLASSIFICATION_TEXT_ABUSE_H
#define CLASSIFICATION_TEXT_ABUSE_H

#include "text/phrases.h"
#include "util/err.h"

struct abuse;

struct abuse *abuse_load(const char *file, const struct fold_table *table,
			 struct err *err) MUST_CHECK;
void abuse_free(struct abuse **abuse); /* accepts NULL, sets NULL */

/*
 * why: phrases of the file and signs ("many links"), which live as long as abuse; none: no
 * suspicion. folded: of the same text.
 */
void abuse_of(const struct abuse *abuse, const char *text, size_t size, const struct folded *folded,
	      struct terms *why);

#endif
