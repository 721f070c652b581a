/* What the lines of a request's head mean (RFC 9112 3 to 6, RFC 9110 5 and 7). */
#include <string.h>
#include <strings.h>

#include "client/http_parse.h"
#include "util/text.h"

#define METHOD_MAX        32
#define LENGTH_DIGITS_MAX 18 /* so that no length overflows */

/* ---- characters ----------------------------------------------------------------------------- */

/* Bit c of a set says that the byte c belongs to it. */
typedef const uint64_t byte_set[4];

static byte_set token = {0x03FF6CFA00000000, 0x57FFFFFFC7FFFFFE, 0, 0};
static byte_set value = {0xFFFFFFFF00000200, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF,
			 0xFFFFFFFFFFFFFFFF};
/* RFC 3986's path, and what browsers leave as it is: [ ] | */
static byte_set path_bytes = {0x2FFFFFF200000000, 0x57FFFFFEAFFFFFFF, 0, 0};
/* a query also: ? \ ^ ` { } */
static byte_set query_bytes = {0xAFFFFFF200000000, 0x7FFFFFFFFFFFFFFF, 0, 0};
/* a name of RFC 3986, without the comma that would be two hosts in one */
static byte_set host_bytes = {0x2BFF6FF200000000, 0x47FFFFFE87FFFFFE, 0, 0};
static byte_set ip6_bytes = {0x07FF400000000000, 0x0000007E0000007E, 0, 0};

static bool is_in(byte_set set, char c)
{
	return set[(uint8_t)c >> 6] >> ((uint8_t)c & 63) & 1;
}

bool http_is_token_char(char c)
{
	return is_in(token, c);
}

bool http_is_value_char(char c)
{
	return is_in(value, c);
}

/* How many bytes at the beginning are in the set. */
static size_t span(byte_set set, const char *text)
{
	size_t size = 0;
	while (is_in(set, text[size]))
		size++;
	return size;
}

int http_hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool http_decode(char *text, bool plus)
{
	char *to = text;
	for (const char *c = text; *c; c++) {
		if (*c != '%') {
			*to++ = plus && *c == '+' ? ' ' : *c;
			continue;
		}
		int high = http_hex(c[1]), low = high < 0 ? -1 : http_hex(c[2]);
		if (low < 0 || (high | low) == 0)
			return false;
		*to++ = (char)(high << 4 | low);
		c += 2;
	}
	*to = '\0';
	return true;
}

/* ---- the request line ----------------------------------------------------------------------- */

/* true: every % has two digits and none of them makes a NUL. */
static bool is_encoded(const char *text)
{
	for (; (text = strchr(text, '%')); text += 3) {
		int high = http_hex(text[1]), low = high < 0 ? -1 : http_hex(text[2]);
		if (low < 0 || (high | low) == 0)
			return false;
	}
	return true;
}

/* A slash or a control character that was hidden from whoever looked at the path before us. */
static bool hides_something(const char *text)
{
	for (; (text = strchr(text, '%')); text += 3) {
		int c = http_hex(text[1]) << 4 | http_hex(text[2]);
		if (c == '/' || c == '\\' || c < 0x20 || c == 0x7F)
			return true;
	}
	return false;
}

static bool take_path(struct http_parse *parse, char *path)
{
	char *query = strchr(path, '?');
	if (query) {
		*query++ = '\0';
		parse->query = (size_t)(query - parse->head.data);
		if (query[span(query_bytes, query)] || !is_encoded(query))
			return http_refuse(parse, 400, "the query is malformed");
	}
	if (path[span(path_bytes, path)] || !is_encoded(path) || hides_something(path) ||
	    !http_decode(path, false) || !text_is_utf8(path, strlen(path)))
		return http_refuse(parse, 400, "the path is malformed");
	parse->path = (size_t)(path - parse->head.data);
	return true;
}

/*
 * "http://host/path": what is before the path is moved to the front of the target and compared with
 * Host later (parse->left keeps where it is until then; 0: there is none).
 */
static bool take_absolute(struct http_parse *parse, char *target)
{
	size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
			: strncasecmp(target, "https://", 8) == 0 ? 8
								  : 0;
	if (!scheme)
		return http_refuse(parse, 400, "the request target is malformed");
	size_t host = strcspn(target + scheme, "/?");
	memmove(target, target + scheme, host);
	target[host] = '\0';
	parse->left = (size_t)(target - parse->head.data);
	char *path = target + scheme + host;
	if (*path == '/')
		return take_path(parse, path);
	/* "http://host" and "http://host?query" have the path "/" (RFC 9110 4.2.3) */
	path[-1] = '/';
	return take_path(parse, path - 1);
}

