/* Cases that Redis has lost one by one: folded again from cases.events. */
#include <inttypes.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/pipeline.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/number_map.h"
#include "view_private.h"

/* A case's events are younger than its number, as far as the clocks of two machines agree. */
#define MARGIN_MS INT64_C(86400000)

struct search {
	const struct view *view;
	struct arena *arena, *scratch; /* of what is found; of one message */
	struct view_case **lost;
	size_t count;
	struct number_map map;
};

static bool is_lost(const struct view_case *c)
{
	return c->indexed && !c->state;
}

static int take_event(void *self, const struct kafka_message *message, struct err *err)
{
	(void)err;
	struct err passed_over;
	struct search *search = self;
	const Redress__CaseEvent *event = view_event(search->view, search->scratch, message);
	uint32_t at = event ? *number_map_at(&search->map, event->number) : 0;
	arena_reset(search->scratch);
	if (!at)
		return 0;
	struct view_case *c = search->lost[at - 1];
	event = view_event(search->view, search->arena, message);
	if (event && case_apply(search->arena, c->state, event, &c->state, &passed_over))
		log_debug(c->number, "passed over: %s", passed_over.text);
	return 0;
}

static size_t list_lost(struct search *search, struct view_set *set)
{
	search->lost = arena_take(search->arena, (set->case_count + 1) * sizeof(*search->lost));
	search->count = 0;
	for (size_t i = 0; i < set->case_count; i++) {
		if (is_lost(&set->cases[i]))
			search->lost[search->count++] = &set->cases[i];
	}
	return search->count;
}

/* Each partition once. */
static struct kafka_partition *list_partitions(const struct search *search, size_t *count)
{
	size_t partitions = (size_t)search->view->partitions;
	bool *wanted = arena_zero(search->arena, partitions);
	struct kafka_partition *from = arena_take(search->arena, partitions * sizeof(*from));
	*count = 0;
	for (size_t i = 0; i < search->count; i++)
		wanted[search->lost[i]->partition] = true;
	for (int32_t p = 0; p < search->view->partitions; p++) {
		if (wanted[p])
			from[(*count)++] =
			    (struct kafka_partition){TOPIC_EVENTS, p, KAFKA_BEGINNING};
	}
	return from;
}

static int64_t oldest_ms(const struct search *search)
{
	int64_t oldest = INT64_MAX;
	for (size_t i = 0; i < search->count; i++) {
		int64_t ms = case_number_time_ms(search->lost[i]->number);
		oldest = ms < oldest ? ms : oldest;
	}
	return oldest;
}

/* One reading of the topic for all of them. */
static int read_events(struct search *search, bool from_the_beginning, struct err *err)
{
	size_t count;
	const struct settings *settings = search->view->settings;
	struct kafka_partition *from = list_partitions(search, &count);
	search->map = number_map(search->arena, search->count);
	for (size_t i = 0; i < search->count; i++)
		*number_map_at(&search->map, search->lost[i]->number) = (uint32_t)i + 1;
	if (!from_the_beginning &&
	    kafka_offsets_at(settings, from, count, oldest_ms(search) - MARGIN_MS, err))
		return -1;
	return kafka_replay(settings, from, count, take_event, search, err);
}

/* What nothing was found of should not be in the index: it is written as what it is, nothing. */
static void mend(struct search *search)
{
	for (size_t i = 0; i < search->count; i++)
		search->lost[i]->changed = true;
}

int view_find_lost(struct view *view, struct arena *arena, struct view_set *set, struct err *err)
{
	struct search search = {.view = view, .arena = arena, .scratch = NULL};
	if (!list_lost(&search, set))
		return 0;
	int64_t begun = clock_mono_us();
	struct search all = search;
	search.scratch = arena_new();
	int result = read_events(&search, false, err);
	struct search rest = search;
	if (!result && list_lost(&rest, set))
		result = read_events(&rest, true, err);
	arena_free(&search.scratch);
	if (result)
		return err_context(err, "cases that Redis has lost");
	mend(&all);
	metric_add(view->lost, (int64_t)all.count);
	log_warn(0,
		 "Redis has lost %zu cases; found in " TOPIC_EVENTS " in %" PRId64
		 " ms (maxmemory-policy should be noeviction)",
		 all.count, (clock_mono_us() - begun) / 1000);
	return 0;
}
