/*
 * A strict HTTP/1.1 request parser (RFC 9112). Pure: bytes go in, a request or a refusal comes out.
 * What two readers could understand differently is refused: two lengths, a length beside a
 * transfer coding, folded lines, bare CR or LF, spaces where none belong. It makes no difference
 * in which pieces the bytes arrive. Memory is taken as bytes arrive, never for what is announced.
 */
#ifndef CLIENT_HTTP_PARSE_H
#define CLIENT_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buffer.h"

#define HTTP_LINE_MAX   ((size_t)8 * 1024)  /* request line: RFC 9112 3 asks for 8,000 at least */
#define HTTP_HEAD_MAX   ((size_t)16 * 1024) /* request line and fields */
#define HTTP_FIELDS_MAX 100
#define HTTP_EXTRA_MAX  ((size_t)1024) /* chunk extensions and trailers of a request */

enum http_parsed {
	HTTP_PARSED_MORE,  /* everything was used; more is needed */
	HTTP_PARSED_HEAD,  /* once, between a head and its body: go on with the rest */
	HTTP_PARSED_WHOLE, /* what follows belongs to the next request */
	HTTP_PARSED_BAD,   /* answer status and close: where the next request begins is unknown */
};

enum http_parse_state {
	HTTP_AT_REQUEST_LINE,
	HTTP_AT_FIELD,
	HTTP_AT_BODY,
	HTTP_AT_CHUNK_SIZE,
	HTTP_AT_CHUNK_DATA,
	HTTP_AT_CHUNK_END,
	HTTP_AT_TRAILER,
	HTTP_AT_END,
	HTTP_AT_REFUSAL,
};

/* Zeroed is a valid parse to begin with, once body_max is set. */
struct http_parse {
	size_t body_max;
	enum http_parse_state state;
	int status;      /* of the refusal */
	const char *why; /* one sentence for its reader */

	/* The head; texts in it are NUL-ended and given by their offsets, as it moves. */
	struct buffer head;
	size_t method, path, query; /* query: 0 is none; path is decoded */
	struct {
		uint16_t name, value;
	} fields[HTTP_FIELDS_MAX];
	size_t field_count;
	bool http10, keep_alive, expects_continue;

	struct buffer body; /* chunks are taken apart */

	/* the parser's own */
	size_t line;  /* where the line under way begins in head */
	size_t extra; /* of HTTP_EXTRA_MAX */
	size_t left;  /* bytes to come of the body or chunk */
	bool began;   /* an empty line in front has been passed over */
	bool chunked;
};

/* For the next request; keeps body_max and the memory of small buffers. */
void http_parse_reset(struct http_parse *parse);
void http_parse_free(struct http_parse *parse);

/* Takes up to size bytes; *used says how many. After WHOLE or BAD only reset may follow. */
enum http_parsed http_parse(struct http_parse *parse, const char *data, size_t size, size_t *used);

/* Nothing but perhaps an empty line has come yet. */
bool http_parse_is_empty(const struct http_parse *parse);
/* Bytes of memory it holds. */
size_t http_parse_memory(const struct http_parse *parse);

const char *http_parse_text(const struct http_parse *parse, size_t offset);
/* The value of the first field of this name (in any case) at or after *at, which is moved behind
 * it; NULL: none. */
const char *http_parse_field(const struct http_parse *parse, const char *name, size_t *at);

/* Decodes %XX (and '+' as a space if plus) in place. false: broken, or a NUL. */
bool http_decode(char *text, bool plus);

/* ---- between http_parse.c and http_head.c ---------------------------------------------------- */

/* Always false. */
bool http_refuse(struct http_parse *parse, int status, const char *why);
/* Each takes one line without its CRLF, NUL-ended, at parse->line in the head. false: refused. */
bool http_take_request_line(struct http_parse *parse, size_t len);
bool http_take_field(struct http_parse *parse, size_t len);
/* A trailer: checked as a field is, and passed over. */
bool http_check_trailer(struct http_parse *parse, size_t len);
/* The head is whole: Host, framing, connection. Sets state and left. */
bool http_take_head(struct http_parse *parse);

bool http_is_token_char(char c);
bool http_is_value_char(char c); /* of a field's value: no control characters but HTAB */
int http_hex(char c);            /* -1: no digit */

#endif
