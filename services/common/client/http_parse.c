/* Lines, bodies and chunks. What lines mean is in http_head.c. */
#include "client/http_parse.h"

#include <string.h>

#define KEEP_MAX     ((size_t)4 * 1024) /* larger buffers are given back */
#define CHUNK_DIGITS 8

bool http_refuse(struct http_parse *parse, int status, const char *why)
{
	parse->state = HTTP_AT_REFUSAL;
	parse->status = status;
	parse->why = why;
	return false;
}

static void recycle(struct buffer *buffer)
{
	if (buffer->room > KEEP_MAX)
		buffer_free(buffer);
	else
		buffer_clear(buffer);
}

void http_parse_reset(struct http_parse *parse)
{
	recycle(&parse->head);
	recycle(&parse->body);
	parse->state = HTTP_AT_REQUEST_LINE;
	parse->status = 0;
	parse->why = NULL;
	parse->method = parse->path = parse->query = 0;
	parse->field_count = 0;
	parse->http10 = parse->keep_alive = parse->expects_continue = false;
	parse->line = parse->extra = parse->left = 0;
	parse->began = parse->chunked = false;
}

void http_parse_free(struct http_parse *parse)
{
	buffer_free(&parse->head);
	buffer_free(&parse->body);
}

bool http_parse_is_empty(const struct http_parse *parse)
{
	return parse->state == HTTP_AT_REQUEST_LINE && parse->head.len == 0;
}

size_t http_parse_memory(const struct http_parse *parse)
{
	return parse->head.room + parse->body.room;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* How long the line under way may become, its CRLF included. */
static size_t line_max(const struct http_parse *parse)
{
	switch (parse->state) {
	case HTTP_AT_REQUEST_LINE:
		return HTTP_LINE_MAX;
	case HTTP_AT_FIELD:
		return HTTP_HEAD_MAX - parse->line;
	case HTTP_AT_CHUNK_SIZE:
		/* size and CRLF belong to the framing; the rest is extension */
		return CHUNK_DIGITS + 2 + HTTP_EXTRA_MAX - parse->extra;
	default:
		return HTTP_EXTRA_MAX - parse->extra;
	}
}

static bool refuse_long_line(struct http_parse *parse)
{
	switch (parse->state) {
	case HTTP_AT_REQUEST_LINE:
		return http_refuse(parse, 414, "the request line is too long");
	case HTTP_AT_FIELD:
		return http_refuse(parse, 431, "the header fields are too large");
	default:
		return http_refuse(parse, 400, "too much beside the body's chunks");
	}
}

/* Adds to the line under way; true: it is whole, without CRLF and NUL-ended, len bytes long.
 * Else more is needed or it is refused. */
static bool take_line(struct http_parse *parse, const char **at, const char *end, size_t *len)
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	size_t size = (size_t)((newline ? newline + 1 : end) - *at);
	*len = parse->head.len - parse->line + size;
	if (*len > line_max(parse))
		return refuse_long_line(parse);
	buffer_add(&parse->head, *at, size);
	*at += size;
	if (!newline)
		return false;
	*len -= 2; /* wraps for a lone LF, which is refused */
	char *cr = parse->head.data + parse->head.len - 2;
	if (parse->head.len - parse->line < 2 || *cr != '\r')
		return http_refuse(parse, 400, "a line ends without CR");
	*cr = '\0';
	return true;
}

/* What was only needed for its meaning goes out of the head again. */
static void drop_line(struct http_parse *parse)
{
	parse->head.len = parse->line;
	parse->head.data[parse->head.len] = '\0';
}

static bool skip_empty_line(struct http_parse *parse)
{
	if (parse->began)
		return http_refuse(parse, 400, "empty lines before the request line");
	parse->began = true;
	drop_line(parse);
	return true;
}

/* ---- chunks --------------------------------------------------------------------------------- */

/* "token" or "quoted string"; NULL: neither. */
static const char *skip_extension_value(const char *c)
{
	const char *begin = c;
	if (*c != '"') {
		while (http_is_token_char(*c))
			c++;
		return c > begin ? c : NULL;
	}
	for (c++; *c && *c != '"'; c++) {
		if (*c == '\\')
			c++;
		if (!http_is_value_char(*c))
			return NULL;
	}
	return *c ? c + 1 : NULL;
}

