#include "domain/contact_form.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>

#include "domain/text_form.h"
#include "util/text.h"

#define HOST_MAX  253 /* RFC 1035, 2.3.4, as written */
#define LOCAL_MAX 64  /* RFC 5321, 4.5.3.1.1 */

/* ---- characters ----------------------------------------------------------------------------- */

/* Letters of full width, which East Asian keyboards give, are ASCII's. */
static uint32_t half_width(uint32_t code)
{
	return code >= 0xFF01 && code <= 0xFF5E ? code - 0xFEE0 : code;
}

static bool is_blank(uint32_t code)
{
	return text_is_space(code) || text_is_ignorable(code);
}

/* In half width, without what cannot be seen at its ends: pasted text brings it along. */
static char *plain(struct arena *arena, const char *text)
{
	size_t left = strlen(text), step;
	char *made = arena_take(arena, left + 1), *out = made, *end = made;
	uint32_t code;
	for (; (step = text_code_point(text, left, &code)); text += step, left -= step) {
		if (is_blank(code) && out == made)
			continue;
		out += text_put_code_point(out, half_width(code));
		if (!is_blank(code))
			end = out;
	}
	*end = '\0';
	return made;
}

/* Passes over the scheme, in whichever case. */
static const char *pass_scheme(const char *text, const char *scheme)
{
	size_t length = strlen(scheme);
	return strncasecmp(text, scheme, length) == 0 ? text + length : NULL;
}

static bool has_blank(const char *text)
{
	size_t left = strlen(text), step;
	uint32_t code;
	for (; (step = text_code_point(text, left, &code)); text += step, left -= step) {
		if (is_blank(code) || u_iscntrl((UChar32)code))
			return true;
	}
	return left > 0;
}

/* ---- telephone numbers ---------------------------------------------------------------------- */

/* ASCII for what a telephone number is written with; '\0': nothing, '?': it is none of it. */
static char phone_sign(uint32_t code)
{
	int digit = u_charDigitValue((UChar32)code);
	code = half_width(code);
	if (digit >= 0 && digit <= 9)
		return (char)('0' + digit);
	if (text_is_space(code))
		return ' ';
	if (text_is_ignorable(code))
		return '\0'; /* marks of direction too, which telephones put around numbers */
	if (u_charType((UChar32)code) == U_DASH_PUNCTUATION || code == 0x2212)
		return '-';
	return code < 0x80 && strchr("+()./", (int)code) ? (char)code : '?';
}

/* false: there is something in it that no number has. */
static bool read_signs(const char *text, char *out)
{
	size_t left = strlen(text), step;
	uint32_t code;
	for (; (step = text_code_point(text, left, &code)); text += step, left -= step) {
		char sign = phone_sign(code);
		if (sign == '?')
			return false;
		if (sign)
			*out++ = sign;
	}
	*out = '\0';
	return true;
}

/* Length of the country code (ITU-T E.164, list of assigned country codes). */
static size_t country_code(const char *digits)
{
	static const char two[] = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53"
				  " 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94"
				  " 95 98 ";
	char first[4] = {digits[0], digits[1], ' ', '\0'};
	if (digits[0] == '1' || digits[0] == '7')
		return 1;
	return strstr(two, first) ? 2 : 3;
}

/* Countries whose numbers may begin with 0 also when called from abroad. */
static bool keeps_zero(const char *digits)
{
	static const char *const codes[] = {"39", "225", "229", "241", "242", "378", "379"};
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (strncmp(digits, codes[i], strlen(codes[i])) == 0)
			return true;
	}
	return false;
}

/* "(0)" or another digit in brackets: the trunk prefix, which is dialled inside the country only.
 */
static bool is_trunk(const char *signs)
{
	return signs[0] == '(' && signs[1] >= '0' && signs[1] <= '9' && signs[2] == ')';
}

/*
 * The digits, without a (0) behind the country code. false: it is not certain which number is
 * meant, since another digit is in brackets there, or a slash comes before the end of a second one.
 */
static bool read_digits(const char *signs, char digits[16])
{
	size_t count = 0, slash = 0;
	for (; *signs; signs++) {
		if (count && is_trunk(signs)) {
			if (signs[1] != '0' || count != country_code(digits) || keeps_zero(digits))
				return false;
			signs += 2;
		} else if (*signs >= '0' && *signs <= '9') {
			if (count == 15)
				return false;
			digits[count++] = *signs;
			digits[count] = '\0';
		} else if (*signs == '+' || (*signs == '/' && slash)) {
			return false;
		} else if (*signs == '/') {
			slash = count;
		}
	}
	return !slash || count - slash >= 4;
}

/* What the digits must be like: E.164, and the plans of those that begin with 1 and 7. */
static bool is_international(const char *digits)
{
	size_t count = strlen(digits);
	if (count < 7 || digits[0] == '0')
		return false;
	if (digits[0] == '1' || digits[0] == '7')
		return count == 11 && digits[1] > '1';
	return digits[country_code(digits)] != '0' || keeps_zero(digits);
}

