/* Cookies (RFC 6265). */
#ifndef WEB_COOKIE_H
#define WEB_COOKIE_H

#include <stdbool.h>

#include "client/http.h"

/* The value of the request's cookie of that name, in its arena; NULL: there is none. */
const char *cookie_read(struct http_request *request, const char *name);
/* A Set-Cookie field for the whole site, out of reach of scripts and of other sites' forms; life_s
 * 0 takes it away. secure: for https alone. */
const char *cookie_write(struct arena *arena, const char *name, const char *value, int life_s,
			 bool secure);

#endif
