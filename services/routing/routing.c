/*
 * The handler: commands in, numbered case events out. It reads the cases of a whole batch from the
 * hot view at once, decides one command after the other, and writes the view when Kafka has
 * committed what was decided.
 */
#include "routing.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "case.pb-c.h"
#include "client/catalogue_folder.h"
#include "client/redis.h"
#include "client/texts_folder.h"
#include "decide.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/pipeline.h"
#include "in_use.h"
#include "placement.h"
#include "util/metrics.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/number_map.h"
#include "util/text.h"
#include "view.h"

#define EVENT_TYPE "redress.case.event"
#define CLOCK_MS   1000 /* how often the clocks are looked at */
#define CLOCK_MOST 500  /* cases of a partition each time */

struct routing {
	struct runtime *runtime;
	struct view *view;
	struct places *places;
	int64_t clock_looked_ms;

	bool use_checked;            /* once, when the first partitions are ours */
	pthread_mutex_t lock;        /* the readiness probe reads it: */
	struct err not_in_catalogue; /* "" when all is well */

	/* Of the batch that is being published; in its arena. */
	struct arena *arena;
	struct view_set set;
	int64_t now_ms;

	struct metric *opened, *assigned_to_person, *refused, *aliased, *repeated, *escalated,
	    *number_taken, *without_entry;
};

/* One command of a batch, and the case and key it is about. */
struct task {
	struct item *item; /* NULL: the clock's */
	const Redress__Command *command;
	struct view_case *hot;
	struct view_key *key; /* NULL: none */
};

/* ---- reading -------------------------------------------------------------------------------- */

static size_t read_commands(struct routing *routing, struct batch *batch, struct task *tasks)
{
	size_t count = 0;
	int32_t partitions = runtime_partitions(routing->runtime);
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		if (item->dead)
			continue;
		const Redress__Command *command = redress__command__unpack(
		    arena_protobuf(batch->arena), item->message.len, item->message.value);
		if (item_faulty(item, command ? &command->base : NULL, partitions, batch->now_ms))
			continue;
		item->number = command->number;
		tasks[count++] = (struct task){item, command, NULL, NULL};
	}
	return count;
}

static const ProtobufCBinaryData *idempotency_key_of(const Redress__Command *command)
{
	if (command->body_case != REDRESS__COMMAND__BODY_OPEN)
		return NULL;
	const Redress__Grievance *grievance = command->open->grievance;
	bool usable = grievance->idempotency_key.len == IDEMPOTENCY_KEY_SIZE &&
		      grievance->fingerprint.len == IDEMPOTENCY_KEY_SIZE;
	return usable ? &grievance->idempotency_key : NULL;
}

/* ---- one entry for each case and key of a batch ---------------------------------------------- */

static struct view_case *find_case(struct number_map *map, struct view_set *set, uint64_t number,
				   int32_t partition)
{
	uint32_t *at = number_map_at(map, number);
	if (!*at) {
		set->cases[set->case_count++] =
		    (struct view_case){.number = number, .partition = partition};
		*at = (uint32_t)set->case_count;
	}
	return &set->cases[*at - 1];
}

static struct view_key *find_key(struct number_map *map, struct view_set *set, const uint8_t *key,
				 int32_t partition)
{
	uint64_t hash = text_get_be64(key); /* a keyed hash already */
	for (;; hash++) {
		uint32_t *at = number_map_at(map, hash);
		if (!*at) {
			set->keys[set->key_count++] =
			    (struct view_key){partition, key, 0, {0}, false};
			*at = (uint32_t)set->key_count;
		}
		struct view_key *known = &set->keys[*at - 1];
		if (memcmp(known->key, key, IDEMPOTENCY_KEY_SIZE) == 0)
			return known;
	}
}

static void collect(struct arena *arena, struct view_set *set, struct task *tasks, size_t count)
{
	struct number_map cases = number_map(arena, count), keys = number_map(arena, count);
	*set = (struct view_set){arena_take(arena, (count + 1) * sizeof(*set->cases)), 0,
				 arena_take(arena, (count + 1) * sizeof(*set->keys)), 0};
	for (size_t i = 0; i < count; i++) {
		const Redress__Command *command = tasks[i].command;
		const ProtobufCBinaryData *key = idempotency_key_of(command);
		int32_t partition = tasks[i].item->message.partition;
		tasks[i].hot = find_case(&cases, set, command->number, partition);
		if (key)
			tasks[i].key = find_key(&keys, set, key->data, partition);
	}
}

