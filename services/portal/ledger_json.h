/* A ledger in JSON, as docs/ledger.md writes it. */
#ifndef PORTAL_LEDGER_JSON_H
#define PORTAL_LEDGER_JSON_H

#include <jansson.h>

#include "domain/ledger_head.h"

json_t *ledger_head_text(const struct ledger_head *head);
json_t *ledger_hash_text(const struct ledger_hash *hash);
json_t *ledger_path_text(const struct ledger_hash *path, size_t count);

#endif
