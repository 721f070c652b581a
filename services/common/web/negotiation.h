/* Which of several forms of an answer its reader wants (RFC 9110, 12.5.1). Pure. */
#ifndef WEB_NEGOTIATION_H
#define WEB_NEGOTIATION_H

#include <stdbool.h>

/*
 * The place of the best of offers (NULL-ended media types), the first of those that are equally
 * good, also when accept is NULL: anything will do. -1: none is acceptable.
 */
int negotiation_media(const char *accept, const char *const *offers);
/* Whether a reader would rather have a page than JSON: a browser, not a program. */
bool negotiation_wants_page(const char *accept);

#endif