/* ---- deciding ------------------------------------------------------------------------------- */

/* The case that the same submission made before under another number; 0: none. */
static uint64_t same_submission(const struct task *task)
{
	const struct view_key *key = task->key;
	if (!key || !key->number || key->number == task->command->number ||
	    memcmp(key->fingerprint, task->command->open->grievance->fingerprint.data,
		   IDEMPOTENCY_KEY_SIZE) != 0)
		return 0;
	return key->number;
}

static void remember_key(const struct task *task)
{
	struct view_key *key = task->key;
	if (!key || key->number)
		return;
	key->number = task->command->number;
	memcpy(key->fingerprint, task->command->open->grievance->fingerprint.data,
	       IDEMPOTENCY_KEY_SIZE);
	key->changed = true;
}

static void count_event(const struct routing *routing, const Redress__CaseEvent *event)
{
	switch (event->body_case) {
	case REDRESS__CASE_EVENT__BODY_OPENED:
		metric_add(routing->opened, 1);
		break;
	case REDRESS__CASE_EVENT__BODY_ASSIGNED:
		metric_add(routing->assigned_to_person, event->assigned->triage);
		break;
	case REDRESS__CASE_EVENT__BODY_REFUSED:
		metric_add(routing->refused, 1);
		log_info(event->number, "refused %s: %s", event->refused->command,
			 event->refused->reason->code);
		break;
	case REDRESS__CASE_EVENT__BODY_ALIASED:
		metric_add(routing->aliased, 1);
		break;
	case REDRESS__CASE_EVENT__BODY_ESCALATED:
		metric_add(routing->escalated, 1);
		break;
	default:
		break;
	}
}

static int emit(struct routing *routing, struct task *task, Redress__CaseEvent *event,
		struct outbox *outbox, struct err *err)
{
	if (event->version &&
	    case_apply(routing->arena, task->hot->state, event, &task->hot->state, err))
		return -1;
	task->hot->changed |= event->version != 0;
	size_t len = redress__case_event__get_packed_size(event);
	uint8_t *packed = arena_take(routing->arena, len);
	redress__case_event__pack(event, packed);
	outbox_add(outbox, TOPIC_EVENTS, event->number, EVENT_TYPE, packed, len);
	count_event(routing, event);
	return 0;
}

static bool is_refusal(const struct decision *decision)
{
	return decision->count && !decision->events[0]->version;
}

static int run_task(struct routing *routing, struct task *task, struct outbox *outbox,
		    struct err *err)
{
	struct placement placement = {0};
	uint64_t same_as = same_submission(task);
	if (decide_is_number_taken(task->hot->state, task->command, same_as)) {
		metric_add(routing->number_taken, 1);
		log_error(task->command->number, NUMBER_TAKEN);
		item_dead(task->item, NUMBER_TAKEN);
		return 0;
	}
	if (!same_as && decide_wants_placement(task->hot->state, task->command))
		placement =
		    place(routing->places, task->hot->state, task->command, routing->now_ms);
	placement.acting_office = places_acting_office(routing->places, task->hot->state);
	struct decision decision = decide(routing->arena, task->hot->state, task->command,
					  &placement, same_as, routing->now_ms);
	metric_add(routing->repeated, decision.count == 0);
	outbox_cause(outbox, task->item);
	for (size_t i = 0; i < decision.count; i++) {
		if (emit(routing, task, decision.events[i], outbox, err))
			return -1;
	}
	if (!same_as && !is_refusal(&decision))
		remember_key(task);
	return 0;
}

