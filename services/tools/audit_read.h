/* Reads what the portal gave: heads, hashes, paths. */
#ifndef TOOLS_AUDIT_READ_H
#define TOOLS_AUDIT_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "audit.h"

/* A file that is not what it should be: ends the process with 2. */
_Noreturn void audit_refuse(const char *file, const char *why);
json_t *audit_read_json(const char *file);

bool audit_read_hash(const json_t *text, struct ledger_hash *hash);
bool audit_read_head(json_t *object, struct ledger_head *head);
/* most: hashes that path has room for. */
size_t audit_read_path(const char *file, const json_t *list, struct ledger_hash *path, size_t most);

void audit_print_head(const char *name, const struct ledger_head *head);

/* Is this head among those that were kept? */
enum audit_known {
	AUDIT_NOT_KEPT, /* none of its partition and size */
	AUDIT_KEPT,
	AUDIT_OTHER, /* the kept one of its partition and size has another root */
};
enum audit_known audit_compare(const struct audit_kept *kept, const struct ledger_head *head);

#endif
