#include "event_stream.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain/case_state.h"
#include "domain/language_tag.h"
#include "util/metrics.h"
#include "util/alloc.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/log.h"

#define LOOK_US 250000 /* how often followed cases are looked at */
#define AT_ONCE 256    /* of them with one round trip */

/* Somebody who follows a case. */
struct event_stream {
	uint64_t number, shown; /* shown: the case whose events count (an alias's other one) */
	uint32_t version;
	int64_t beat_ms;
	struct net_address network; /* of who follows */
	_Atomic bool gone;          /* the client has; the stream is still to be ended */
	char language[LANGUAGE_PREFERENCES_SIZE];
	struct http_stream *stream; /* NULL: ended */
	struct event_stream *next;
};

struct event_streams {
	struct lookup *lookup;
	struct event_stream_options options;
	event_stream_show *show;
	void *self;
	/* Of the list, for all but the thread, which alone takes out of it: so it may read without.
	 */
	pthread_mutex_t lock;
	struct event_stream *first;
	pthread_t thread;
	_Atomic bool stopping;
	struct metric *following, *refused;
	struct log_limit trouble;
};

static void send_to(struct event_stream *stream, const void *data, size_t size)
{
	if (http_stream_send(stream->stream, data, size))
		http_stream_end(&stream->stream);
}

static void send_case(struct event_stream *stream, const char *json)
{
	struct buffer event = {0};
	buffer_printf(&event, "event: case\nid: %u\ndata: %s\n\n", stream->version, json);
	send_to(stream, event.data, event.len);
	buffer_free(&event);
}

/* ---- one more ------------------------------------------------------------------------------- */

static void on_gone(void *self)
{
	struct event_stream *stream = self;
	stream->gone = true;
}

/* As many addresses as one household may have count as one. */
static struct net_address network_of(const struct http_request *request)
{
	return net_address_network(http_peer(request), 32, 64);
}

static struct event_stream *new_stream(struct http_request *request, const struct found_case *found,
				       const char *language, const char *cookie)
{
	/* proxies that gather a reply before they pass it on would pass on nothing */
	const struct http_field fields[] = {{"Cache-Control", "no-store, no-transform"},
					    {"X-Accel-Buffering", "no"},
					    {"Set-Cookie", cookie},
					    {NULL, NULL}};
	struct event_stream *stream = x_calloc(1, sizeof(*stream));
	stream->number = found->number;
	stream->shown = found->state ? found->state->number : found->number;
	stream->version = found->state ? case_public_version(found->state) : 0;
	stream->beat_ms = clock_now_ms();
	stream->network = network_of(request);
	snprintf(stream->language, sizeof(stream->language), "%s", language);
	stream->stream = http_stream_start(request, "text/event-stream", fields);
	http_stream_watch(stream->stream, on_gone, stream);
	return stream;
}

/* 0, or the status that says why there is no room. With the lock held. */
static int refusal(const struct event_streams *streams, uint64_t number,
		   const struct http_request *request)
{
	const struct net_address network = network_of(request);
	const struct event_stream_options *options = &streams->options;
	size_t all = 0, of_case = 0, of_network = 0;
	for (const struct event_stream *other = streams->first; other; other = other->next) {
		if (other->gone)
			continue;
		all++;
		of_case += other->number == number;
		of_network += memcmp(&other->network, &network, sizeof(network)) == 0;
	}
	if (of_case >= options->most_of_case ||
	    (options->most_of_ip && of_network >= options->most_of_ip))
		return 429;
	return all >= streams->options.most || streams->stopping ? 503 : 0;
}

static void refuse(struct event_streams *streams, struct http_request *request, int status)
{
	metric_add(streams->refused, 1);
	http_problem_later(request, status, "too-many-streams",
			   status == 429 ? "this case, or from this address, is followed too often"
					 : "too many follow cases at present",
			   10);
}

void event_streams_add(struct event_streams *streams, struct http_request *request,
		       const struct found_case *found, const char *language, const char *cookie,
		       const char *json)
{
	pthread_mutex_lock(&streams->lock);
	int status = refusal(streams, found->number, request);
	if (!status) {
		struct event_stream *stream = new_stream(request, found, language, cookie);
		send_case(stream, json);
		stream->next = streams->first;
		streams->first = stream;
	}
	pthread_mutex_unlock(&streams->lock);
	if (status)
		refuse(streams, request, status);
}

