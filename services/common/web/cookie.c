#include "web/cookie.h"

#include <string.h>

#include "util/arena.h"

const char *cookie_read(struct http_request *request, const char *name)
{
	size_t size = strlen(name);
	const char *at = http_header(request, "Cookie");
	for (; at; at = strchr(at, ';') ? strchr(at, ';') + 1 : NULL) {
		at += strspn(at, " ");
		if (strncmp(at, name, size) == 0 && at[size] == '=')
			return arena_strndup(http_arena(request), at + size + 1,
					     strcspn(at + size + 1, "; "));
	}
	return NULL;
}

const char *cookie_write(struct arena *arena, const char *name, const char *value, int life_s,
			 bool secure)
{
	return arena_printf(arena, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s", name,
			    value, life_s, secure ? "; Secure" : "");
}
