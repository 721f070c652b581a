#include "domain/case_state.h"

#include <string.h>

#include "domain/event_facts.h"

#define HISTORY_MAX 64 /* lines kept hot; the archive has all */
#define APPLIED_MAX 8  /* commands are repeated soon or not at all */

/* clang-format off */
static const char *const command_kinds[] = {
	[REDRESS__COMMAND__BODY_OPEN]     = "open",
	[REDRESS__COMMAND__BODY_ASSIGN]   = "assign",
	[REDRESS__COMMAND__BODY_ACCEPT]   = "accept",
	[REDRESS__COMMAND__BODY_COMMENT]  = "comment",
	[REDRESS__COMMAND__BODY_ASK]      = "ask",
	[REDRESS__COMMAND__BODY_REPLY]    = "reply",
	[REDRESS__COMMAND__BODY_ANSWER]   = "answer",
	[REDRESS__COMMAND__BODY_CLOSE]    = "close",
	[REDRESS__COMMAND__BODY_REOPEN]   = "reopen",
	[REDRESS__COMMAND__BODY_WITHDRAW] = "withdraw",
	[REDRESS__COMMAND__BODY_CORRECT]  = "correct",
	[REDRESS__COMMAND__BODY_ESCALATE] = "escalate",
	[REDRESS__COMMAND__BODY_ERASE]    = "erase",
	[REDRESS__COMMAND__BODY_RESUME]   = "resume",
	[REDRESS__COMMAND__BODY_RATE]     = "rate",
	[REDRESS__COMMAND__BODY_REMIND]   = "remind",
	[REDRESS__COMMAND__BODY_PRIORITIZE] = "prioritize",
	[REDRESS__COMMAND__BODY_GIVE]     = "give",
	[REDRESS__COMMAND__BODY_RELEASE]  = "release",
};

static const char *const status_names[] = {
	[REDRESS__STATUS__STATUS_NONE] = "none",
	[REDRESS__STATUS__REGISTERED]  = "registered",
	[REDRESS__STATUS__ASSIGNED]    = "assigned",
	[REDRESS__STATUS__IN_PROGRESS] = "in_progress",
	[REDRESS__STATUS__WAITING]     = "waiting",
	[REDRESS__STATUS__ANSWERED]    = "answered",
	[REDRESS__STATUS__CLOSED]      = "closed",
	[REDRESS__STATUS__WITHDRAWN]   = "withdrawn",
	[REDRESS__STATUS__MERGED]      = "merged",
	[REDRESS__STATUS__ERASED]      = "erased",
};

static const char *const outcome_names[] = {
	[REDRESS__OUTCOME__SOLVED]         = "solved",
	[REDRESS__OUTCOME__PARTLY_SOLVED]  = "partly_solved",
	[REDRESS__OUTCOME__EXPLAINED]      = "explained",
	[REDRESS__OUTCOME__DECLINED]       = "declined",
	[REDRESS__OUTCOME__NOT_ADMISSIBLE] = "not_admissible",
	[REDRESS__OUTCOME__SENT_ELSEWHERE] = "sent_elsewhere",
	[REDRESS__OUTCOME__NO_REPLY]       = "no_reply",
};

static const char *const settled_names[] = {
	[REDRESS__SETTLED__SETTLED]        = "yes",
	[REDRESS__SETTLED__PARTLY_SETTLED] = "partly",
	[REDRESS__SETTLED__NOT_SETTLED]    = "no",
};
/* clang-format on */

#define NAME(table, value)                                                                         \
	((size_t)(value) < sizeof(table) / sizeof(*(table)) && (table)[value] ? (table)[value]     \
									      : "unknown")

const char *case_command_kind(const Redress__Command *command)
{
	return NAME(command_kinds, command->body_case);
}

const char *case_status_name(Redress__Status status)
{
	return NAME(status_names, status);
}

/* "": there is no such value, or it says nothing. */
static const char *known(const char *const *names, size_t count, size_t value)
{
	return value < count && names[value] ? names[value] : "";
}

/* 0: there is no such name. */
static size_t value_of(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 1; i < count; i++) {
		if (names[i] && strcmp(names[i], name) == 0)
			return i;
	}
	return 0;
}

#define NAMES(table) table, sizeof(table) / sizeof(*(table))

const char *case_outcome_name(Redress__Outcome outcome)
{
	return known(NAMES(outcome_names), (size_t)outcome);
}

Redress__Outcome case_outcome(const char *name)
{
	return (Redress__Outcome)value_of(NAMES(outcome_names), name);
}

const char *case_settled_name(Redress__Settled settled)
{
	return known(NAMES(settled_names), (size_t)settled);
}

Redress__Settled case_settled(const char *name)
{
	return (Redress__Settled)value_of(NAMES(settled_names), name);
}

uint32_t case_public_version(const Redress__CaseState *state)
{
	return state->n_history ? state->history[state->n_history - 1]->version : state->version;
}

bool case_is_over(Redress__Status status)
{
	return status == REDRESS__STATUS__CLOSED || status == REDRESS__STATUS__WITHDRAWN ||
	       status == REDRESS__STATUS__MERGED || status == REDRESS__STATUS__ERASED;
}

