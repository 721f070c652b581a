/*
 * What a page gives its reader to bring back, in a hidden field or a cookie, unread and unchanged:
 * a draft, who has opened which case. XChaCha20-Poly1305 with a random nonce under the site's key;
 * good for one purpose and until its hour. Nothing is stored here for it. Pure but for the nonce.
 */
#ifndef WEB_SEALED_VALUE_H
#define WEB_SEALED_VALUE_H

#include <stdint.h>

#include "util/arena.h"

#define SEALED_VALUE_KEY_SIZE 32

/* URL-safe base64, in the arena. purpose tells sorts apart: "draft", "case". */
const char *sealed_value_make(struct arena *arena, const uint8_t key[SEALED_VALUE_KEY_SIZE],
			      const char *purpose, const char *text, int64_t until_ms);
/* NULL: not made by this key for this purpose, or its hour is over. */
const char *sealed_value_open(struct arena *arena, const uint8_t key[SEALED_VALUE_KEY_SIZE],
			      const char *purpose, const char *sealed, int64_t now_ms);

#endif
