/*
 * The handler: commands in, numbered case events out. It reads the cases of a whole batch from the
 * hot view at once, decides one command after the other, and writes the view when Kafka has
 * committed what was decided.
 */
#include "routing.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "case.pb-c.h"
#include "client/catalogue_folder.h"
#include "client/redis.h"
#include "decide.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/message_check.h"
#include "domain/pipeline.h"
#include "place.h"
#include "runtime/metrics.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/number_map.h"
#include "util/text.h"
#include "view.h"

#define EVENT_TYPE      "redress.case.event"
#define CLOCK_MS        1000 /* how often the clocks are looked at */
#define CLOCK_MOST      500  /* cases of a partition each time */
#define COMMAND_ID_SIZE 16

struct routing {
	struct runtime *runtime;
	struct view *view;
	struct places *places;
	int64_t clock_looked_ms;

	/* Of the batch that is being published; in its arena. */
	struct arena *arena;
	struct hot_set set;
	int64_t now_ms;

	struct metric *opened, *assigned_to_person, *refused, *aliased, *repeated, *escalated;
};

/* One command of a batch, and the case and key it is about. */
struct task {
	struct item *item; /* NULL: the clock's */
	const Redress__Command *command;
	struct hot_case *hot;
	struct hot_ask *ask; /* NULL: none */
};

/* ---- reading -------------------------------------------------------------------------------- */

static const char *fault(const Redress__Command *command, const struct kafka_message *message,
			 int32_t partitions)
{
	if (!command)
		return "is not a Command";
	if (message_bad_text(&command->base))
		return "has text that is not UTF-8, or a field that cannot be";
	if (case_number_partition(command->number, partitions) != message->partition)
		return "its case belongs to another partition";
	if (command->body_case == REDRESS__COMMAND__BODY__NOT_SET)
		return "the command says nothing that is known here";
	if (command->body_case != REDRESS__COMMAND__BODY_OPEN)
		return command->id.len == COMMAND_ID_SIZE ? NULL : "the command has no id";
	if (!command->open->grievance || command->open->grievance->number != command->number)
		return "the grievance to open is missing or of another case";
	return NULL;
}

static size_t read_commands(struct routing *routing, struct batch *batch, struct task *tasks)
{
	size_t count = 0;
	int32_t partitions = runtime_partitions(routing->runtime);
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		const Redress__Command *command = redress__command__unpack(
		    arena_protobuf(batch->arena), item->message.len, item->message.value);
		const char *wrong = fault(command, &item->message, partitions);
		if (command)
			item->number = command->number;
		if (wrong)
			item_dead(item, "%s", wrong);
		else
			tasks[count++] = (struct task){item, command, NULL, NULL};
	}
	return count;
}

static const ProtobufCBinaryData *ask_key_of(const Redress__Command *command)
{
	if (command->body_case != REDRESS__COMMAND__BODY_OPEN)
		return NULL;
	const Redress__Grievance *grievance = command->open->grievance;
	bool usable =
	    grievance->ask_key.len == ASK_KEY_SIZE && grievance->fingerprint.len == ASK_KEY_SIZE;
	return usable ? &grievance->ask_key : NULL;
}

/* ---- one entry for each case and key of a batch ---------------------------------------------- */

static struct hot_case *find_case(struct number_map *map, struct hot_set *set, uint64_t number,
				  int32_t partition)
{
	uint32_t *at = number_map_at(map, number);
	if (!*at) {
		set->cases[set->case_count++] = (struct hot_case){number, partition, NULL, false};
		*at = (uint32_t)set->case_count;
	}
	return &set->cases[*at - 1];
}

static struct hot_ask *find_ask(struct number_map *map, struct hot_set *set, const uint8_t *key,
				int32_t partition)
{
	uint64_t hash = text_get_be64(key); /* a keyed hash already */
	for (;; hash++) {
		uint32_t *at = number_map_at(map, hash);
		if (!*at) {
			set->asks[set->ask_count++] =
			    (struct hot_ask){partition, key, 0, {0}, false};
			*at = (uint32_t)set->ask_count;
		}
		struct hot_ask *known = &set->asks[*at - 1];
		if (memcmp(known->key, key, ASK_KEY_SIZE) == 0)
			return known;
	}
}

static void collect(struct arena *arena, struct hot_set *set, struct task *tasks, size_t count)
{
	struct number_map cases = number_map(arena, count), asks = number_map(arena, count);
	*set = (struct hot_set){arena_take(arena, (count + 1) * sizeof(*set->cases)), 0,
				arena_take(arena, (count + 1) * sizeof(*set->asks)), 0};
	for (size_t i = 0; i < count; i++) {
		const Redress__Command *command = tasks[i].command;
		const ProtobufCBinaryData *key = ask_key_of(command);
		int32_t partition = tasks[i].item->message.partition;
		tasks[i].hot = find_case(&cases, set, command->number, partition);
		if (key)
			tasks[i].ask = find_ask(&asks, set, key->data, partition);
	}
}