int64_t case_clock_ms(const Redress__CaseState *state)
{
	return state->waiting_until_ms ? state->waiting_until_ms : state->deadline_ms;
}

int64_t case_rings_ms(const Redress__CaseState *state)
{
	int64_t clock_ms = case_clock_ms(state);
	return clock_ms ? clock_ms : state->closes_at_ms;
}

bool case_was_applied(const Redress__CaseState *state, const ProtobufCBinaryData *command_id)
{
	for (size_t i = 0; i < state->n_applied; i++) {
		if (command_id->len && state->applied[i].len == command_id->len &&
		    memcmp(state->applied[i].data, command_id->data, command_id->len) == 0)
			return true;
	}
	return false;
}

/* ---- what each kind of event changes -------------------------------------------------------- */

static void open_case(Redress__CaseState *state, const Redress__CaseEvent *event)
{
	const Redress__Grievance *grievance = event->opened->grievance;
	const Redress__Classification *c = event->opened->classification;
	state->opened_at_ms = grievance->received_at_ms;
	state->receipt_hash = grievance->receipt_hash;
	state->channel = grievance->channel;
	state->place = grievance->place;
	state->service_code = grievance->service_code;
	state->idempotency_key = grievance->idempotency_key;
	state->fingerprint = grievance->fingerprint;
	state->answers = grievance->answers;
	state->n_answers = grievance->n_answers;
	if (c) {
		state->category = c->category;
		state->confidence = c->confidence;
		state->language = c->language;
		state->urgency = c->urgency;
	}
	if (event->opened->urgency > state->urgency)
		state->urgency = event->opened->urgency;
	if (!*state->language)
		state->language = grievance->declared_language;
}

static void assign_case(Redress__CaseState *state, const Redress__Assigned *assigned)
{
	if (strcmp(state->office, assigned->office) != 0)
		state->officer = (char *)protobuf_c_empty_string;
	state->agency = assigned->agency;
	state->triage = assigned->triage;
	if (*assigned->category)
		state->category = assigned->category;
}

/* An event without a limit of its own stops no clock: it would never go on. */
static void stop_clock(Redress__CaseState *state, const Redress__CaseEvent *event)
{
	const Redress__Asked *asked = event->asked;
	if (!asked || !asked->waiting_until_ms)
		return;
	state->waiting_since_ms = event->at_ms;
	state->waiting_until_ms = asked->waiting_until_ms;
	state->remaining_ms = asked->remaining_ms;
	state->remaining_elapsed = asked->remaining_elapsed;
	state->deadline_ms = 0;
}

static void start_clock(Redress__CaseState *state, int64_t deadline_ms)
{
	if (state->waiting_until_ms && deadline_ms)
		state->deadline_ms = deadline_ms;
}

static void correct_case(Redress__CaseState *state, const Redress__Corrected *corrected)
{
	state->category = corrected->category;
	state->confidence = 1;
	if (corrected->urgency > state->urgency)
		state->urgency = corrected->urgency;
}

static void alias_case(Redress__CaseState *state, const Redress__Aliased *aliased)
{
	state->alias_of = aliased->alias_of;
	state->receipt_hash = aliased->receipt_hash;
	state->opened_at_ms = aliased->received_at_ms;
}

/* Each answer is rated by itself. */
static void judge_anew(Redress__CaseState *state, Redress__Outcome outcome)
{
	state->outcome = outcome;
	state->score = 0;
	state->settled = REDRESS__SETTLED__NOT_SAID;
}

static void change_particulars(Redress__CaseState *state, const Redress__CaseEvent *event)
{
	switch (event->body_case) {
	case REDRESS__CASE_EVENT__BODY_OPENED:
		open_case(state, event);
		break;
	case REDRESS__CASE_EVENT__BODY_ASSIGNED:
		assign_case(state, event->assigned);
		break;
	case REDRESS__CASE_EVENT__BODY_ACCEPTED:
		state->officer = event->accepted->officer;
		break;
	case REDRESS__CASE_EVENT__BODY_CORRECTED:
		correct_case(state, event->corrected);
		break;
	case REDRESS__CASE_EVENT__BODY_ANSWERED:
		judge_anew(state, event->answered->outcome);
		state->closes_at_ms = event->answered->closes_at_ms;
		break;
	case REDRESS__CASE_EVENT__BODY_REOPENED:
		state->escalation_level = 0;
		state->overseer = (char *)protobuf_c_empty_string;
		judge_anew(state, REDRESS__OUTCOME__NO_OUTCOME);
		break;
	case REDRESS__CASE_EVENT__BODY_RATED:
		state->score = event->rated->score;
		state->settled = event->rated->settled;
		break;
	case REDRESS__CASE_EVENT__BODY_GIVEN:
		state->officer = event->given->officer;
		break;
	case REDRESS__CASE_EVENT__BODY_RELEASED:
		state->officer = (char *)protobuf_c_empty_string;
		break;
	case REDRESS__CASE_EVENT__BODY_PRIORITIZED:
		state->urgency = event->prioritized->urgency;
		break;
	case REDRESS__CASE_EVENT__BODY_REMINDED:
		state->reminders = event->reminded->reminders;
		state->reminded_at_ms = event->at_ms;
		break;
	case REDRESS__CASE_EVENT__BODY_ESCALATED:
		state->escalation_level = event->escalated->level;
		break;
	case REDRESS__CASE_EVENT__BODY_ALIASED:
		alias_case(state, event->aliased);
		break;
	default:
		break;
	}
}

