/*
 * Who may send for others: a file of keys, a line each, the name of its holder first and then the
 * key, with white space between; empty lines and those that begin with # are passed over. It is a
 * secret (util/secret_file.h). Used from any thread.
 */
#ifndef WEB_API_KEYS_H
#define WEB_API_KEYS_H

#include "util/arena.h"
#include "util/err.h"

#define API_KEY_LEAST 16 /* characters */

struct api_keys;

/* path "": there are none. NULL: why in err. */
struct api_keys *api_keys_load(const char *path, struct err *err) MUST_CHECK;
void api_keys_free(struct api_keys **keys); /* accepts NULL, sets NULL */
/* -1: those there were stay. */
int api_keys_reload(struct api_keys *keys, const char *path, struct err *err) MUST_CHECK;

/* The name of whoever has this key, in the arena; NULL: nobody, or key is NULL. How long it takes
 * says nothing of the keys there are. */
const char *api_keys_holder(struct api_keys *keys, struct arena *arena, const char *key);

#endif
