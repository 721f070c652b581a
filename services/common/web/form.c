#include "web/form.h"

#include <string.h>

#include "util/text.h"

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* NULL: a broken escape, a NUL, or no UTF-8. */
static const char *decode(struct arena *arena, const char *text, size_t size)
{
	char *out = arena_take(arena, size + 1), *at = out;
	for (const char *end = text + size; text < end; text++) {
		if (*text == '%') {
			int high = end - text > 2 ? hex_digit(text[1]) : -1;
			int low = end - text > 2 ? hex_digit(text[2]) : -1;
			if (high < 0 || low < 0 || !(high | low))
				return NULL;
			*at++ = (char)(high << 4 | low);
			text += 2;
		} else {
			*at++ = *text == '+' ? ' ' : *text;
		}
	}
	*at = '\0';
	return text_is_utf8(out, (size_t)(at - out)) && strlen(out) == (size_t)(at - out) ? out
											  : NULL;
}

static bool add_field(struct arena *arena, struct form *form, const char *pair, size_t size)
{
	const char *equals = memchr(pair, '=', size);
	size_t name = equals ? (size_t)(equals - pair) : size;
	struct form_field *field = &form->fields[form->count++];
	field->name = decode(arena, pair, name);
	field->value = equals ? decode(arena, equals + 1, size - name - 1) : "";
	return field->name && field->value;
}

bool form_parse(struct arena *arena, const char *body, size_t size, struct form *form)
{
	*form = (struct form){arena_take(arena, FORM_FIELDS_MAX * sizeof(struct form_field)), 0};
	for (const char *end = body + size; body < end;) {
		const char *ampersand = memchr(body, '&', (size_t)(end - body));
		const char *to = ampersand ? ampersand : end;
		if (to > body && (form->count == FORM_FIELDS_MAX ||
				  !add_field(arena, form, body, (size_t)(to - body))))
			return false;
		body = ampersand ? to + 1 : end;
	}
	return true;
}

const char *form_value(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->count; i++) {
		if (strcmp(form->fields[i].name, name) == 0)
			return form->fields[i].value;
	}
	return NULL;
}
