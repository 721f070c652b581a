#include "domain/case_state.h"

#include <string.h>

#define HISTORY_MAX 64 /* lines kept hot; the archive has all */
#define APPLIED_MAX 8  /* commands are repeated soon or not at all */

/* clang-format off */
static const char *const event_kinds[] = {
	[REDRESS__CASE_EVENT__BODY_OPENED]    = "opened",
	[REDRESS__CASE_EVENT__BODY_ASSIGNED]  = "assigned",
	[REDRESS__CASE_EVENT__BODY_ACCEPTED]  = "accepted",
	[REDRESS__CASE_EVENT__BODY_COMMENTED] = "commented",
	[REDRESS__CASE_EVENT__BODY_ASKED]     = "asked",
	[REDRESS__CASE_EVENT__BODY_REPLIED]   = "replied",
	[REDRESS__CASE_EVENT__BODY_ANSWERED]  = "answered",
	[REDRESS__CASE_EVENT__BODY_CLOSED]    = "closed",
	[REDRESS__CASE_EVENT__BODY_REOPENED]  = "reopened",
	[REDRESS__CASE_EVENT__BODY_WITHDRAWN] = "withdrawn",
	[REDRESS__CASE_EVENT__BODY_CORRECTED] = "corrected",
	[REDRESS__CASE_EVENT__BODY_ESCALATED] = "escalated",
	[REDRESS__CASE_EVENT__BODY_ALIASED]   = "aliased",
	[REDRESS__CASE_EVENT__BODY_REFUSED]   = "refused",
};

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
};
/* clang-format on */

#define NAME(table, value)                                                                         \
	((size_t)(value) < sizeof(table) / sizeof(*(table)) && (table)[value] ? (table)[value]     \
									      : "unknown")

const char *case_event_kind(const Redress__CaseEvent *event)
{
	return NAME(event_kinds, event->body_case);
}

const char *case_command_kind(const Redress__Command *command)
{
	return NAME(command_kinds, command->body_case);
}

const char *case_status_name(Redress__Status status)
{
	return NAME(status_names, status);
}

bool case_is_over(Redress__Status status)
{
	return status == REDRESS__STATUS__CLOSED || status == REDRESS__STATUS__WITHDRAWN ||
	       status == REDRESS__STATUS__MERGED;
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
	state->ask_key = grievance->ask_key;
	state->fingerprint = grievance->fingerprint;
	state->answers = grievance->answers;
	state->n_answers = grievance->n_answers;
	if (c) {
		state->category = c->category;
		state->confidence = c->confidence;
		state->language = c->language;
		state->urgency = c->urgency;
	}
	if (!*state->language)
		state->language = grievance->declared_language;
}

static void assign_case(Redress__CaseState *state, const Redress__Assigned *assigned)
{
	if (strcmp(state->office, assigned->office) != 0)
		state->officer = (char *)protobuf_c_empty_string;
	state->office = assigned->office;
	state->agency = assigned->agency;
	state->deadline_ms = assigned->deadline_ms;
	state->triage = assigned->triage;
	if (*assigned->category)
		state->category = assigned->category;
}

static void escalate_case(Redress__CaseState *state, const Redress__Escalated *escalated)
{
	state->escalation_level = escalated->level;
	state->deadline_ms = escalated->deadline_ms;
}

static void alias_case(Redress__CaseState *state, const Redress__Aliased *aliased)
{
	state->alias_of = aliased->alias_of;
	state->receipt_hash = aliased->receipt_hash;
	state->opened_at_ms = aliased->received_at_ms;
}

static void change(Redress__CaseState *state, const Redress__CaseEvent *event)
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
		state->category = event->corrected->category;
		state->confidence = 1;
		break;
	case REDRESS__CASE_EVENT__BODY_REOPENED:
		state->deadline_ms = event->reopened->deadline_ms;
		state->escalation_level = 0;
		break;
	case REDRESS__CASE_EVENT__BODY_ESCALATED:
		escalate_case(state, event->escalated);
		break;
	case REDRESS__CASE_EVENT__BODY_ALIASED:
		alias_case(state, event->aliased);
		break;
	default:
		break;
	}
	/* answered and over: no clock runs */
	if (event->status == REDRESS__STATUS__ANSWERED || case_is_over(event->status))
		state->deadline_ms = 0;
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
	entry->kind = (char *)(uintptr_t)case_event_kind(event);
	entry->status = event->status;
	if (event->body_case == REDRESS__CASE_EVENT__BODY_ASSIGNED)
		entry->office = event->assigned->office;
	else if (event->body_case == REDRESS__CASE_EVENT__BODY_ESCALATED)
		entry->office = event->escalated->office;
	entry->deadline_ms = state->deadline_ms;
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
	add_history(arena, made, event);
	*next = made;
	return 0;
}
