#include "util/rate_limit.h"

#include <stdlib.h>

#include "util/alloc.h"

#define MINUTE_US INT64_C(60000000)
#define SETS      ((size_t)8 * 1024) /* a power of two */
#define WAYS      8                  /* keys that share a set */

/* Until full_us the bucket has room for more than was taken; a full one is as good as none. */
struct bucket {
	uint64_t key;
	int64_t full_us;
};

struct rate_limit {
	int64_t interval_us; /* one more for each such time; 0: no limit */
	int64_t burst_us;    /* what a full bucket holds, as time */
	struct bucket buckets[SETS][WAYS];
};

struct rate_limit *rate_limit_new(unsigned per_minute, unsigned burst)
{
	struct rate_limit *limit = x_calloc(1, sizeof(*limit));
	limit->interval_us = per_minute ? MINUTE_US / per_minute : 0;
	limit->burst_us = limit->interval_us * burst;
	return limit;
}

void rate_limit_free(struct rate_limit **limit)
{
	free(*limit);
	*limit = NULL;
}

static const struct bucket *find(const struct rate_limit *limit, uint64_t key)
{
	const struct bucket *set = limit->buckets[key % SETS];
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
	}
	return NULL;
}

int64_t rate_limit_wait_us(const struct rate_limit *limit, uint64_t key, int64_t now_us)
{
	const struct bucket *bucket = limit->interval_us ? find(limit, key) : NULL;
	if (!bucket)
		return 0;
	int64_t wait = bucket->full_us + limit->interval_us - limit->burst_us - now_us;
	return wait > 0 ? wait : 0;
}

bool rate_limit_is_fresh(const struct rate_limit *limit, uint64_t key, int64_t now_us)
{
	const struct bucket *bucket = limit->interval_us ? find(limit, key) : NULL;
	return !bucket || bucket->full_us <= now_us;
}

void rate_limit_take(struct rate_limit *limit, uint64_t key, int64_t now_us)
{
	struct bucket *set = limit->buckets[key % SETS], *bucket = set;
	if (!limit->interval_us)
		return;
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].key == key) {
			bucket = &set[i];
			break;
		}
		if (set[i].full_us < bucket->full_us)
			bucket = &set[i];
	}
	if (bucket->key != key || bucket->full_us < now_us)
		*bucket = (struct bucket){key, now_us};
	bucket->full_us += limit->interval_us;
	/* what is refused does not make the wait longer */
	if (bucket->full_us > now_us + limit->burst_us)
		bucket->full_us = now_us + limit->burst_us;
}
