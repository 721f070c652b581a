#include "work.h"

#include <assert.h>
#include <stdlib.h>

#include "util/alloc.h"

void work_put(struct work *work, const Redress__NotificationOutcome *outcome)
{
	work->size = redress__notification_outcome__get_packed_size(outcome);
	work->outcome = x_realloc(work->outcome, work->size, 1);
	redress__notification_outcome__pack(outcome, work->outcome);
	work->number = outcome->job->number;
	work->next_at_ms = outcome->next_at_ms;
}

struct work *works_add(struct works *works, const Redress__NotificationOutcome *outcome,
		       enum work_state state)
{
	if (works->count == works->room) {
		works->room = works->room ? 2 * works->room : 256;
		works->list = x_realloc(works->list, works->room, sizeof(*works->list));
	}
	struct work *work = x_calloc(1, sizeof(*work));
	work_put(work, outcome);
	work->state = state;
	works->list[works->count++] = work;
	return work;
}

static void free_work(struct work *work)
{
	assert(!work->attempt && "a message under way is ended first");
	free(work->outcome);
	free(work);
}

void works_sweep(struct works *works, bool (*is_over)(const struct work *, const void *),
		 const void *facts)
{
	size_t kept = 0;
	for (size_t i = 0; i < works->count; i++) {
		if (is_over(works->list[i], facts))
			free_work(works->list[i]);
		else
			works->list[kept++] = works->list[i];
	}
	works->count = kept;
}

void works_free(struct works *works)
{
	for (size_t i = 0; i < works->count; i++)
		free_work(works->list[i]);
	free(works->list);
	*works = (struct works){NULL, 0, 0};
}
