/* Small things about text and bytes. Pure. */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool text_is_empty(const char *text);             /* NULL or "" */
bool text_equal(const char *a, const char *b);    /* NULL equals "" */
bool text_is_utf8(const char *text, size_t size); /* well-formed, RFC 3629 */
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
