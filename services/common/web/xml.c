#include "web/xml.h"

#include <string.h>

#include "util/text.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* https://www.w3.org/TR/xml/#charsets */
static bool is_char(uint32_t code)
{
	return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code < 0xFFFE) ||
	       code > 0xFFFF;
}

static const char *escape_of(uint32_t code)
{
	switch (code) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		return "&#13;"; /* a reader would make a line feed of it */
	default:
		return is_char(code) ? NULL : REPLACEMENT;
	}
}

static void put_text(struct buffer *out, const char *text)
{
	for (size_t size = strlen(text), length; size; text += length, size -= length) {
		uint32_t code = 0;
		length = text_code_point(text, size, &code);
		const char *escape = length ? escape_of(code) : REPLACEMENT;
		if (!length)
			length = 1;
		if (escape)
			buffer_add_str(out, escape);
		else
			buffer_add(out, text, length);
	}
}

/* What the elements of a list are called. */
static const char *item_name(const char *list)
{
	static const char *const names[][2] = {
	    {"service_requests", "request"},
	    {"service_request_updates", "request_update"},
	    {"services", "service"},
	    {"attributes", "attribute"},
	    {"values", "value"},
	    {"errors", "error"},
	    {"endpoints", "endpoint"},
	    {"formats", "format"},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i][0], list) == 0)
			return names[i][1];
	}
	return "item";
}

static void put_element(struct buffer *out, const char *name, const json_t *value);

static void put_content(struct buffer *out, const char *name, const json_t *value)
{
	size_t i;
	const char *member;
	json_t *part;
	if (json_is_string(value)) {
		put_text(out, json_string_value(value));
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, part) put_element(out, item_name(name), part);
	} else if (json_is_object(value)) {
		/* jansson's macro casts const away */
		json_object_foreach((json_t *)(uintptr_t)value, member, part)
		    put_element(out, member, part);
	} else {
		char *text = json_dumps(value, JSON_ENCODE_ANY | XML_JSON_FLAGS);
		buffer_add_str(out, text);
		free(text);
	}
}

static void put_element(struct buffer *out, const char *name, const json_t *value)
{
	if (json_is_null(value)) {
		buffer_printf(out, "<%s/>", name);
		return;
	}
	buffer_printf(out, "<%s>", name);
	put_content(out, name, value);
	buffer_printf(out, "</%s>", name);
}

void xml_write(struct buffer *out, const char *root, const json_t *value)
{
	buffer_add_str(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
	put_element(out, root, value);
	buffer_add_str(out, "\n");
}
