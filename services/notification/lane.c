#include "lane.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

#define FAILURES 3 /* in a row: the host is taken for away */

struct share {
	size_t running, again; /* again: of those, how many are not first attempts */
};

struct lane {
	struct lanes *lanes;
	struct share *share;
	struct lane *next;
	char *host;
	size_t most; /* under way at a time */
	int64_t pause_most_ms;
	size_t members, running;
	unsigned failures;
	int64_t closed_until_ms;
};

struct lanes {
	struct lane_limits limits;
	struct share *shares;
	void *tree; /* of lanes, by share and host */
	struct lane *list;
};

struct lanes *lanes_new(const struct lane_limits *limits, size_t senders)
{
	struct lanes *lanes = x_calloc(1, sizeof(*lanes));
	lanes->limits = *limits;
	lanes->shares = x_calloc(senders + 1, sizeof(*lanes->shares));
	return lanes;
}

static int compare(const void *a, const void *b)
{
	const struct lane *one = a, *other = b;
	if (one->share != other->share)
		return one->share < other->share ? -1 : 1;
	return strcmp(one->host, other->host);
}

static void forget(struct lanes *lanes, struct lane *lane)
{
	tdelete(lane, &lanes->tree, compare);
	free(lane->host);
	free(lane);
}

void lanes_free(struct lanes **lanes)
{
	if (!*lanes)
		return;
	for (struct lane *lane = (*lanes)->list, *next; lane; lane = next) {
		next = lane->next;
		forget(*lanes, lane);
	}
	free((*lanes)->shares);
	free(*lanes);
	*lanes = NULL;
}

struct lane *lanes_enter(struct lanes *lanes, size_t sender, const char *host, bool relay)
{
	const struct lane wanted = {.share = &lanes->shares[sender],
				    .host = (char *)(uintptr_t)host};
	struct lane **found = tfind(&wanted, &lanes->tree, compare), *lane = found ? *found : NULL;
	if (!lane) {
		lane = x_calloc(1, sizeof(*lane));
		*lane = wanted;
		lane->lanes = lanes;
		lane->host = x_printf("%s", host);
		lane->most = relay ? lanes->limits.per_sender : lanes->limits.per_host;
		lane->pause_most_ms =
		    relay ? lanes->limits.relay_most_ms : lanes->limits.pause_most_ms;
		lane->next = lanes->list;
		lanes->list = lane;
		if (!tsearch(lane, &lanes->tree, compare))
			abort();
	}
	lane->members++;
	return lane;
}

void lane_leave(struct lane *lane)
{
	if (lane)
		lane->members--;
}

void lanes_sweep(struct lanes *lanes, int64_t now_ms)
{
	for (struct lane **at = &lanes->list, *lane; (lane = *at);) {
		if (lane->members || lane->closed_until_ms > now_ms) {
			at = &lane->next;
		} else {
			*at = lane->next;
			forget(lanes, lane);
		}
	}
}

static bool has_failed(const struct lane *lane)
{
	return lane->failures >= FAILURES;
}

bool lane_may_begin(const struct lane *lane, bool again, int64_t now_ms)
{
	const struct lane_limits *limits = &lane->lanes->limits;
	if (lane->closed_until_ms > now_ms || lane->share->running >= limits->per_sender)
		return false;
	/* the other half is for first attempts */
	if (again && lane->share->again >= (limits->per_sender + 1) / 2)
		return false;
	return lane->running < (has_failed(lane) ? 1 : lane->most);
}

int64_t lane_closed_until_ms(const struct lane *lane, int64_t now_ms)
{
	return lane->closed_until_ms > now_ms ? lane->closed_until_ms : 0;
}

void lane_begin(struct lane *lane, bool again)
{
	lane->running++;
	lane->share->running++;
	lane->share->again += again;
}

static void close_until(struct lane *lane, int64_t until_ms)
{
	if (lane->closed_until_ms < until_ms)
		lane->closed_until_ms = until_ms;
}

/* Doubles with each failure after the first few. */
static int64_t pause_of(const struct lane *lane)
{
	int64_t pause_ms = lane->lanes->limits.pause_ms;
	for (unsigned i = FAILURES; i < lane->failures && pause_ms < lane->pause_most_ms; i++)
		pause_ms *= 2;
	return pause_ms < lane->pause_most_ms ? pause_ms : lane->pause_most_ms;
}

void lane_end(struct lane *lane, bool again, enum lane_end how, int64_t wait_ms, int64_t now_ms)
{
	int64_t most_ms = lane->lanes->limits.asked_most_ms;
	lane->running--;
	lane->share->running--;
	lane->share->again -= again;
	if (how == LANE_GOOD)
		lane->failures = 0;
	/* those that began together are one failure */
	if (how == LANE_BAD && lane->closed_until_ms <= now_ms) {
		lane->failures++;
		if (has_failed(lane))
			close_until(lane, now_ms + pause_of(lane));
	}
	if (wait_ms > 0)
		close_until(lane, now_ms + (wait_ms < most_ms ? wait_ms : most_ms));
}
