#include "domain/text_form.h"

#include <stdint.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#include "util/text.h"

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

bool text_is_space(uint32_t code)
{
	/* a byte order mark at the front is none of the text */
	return u_isUWhiteSpace((UChar32)code) || code == 0xFEFF;
}

bool text_is_ignorable(uint32_t code)
{
	return u_hasBinaryProperty((UChar32)code, UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
}

static const char *trim(struct arena *arena, const char *text)
{
	int32_t from = 0, to = (int32_t)strlen(text), at;
	UChar32 c;
	while (from < to) {
		at = from;
		U8_NEXT(text, at, to, c);
		if (c < 0 || !text_is_space((uint32_t)c))
			break;
		from = at;
	}
	while (to > from) {
		at = to;
		U8_PREV(text, from, at, c);
		if (c < 0 || !text_is_space((uint32_t)c))
			break;
		to = at;
	}
	if (!text[to])
		return text + from;
	return arena_strndup(arena, text + from, (size_t)(to - from));
}

/* ---- controls ------------------------------------------------------------------------------- */

#define NOTHING     0
#define OPEN_MAX    125 /* max_depth of UAX 9: deeper ones change nothing */
#define POP_INSERT  0x202C
#define POP_ISOLATE 0x2069

/* A text that is written anew, with what was opened in the line and is not closed yet. */
struct tidy {
	char *out;
	bool isolate[OPEN_MAX];
	size_t open, isolates;
};

static void put(struct tidy *tidy, uint32_t code)
{
	tidy->out += text_put_code_point(tidy->out, code);
}

static void close_last(struct tidy *tidy)
{
	bool isolate = tidy->isolate[--tidy->open];
	tidy->isolates -= isolate;
	put(tidy, isolate ? POP_ISOLATE : POP_INSERT);
}

static void open_one(struct tidy *tidy, uint32_t code)
{
	if (tidy->open == OPEN_MAX)
		return;
	bool isolate = code >= 0x2066;
	tidy->isolate[tidy->open++] = isolate;
	tidy->isolates += isolate;
	put(tidy, code);
}

static void close_one(struct tidy *tidy, uint32_t code)
{
	if (code == POP_INSERT && tidy->open && !tidy->isolate[tidy->open - 1])
		close_last(tidy);
	if (code != POP_ISOLATE || !tidy->isolates)
		return;
	while (!tidy->isolate[tidy->open - 1])
		close_last(tidy);
	close_last(tidy);
}

static bool opens(uint32_t code)
{
	return code == 0x202A || code == 0x202B || code == 0x202D || code == 0x202E ||
	       (code >= 0x2066 && code <= 0x2068);
}

static bool ends_line(uint32_t code)
{
	return code == '\n' || code == 0x2028 || code == 0x2029;
}

static uint32_t windows_1252(uint32_t c1)
{
	static const uint16_t signs[32] = {
	    0x20AC,  NOTHING, 0x201A, 0x0192, 0x201E, 0x2026,  0x2020, 0x2021,
	    0x02C6,  0x2030,  0x0160, 0x2039, 0x0152, NOTHING, 0x017D, NOTHING,
	    NOTHING, 0x2018,  0x2019, 0x201C, 0x201D, 0x2022,  0x2013, 0x2014,
	    0x02DC,  0x2122,  0x0161, 0x203A, 0x0153, NOTHING, 0x017E, 0x0178};
	return signs[c1 - 0x80];
}

static void tidy_one(struct tidy *tidy, uint32_t code)
{
	if (code >= 0x80 && code < 0xA0)
		code = windows_1252(code);
	if (opens(code)) {
		open_one(tidy, code);
	} else if (code == POP_INSERT || code == POP_ISOLATE) {
		close_one(tidy, code);
	} else if (ends_line(code)) {
		while (tidy->open)
			close_last(tidy);
		put(tidy, '\n');
	} else if (code != NOTHING) {
		put(tidy, code);
	}
}

/* Whether there is anything to tidy: C2 80 to C2 9F; E2 80 A8 to AE; E2 81 A6 to A9. */
static bool is_tidy(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if ((c[0] == 0xC2 && c[1] < 0xA0) ||
		    (c[0] == 0xE2 && ((c[1] == 0x80 && c[2] >= 0xA8 && c[2] <= 0xAE) ||
				      (c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9))))
			return false;
	}
	return true;
}

/* What is opened takes as many bytes again to be closed, at most. */
static const char *tidied(struct arena *arena, const char *text)
{
	size_t left = strlen(text), step;
	char *made = arena_take(arena, 2 * left + 1);
	struct tidy tidy = {.out = made};
	uint32_t code;
	for (; (step = text_code_point(text, left, &code)); text += step, left -= step)
		tidy_one(&tidy, code);
	while (tidy.open)
		close_last(&tidy);
	*tidy.out = '\0';
	return made;
}

/* ---- the form ------------------------------------------------------------------------------- */

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
	if (is_ascii(text))
		return text;
	if (!is_tidy(text))
		text = trim(arena, tidied(arena, text));
	return text_marks(text) > TEXT_MARKS_MAX ? text : compose(arena, text);
}

/* ---- looking at it -------------------------------------------------------------------------- */

size_t text_marks(const char *text)
{
	size_t run = 0, longest = 0;
	int32_t at = 0, size = (int32_t)strlen(text);
	while (at < size) {
		UChar32 c = 0;
		if ((unsigned char)text[at] < 0xCC)
			at++; /* below U+0300 there is none */
		else
			U8_NEXT(text, at, size, c);
		run = c && u_getCombiningClass(c) ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static bool is_content(UChar32 c)
{
	const uint32_t seen = U_GC_L_MASK | U_GC_N_MASK | U_GC_P_MASK | U_GC_S_MASK | U_GC_CO_MASK;
	if (c == 0x2800 || c == 0x1D159) /* a pattern of no dots, a note without a head */
		return false;
	return (U_GET_GC_MASK(c) & seen) && !text_is_ignorable((uint32_t)c);
}

bool text_has_content(const char *text)
{
	int32_t at = 0, size = (int32_t)strlen(text);
	while (at < size) {
		UChar32 c;
		U8_NEXT(text, at, size, c);
		if (c >= 0 && is_content(c))
			return true;
	}
	return false;
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
		if (*c < 0x20 || *c == 0x7F || (*c == 0xC2 && c[1] < 0xA0))
			return true;
	}
	return false;
}
