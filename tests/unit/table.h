/* Tables of cases as text files under tests/tables, so that a case needs no C. */
#ifndef UNIT_TABLE_H
#define UNIT_TABLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

/* A file of tests/tables; malloc'ed. */
static inline char *table_text(const char *name)
{
	char path[512], reason[160];
	snprintf(path, sizeof(path), "%s/%s", TABLES, name);
	char *text = text_read_file(path, 1 << 20, NULL, reason);
	if (!text) {
		fprintf(stderr, "%s\n", reason);
		abort();
	}
	return text;
}

/* Calls each with every line that is neither empty nor a comment, without the spaces at its ends.
 */
static inline void table_lines(const char *name, void (*each)(void *self, int line, char *text),
			       void *self)
{
	char *all = table_text(name), *rest = all, *text;
	for (int line = 1; (text = strsep(&rest, "\n")); line++) {
		text += strspn(text, " \t");
		size_t len = strlen(text);
		while (len && strchr(" \t\r", text[len - 1]))
			text[--len] = '\0';
		if (*text && *text != '#')
			each(self, line, text);
	}
	free(all);
}

/* The next part up to the separator, without spaces at its ends; NULL when there is no more. */
static inline char *table_part(char **rest, char separator)
{
	char cut[] = {separator, '\0'}, *part = *rest ? strsep(rest, cut) : NULL;
	if (!part)
		return NULL;
	part += strspn(part, " \t");
	size_t len = strlen(part);
	while (len && strchr(" \t", part[len - 1]))
		part[--len] = '\0';
	return part;
}

/* In place: \n, \t, \r, \\, \p (a bar), \xHH (a byte), \u{H...} (a code point), \s (a space). */
static inline char *table_unescape(char *text)
{
	static const char from[] = "ntr\\sp", to[] = "\n\t\r\\ |";
	char *out = text;
	for (char *in = text; *in;) {
		const char *plain = *in == '\\' && in[1] ? strchr(from, in[1]) : NULL;
		if (plain) {
			*out++ = to[plain - from];
			in += 2;
		} else if (strncmp(in, "\\x", 2) == 0) {
			char hex[3] = {in[2], in[3], '\0'};
			*out++ = (char)strtoul(hex, NULL, 16);
			in += 4;
		} else if (strncmp(in, "\\u{", 3) == 0) {
			out += text_put_code_point(out, (uint32_t)strtoul(in + 3, &in, 16));
			in++;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	return text;
}

#endif
