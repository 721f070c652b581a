/*
 * The names of everything in Redis, and who writes it. The partition is in braces, so that all of
 * a partition's keys live in one Cluster slot and one MGET reads them at one moment.
 *
 *   case:{P}:NUMBER   CaseState      routing; open cases, and closed ones for some days
 *   due:{P}           sorted set     routing; score deadline_ms, member NUMBER
 *   idem:{P}:HEX      NUMBER         routing; which case an Idempotency-Key became
 *   pos:{P}           text           routing; the fence: offset of cases.events the view stands at
 *   vault:{P}:NUMBER  VaultEntry     intake; from the door until some days later
 *   ask:{P}:HEX       text           intake; the number an Idempotency-Key reserved
 *   epoch:HEX         Epoch          intake
 */
#ifndef DOMAIN_HOT_KEY_H
#define DOMAIN_HOT_KEY_H

#include <stddef.h>
#include <stdint.h>

#define HOT_KEY_SIZE 80

/* Each fills key (HOT_KEY_SIZE) and returns its length. NUMBER is written as 16 hex digits. */
size_t hot_key_case(char *key, int32_t partition, uint64_t number);
size_t hot_key_due(char *key, int32_t partition);
size_t hot_key_idem(char *key, int32_t partition, const uint8_t *ask_key, size_t size);
size_t hot_key_position(char *key, int32_t partition);
size_t hot_key_vault(char *key, int32_t partition, uint64_t number);
size_t hot_key_ask(char *key, int32_t partition, const uint8_t *ask_key, size_t size);
size_t hot_key_epoch(char *key, const uint8_t *id, size_t size);

#endif
