/*
 * Where people can be reached, in the one form that is stored: what they paste or type is brought
 * into it only where that cannot change whom it reaches, and refused otherwise. Pure (ICU).
 * Cases: tests/tables/contact.eval. Results are in the arena; NULL: it is none.
 */
#ifndef DOMAIN_CONTACT_FORM_H
#define DOMAIN_CONTACT_FORM_H

#include "util/arena.h"

/*
 * A telephone number as E.164 has it: "+351212345678". The country code is needed, with + or 00.
 * Digits of any script, spaces, dots, dashes, brackets and "tel:" are understood; so is the (0)
 * that is left out when calling from abroad. No extension, no letter, no second number.
 */
const char *phone_form(struct arena *arena, const char *text);

/*
 * One address (RFC 5321, 6531), without a display name, quotes or a comment; the domain is one that
 * can be (UTS 46), in small letters.
 */
const char *email_form(struct arena *arena, const char *text);

/*
 * An absolute https address (RFC 3986) without user and fragment; the host in small letters, an
 * internationalised one in its ASCII form; other letters in the path are percent-encoded already.
 */
const char *webhook_form(struct arena *arena, const char *text);

#endif
