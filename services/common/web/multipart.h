/* Forms as multipart/form-data (RFC 7578), whole in memory. Pure. */
#ifndef WEB_MULTIPART_H
#define WEB_MULTIPART_H

#include "web/form.h"

/* Whether this Content-Type is one. */
bool multipart_is(const char *type);
/*
 * Fields in their order; a part with a file name is none, *file is set to its field's name (else to
 * NULL) and its content is passed over. false: no such form, or one with too many fields.
 * Everything is in the arena.
 */
bool multipart_parse(struct arena *arena, const char *type, const char *body, size_t size,
		     struct form *form, const char **file);

#endif
