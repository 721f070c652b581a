#include "util/visible_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

/* From first to last, in order. Unicode 16: Bidi_Control, Default_Ignorable_Code_Point, Zl, Zp. */
static const struct {
	uint32_t first, last;
} unsafe[] = {
    {0x0000, 0x001F},   /* C0 */
    {0x007F, 0x009F},   /* DEL, C1 */
    {0x180E, 0x180E},   /* Mongolian vowel separator */
    {0x200B, 0x200B},   /* zero width space */
    {0x2028, 0x202E},   /* separators of lines and paragraphs, embeddings, overrides */
    {0x2060, 0x206F},   /* word joiner, invisible operators, isolates, deprecated controls */
    {0xFDD0, 0xFDEF},   /* noncharacters */
    {0xFEFF, 0xFEFF},   /* byte order mark */
    {0xFFF0, 0xFFFB},   /* unassigned ignorables, interlinear annotation */
    {0xFFFE, 0xFFFF},   /* noncharacters */
    {0x1BCA0, 0x1BCA3}, /* shorthand format controls */
    {0x1D173, 0x1D17A}, /* musical format controls */
    {0xE0000, 0xE00FF}, /* tags */
    {0xE01F0, 0xE0FFF}, /* unassigned ignorables */
};

bool visible_is_safe(uint32_t code)
{
	if (code >= 0x20 && code < 0x7F)
		return true;
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(*unsafe) && code >= unsafe[i].first; i++) {
		if (code <= unsafe[i].last)
			return false;
	}
	return true;
}

void visible_add(struct buffer *out, const char *text, size_t size, bool lines)
{
	for (size_t step; size; text += step, size -= step) {
		uint32_t code;
		step = text_code_point(text, size, &code);
		if (!step) {
			buffer_printf(out, "<0x%02X>", (unsigned)(unsigned char)*text);
			step = 1;
		} else if (visible_is_safe(code) || (lines && (code == '\n' || code == '\t'))) {
			buffer_add(out, text, step);
		} else {
			buffer_printf(out, "<U+%04X>", (unsigned)code);
		}
	}
}

static const char *in_arena(struct arena *arena, const char *text, bool lines)
{
	struct buffer out = {0};
	visible_add(&out, text, strlen(text), lines);
	const char *copy = arena_strndup(arena, out.len ? out.data : "", out.len);
	buffer_free(&out);
	return copy;
}

const char *visible_lines(struct arena *arena, const char *text)
{
	return in_arena(arena, text, true);
}

const char *visible_line(struct arena *arena, const char *text)
{
	return in_arena(arena, text, false);
}

void visible_printf(FILE *out, const char *format, ...)
{
	struct buffer safe = {0};
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int size = vasprintf(&text, format, args);
	va_end(args);
	if (size > 0) {
		visible_add(&safe, text, (size_t)size, true);
		fwrite(safe.data, 1, safe.len, out);
	}
	if (size >= 0)
		free(text);
	buffer_free(&safe);
}
