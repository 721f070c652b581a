/*
 * The names of everything in Redis, and who writes it. The partition is in braces, so that all of
 * a partition's keys live in one Cluster slot and one MGET reads them at one moment.
 *
 *   case:{P}:NUMBER     CaseState      routing; open cases, and closed ones for some days
 *   due:{P}             sorted set     routing; every case of case:{P}, so that one that is missing
 * there is known; score deadline_ms, +inf while no clock runs, and of a case that is over minus the
 * time until which it is kept idem:{P}            hash           routing; which case an
 * Idempotency-Key became: HEX to NUMBER pos:{P}             text           routing; the fence:
 * whose view it is, the offset of cases.events it stands at, how many cases due:{P} holds
 *   contact:{P}:NUMBER  CachedContact  intake; from the door until some days later
 *   reservations:{P}    hash           intake; the number each Idempotency-Key was given, and a
 * mark (intake/reservations.h) epoch:HEX           Epoch          intake
 */
#ifndef CLIENT_REDIS_KEY_H
#define CLIENT_REDIS_KEY_H

#include <stddef.h>
#include <stdint.h>

#define REDIS_KEY_SIZE 80

/* Each fills key (REDIS_KEY_SIZE) and returns its length. NUMBER is written as 16 hex digits. */
size_t redis_key_case(char *key, int32_t partition, uint64_t number);
size_t redis_key_due(char *key, int32_t partition);
size_t redis_key_idem(char *key, int32_t partition);
size_t redis_key_position(char *key, int32_t partition);
size_t redis_key_contact(char *key, int32_t partition, uint64_t number);
size_t redis_key_reservations(char *key, int32_t partition);
size_t redis_key_epoch(char *key, const uint8_t *id, size_t size);

#endif
