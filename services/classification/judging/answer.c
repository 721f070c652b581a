#include "judging/answer.h"

#include <stdio.h>

#include "util/text.h"

/* Bytes that may stand in a string as they are (RFC 8259, section 7). */
static size_t plain(const char *text)
{
	size_t size = 0;
	while ((unsigned char)text[size] >= 0x20 && text[size] != '"' && text[size] != '\\')
		size++;
	return size;
}

static void add_string(struct buffer *line, const char *text)
{
	char escape[8];
	buffer_add(line, "\"", 1);
	for (;;) {
		size_t size = plain(text);
		buffer_add(line, text, size);
		text += size;
		if (!*text)
			break;
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)*text++);
		buffer_add_str(line, escape);
	}
	buffer_add(line, "\"", 1);
}

static void add_string_or_null(struct buffer *line, const char *text)
{
	if (*text)
		add_string(line, text);
	else
		buffer_add_str(line, "null");
}

static void add_strings(struct buffer *line, char *const *text, size_t count)
{
	buffer_add(line, "[", 1);
	for (size_t i = 0; i < count; i++) {
		if (i)
			buffer_add(line, ",", 1);
		add_string(line, text[i]);
	}
	buffer_add(line, "]", 1);
}

static void add_number(struct buffer *line, float number)
{
	char digits[24];
	snprintf(digits, sizeof(digits), "%.5g", (double)number);
	buffer_add_str(line, digits);
}

static void add_boolean(struct buffer *line, bool value)
{
	buffer_add_str(line, value ? "true" : "false");
}

static void add_guesses(struct buffer *line, const Redress__Classification *found)
{
	buffer_add(line, "[", 1);
	for (size_t i = 0; i < found->n_guesses; i++) {
		buffer_add_str(line, i ? ",{\"category\":" : "{\"category\":");
		add_string(line, found->guesses[i]->category);
		buffer_add_str(line, ",\"confidence\":");
		add_number(line, found->guesses[i]->confidence);
		buffer_add(line, "}", 1);
	}
	buffer_add(line, "]", 1);
}

static void add_signature(struct buffer *line, ProtobufCBinaryData signature)
{
	size_t size = 2 * signature.len;
	if (!size) {
		buffer_add_str(line, "null");
		return;
	}
	buffer_add(line, "\"", 1);
	text_hex(buffer_reserve(line, size), signature.data, signature.len);
	line->len += size;
	buffer_add(line, "\"", 1);
}

static void add_why(struct buffer *line, const Redress__Why *why)
{
	buffer_add_str(line, "{\"category\":");
	add_strings(line, why->category_terms, why->n_category_terms);
	buffer_add_str(line, ",\"urgency\":");
	add_strings(line, why->urgency_terms, why->n_urgency_terms);
	buffer_add_str(line, ",\"abuse\":");
	add_strings(line, why->abuse_terms, why->n_abuse_terms);
	buffer_add(line, "}", 1);
}

void answer_add(struct buffer *line, const Redress__Classification *found, const Redress__Why *why)
{
	static const char *const urgencies[] = {"routine", "high", "emergency"};
	buffer_add_str(line, "{\"category\":");
	add_string_or_null(line, found->category);
	buffer_add_str(line, ",\"service\":");
	add_string_or_null(line, found->service);
	buffer_add_str(line, ",\"confidence\":");
	add_number(line, found->confidence);
	buffer_add_str(line, ",\"abstained\":");
	add_boolean(line, found->abstained);
	buffer_add_str(line, ",\"guesses\":");
	add_guesses(line, found);
	buffer_add_str(line, ",\"language\":");
	add_string_or_null(line, found->language);
	buffer_add_str(line, ",\"language_confidence\":");
	add_number(line, found->language_confidence);
	buffer_add_str(line, ",\"urgency\":");
	add_string(line, urgencies[found->urgency]);
	buffer_add_str(line, ",\"suspected_abuse\":");
	add_boolean(line, found->suspected_abuse);
	buffer_add_str(line, ",\"signature\":");
	add_signature(line, found->signature);
	buffer_add_str(line, ",\"model\":");
	add_string(line, found->model_version);
	buffer_add_str(line, ",\"why\":");
	add_why(line, why);
	buffer_add_str(line, "}\n");
}
