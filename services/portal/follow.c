#include "follow.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/metrics.h"
#include "util/alloc.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/log.h"

#define LOOK_US 250000 /* how often followed cases are looked at */
#define AT_ONCE 256    /* of them with one round trip */

/* Somebody who follows a case. */
struct follower {
	uint64_t number, shown; /* shown: the case whose events count (an alias's other one) */
	uint32_t version;
	int64_t beat_ms;
	char receipt[64], language[36];
	struct http_stream *stream; /* NULL: has gone */
	struct follower *next;
};

struct followers {
	struct lookup *lookup;
	size_t most;
	int64_t beat_ms;
	follow_show *show;
	void *self;
	pthread_mutex_t lock; /* of the list's head and count; the rest is the thread's own */
	struct follower *first;
	size_t count;
	pthread_t thread;
	_Atomic bool stopping;
	struct metric *following;
};

static void send_to(struct follower *follower, const void *data, size_t size)
{
	if (http_stream_send(follower->stream, data, size))
		http_stream_end(&follower->stream);
}

static void send_case(struct follower *follower, const char *json)
{
	struct buffer event = {0};
	buffer_printf(&event, "event: case\nid: %u\ndata: %s\n\n", follower->version, json);
	send_to(follower, event.data, event.len);
	buffer_free(&event);
}

/* ---- one more ------------------------------------------------------------------------------- */

static bool take_place(struct followers *followers)
{
	pthread_mutex_lock(&followers->lock);
	bool room = followers->count < followers->most && !followers->stopping;
	followers->count += room;
	pthread_mutex_unlock(&followers->lock);
	return room;
}

/* false: the thread that would end its stream may be gone already. */
static bool join(struct followers *followers, struct follower *follower)
{
	pthread_mutex_lock(&followers->lock);
	bool joined = !followers->stopping;
	if (joined) {
		follower->next = followers->first;
		followers->first = follower;
	} else {
		followers->count--;
	}
	pthread_mutex_unlock(&followers->lock);
	return joined;
}

void followers_add(struct followers *followers, struct http_request *request,
		   const struct found_case *found, const char *receipt, const char *language,
		   const char *json)
{
	static const struct http_field no_store[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};
	if (!take_place(followers)) {
		http_problem_later(request, 503, "busy", "too many follow cases at present", 10);
		return;
	}
	struct follower *follower = x_calloc(1, sizeof(*follower));
	follower->number = found->number;
	follower->shown = found->state ? found->state->number : found->number;
	follower->version = found->state ? found->state->version : 0;
	follower->beat_ms = clock_now_ms();
	snprintf(follower->receipt, sizeof(follower->receipt), "%s", receipt);
	snprintf(follower->language, sizeof(follower->language), "%s", language);
	follower->stream = http_stream_start(request, "text/event-stream", no_store);
	if (follower->stream)
		send_case(follower, json);
	if (join(followers, follower))
		return;
	http_stream_end(&follower->stream);
	free(follower);
}

/* ---- changes -------------------------------------------------------------------------------- */

static void show_change(struct followers *followers, struct arena *arena, struct follower *follower,
			uint32_t version, int64_t now_ms)
{
	struct found_case found;
	char *json;
	if (followers->show(followers->self, arena, follower->number, follower->receipt,
			    follower->language, &found, &json) != LOOKUP_FOUND)
		return;
	follower->shown = found.state ? found.state->number : follower->shown;
	follower->version = version;
	follower->beat_ms = now_ms;
	send_case(follower, json);
	free(json);
}

static void look_at(struct followers *followers, struct arena *arena, struct follower **some,
		    size_t count)
{
	uint64_t numbers[AT_ONCE];
	uint32_t versions[AT_ONCE];
	int64_t now_ms = clock_now_ms();
	for (size_t i = 0; i < count; i++)
		numbers[i] = some[i]->shown;
	lookup_versions(followers->lookup, arena, numbers, count, versions);
	for (size_t i = 0; i < count; i++) {
		if (versions[i] > some[i]->version) {
			show_change(followers, arena, some[i], versions[i], now_ms);
		} else if (now_ms - some[i]->beat_ms > followers->beat_ms) {
			some[i]->beat_ms = now_ms;
			send_to(some[i], ":\n\n", 3);
		}
	}
	arena_reset(arena);
}

/* The list is only added to by others, at its head: walking it needs no lock. */
static void look_at_all(struct followers *followers, struct arena *arena)
{
	struct follower *some[AT_ONCE];
	size_t count = 0;
	pthread_mutex_lock(&followers->lock);
	struct follower *follower = followers->first;
	pthread_mutex_unlock(&followers->lock);
	for (; follower; follower = follower->next) {
		if (follower->stream)
			some[count++] = follower;
		if (count == AT_ONCE || (count && !follower->next)) {
			look_at(followers, arena, some, count);
			count = 0;
		}
	}
}

static void drop_those_gone(struct followers *followers)
{
	pthread_mutex_lock(&followers->lock);
	for (struct follower **at = &followers->first; *at;) {
		struct follower *follower = *at;
		if (follower->stream && !followers->stopping) {
			at = &follower->next;
			continue;
		}
		*at = follower->next;
		if (follower->stream)
			http_stream_end(&follower->stream);
		free(follower);
		followers->count--;
	}
	metric_set(followers->following, (int64_t)followers->count);
	pthread_mutex_unlock(&followers->lock);
}

static void *run(void *self)
{
	struct followers *followers = self;
	struct arena *arena = arena_new();
	while (!followers->stopping) {
		usleep(LOOK_US);
		look_at_all(followers, arena);
		drop_those_gone(followers);
	}
	drop_those_gone(followers);
	arena_free(&arena);
	return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct followers *followers_new(struct lookup *lookup, size_t most, int64_t beat_ms,
				follow_show *show, void *self)
{
	struct followers *followers = x_calloc(1, sizeof(*followers));
	followers->lookup = lookup;
	followers->most = most;
	followers->beat_ms = beat_ms;
	followers->show = show;
	followers->self = self;
	followers->following =
	    metric_gauge("redress_portal_followers", NULL, "Open event streams.");
	pthread_mutex_init(&followers->lock, NULL);
	if (pthread_create(&followers->thread, NULL, run, followers))
		fatal("no more threads");
	return followers;
}

void followers_stop(struct followers *followers)
{
	followers->stopping = true;
	pthread_join(followers->thread, NULL);
}

void followers_free(struct followers **followers)
{
	free(*followers);
	*followers = NULL;
}
