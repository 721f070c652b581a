/* What the files of the view share. */
#ifndef ROUTING_VIEW_PRIVATE_H
#define ROUTING_VIEW_PRIVATE_H

#include <stdatomic.h>

#include "client/redis.h"
#include "util/metrics.h"
#include "view.h"

#define VIEW_FENCE_SIZE 64
/* A field of every partition's keys hash: where it is missing, the hash has been lost. */
#define VIEW_IDEM_MARK "."

struct part {
	bool ours, valid;
	char fence[VIEW_FENCE_SIZE]; /* as we wrote it last */
	int64_t events_next;
	int64_t cases;       /* in the index */
	size_t swept;        /* how far view_sweep has come in the index */
	uint64_t idem_clean; /* how far the clean-up has come in the keys: HSCAN's cursor */
};

struct view {
	const struct settings *settings;
	struct redis *redis;
	int32_t partitions;
	struct part *parts;
	uint64_t owner; /* random: this claim is nobody else's */
	int64_t closed_keep_ms, idempotency_keep_ms;
	int32_t sweeping;       /* the partition view_sweep looks at */
	int64_t sweep_after_ms; /* not before: what was lost may be many */
	int64_t policy_at_ms;   /* when Redis was last asked how it evicts */
	_Atomic bool evicts;    /* it may drop keys when it is full */
	struct metric *lost, *set_aside;
};

#define VIEW_MEMBER_SIZE 17
/* A case's name in the index; its length. */
size_t view_member(char member[VIEW_MEMBER_SIZE], uint64_t number);
/* A copy of the text as an argument that lives as long as the arena. */
struct redis_arg view_arg(struct arena *arena, const char *text, size_t len);
/* The fence of a view of ours that is complete up to this offset, without the number of its cases.
 */
void view_fence(const struct view *view, int64_t events_next, char fence[VIEW_FENCE_SIZE]);
/* Takes note of the fence that Redis has now. */
void view_fence_written(struct view *view, int32_t partition, int64_t events_next, int64_t cases);
bool view_fence_is_ours(const struct view *view, int32_t partition,
			const struct redis_reply *fence);
/* Whether the index and the keys are as we left them: the index's size, the mark's value. */
bool view_is_whole(const struct view *view, int32_t partition, const struct redis_reply *size,
		   const struct redis_reply *mark);
/* The event, in the arena, that archival takes for the record too; NULL: it has a fault, is a
 * refusal, or was put back for another service. */
Redress__CaseEvent *view_event(const struct view *view, struct arena *arena,
			       const struct kafka_message *message);
/* Folds those cases of the set from cases.events that the index names and Redis has lost. */
int view_find_lost(struct view *view, struct arena *arena, struct view_set *set,
		   struct err *err) MUST_CHECK;
/* Fills in what Redis knows; stale: set for each partition whose fence is not ours. */
int view_read(struct view *view, struct arena *arena, struct view_set *set, bool *stale,
	      struct err *err) MUST_CHECK;

/* Takes out of the index what need not be there any more. */
void view_retire(struct view *view, int32_t partition, int64_t now_ms);
/* Forgets Idempotency-Keys that are past their time, some at each call. */
void view_clean_idem(struct view *view, struct arena *arena, int32_t partition, int64_t now_ms);

#endif