static void change_office(Redress__CaseState *state, const Redress__CaseEvent *event,
			  enum event_office effect)
{
	char *named = (char *)(uintptr_t)event_office(event);
	if (effect == OFFICE_HAS_IT)
		state->office = named;
	else if (effect == OFFICE_ABOVE)
		state->overseer = named;
}

static void change_clock(Redress__CaseState *state, const Redress__CaseEvent *event,
			 enum event_clock effect)
{
	switch (effect) {
	case CLOCK_SETS:
		state->deadline_ms = event_deadline_ms(event);
		break;
	case CLOCK_STOPS:
		stop_clock(state, event);
		break;
	case CLOCK_GOES_ON:
		start_clock(state, event_deadline_ms(event));
		break;
	case CLOCK_ENDS:
		state->deadline_ms = 0;
		break;
	default:
		break;
	}
	if (event->status != REDRESS__STATUS__ANSWERED)
		state->closes_at_ms = 0;
	if (event->status != REDRESS__STATUS__WAITING)
		state->waiting_since_ms = state->waiting_until_ms = state->remaining_ms =
		    state->remaining_elapsed = 0;
}

static void change(Redress__CaseState *state, const Redress__CaseEvent *event)
{
	const struct event_facts *facts = event_facts(event->body_case);
	change_particulars(state, event);
	if (!facts)
		return;
	change_office(state, event, facts->office);
	change_clock(state, event, facts->clock);
}

/* ---- what every event leaves behind --------------------------------------------------------- */

static void remember_command(struct arena *arena, Redress__CaseState *state,
			     const ProtobufCBinaryData *cause)
{
	if (!cause->len || case_was_applied(state, cause))
		return;
	size_t keep = state->n_applied < APPLIED_MAX ? state->n_applied : APPLIED_MAX - 1;
	ProtobufCBinaryData *applied = arena_take(arena, (keep + 1) * sizeof(*applied));
	if (keep)
		memcpy(applied, state->applied + state->n_applied - keep, keep * sizeof(*applied));
	applied[keep] = *cause;
	state->applied = applied;
	state->n_applied = keep + 1;
}

static void add_history(struct arena *arena, Redress__CaseState *state,
			const Redress__CaseEvent *event)
{
	size_t keep = state->n_history < HISTORY_MAX ? state->n_history : HISTORY_MAX - 1;
	Redress__HistoryEntry **history = arena_take(arena, (keep + 1) * sizeof(*history));
	Redress__HistoryEntry *entry = arena_take(arena, sizeof(*entry));
	redress__history_entry__init(entry);
	entry->version = event->version;
	entry->at_ms = event->at_ms;
	entry->kind = (char *)(uintptr_t)event_kind(event);
	entry->status = event->status;
	entry->office = (char *)(uintptr_t)event_office(event);
	entry->by_citizen = event_is_by_citizen(event);
	entry->deadline_ms = state->deadline_ms;
	if (event->body_case == REDRESS__CASE_EVENT__BODY_ANSWERED)
		entry->outcome = state->outcome;
	if (event->body_case == REDRESS__CASE_EVENT__BODY_RATED) {
		entry->score = state->score;
		entry->settled = state->settled;
	}
	if (keep)
		memcpy(history, state->history + state->n_history - keep, keep * sizeof(*history));
	history[keep] = entry;
	state->history = history;
	state->n_history = keep + 1;
}

int case_apply(struct arena *arena, const Redress__CaseState *state,
	       const Redress__CaseEvent *event, Redress__CaseState **next, struct err *err)
{
	uint32_t version = state ? state->version : 0;
	if (event->version != version + 1)
		return err_set(err, "event version %u does not follow %u", event->version, version);
	bool begins = event->body_case == REDRESS__CASE_EVENT__BODY_OPENED ||
		      event->body_case == REDRESS__CASE_EVENT__BODY_ALIASED;
	if (begins != !state)
		return err_set(err, "a history begins with opened or aliased, and only there: %s",
			       event_kind(event));
	if (event->body_case == REDRESS__CASE_EVENT__BODY_OPENED &&
	    (!event->opened || !event->opened->grievance))
		return err_set(err, "an opened event without its grievance");
	Redress__CaseState *made = arena_take(arena, sizeof(*made));
	if (state)
		*made = *state;
	else
		redress__case_state__init(made);
	made->number = event->number;
	made->version = event->version;
	made->status = event->status;
	made->updated_at_ms = event->at_ms;
	change(made, event);
	remember_command(arena, made, &event->cause);
	if (!event_is_internal(event))
		add_history(arena, made, event);
	*next = made;
	return 0;
}
