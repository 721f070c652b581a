/*
 * Language tags (BCP 47): how they are written, which one of several a reader can best use. Pure.
 *
 * A reader's preferences are canonical tags, best first, joined by commas: "de-AT,fr". A single
 * canonical tag is one, and so is "" (no preference is known).
 */
#ifndef DOMAIN_LANGUAGE_TAG_H
#define DOMAIN_LANGUAGE_TAG_H

#include <stdbool.h>
#include <stddef.h>

#define LANGUAGE_TAG_SIZE         36 /* with the NUL: RFC 5646, 4.4.1 */
#define LANGUAGE_PREFERENCES_SIZE 128

/*
 * The canonical form (RFC 5646, 4.5) of what was written: "pt-BR" for "PT-br", "he" for "iw".
 * false, and "": not well-formed, the undetermined language, or too long.
 */
bool language_tag_read(const char *text, char tag[LANGUAGE_TAG_SIZE]);

/* Preferences out of an Accept-Language header (RFC 9110, 12.5.4), which may be NULL. What is
 * malformed in it, unwanted (q=0) or does not fit is left out. Returns preferences. */
const char *language_preferences(const char *accept, char preferences[LANGUAGE_PREFERENCES_SIZE]);

/* The canonical tag of the list's element i, or "". */
typedef const char *language_at(const void *list, size_t i);

/*
 * Which of count languages to use: the lookup of RFC 4647, 3.4 for each preference in turn. Before
 * it is cut down to the bare language, its likely script is tried, so that zh-TW finds zh-Hant
 * before zh. -1: none fits.
 */
int language_lookup(const char *preferences, language_at *at, const void *list, size_t count);

#endif
