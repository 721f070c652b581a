/*
 * An HTTP connection's bytes; the first one says in which pieces they come. However they are cut,
 * the same requests are read and the same refusal follows; nothing is read behind a refusal; what
 * was read keeps the parser's promises.
 */
#include <string.h>

#include "client/http_parse.h"
#include "fuzz.h"
#include "util/text.h"

#define BODY_MAX 4096
#define ALL_MAX  ((size_t)64 * 1024)

/* What was read, one after the other, to be compared. */
struct reading {
	struct buffer text;
	size_t used;
	int status;
};

static void note(struct reading *reading, const struct http_parse *parse)
{
	struct buffer *text = &reading->text;
	buffer_printf(text, "%s %s %s %d%d%d\n", http_parse_text(parse, parse->method),
		      http_parse_text(parse, parse->path),
		      parse->query ? http_parse_text(parse, parse->query) : "-", parse->http10,
		      parse->keep_alive, parse->expects_continue);
	for (size_t i = 0; i < parse->field_count; i++)
		buffer_printf(text, "%s: %s\n", http_parse_text(parse, parse->fields[i].name),
			      http_parse_text(parse, parse->fields[i].value));
	buffer_add(text, parse->body.data, parse->body.len);
}

static size_t count(const struct http_parse *parse, const char *name)
{
	size_t found = 0;
	for (size_t at = 0; http_parse_field(parse, name, &at);)
		found++;
	return found;
}

static void check_whole(const struct http_parse *parse)
{
	const char *path = http_parse_text(parse, parse->path);
	size_t at = 0;
	MUST(*http_parse_text(parse, parse->method));
	MUST(*path == '/' || strcmp(path, "*") == 0);
	MUST(text_is_utf8(path, strlen(path)) && !strpbrk(path, "\r\n"));
	MUST(count(parse, "Host") == 1 || parse->http10);
	MUST(count(parse, "Content-Length") + count(parse, "Transfer-Encoding") <= 1);
	MUST(parse->body.len <= BODY_MAX && parse->body.room <= 4 * BODY_MAX);
	const char *length = http_parse_field(parse, "Content-Length", &at);
	if (length)
		MUST(strtoull(length, NULL, 10) == parse->body.len);
	for (size_t i = 0; i < parse->field_count; i++)
		MUST(!strpbrk(http_parse_text(parse, parse->fields[i].value), "\r\n"));
}

static struct reading read_all(const uint8_t *data, size_t size, size_t step)
{
	struct reading reading = {{0}, 0, 0};
	struct http_parse parse = {.body_max = BODY_MAX};
	enum http_parsed parsed = HTTP_PARSED_MORE;
	while (reading.used < size && parsed != HTTP_PARSED_BAD && reading.text.len < ALL_MAX) {
		size_t piece = size - reading.used < step ? size - reading.used : step, used;
		char *copy = malloc(piece);
		memcpy(copy, data + reading.used, piece);
		parsed = http_parse(&parse, copy, piece, &used);
		free(copy);
		MUST(used <= piece);
		MUST(parsed != HTTP_PARSED_MORE || used == piece);
		reading.used += used;
		if (parsed != HTTP_PARSED_WHOLE)
			continue;
		check_whole(&parse);
		note(&reading, &parse);
		http_parse_reset(&parse);
	}
	reading.status = parsed == HTTP_PARSED_BAD ? parse.status : 0;
	MUST(parsed != HTTP_PARSED_BAD || (parse.status >= 400 && parse.status < 600));
	MUST(parsed != HTTP_PARSED_BAD || parse.status == 413 || *parse.why);
	http_parse_free(&parse);
	return reading;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct reading whole = read_all(data + 1, size - 1, size);
	struct reading pieces = read_all(data + 1, size - 1, data[0] % 64 + 1);
	MUST(whole.status == pieces.status);
	MUST(whole.text.len == pieces.text.len);
	MUST(!whole.text.len || memcmp(whole.text.data, pieces.text.data, whole.text.len) == 0);
	buffer_free(&whole.text);
	buffer_free(&pieces.text);
	return 0;
}
