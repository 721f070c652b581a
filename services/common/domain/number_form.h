/*
 * Numbers and times that people write, checked without changing what they say: digits of every
 * script become ASCII's and nothing else does. Pure. Results are in the arena; NULL: it is none.
 */
#ifndef DOMAIN_NUMBER_FORM_H
#define DOMAIN_NUMBER_FORM_H

#include "util/arena.h"

/* "-12", "007", "1234.50", "1e3": a sign, digits, a fraction, an exponent; of any size. */
const char *number_form(struct arena *arena, const char *text);

/*
 * A day or a moment of the Gregorian calendar that there is (RFC 3339; the offset and the seconds
 * may be missing, as in an HTML form): "2026-02-28", "2026-02-28T14:30",
 * "2026-02-28T14:30:00+01:00".
 */
const char *datetime_form(struct arena *arena, const char *text);

#endif
