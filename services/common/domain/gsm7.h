/* The alphabet in which a text message has room for 160 characters instead of 70. Pure. */
#ifndef DOMAIN_GSM7_H
#define DOMAIN_GSM7_H

#include <stdbool.h>

/* Whether every character of the UTF-8 text is of the default alphabet or its extension (3GPP TS
 * 23.038, 6.2.1). */
bool gsm7_fits(const char *text);

/* X-Kannel-Coding, as Kannel's headers name the alphabet of a text. */
#define KANNEL_CODING(text) (gsm7_fits(text) ? "0" : "2")

#endif