const char *phone_form(struct arena *arena, const char *text)
{
	const char *from = plain(arena, text), *rest = pass_scheme(from, "tel:");
	char digits[16] = "";
	char *signs = arena_take(arena, strlen(from) + 1);
	if (!read_signs(rest ? rest : from, signs))
		return NULL;
	signs += strspn(signs, " (");
	if (signs[0] == '+')
		signs++;
	else if (strncmp(signs, "00", 2) == 0)
		signs += 2;
	else
		return NULL;
	if (!read_digits(signs, digits) || !is_international(digits))
		return NULL;
	return arena_printf(arena, "+%s", digits);
}

/* ---- hosts ---------------------------------------------------------------------------------- */

/* The host's ASCII form, or its written one when that is not to be. NULL: there is no such host. */
static const char *host_form(struct arena *arena, const char *host, bool ascii)
{
	UErrorCode status = U_ZERO_ERROR;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	char *made = arena_take(arena, HOST_MAX + 1);
	if (!*host || strlen(host) > 4 * HOST_MAX)
		return NULL;
	UIDNA *rules =
	    uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
				UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
			    &status);
	int32_t size = uidna_nameToASCII_UTF8(rules, host, -1, made, HOST_MAX, &info, &status);
	if (U_SUCCESS(status) && !info.errors && !ascii)
		size = uidna_nameToUnicodeUTF8(rules, host, -1, made, HOST_MAX, &info, &status);
	uidna_close(rules);
	if (U_FAILURE(status) || info.errors || size < 1 || size > HOST_MAX)
		return NULL;
	made[size] = '\0';
	return made;
}

/* ---- e-mail --------------------------------------------------------------------------------- */

/* An atom with dots (RFC 5321, Dot-string), of any script. */
static bool is_local_part(const char *local)
{
	size_t length = strlen(local);
	return length && length <= LOCAL_MAX && !strpbrk(local, "<>()[],;:\\\"@") &&
	       *local != '.' && local[length - 1] != '.' && !strstr(local, "..");
}

/* A name with a dot whose last part is no number. */
static bool is_mail_domain(const char *domain)
{
	const char *dot = strrchr(domain, '.');
	return dot && dot > domain && dot[1] && strspn(dot + 1, "0123456789") != strlen(dot + 1);
}

const char *email_form(struct arena *arena, const char *text)
{
	char *address = plain(arena, text);
	const char *rest = pass_scheme(address, "mailto:");
	if (rest && strpbrk(rest, "?%"))
		return NULL; /* more than an address, or one that is encoded */
	address += rest ? rest - address : 0;
	char *at = strchr(address, '@'), *end = address + strlen(address);
	if (!at)
		return NULL;
	*at = '\0';
	if (end > at + 1 && end[-1] == '.')
		end[-1] = '\0'; /* the root's dot, or that of the sentence */
	const char *domain = host_form(arena, at + 1, false);
	if (!is_local_part(address) || has_blank(address) || !domain || !is_mail_domain(domain))
		return NULL;
	return arena_printf(arena, "%s@%s", address, domain);
}

/* ---- web addresses -------------------------------------------------------------------------- */

/* "[...]": an address of IPv6. */
static bool is_ipv6(const char *host)
{
	struct in6_addr address;
	char text[INET6_ADDRSTRLEN];
	size_t length = strlen(host);
	if (length < 3 || length - 2 >= sizeof(text) || host[length - 1] != ']')
		return false;
	memcpy(text, host + 1, length - 2);
	text[length - 2] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_port(const char *text)
{
	size_t length = strlen(text);
	long port = strtol(text, NULL, 10);
	return length && length <= 5 && strspn(text, "0123456789") == length && port >= 1 &&
	       port <= 65535;
}

/* host, or host:port, or [IPv6]:port. */
static const char *authority_form(struct arena *arena, char *authority)
{
	char *port = strrchr(authority, ':'), *bracket = strrchr(authority, ']');
	if (port && bracket && port < bracket)
		port = NULL;
	if (port) {
		*port++ = '\0';
		if (!is_port(port))
			return NULL;
	}
	const char *host = *authority == '[' ? (is_ipv6(authority) ? authority : NULL)
					     : host_form(arena, authority, true);
	if (!host)
		return NULL;
	return port ? arena_printf(arena, "%s:%s", host, port) : host;
}

/* Path and query: visible ASCII that RFC 3986 has, and % only before two hex digits. */
static bool is_path(const char *path)
{
	if (*path && *path != '/' && *path != '?')
		return false;
	for (const char *c = path; *c; c++) {
		if (*c <= ' ' || *c >= 0x7F || strchr("\"#<>\\^`{|}", *c) ||
		    (*c == '%' &&
		     (!isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2]))))
			return false;
	}
	return true;
}

const char *webhook_form(struct arena *arena, const char *text)
{
	const char *rest = pass_scheme(plain(arena, text), "https://");
	if (!rest)
		return NULL;
	size_t length = strcspn(rest, "/?#");
	const char *path = rest + length;
	const char *authority = authority_form(arena, arena_strndup(arena, rest, length));
	if (!authority || !is_path(path))
		return NULL;
	return arena_printf(arena, "https://%s%s", authority, path);
}
