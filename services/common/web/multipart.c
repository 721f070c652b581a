#include "web/multipart.h"

#include <string.h>
#include <strings.h>

#include "util/text.h"

#define TYPE         "multipart/form-data"
#define BOUNDARY_MAX 70 /* RFC 2046, 5.1.1 */

bool multipart_is(const char *type)
{
	return type && strncasecmp(type, TYPE, strlen(TYPE)) == 0 &&
	       strchr("; \t", type[strlen(TYPE)]) != NULL;
}

/* The value of a parameter, without its quotes; NULL: it has none. RFC 2183 and what browsers do:
 * in quotes, a quote is %22. */
static const char *parameter(struct arena *arena, const char *field, size_t size, const char *name)
{
	size_t length = strlen(name);
	for (size_t at = 0; at + length + 1 < size; at++) {
		if (strncasecmp(field + at, name, length) != 0 || field[at + length] != '=' ||
		    (at && !strchr("; \t", field[at - 1])))
			continue;
		const char *value = field + at + length + 1, *end = field + size;
		bool quoted = *value == '"';
		value += quoted;
		const char *to = value;
		while (to < end && (quoted ? *to != '"' : !strchr("; \t\r\n", *to)))
			to++;
		return quoted && to == end ? NULL
					   : arena_strndup(arena, value, (size_t)(to - value));
	}
	return NULL;
}

/* "--boundary"; NULL: the type names none that can be. */
static const char *delimiter_of(struct arena *arena, const char *type)
{
	const char *boundary = parameter(arena, type, strlen(type), "boundary");
	if (!boundary || !*boundary || strlen(boundary) > BOUNDARY_MAX)
		return NULL;
	return arena_printf(arena, "\r\n--%s", boundary);
}

static const char *find(const char *from, const char *end, const char *what)
{
	return memmem(from, (size_t)(end - from), what, strlen(what));
}

struct part {
	const char *head, *head_end, *content, *end;
};

/* The Content-Disposition of a part. */
static const char *disposition(const struct part *part, size_t *size)
{
	static const char name[] = "content-disposition:";
	for (const char *line = part->head; line < part->head_end;) {
		const char *stop = find(line, part->head_end, "\r\n");
		const char *to = stop ? stop : part->head_end;
		*size = (size_t)(to - line);
		if (*size >= sizeof(name) - 1 && strncasecmp(line, name, sizeof(name) - 1) == 0)
			return line;
		line = stop ? stop + 2 : part->head_end;
	}
	return NULL;
}

static bool take_part(struct arena *arena, const struct part *part, struct form *form,
		      const char **file)
{
	size_t size, length = (size_t)(part->end - part->content);
	const char *field = disposition(part, &size);
	const char *name = field ? parameter(arena, field, size, "name") : NULL;
	if (!name || !text_is_utf8(name, strlen(name)))
		return false;
	if (parameter(arena, field, size, "filename")) {
		*file = name;
		return true;
	}
	const char *value = arena_strndup(arena, part->content, length);
	if (form->count == FORM_FIELDS_MAX || !text_is_utf8(value, length) ||
	    strlen(value) != length)
		return false;
	form->fields[form->count++] = (struct form_field){name, value};
	return true;
}

bool multipart_parse(struct arena *arena, const char *type, const char *body, size_t size,
		     struct form *form, const char **file)
{
	*file = NULL;
	*form = (struct form){arena_take(arena, FORM_FIELDS_MAX * sizeof(struct form_field)), 0};
	const char *delimiter = delimiter_of(arena, type), *end = body + size;
	if (!delimiter || size < strlen(delimiter) ||
	    memcmp(body, delimiter + 2, strlen(delimiter) - 2) != 0)
		return false;
	const char *at = body + strlen(delimiter) - 2;
	while (end - at >= 2 && memcmp(at, "\r\n", 2) == 0) {
		const char *blank = find(at, end, "\r\n\r\n");
		struct part part = {at + 2, blank, blank ? blank + 4 : NULL, NULL};
		/* a part may be empty: its end then begins with the blank line's */
		part.end = blank ? find(blank + 2, end, delimiter) : NULL;
		if (!part.end)
			return false;
		if (part.end < part.content)
			part.content = part.end;
		if (part.head > part.head_end || !take_part(arena, &part, form, file))
			return false;
		at = part.end + strlen(delimiter);
	}
	return end - at >= 2 && memcmp(at, "--", 2) == 0;
}
