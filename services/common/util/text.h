/* Small things about text and bytes. Pure. */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool text_is_empty(const char *text);             /* NULL or "" */
bool text_equal(const char *a, const char *b);    /* NULL equals "" */
bool text_is_utf8(const char *text, size_t size); /* well-formed, RFC 3629 */
/* The code point at text; gives back its length, 0 when the size bytes begin with none. */
size_t text_code_point(const char *text, size_t size, uint32_t *code);
/* Writes the code point, which must be one; up to 4 bytes. Gives back how many. */
size_t text_put_code_point(char *out, uint32_t code);
/* Length of the longest beginning of whole characters that has at most so many bytes. */
size_t text_cut(const char *text, size_t most);
/*
 * snprintf() for texts that may hold what others wrote: what has no room, or was cut off by a
 * precision as in %.40s, goes as a whole character, and other bytes that are no UTF-8 become "?".
 */
void text_format(char *out, size_t room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void text_vformat(char *out, size_t room, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
/* How many bytes of the text's beginning are a byte order mark, which some editors put there. */
size_t text_byte_order_mark(const char *text, size_t size);
/* size bytes as lower-case hex and a NUL: room for 2 * size + 1. */
void text_hex(char *out, const void *bytes, size_t size);
/* value as lower-case hex without leading zeros, and a NUL: room for 17. Gives back its length. */
size_t text_hex_number(char *out, uint64_t value);
/* value in decimal and a NUL: room for 21. Gives back its length. */
size_t text_decimal(char *out, int64_t value);
/* -1: not hex, or not exactly size bytes. */
int text_unhex(void *out, size_t size, const char *hex);
void text_put_be64(uint8_t out[8], uint64_t value);
uint64_t text_get_be64(const uint8_t bytes[8]);

/* A whole file, NUL-terminated, malloc'ed; at most max bytes. NULL: cannot be read, why in reason.
 */
char *text_read_file(const char *path, size_t max, size_t *size, char reason[160]);

#endif
