/* The letter about a message that could not be processed. Pure. */
#ifndef RUNTIME_DEAD_LETTER_H
#define RUNTIME_DEAD_LETTER_H

#include "runtime/service.h"

/* A key this long is still written beside the letter and whole in a truncated one. */
#define DEAD_LETTER_KEY_MOST ((size_t)1024)

/* Packed, in the arena. Larger than most it would be truncated: always below 8 KiB, whatever the
 * message was. */
void *dead_letter_pack(struct arena *arena, const struct item *item, const char *service,
		       int64_t now_ms, size_t most, size_t *size);

#endif