static bool take_target(struct http_parse *parse, char *target)
{
	const char *method = http_parse_text(parse, parse->method);
	if (*target == '/')
		return take_path(parse, target);
	if (strcmp(method, "CONNECT") == 0)
		return http_refuse(parse, 501, "this is no proxy");
	if (strcmp(target, "*") == 0 && strcmp(method, "OPTIONS") == 0) {
		parse->path = (size_t)(target - parse->head.data);
		return true;
	}
	return take_absolute(parse, target);
}

static bool take_version(struct http_parse *parse, const char *version)
{
	if (strcmp(version, "HTTP/1.1") == 0)
		return true;
	if (strcmp(version, "HTTP/1.0") == 0)
		return parse->http10 = true;
	if (strncmp(version, "HTTP/", 5) == 0 && version[5] >= '0' && version[5] <= '9' &&
	    version[6] == '.' && version[7] >= '0' && version[7] <= '9' && !version[8])
		return http_refuse(parse, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	return http_refuse(parse, 400, "the request line is malformed");
}

bool http_take_request_line(struct http_parse *parse, size_t len)
{
	char *line = parse->head.data + parse->line;
	size_t method = span(token, line);
	char *target = line + method + 1;
	if (!method || line[method] != ' ' || strlen(line) != len)
		return http_refuse(parse, 400, "the request line is malformed");
	line[method] = '\0';
	if (method > METHOD_MAX)
		return http_refuse(parse, 501, "there is no such method");
	char *space = strchr(target, ' ');
	if (!space || space == target)
		return http_refuse(parse, 400, "the request line is malformed");
	*space = '\0';
	parse->method = parse->line;
	parse->state = HTTP_AT_FIELD;
	return take_version(parse, space + 1) && take_target(parse, target);
}

/* ---- fields --------------------------------------------------------------------------------- */

/* Splits "name: value" in place; NULL: it is malformed. */
static char *split_field(char *line, size_t len)
{
	size_t name = span(token, line);
	char *begin = line + name + 1, *end = line + len;
	if (!name || line[name] != ':' || begin + span(value, begin) != end)
		return NULL;
	line[name] = '\0';
	while (*begin == ' ' || *begin == '\t')
		begin++;
	while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return begin;
}

bool http_check_trailer(struct http_parse *parse, size_t len)
{
	return split_field(parse->head.data + parse->line, len) ||
	       http_refuse(parse, 400, "a trailer field is malformed");
}

/* "Content_Length" is another name, but not to every reader behind or before us. */
static bool resembles(const char *name, const char *wanted)
{
	for (; *name && *wanted; name++, wanted++) {
		char c = *name == '_' ? '-' : *name;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (c != *wanted)
			return false;
	}
	return *name == *wanted;
}

static bool is_disguised(const char *name)
{
	return strchr(name, '_') &&
	       (resembles(name, "content-length") || resembles(name, "transfer-encoding"));
}

bool http_take_field(struct http_parse *parse, size_t len)
{
	char *line = parse->head.data + parse->line, *begin = split_field(line, len);
	if (!begin)
		return http_refuse(parse, 400, "a header field is malformed");
	if (is_disguised(line))
		return http_refuse(parse, 400, "a header field's name is misleading");
	if (parse->field_count == HTTP_FIELDS_MAX)
		return http_refuse(parse, 431, "too many header fields");
	parse->fields[parse->field_count].name = (uint16_t)parse->line;
	parse->fields[parse->field_count].value = (uint16_t)(begin - parse->head.data);
	parse->field_count++;
	return true;
}

const char *http_parse_field(const struct http_parse *parse, const char *name, size_t *at)
{
	while (*at < parse->field_count) {
		size_t i = (*at)++;
		if (strcasecmp(parse->head.data + parse->fields[i].name, name) == 0)
			return parse->head.data + parse->fields[i].value;
	}
	return NULL;
}

/* ---- the whole head ------------------------------------------------------------------------- */

/* Fields that mean one thing: a second one, even a like one, is a mistake or a trick. */
static const char *const singletons[] = {"host",          "content-length",   "transfer-encoding",
					 "content-type",  "content-encoding", "expect",
					 "authorization", "idempotency-key"};
enum { HOST, LENGTH, CODING, TYPE, ENCODING, EXPECT, SINGLETONS = 8 };

static bool find_singletons(struct http_parse *parse, const char *found[SINGLETONS])
{
	for (size_t i = 0; i < parse->field_count; i++) {
		const char *name = parse->head.data + parse->fields[i].name;
		for (size_t k = 0; k < SINGLETONS; k++) {
			if (strcasecmp(name, singletons[k]) != 0)
				continue;
			if (found[k])
				return http_refuse(parse, 400, "a header field comes twice");
			found[k] = parse->head.data + parse->fields[i].value;
		}
	}
	return true;
}

/* uri-host [":" port], not empty */
static bool is_host(const char *host)
{
	size_t size;
	if (*host == '[') {
		size = 1 + span(ip6_bytes, host + 1);
		if (size == 1 || host[size++] != ']')
			return false;
	} else {
		size = span(host_bytes, host);
		if (!size || !is_encoded(host))
			return false;
	}
	const char *port = host + size;
	return !*port || (*port == ':' && strspn(port + 1, "0123456789") == strlen(port + 1) &&
			  strlen(port) <= 6);
}

static bool take_host(struct http_parse *parse, const char *host)
{
	size_t named = parse->left; /* by take_absolute */
	parse->left = 0;
	if (!host && !parse->http10)
		return http_refuse(parse, 400, "a Host field is needed");
	if (host && !is_host(host))
		return http_refuse(parse, 400, "the Host field is malformed");
	if (named && (!host || strcasecmp(host, http_parse_text(parse, named)) != 0))
		return http_refuse(parse, 400, "the request target names another host");
	return true;
}

/* Does a comma-separated list have this word? */
static bool has_word(const char *list, const char *word)
{
	size_t size = strlen(word);
	while (*list) {
		list += strspn(list, ", \t");
		size_t len = strcspn(list, ", \t");
		if (len == size && strncasecmp(list, word, size) == 0)
			return true;
		list += len;
	}
	return false;
}

static void take_connection(struct http_parse *parse)
{
	const char *list;
	bool close = false, keep = false;
	for (size_t at = 0; (list = http_parse_field(parse, "connection", &at));) {
		close |= has_word(list, "close");
		keep |= has_word(list, "keep-alive");
	}
	parse->keep_alive = !close && (!parse->http10 || keep);
}

static bool take_length(struct http_parse *parse, const char *text)
{
	size_t digits = strspn(text, "0123456789");
	if (!digits || text[digits])
		return http_refuse(parse, 400, "Content-Length is no number");
	if (digits > LENGTH_DIGITS_MAX)
		return http_refuse(parse, 413, NULL);
	for (size_t i = 0; i < digits; i++)
		parse->left = parse->left * 10 + (size_t)(text[i] - '0');
	if (parse->left > parse->body_max)
		return http_refuse(parse, 413, NULL);
	parse->state = parse->left ? HTTP_AT_BODY : HTTP_AT_END;
	return true;
}

/* A list of codings, as far as characters go: one that is none is a trick rather than a coding. */
static bool is_coding_list(const char *text)
{
	size_t words = 0;
	for (; *text; text++) {
		if (!is_in(token, *text) && !strchr(", \t;=", *text))
			return false;
		words += is_in(token, *text);
	}
	return words > 0;
}

static bool take_coding(struct http_parse *parse, const char *coding, const char *length)
{
	if (length)
		return http_refuse(parse, 400, "Content-Length beside Transfer-Encoding");
	if (parse->http10)
		return http_refuse(parse, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (!is_coding_list(coding))
		return http_refuse(parse, 400, "Transfer-Encoding is malformed");
	if (strcasecmp(coding, "chunked") != 0)
		return http_refuse(parse, 501, "only the transfer coding chunked is known");
	parse->chunked = true;
	parse->state = HTTP_AT_CHUNK_SIZE;
	return true;
}

static bool take_expectation(struct http_parse *parse, const char *expect)
{
	if (!expect || parse->http10) /* RFC 9110 10.1.1 */
		return true;
	if (strcasecmp(expect, "100-continue") != 0)
		return http_refuse(parse, 417, "only 100-continue can be expected");
	parse->expects_continue = true;
	return true;
}

bool http_take_head(struct http_parse *parse)
{
	const char *found[SINGLETONS] = {NULL};
	parse->state = HTTP_AT_END;
	take_connection(parse);
	if (!find_singletons(parse, found) || !take_host(parse, found[HOST]) ||
	    !take_expectation(parse, found[EXPECT]))
		return false;
	if (found[CODING])
		return take_coding(parse, found[CODING], found[LENGTH]);
	return !found[LENGTH] || take_length(parse, found[LENGTH]);
}