/* ---- changes -------------------------------------------------------------------------------- */

static void show_change(struct event_streams *streams, struct arena *arena,
			struct event_stream *stream, uint32_t version, int64_t now_ms)
{
	struct found_case found;
	char *json;
	if (streams->show(streams->self, streams->lookup, arena, stream->number, stream->language,
			  &found, &json) != LOOKUP_FOUND)
		return;
	stream->shown = found.state ? found.state->number : stream->shown;
	stream->version = version;
	stream->beat_ms = now_ms;
	send_case(stream, json);
	free(json);
}

static void look_at(struct event_streams *streams, struct arena *arena, struct event_stream **some,
		    size_t count)
{
	uint64_t numbers[AT_ONCE];
	uint32_t versions[AT_ONCE];
	int64_t now_ms = clock_now_ms();
	for (size_t i = 0; i < count; i++)
		numbers[i] = some[i]->shown;
	lookup_versions(streams->lookup, arena, numbers, count, versions);
	if (lookup_trouble(streams->lookup))
		log_limited(&streams->trouble, 0, "changes cannot be looked for at present: %s",
			    lookup_trouble(streams->lookup));
	for (size_t i = 0; i < count; i++) {
		if (versions[i] > some[i]->version) {
			show_change(streams, arena, some[i], versions[i], now_ms);
		} else if (now_ms - some[i]->beat_ms > streams->options.beat_ms) {
			some[i]->beat_ms = now_ms;
			send_to(some[i], ":\n\n", 3);
		}
	}
	arena_reset(arena);
}

static void look_at_all(struct event_streams *streams, struct arena *arena)
{
	struct event_stream *some[AT_ONCE];
	size_t count = 0;
	pthread_mutex_lock(&streams->lock);
	struct event_stream *stream = streams->first;
	pthread_mutex_unlock(&streams->lock);
	for (; stream; stream = stream->next) {
		if (stream->stream && !stream->gone)
			some[count++] = stream;
		if (count == AT_ONCE || (count && !stream->next)) {
			look_at(streams, arena, some, count);
			count = 0;
		}
	}
}

static void drop_those_gone(struct event_streams *streams)
{
	int64_t left = 0;
	pthread_mutex_lock(&streams->lock);
	for (struct event_stream **at = &streams->first; *at;) {
		struct event_stream *stream = *at;
		if (stream->stream && !stream->gone && !streams->stopping) {
			at = &stream->next;
			left++;
			continue;
		}
		*at = stream->next;
		if (stream->stream)
			http_stream_end(&stream->stream);
		free(stream);
	}
	metric_set(streams->following, left);
	pthread_mutex_unlock(&streams->lock);
}

static void *run(void *self)
{
	struct event_streams *streams = self;
	struct arena *arena = arena_new();
	while (!streams->stopping) {
		usleep(LOOK_US);
		look_at_all(streams, arena);
		drop_those_gone(streams);
	}
	drop_those_gone(streams);
	arena_free(&arena);
	return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct event_streams *event_streams_new(struct lookup *lookup,
					const struct event_stream_options *options,
					event_stream_show *show, void *self)
{
	struct event_streams *streams = x_calloc(1, sizeof(*streams));
	streams->lookup = lookup;
	streams->options = *options;
	streams->show = show;
	streams->self = self;
	streams->following = metric_gauge("redress_portal_streams", NULL, "Open event streams.");
	streams->refused = metric_counter("redress_portal_streams_refused_total", NULL,
					  "Event streams for which there was no room.");
	pthread_mutex_init(&streams->lock, NULL);
	if (pthread_create(&streams->thread, NULL, run, streams))
		fatal("no more threads");
	return streams;
}

void event_streams_stop(struct event_streams *streams)
{
	streams->stopping = true;
	pthread_join(streams->thread, NULL);
}

void event_streams_free(struct event_streams **streams)
{
	free(*streams);
	*streams = NULL;
}
