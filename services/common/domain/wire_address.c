#include "domain/wire_address.h"

#include <stdio.h>
#include <string.h>
#include <unicode/uidna.h>

#include "util/text.h"

#define LOCAL_MAX 64

bool wire_domain(const char *domain, char wire[WIRE_DOMAIN_SIZE])
{
	UErrorCode code = U_ZERO_ERROR;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UIDNA *idna = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_USE_STD3_RULES |
					  UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ,
				      &code);
	int32_t size =
	    uidna_nameToASCII_UTF8(idna, domain, -1, wire, WIRE_DOMAIN_SIZE, &info, &code);
	uidna_close(idna);
	bool good = U_SUCCESS(code) && size > 0 && size < WIRE_DOMAIN_SIZE && !info.errors &&
		    code != U_STRING_NOT_TERMINATED_WARNING;
	if (!good)
		*wire = '\0';
	return good;
}

/* RFC 5321, 4.1.2: dot-string; RFC 6531, 3.3: and whatever is not ASCII. */
static bool is_local_part(const char *text, size_t size)
{
	if (!size || size > LOCAL_MAX || text[0] == '.' || text[size - 1] == '.' ||
	    !text_is_utf8(text, size))
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c <= ' ' || c == 0x7F || strchr("()<>[]:;@\\,\"", c) ||
		    (c == '.' && text[i + 1] == '.'))
			return false;
	}
	/* no C1 controls either: U+0080 to U+009F */
	for (size_t i = 0; i + 1 < size; i++) {
		if ((unsigned char)text[i] == 0xC2 && (unsigned char)text[i + 1] < 0xA0)
			return false;
	}
	return true;
}

bool wire_email(const char *address, char wire[WIRE_EMAIL_SIZE], bool *international)
{
	char domain[WIRE_DOMAIN_SIZE];
	const char *at = strrchr(address, '@');
	size_t local = at ? (size_t)(at - address) : 0;
	*wire = '\0';
	*international = false;
	if (!is_local_part(address, local) || !wire_domain(at + 1, domain) || !strchr(domain, '.'))
		return false;
	for (size_t i = 0; i < local; i++)
		*international = *international || (unsigned char)address[i] >= 0x80;
	snprintf(wire, WIRE_EMAIL_SIZE, "%.*s@%s", (int)local, address, domain);
	return true;
}
