#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

bool text_is_empty(const char *text)
{
	return !text || !*text;
}

bool text_equal(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Length of the well-formed sequence at p (RFC 3629, table of section 4); 0 when there is none. */
static size_t sequence(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t size;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	size = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (left < size)
		return 0;
	if (p[0] == 0xE0)
		low = 0xA0;
	else if (p[0] == 0xED)
		high = 0x9F;
	else if (p[0] == 0xF0)
		low = 0x90;
	else if (p[0] == 0xF4)
		high = 0x8F;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	}
	return size;
}

bool text_is_utf8(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	while (size) {
		size_t step = sequence(p, size);
		if (!step)
			return false;
		p += step;
		size -= step;
	}
	return true;
}

size_t text_code_point(const char *text, size_t size, uint32_t *code)
{
	static const unsigned char lead[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	const unsigned char *p = (const unsigned char *)text;
	size_t length = size ? sequence(p, size) : 0;
	if (!length)
		return 0;
	*code = p[0] & lead[length];
	for (size_t i = 1; i < length; i++)
		*code = *code << 6 | (p[i] & 0x3F);
	return length;
}

size_t text_put_code_point(char *out, uint32_t code)
{
	if (code < 0x80) {
		*out = (char)code;
		return 1;
	}
	size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = size - 1; i; i--, code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3F));
	out[0] = (char)((0xF00 >> size & 0xFF) | code);
	return size;
}

size_t text_cut(const char *text, size_t most)
{
	size_t length = strnlen(text, most + 1);
	if (length <= most)
		return length;
	for (length = most; length && ((unsigned char)text[length] & 0xC0) == 0x80;)
		length--;
	return length;
}

/* Leaves out characters that were cut off; what else is no UTF-8 becomes "?". In place. */
static void mend(char *text, size_t size)
{
	char *out = text;
	for (size_t step; size; text += step, size -= step) {
		step = sequence((const unsigned char *)text, size);
		if (step) {
			memmove(out, text, step);
			out += step;
			continue;
		}
		bool cut = (unsigned char)*text >= 0xC2 && (unsigned char)*text <= 0xF4;
		step = 1;
		while (cut && step < size && ((unsigned char)text[step] & 0xC0) == 0x80)
			step++;
		if (!cut)
			*out++ = '?';
	}
	*out = '\0';
}

void text_vformat(char *out, size_t room, const char *format, va_list args)
{
	if (vsnprintf(out, room, format, args) < 0)
		*out = '\0';
	mend(out, strlen(out));
}

void text_format(char *out, size_t room, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	text_vformat(out, room, format, args);
	va_end(args);
}

size_t text_byte_order_mark(const char *text, size_t size)
{
	static const char mark[] = {'\xEF', '\xBB', '\xBF'};
	return size >= sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0 ? sizeof(mark) : 0;
}

void text_hex(char *out, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;
	for (size_t i = 0; i < size; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

/* The digits of value in the base, which is 16 at most. */
static size_t write_digits(char *out, uint64_t value, unsigned base)
{
	char digits[20];
	size_t count = 0, len = 0;
	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count)
		out[len++] = digits[--count];
	out[len] = '\0';
	return len;
}

size_t text_hex_number(char *out, uint64_t value)
{
	return write_digits(out, value, 16);
}

size_t text_decimal(char *out, int64_t value)
{
	size_t sign = value < 0;
	if (sign)
		*out = '-';
	return sign + write_digits(out + sign, sign ? -(uint64_t)value : (uint64_t)value, 10);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int text_unhex(void *out, size_t size, const char *hex)
{
	uint8_t *bytes = out;
	if (strlen(hex) != 2 * size)
		return -1;
	for (size_t i = 0; i < size; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return -1;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

void text_put_be64(uint8_t out[8], uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		out[i] = (uint8_t)value;
}

uint64_t text_get_be64(const uint8_t bytes[8])
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

char *text_read_file(const char *path, size_t max, size_t *size, char reason[160])
{
	FILE *file = fopen(path, "re");
	if (!file) {
		text_format(reason, 160, "%.100s: %s", path, strerror(errno));
		return NULL;
	}
	size_t room = 4096, len = 0, got;
	char *data = x_calloc(1, room);
	while ((got = fread(data + len, 1, room - len - 1, file)) > 0) {
		len += got;
		if (len > max)
			break;
		if (room - len < 2) {
			room *= 2;
			data = x_realloc(data, room, 1);
		}
	}
	if (ferror(file) || len > max) {
		text_format(reason, 160, "%.100s: %s", path,
			    len > max ? "is too large" : "cannot be read to its end");
		free(data);
		data = NULL;
	} else {
		data[len] = '\0';
		if (size)
			*size = len;
	}
	fclose(file);
	return data;
}
