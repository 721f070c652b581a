#include "util/json_read.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/text.h"

struct reader {
	struct arena *arena;
	const char *at, *end;
	size_t values;
	enum json_fault_kind fault; /* of what made reading fail */
};

/* ---- characters ----------------------------------------------------------------------------- */

static void pass_space(struct reader *in)
{
	while (in->at < in->end &&
	       (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t'))
		in->at++;
}

/* Passes over the character if it comes next. */
static bool pass(struct reader *in, char c)
{
	if (in->at == in->end || *in->at != c)
		return false;
	in->at++;
	return true;
}

static bool pass_word(struct reader *in, const char *word)
{
	size_t length = strlen(word);
	if ((size_t)(in->end - in->at) < length || memcmp(in->at, word, length) != 0)
		return false;
	in->at += length;
	return true;
}

/* Four hex digits; -1: there are none. */
static int read_hex(struct reader *in)
{
	uint8_t bytes[2];
	char digits[5] = "";
	if (in->end - in->at < 4)
		return -1;
	memcpy(digits, in->at, 4);
	if (text_unhex(bytes, sizeof(bytes), digits))
		return -1;
	in->at += 4;
	return bytes[0] << 8 | bytes[1];
}

/* ---- strings -------------------------------------------------------------------------------- */

/* After "\u". Half a surrogate pair and U+0000 are no character. */
static bool read_code_point(struct reader *in, uint32_t *code)
{
	int high = read_hex(in), low;
	if (high <= 0 || (high >= 0xDC00 && high < 0xE000))
		return false;
	*code = (uint32_t)high;
	if (high < 0xD800 || high >= 0xE000)
		return true;
	if (!pass(in, '\\') || !pass(in, 'u'))
		return false;
	low = read_hex(in);
	*code = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
	return low >= 0xDC00 && low < 0xE000;
}

/* After the backslash. NULL: there is no such escape. */
static char *read_escape(struct reader *in, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t code;
	const char *plain = in->at < in->end && *in->at ? strchr(from, *in->at) : NULL;
	if (plain) {
		in->at++;
		*out = to[plain - from];
		return out + 1;
	}
	if (!pass(in, 'u') || !read_code_point(in, &code))
		return NULL;
	return out + text_put_code_point(out, code);
}

/* Where the string ends that begins at from; NULL: nowhere. */
static const char *closing_quote(const char *from, const char *end)
{
	for (const char *at = from; at < end; at++) {
		if (*at == '"')
			return at;
		at += *at == '\\';
	}
	return NULL;
}

/* Copies what needs no look: eight bytes of plain ASCII at a time. */
static char *copy_plain(struct reader *in, const char *stop, char *out)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t word;
	for (; stop - in->at >= 8; in->at += 8, out += 8) {
		memcpy(&word, in->at, 8);
		uint64_t slash = word ^ (ones * '\\');
		/* a byte of 0x80 or more, one below a space, or a backslash */
		if ((word | (word - ones * ' ') | (slash - ones)) & tops)
			break;
		memcpy(out, &word, 8);
	}
	return out;
}

static char *copy_character(struct reader *in, const char *stop, char *out)
{
	uint32_t code;
	size_t step = text_code_point(in->at, (size_t)(stop - in->at), &code);
	if (!step)
		in->fault = JSON_FAULT_ENCODING;
	if (!step || code < 0x20)
		return NULL;
	memcpy(out, in->at, step);
	in->at += step;
	return out + step;
}

/* At the opening quote. What is made is never longer than what is read. */
static const char *read_string(struct reader *in)
{
	const char *stop = closing_quote(in->at + 1, in->end);
	if (!stop) {
		in->at = in->end;
		return NULL;
	}
	in->at++;
	char *text = arena_take(in->arena, (size_t)(stop - in->at) + 1), *out = text;
	while (out && in->at < stop) {
		out = copy_plain(in, stop, out);
		if (in->at < stop)
			out = pass(in, '\\') ? read_escape(in, out) : copy_character(in, stop, out);
	}
	if (!out)
		return NULL;
	*out = '\0';
	in->at = stop + 1;
	return text;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static bool pass_digits(struct reader *in)
{
	const char *from = in->at;
	while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
		in->at++;
	return in->at > from;
}

static const char *read_number(struct reader *in)
{
	const char *from = in->at;
	pass(in, '-');
	if (!pass(in, '0') && !pass_digits(in))
		return NULL;
	if (pass(in, '.') && !pass_digits(in))
		return NULL;
	if (pass(in, 'e') || pass(in, 'E')) {
		if (!pass(in, '+'))
			pass(in, '-');
		if (!pass_digits(in))
			return NULL;
	}
	return arena_strndup(in->arena, from, (size_t)(in->at - from));
}

static bool read_value(struct reader *in, struct json_node *node, int depth);

static bool read_name(struct reader *in, const struct json_node *object, struct json_node *member)
{
	if (in->at == in->end || *in->at != '"' || !(member->name = read_string(in)))
		return false;
	for (const struct json_node *other = object->first; other; other = other->next) {
		if (strcmp(other->name, member->name) == 0) {
			in->fault = JSON_FAULT_REPEATED;
			return false;
		}
	}
	pass_space(in);
	return pass(in, ':');
}

/* At the opening bracket. */
static bool read_elements(struct reader *in, struct json_node *node, int depth)
{
	bool is_object = node->kind == JSON_KIND_OBJECT;
	char close = is_object ? '}' : ']';
	const struct json_node **last = &node->first;
	in->at++;
	pass_space(in);
	if (pass(in, close))
		return true;
	do {
		struct json_node *one = arena_zero(in->arena, sizeof(*one));
		if (++node->count > JSON_READ_MEMBERS && is_object) {
			in->fault = JSON_FAULT_BOUNDS;
			return false;
		}
		pass_space(in);
		if ((is_object && !read_name(in, node, one)) || !read_value(in, one, depth + 1))
			return false;
		*last = one;
		last = (const struct json_node **)&one->next;
		pass_space(in);
	} while (pass(in, ','));
	return pass(in, close);
}

static bool read_value(struct reader *in, struct json_node *node, int depth)
{
	static const char *const words[] = {"null", "false", "true"};
	pass_space(in);
	if (depth > JSON_READ_DEPTH || ++in->values > JSON_READ_VALUES) {
		in->fault = JSON_FAULT_BOUNDS;
		return false;
	}
	char c = in->at < in->end ? *in->at : '\0';
	if (c == '{' || c == '[') {
		node->kind = c == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
		return read_elements(in, node, depth);
	}
	if (c == '"') {
		node->kind = JSON_KIND_STRING;
		node->text = read_string(in);
		return node->text != NULL;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		node->kind = (enum json_kind)i;
		if (c == *words[i])
			return pass_word(in, words[i]);
	}
	node->kind = JSON_KIND_NUMBER;
	node->text = read_number(in);
	return node->text != NULL;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void set_fault(struct json_fault *fault, const struct reader *in, const char *text)
{
	*fault = (struct json_fault){in->fault, 1, 1};
	for (; text < in->at; text++) {
		fault->column = *text == '\n' ? 1 : fault->column + 1;
		fault->line += *text == '\n';
	}
}

const struct json_node *json_read(struct arena *arena, const char *text, size_t size,
				  struct json_fault *fault)
{
	struct reader in = {arena, text, text + size, 0, JSON_FAULT_SYNTAX};
	struct json_node *root = arena_zero(arena, sizeof(*root));
	bool fine = read_value(&in, root, 0);
	if (fine)
		pass_space(&in);
	if (fine && in.at == in.end)
		return root;
	set_fault(fault, &in, text);
	return NULL;
}
