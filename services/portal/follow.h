/*
 * Those who follow a case: server-sent events at each change, within a second. One thread looks at
 * all of them some times a second, many with one round trip to Redis.
 */
#ifndef PORTAL_FOLLOW_H
#define PORTAL_FOLLOW_H

#include "client/http.h"
#include "lookup.h"

struct followers;

/* Looks a case up and makes its JSON (malloc'ed, when it was found). From the followers' thread. */
typedef enum lookup_outcome follow_show(void *self, struct arena *arena, uint64_t number,
					const char *receipt, const char *language,
					struct found_case *found, char **json);

/* lookup: used by the followers' thread alone until followers_stop. most: streams at a time.
 * beat_ms: after so long without a change a stream gets a comment, so that proxies keep the
 * connection and those who have gone are noticed. */
struct followers *followers_new(struct lookup *lookup, size_t most, int64_t beat_ms,
				follow_show *show, void *self);
/* Ends all streams and begins no more; followers_add may still be called. */
void followers_stop(struct followers *followers);
void followers_free(struct followers **followers);

/* Answers the request with a stream that begins with json; 503 when there are too many. From any
 * thread. */
void followers_add(struct followers *followers, struct http_request *request,
		   const struct found_case *found, const char *receipt, const char *language,
		   const char *json);

#endif