static int handle(void *self, struct batch *batch, struct outbox *outbox, struct err *err)
{
	struct routing *routing = self;
	struct task *tasks = arena_take(batch->arena, batch->count * sizeof(*tasks));
	size_t count = read_commands(routing, batch, tasks);
	routing->arena = batch->arena;
	routing->now_ms = batch->now_ms;
	collect(batch->arena, &routing->set, tasks, count);
	if (count && view_load(routing->view, batch->arena, &routing->set, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (run_task(routing, &tasks[i], outbox, err))
			return -1;
	}
	return 0;
}

static void committed(void *self, const struct kafka_partition *written, size_t count)
{
	struct routing *routing = self;
	view_store(routing->view, routing->arena, &routing->set, written, count, routing->now_ms);
	routing->set = (struct view_set){NULL, 0, NULL, 0};
}

static void aborted(void *self)
{
	struct routing *routing = self;
	routing->set = (struct view_set){NULL, 0, NULL, 0};
}

/* ---- the clocks ----------------------------------------------------------------------------- */

static void fill_escalate(struct arena *arena, Redress__Command *command, int64_t deadline_ms)
{
	command->body_case = REDRESS__COMMAND__BODY_ESCALATE;
	command->escalate = arena_take(arena, sizeof(*command->escalate));
	redress__escalate__init(command->escalate);
	command->escalate->deadline_ms = deadline_ms;
}

static void fill_resume(struct arena *arena, Redress__Command *command, int64_t waiting_until_ms)
{
	command->body_case = REDRESS__COMMAND__BODY_RESUME;
	command->resume = arena_take(arena, sizeof(*command->resume));
	redress__resume__init(command->resume);
	command->resume->waiting_until_ms = waiting_until_ms;
}

static void fill_close(struct arena *arena, Redress__Command *command)
{
	command->body_case = REDRESS__COMMAND__BODY_CLOSE;
	command->close = arena_take(arena, sizeof(*command->close));
	redress__close__init(command->close);
}

/* The clock's own command; NULL when the index was wrong about this case and is mended instead. */
static Redress__Command *ring(struct arena *arena, struct view_case *hot, int64_t now_ms)
{
	int64_t clock_ms = hot->state ? case_rings_ms(hot->state) : 0;
	if (!clock_ms || clock_ms > now_ms) {
		hot->changed = true;
		return NULL;
	}
	Redress__Command *command = arena_take(arena, sizeof(*command));
	redress__command__init(command);
	command->number = hot->number;
	command->based_on = hot->state->version;
	command->at_ms = now_ms;
	command->actor = arena_take(arena, sizeof(*command->actor));
	redress__actor__init(command->actor);
	command->actor->id = (char *)(uintptr_t) "routing";
	if (hot->state->waiting_until_ms)
		fill_resume(arena, command, clock_ms);
	else if (hot->state->status == REDRESS__STATUS__ANSWERED)
		fill_close(arena, command);
	else
		fill_escalate(arena, command, clock_ms);
	return command;
}

static int tick(void *self, struct arena *arena, int64_t now_ms, struct outbox *outbox,
		struct err *err)
{
	struct routing *routing = self;
	if (now_ms - routing->clock_looked_ms < CLOCK_MS)
		return 0;
	routing->clock_looked_ms = now_ms;
	routing->arena = arena;
	routing->now_ms = now_ms;
	if (view_overdue(routing->view, arena, now_ms, CLOCK_MOST, &routing->set, err))
		return -1;
	for (size_t i = 0; i < routing->set.case_count; i++) {
		struct view_case *hot = &routing->set.cases[i];
		struct task task = {NULL, ring(arena, hot, now_ms), hot, NULL};
		if (task.command && run_task(routing, &task, outbox, err))
			return -1;
	}
	/* nothing to publish, so nothing will be committed: the mended index is written here */
	if (!outbox_count(outbox) && routing->set.case_count)
		committed(routing, NULL, 0);
	return outbox_count(outbox) ? 0 : view_sweep(routing->view, arena, now_ms, err);
}

static int ready(void *self, struct err *err)
{
	struct routing *routing = self;
	view_may_lose(routing->view, err);
	pthread_mutex_lock(&routing->lock);
	if (*routing->not_in_catalogue.text)
		*err = routing->not_in_catalogue;
	pthread_mutex_unlock(&routing->lock);
	return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void show_case(void *self, const Redress__CaseState *state)
{
	in_use_look(self, state);
}

/* What open cases use must be in the catalogue, or among what it says is retired. before: NULL at
 * the start. */
static int check_use(struct routing *routing, const struct places *before, const struct places *now,
		     struct err *err)
{
	struct in_use in_use = {.before = before ? places_catalogue(before) : NULL,
				.now = places_catalogue(now)};
	int unknown =
	    in_use_is_needed(&in_use) && view_each(routing->view, show_case, &in_use, err);
	int result = unknown ? err_context(err, "what open cases use cannot be told now")
			     : in_use_tell(&in_use, err);
	metric_set(routing->without_entry, (int64_t)in_use.cases);
	pthread_mutex_lock(&routing->lock);
	routing->not_in_catalogue = result && !unknown ? *err : (struct err){""};
	pthread_mutex_unlock(&routing->lock);
	in_use_free(&in_use);
	return result;
}

static int assigned(void *self, struct kafka_partition *partitions, size_t count, struct err *err)
{
	struct routing *routing = self;
	int32_t *list = x_calloc(count, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = partitions[i].partition;
	/* Redis may be away: each load tries again before anything is decided */
	if (view_claim(routing->view, list, count, err))
		log_warn(0, "the view cannot be restored yet: %s", err->text);
	else if (!routing->use_checked && check_use(routing, NULL, routing->places, err))
		log_error(0, "%s", err->text);
	routing->use_checked = true;
	free(list);
	return 0;
}

static void revoked(void *self, const struct kafka_partition *partitions, size_t count)
{
	struct routing *routing = self;
	for (size_t i = 0; i < count; i++)
		view_give_up(routing->view, partitions[i].partition);
}

static void count_things(struct routing *routing)
{
	routing->opened = metric_counter("redress_routing_opened_total", NULL, "Cases opened.");
	routing->assigned_to_person = metric_counter("redress_routing_to_person_total", NULL,
						     "Assignments to people who decide.");
	routing->refused =
	    metric_counter("redress_routing_refused_total", NULL, "Commands refused.");
	routing->aliased = metric_counter("redress_routing_aliased_total", NULL,
					  "Numbers that became an alias of an earlier one.");
	routing->repeated = metric_counter("redress_routing_repeated_total", NULL,
					   "Commands that had been applied before.");
	routing->number_taken = metric_counter(
	    "redress_routing_number_taken_total", NULL,
	    "Cases not opened, as their number belongs to another: must never rise.");
	routing->without_entry = metric_gauge(
	    "redress_routing_without_entry", NULL,
	    "Open cases that use what the catalogue that was to be loaded does not have.");
	routing->escalated = metric_counter("redress_routing_escalated_total", NULL,
					    "Deadlines missed and told upwards.");
}

static int start(struct runtime *runtime, void **self, struct err *err)
{
	struct routing *routing = x_calloc(1, sizeof(*routing));
	*self = routing;
	routing->runtime = runtime;
	pthread_mutex_init(&routing->lock, NULL);
	count_things(routing);
	routing->places = places_load(runtime_settings(runtime), err);
	if (!routing->places)
		return -1;
	routing->view = view_new(runtime_settings(runtime), runtime_partitions(runtime), err);
	return routing->view ? 0 : -1;
}

static void stop(void *self)
{
	struct routing *routing = self;
	view_free(&routing->view);
	places_free(&routing->places);
	pthread_mutex_destroy(&routing->lock);
	free(routing);
}

static int reload(void *self, struct err *err)
{
	struct routing *routing = self;
	struct places *fresh = places_load(runtime_settings(routing->runtime), err);
	if (!fresh)
		return -1;
	if (check_use(routing, routing->places, fresh, err)) {
		places_free(&fresh);
		return -1;
	}
	places_free(&routing->places);
	routing->places = fresh;
	return 0;
}

static const struct setting *const settings[] = {redis_settings, view_settings, catalogue_settings,
						 texts_settings, NULL};

/* --check */
static int check(const struct settings *given, struct err *err)
{
	struct places *places = places_load(given, err);
	int result = places ? 0 : -1;
	places_free(&places);
	return result;
}

const struct service routing_service = {
    .name = "routing",
    .summary = "decides what commands do to cases, and runs the clocks",
    .settings = settings,
    .offsets = OFFSETS_TRANSACTION,
    .check = check,
    .start = start,
    .stop = stop,
    .reload = reload,
    .ready = ready,
    .assigned = assigned,
    .revoked = revoked,
    .handle = handle,
    .tick = tick,
    .committed = committed,
    .aborted = aborted,
};