/* *(";" name ["=" value]), which nobody needs and everybody must pass over (RFC 9112 7.1.1). */
static bool are_extensions(const char *c)
{
	while (*c) {
		if (*c++ != ';' || !http_is_token_char(*c))
			return false;
		while (http_is_token_char(*c))
			c++;
		if (*c == '=' && !(c = skip_extension_value(c + 1)))
			return false;
	}
	return true;
}

static bool take_chunk_size(struct http_parse *parse, size_t len)
{
	const char *line = parse->head.data + parse->line, *c = line;
	size_t size = 0;
	for (; http_hex(*c) >= 0 && c - line < CHUNK_DIGITS; c++)
		size = size << 4 | (size_t)http_hex(*c);
	if (c == line || strlen(line) != len || !are_extensions(c))
		return http_refuse(parse, 400, "a chunk's size is malformed");
	if (size > parse->body_max - parse->body.len)
		return http_refuse(parse, 413, NULL);
	parse->extra += len - (size_t)(c - line);
	parse->left = size;
	parse->state = size ? HTTP_AT_CHUNK_DATA : HTTP_AT_TRAILER;
	drop_line(parse);
	return true;
}

static bool take_chunk_end(struct http_parse *parse, size_t len)
{
	if (len)
		return http_refuse(parse, 400, "a chunk is longer than it says");
	parse->state = HTTP_AT_CHUNK_SIZE;
	drop_line(parse);
	return true;
}

static bool take_trailer(struct http_parse *parse, size_t len)
{
	if (!len)
		parse->state = HTTP_AT_END;
	else if (!http_check_trailer(parse, len))
		return false;
	parse->extra += len;
	drop_line(parse);
	return true;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool use_line(struct http_parse *parse, size_t len)
{
	switch (parse->state) {
	case HTTP_AT_REQUEST_LINE:
		return len ? http_take_request_line(parse, len) : skip_empty_line(parse);
	case HTTP_AT_FIELD:
		return len ? http_take_field(parse, len) : http_take_head(parse);
	case HTTP_AT_CHUNK_SIZE:
		return take_chunk_size(parse, len);
	case HTTP_AT_CHUNK_END:
		return take_chunk_end(parse, len);
	default:
		return take_trailer(parse, len);
	}
}

static void take_body(struct http_parse *parse, const char **at, const char *end)
{
	size_t size = (size_t)(end - *at) < parse->left ? (size_t)(end - *at) : parse->left;
	buffer_add(&parse->body, *at, size);
	*at += size;
	parse->left -= size;
	if (!parse->left)
		parse->state = parse->chunked ? HTTP_AT_CHUNK_END : HTTP_AT_END;
}

static enum http_parsed outcome(const struct http_parse *parse)
{
	switch (parse->state) {
	case HTTP_AT_REFUSAL:
		return HTTP_PARSED_BAD;
	case HTTP_AT_END:
		return HTTP_PARSED_WHOLE;
	default:
		return HTTP_PARSED_MORE;
	}
}

enum http_parsed http_parse(struct http_parse *parse, const char *data, size_t size, size_t *used)
{
	const char *at = data, *end = data + size;
	size_t len;
	bool in_head = parse->state <= HTTP_AT_FIELD;
	while (at < end && outcome(parse) == HTTP_PARSED_MORE) {
		if (parse->state == HTTP_AT_BODY || parse->state == HTTP_AT_CHUNK_DATA) {
			take_body(parse, &at, end);
		} else if (take_line(parse, &at, end, &len) && use_line(parse, len)) {
			parse->line = parse->head.len;
			if (in_head && parse->state > HTTP_AT_FIELD)
				break;
		}
	}
	*used = (size_t)(at - data);
	if (in_head && parse->state > HTTP_AT_FIELD && outcome(parse) == HTTP_PARSED_MORE)
		return HTTP_PARSED_HEAD;
	return outcome(parse);
}

/* ---- what was read -------------------------------------------------------------------------- */

const char *http_parse_text(const struct http_parse *parse, size_t offset)
{
	return parse->head.data + offset;
}
