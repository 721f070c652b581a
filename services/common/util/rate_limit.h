/*
 * Token buckets for any number of keys in a fixed memory (the generic cell rate algorithm: a bucket
 * is one point in time). Keys that have least to remember are forgotten first. Pure: told the time;
 * not for two threads at once.
 */
#ifndef UTIL_RATE_LIMIT_H
#define UTIL_RATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_limit;

/* burst at once, and per_minute in the long run, for each key; per_minute 0: no limit. */
struct rate_limit *rate_limit_new(unsigned per_minute, unsigned burst);
void rate_limit_free(struct rate_limit **limit); /* accepts NULL, sets NULL */

/* Keys should be well mixed, by a hash that strangers cannot predict. */
/* Microseconds until the key may take one; 0: now. */
int64_t rate_limit_wait_us(const struct rate_limit *limit, uint64_t key, int64_t now_us);
/* Takes one, whether or not there is one. */
void rate_limit_take(struct rate_limit *limit, uint64_t key, int64_t now_us);
/* Nothing that was taken still counts. */
bool rate_limit_is_fresh(const struct rate_limit *limit, uint64_t key, int64_t now_us);

#endif
