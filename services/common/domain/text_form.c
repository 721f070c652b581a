#include "domain/text_form.h"

#include <stdint.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

static bool is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			return false;
	}
	return true;
}

/* NFC can be up to three times as long in UTF-8; in UTF-16 too. */
static const char *compose(struct arena *arena, const char *text)
{
	UErrorCode status = U_ZERO_ERROR;
	int32_t size = (int32_t)strlen(text), length, room;
	UChar *wide = arena_take(arena, ((size_t)size + 1) * sizeof(*wide));
	const UNormalizer2 *form = unorm2_getNFCInstance(&status);
	u_strFromUTF8(wide, size + 1, &length, text, size, &status);
	if (U_FAILURE(status) || unorm2_isNormalized(form, wide, length, &status))
		return text;
	room = 3 * length + 1;
	UChar *composed = arena_take(arena, (size_t)room * sizeof(*composed));
	length = unorm2_normalize(form, wide, length, composed, room, &status);
	char *out = arena_take(arena, 3 * (size_t)length + 1);
	u_strToUTF8(out, 3 * length + 1, &room, composed, length, &status);
	return U_SUCCESS(status) ? out : text;
}

static bool is_space(UChar32 c)
{
	return u_isUWhiteSpace(c) || c == 0xFEFF; /* a byte order mark at the front is none of it */
}

static const char *trim(struct arena *arena, const char *text)
{
	int32_t from = 0, to = (int32_t)strlen(text), at;
	UChar32 c;
	while (from < to) {
		at = from;
		U8_NEXT(text, at, to, c);
		if (c < 0 || !is_space(c))
			break;
		from = at;
	}
	while (to > from) {
		at = to;
		U8_PREV(text, from, at, c);
		if (c < 0 || !is_space(c))
			break;
		to = at;
	}
	if (!text[to])
		return text + from;
	return arena_strndup(arena, text + from, (size_t)(to - from));
}

static const char *one_line_end(struct arena *arena, const char *text)
{
	if (!strchr(text, '\r'))
		return text;
	char *copy = arena_strdup(arena, text), *out = copy;
	for (const char *in = text; *in; in++) {
		if (*in != '\r')
			*out++ = *in;
		else if (in[1] != '\n')
			*out++ = '\n';
	}
	*out = '\0';
	return copy;
}

const char *text_normal(struct arena *arena, const char *text)
{
	text = one_line_end(arena, trim(arena, text));
	return is_ascii(text) ? text : compose(arena, text);
}

size_t text_characters(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += ((unsigned char)*text & 0xC0) != 0x80;
	return count;
}

bool text_has_control(const char *text, bool lines)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (lines && (*c == '\n' || *c == '\t'))
			continue;
		if (*c < 0x20 || *c == 0x7F)
			return true;
	}
	return false;
}
