/* Names of what has codes, in the officer's language, put into views. */
#ifndef CASEWORK_LABELS_H
#define CASEWORK_LABELS_H

#include "visit.h"

/* name: the code; name_name: what the catalogue calls it, the code where it has no such. Nothing
 * for "". */
void label_office(struct visit *visit, json_t *object, const char *name, const char *code);
void label_category(struct visit *visit, json_t *object, const char *name, const char *code);
void label_area(struct visit *visit, json_t *object, const char *name, const char *code);
/* "routine", "high", "emergency". */
const char *label_urgency(int urgency);

/* What the clock of a case says: stage and hour. "late", "soon", "fine" or "rest". */
const char *label_tone(const char *stage, int64_t clock_ms, int64_t now_ms);
/* Puts clock, clock_text, clock_of ("due", "waiting", "answered", "none") and tone. */
void label_clock(struct visit *visit, json_t *object, const char *stage, const char *office,
		 int64_t clock_ms);

#endif
