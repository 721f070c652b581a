/*
 * Those who follow a case: server-sent events at each change, within a second. One thread looks at
 * all of them some times a second, many with one round trip to Redis.
 */
#ifndef PORTAL_EVENT_STREAM_H
#define PORTAL_EVENT_STREAM_H

#include "client/http.h"
#include "record/lookup.h"

struct event_streams;

/* Looks a case up, whose stream has proven to be entitled, and makes its JSON (malloc'ed, when it
 * was found). From the streams' thread. */
typedef enum lookup_outcome event_stream_show(void *self, struct lookup *lookup,
					      struct arena *arena, uint64_t number,
					      const char *language, struct found_case *found,
					      char **json);

struct event_stream_options {
	size_t most, most_of_case; /* streams at a time */
	size_t most_of_ip;         /* of an IPv4 address or IPv6 /64; 0: no limit */
	/* After so long without a change a stream gets a comment, so that proxies keep the
	 * connection. */
	int64_t beat_ms;
};

/* lookup: used by the streams' thread alone until event_streams_stop. */
struct event_streams *event_streams_new(struct lookup *lookup,
					const struct event_stream_options *options,
					event_stream_show *show, void *self);
/* Ends all streams and begins no more; event_streams_add may still be called. */
void event_streams_stop(struct event_streams *streams);
void event_streams_free(struct event_streams **streams);

/* Answers the request with a stream that begins with json; 429 when the case or the client has too
 * many, 503 when all have. cookie: to be set. From any thread. */
void event_streams_add(struct event_streams *streams, struct http_request *request,
		       const struct found_case *found, const char *language, const char *cookie,
		       const char *json);

#endif
