/* What the files of the view share. */
#ifndef ROUTING_VIEW_PRIVATE_H
#define ROUTING_VIEW_PRIVATE_H

#include "client/redis.h"
#include "view.h"

#define VIEW_FENCE_SIZE 48

struct part {
	bool ours, valid;
	char fence[VIEW_FENCE_SIZE]; /* as we wrote it last */
	int64_t events_next;
};

struct view {
	const struct settings *settings;
	struct redis *redis;
	int32_t partitions;
	struct part *parts;
	uint64_t owner; /* random: this claim is nobody else's */
	int64_t closed_keep_ms, ask_keep_ms;
};

/* A copy of the text as an argument that lives as long as the arena. */
struct redis_arg view_arg(struct arena *arena, const char *text, size_t len);
/* The fence of a view of ours that is complete up to this offset. */
void view_fence(const struct view *view, int64_t events_next, char fence[VIEW_FENCE_SIZE]);
bool view_fence_is_ours(const struct view *view, int32_t partition,
			const struct redis_reply *fence);
/* Fills in what Redis knows; stale: set for each partition whose fence is not ours. */
int view_read(struct view *view, struct arena *arena, struct hot_set *set, bool *stale,
	      struct err *err) MUST_CHECK;

#endif
