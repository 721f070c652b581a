#include "training/json_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/text.h"

#define READ_AT_ONCE  (64 * 1024)
#define SHOW_EVERY_MS 250

struct json_lines {
	int descriptor;
	const char *name;
	void (*before_wait)(void);
	struct buffer data; /* what was read; from start on it is not yet handed out */
	size_t start, searched;
	bool ended;
	size_t number;
	/* progress */
	bool shown;
	int64_t began_ms, shown_ms;
	uint64_t bytes, whole; /* whole: of the file; 0 when it is none */
};

struct json_lines *json_lines_new(int descriptor, const char *name, void (*before_wait)(void))
{
	struct stat stat;
	struct json_lines *lines = x_calloc(1, sizeof(*lines));
	lines->descriptor = descriptor;
	lines->name = name;
	lines->before_wait = before_wait;
	if (fstat(descriptor, &stat) == 0 && S_ISREG(stat.st_mode))
		lines->whole = (uint64_t)stat.st_size;
	return lines;
}

void json_lines_show_progress(struct json_lines *lines)
{
	lines->shown = true;
	lines->began_ms = lines->shown_ms = clock_mono_us() / 1000;
}

static void show(struct json_lines *lines, bool last)
{
	int64_t now_ms = clock_mono_us() / 1000, took_ms = now_ms - lines->began_ms;
	if (!lines->shown || (!last && now_ms < lines->shown_ms + SHOW_EVERY_MS))
		return;
	lines->shown_ms = now_ms;
	double rate = (double)lines->number * 1000 / (double)(took_ms > 0 ? took_ms : 1);
	fprintf(stderr, "\r%zu lines, %.0f a second", lines->number, rate);
	if (lines->whole)
		fprintf(stderr, ", %3.0f %%", 100 * (double)lines->bytes / (double)lines->whole);
	fprintf(stderr, last ? "\n" : " ");
}

void json_lines_free(struct json_lines **lines)
{
	if (!*lines)
		return;
	show(*lines, true);
	buffer_free(&(*lines)->data);
	free(*lines);
	*lines = NULL;
}

const char *json_lines_name(const struct json_lines *lines)
{
	return lines->name;
}

size_t json_lines_number(const struct json_lines *lines)
{
	return lines->number;
}

/* One more piece of the stream; what was handed out makes room for it. */
static int fill(struct json_lines *lines, struct err *err)
{
	struct buffer *data = &lines->data;
	if (lines->start) {
		data->len -= lines->start;
		memmove(data->data, data->data + lines->start, data->len);
		lines->searched -= lines->start;
		lines->start = 0;
	}
	char *room = buffer_reserve(data, READ_AT_ONCE);
	if (lines->before_wait)
		lines->before_wait();
	ssize_t got = read(lines->descriptor, room, READ_AT_ONCE);
	if (got < 0 && errno == EINTR)
		return 0;
	if (got < 0)
		return err_set(err, "%s: %s", lines->name, strerror(errno));
	data->len += (size_t)got;
	lines->bytes += (uint64_t)got;
	lines->ended = got == 0;
	return 0;
}

/* *line: the next line without its end; NULL when there is none. */
static int next_line(struct json_lines *lines, const char **line, size_t *size, struct err *err)
{
	struct buffer *data = &lines->data;
	char *end = NULL;
	for (;;) {
		if (data->len > lines->searched)
			end =
			    memchr(data->data + lines->searched, '\n', data->len - lines->searched);
		lines->searched = end ? (size_t)(end - data->data) : data->len;
		if (lines->searched - lines->start > JSON_LINE_MAX)
			return err_set(err, "%s line %zu: is longer than %d bytes", lines->name,
				       lines->number + 1, JSON_LINE_MAX);
		if (end || lines->ended)
			break;
		if (fill(lines, err))
			return -1;
	}
	*size = lines->searched - lines->start;
	*line = end || *size ? data->data + lines->start : NULL;
	lines->start = lines->searched += end != NULL;
	return 0;
}

/* Not the text that comes with it, which quotes the line. */
static const char *what_is_wrong(const json_error_t *wrong)
{
	switch (json_error_code(wrong)) {
	case json_error_invalid_utf8:
		return "is not UTF-8";
	case json_error_duplicate_key:
		return "has a member twice";
	case json_error_stack_overflow:
		return "is nested too deeply";
	case json_error_null_byte_in_key:
		return "has a NUL character";
	case json_error_numeric_overflow:
		return "has a number that is too great";
	default:
		return "is no JSON object";
	}
}

int json_lines_next(struct json_lines *lines, json_t **object, struct err *err)
{
	const char *line = NULL;
	size_t size = 0;
	json_error_t wrong;
	*object = NULL;
	if (next_line(lines, &line, &size, err))
		return -1;
	if (!line)
		return 0;
	if (++lines->number == 1) {
		size_t mark = text_byte_order_mark(line, size);
		line += mark;
		size -= mark;
	}
	show(lines, false);
	json_t *value = json_loadb(
	    line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &wrong);
	if (!value)
		return err_set(err, "%s line %zu: %s (at byte %d)", lines->name, lines->number,
			       what_is_wrong(&wrong), wrong.position);
	if (!json_is_object(value)) {
		json_decref(value);
		return err_set(err, "%s line %zu: is no JSON object", lines->name, lines->number);
	}
	*object = value;
	return 0;
}

int json_lines_string(const struct json_lines *lines, const json_t *object, const char *member,
		      bool needed, const char **value, struct err *err)
{
	const json_t *found = json_object_get(object, member);
	*value = NULL;
	if (!needed && (!found || json_is_null(found)))
		return 0;
	if (!found)
		return err_set(err, "%s line %zu: %s: is missing", lines->name, lines->number,
			       member);
	if (!json_is_string(found))
		return err_set(err, "%s line %zu: %s: must be a string", lines->name, lines->number,
			       member);
	if (strlen(json_string_value(found)) != json_string_length(found))
		return err_set(err, "%s line %zu: %s: has a NUL character", lines->name,
			       lines->number, member);
	if (json_string_length(found) > JSON_TEXT_MAX)
		return err_set(err, "%s line %zu: %s: is longer than %d bytes", lines->name,
			       lines->number, member, JSON_TEXT_MAX);
	*value = json_string_value(found);
	return 0;
}