/* ---- deciding ------------------------------------------------------------------------------- */

/* The case that the same submission made before under another number; 0: none. */
static uint64_t same_submission(const struct task *task)
{
	const struct hot_ask *ask = task->ask;
	if (!ask || !ask->number || ask->number == task->command->number ||
	    memcmp(ask->fingerprint, task->command->open->grievance->fingerprint.data,
		   ASK_KEY_SIZE) != 0)
		return 0;
	return ask->number;
}

static void remember_ask(const struct task *task)
{
	struct hot_ask *ask = task->ask;
	if (!ask || ask->number)
		return;
	ask->number = task->command->number;
	memcpy(ask->fingerprint, task->command->open->grievance->fingerprint.data, ASK_KEY_SIZE);
	ask->changed = true;
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
			 event->refused->reason);
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

static int run_task(struct routing *routing, struct task *task, struct outbox *outbox,
		    struct err *err)
{
	struct placement placement = {0};
	uint64_t same_as = same_submission(task);
	if (!same_as && decide_wants_placement(task->hot->state, task->command))
		placement = place(routing->places, routing->arena, task->hot->state, task->command,
				  routing->now_ms);
	struct decision decision = decide(routing->arena, task->hot->state, task->command,
					  &placement, same_as, routing->now_ms);
	metric_add(routing->repeated, decision.count == 0);
	outbox_cause(outbox, task->item);
	for (size_t i = 0; i < decision.count; i++) {
		if (emit(routing, task, decision.events[i], outbox, err))
			return -1;
	}
	if (!same_as)
		remember_ask(task);
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
	routing->set = (struct hot_set){NULL, 0, NULL, 0};
}

static void aborted(void *self)
{
	struct routing *routing = self;
	routing->set = (struct hot_set){NULL, 0, NULL, 0};
}

/* ---- the clocks ----------------------------------------------------------------------------- */

/* The clock's own command; NULL when the index was wrong about this case and is mended instead. */
static Redress__Command *ring(struct arena *arena, struct hot_case *hot, int64_t now_ms)
{
	if (!hot->state || !hot->state->deadline_ms || hot->state->deadline_ms > now_ms) {
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
	command->body_case = REDRESS__COMMAND__BODY_ESCALATE;
	command->escalate = arena_take(arena, sizeof(*command->escalate));
	redress__escalate__init(command->escalate);
	command->escalate->deadline_ms = hot->state->deadline_ms;
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
		struct hot_case *hot = &routing->set.cases[i];
		struct task task = {NULL, ring(arena, hot, now_ms), hot, NULL};
		if (task.command && run_task(routing, &task, outbox, err))
			return -1;
	}
	/* nothing to publish, so nothing will be committed: the mended index is written here */
	if (!outbox_count(outbox) && routing->set.case_count)
		committed(routing, NULL, 0);
	return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int assigned(void *self, struct kafka_partition *partitions, size_t count, struct err *err)
{
	struct routing *routing = self;
	int32_t *list = x_calloc(count, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = partitions[i].partition;
	/* Redis may be away: each load tries again before anything is decided */
	if (view_claim(routing->view, list, count, err))
		log_warn(0, "the view cannot be restored yet: %s", err->text);
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
	routing->escalated = metric_counter("redress_routing_escalated_total", NULL,
					    "Deadlines missed and told upwards.");
}

static int start(struct runtime *runtime, void **self, struct err *err)
{
	struct routing *routing = x_calloc(1, sizeof(*routing));
	*self = routing;
	routing->runtime = runtime;
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
	free(routing);
}

static int reload(void *self, struct err *err)
{
	struct routing *routing = self;
	struct places *fresh = places_load(runtime_settings(routing->runtime), err);
	if (!fresh)
		return -1;
	places_free(&routing->places);
	routing->places = fresh;
	return 0;
}

static const struct setting *const settings[] = {redis_settings, view_settings, catalogue_settings,
						 NULL};

const struct service routing_service = {
    .name = "routing",
    .summary = "decides what commands do to cases, and runs the clocks",
    .settings = settings,
    .offsets = OFFSETS_TRANSACTION,
    .start = start,
    .stop = stop,
    .reload = reload,
    .assigned = assigned,
    .revoked = revoked,
    .handle = handle,
    .tick = tick,
    .committed = committed,
    .aborted = aborted,
};
