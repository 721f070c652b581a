#include "decide.h"

#include <string.h>

#include "domain/case_state.h"

#define IN(status)  (1u << REDRESS__STATUS__##status)
#define WITH_OFFICE (IN(ASSIGNED) | IN(IN_PROGRESS) | IN(WAITING))
#define ALIVE       (IN(REGISTERED) | WITH_OFFICE | IN(ANSWERED))
#define SAME        (-1)

/* clang-format off */
/* In which statuses a command is allowed, and the status it leads to. */
static const struct {
	unsigned from;
	int to;
	const char *otherwise; /* for the person who asked */
} moves[] = {
	[REDRESS__COMMAND__BODY_ASSIGN]   = {IN(REGISTERED) | WITH_OFFICE, REDRESS__STATUS__ASSIGNED,    "only a case that is not yet answered can be given to an office"},
	[REDRESS__COMMAND__BODY_ACCEPT]   = {IN(ASSIGNED),                 REDRESS__STATUS__IN_PROGRESS, "only a case that waits at an office can be taken up"},
	[REDRESS__COMMAND__BODY_COMMENT]  = {ALIVE,                        SAME,                         "the case is over"},
	[REDRESS__COMMAND__BODY_ASK]      = {IN(ASSIGNED) | IN(IN_PROGRESS), REDRESS__STATUS__WAITING,   "the citizen can be asked only while an office works on the case"},
	[REDRESS__COMMAND__BODY_REPLY]    = {IN(WAITING),                  REDRESS__STATUS__IN_PROGRESS, "the office has not asked anything"},
	[REDRESS__COMMAND__BODY_ANSWER]   = {WITH_OFFICE,                  REDRESS__STATUS__ANSWERED,    "only an office that has the case can answer it"},
	[REDRESS__COMMAND__BODY_CLOSE]    = {IN(ANSWERED),                 REDRESS__STATUS__CLOSED,      "only an answered case can be closed"},
	[REDRESS__COMMAND__BODY_REOPEN]   = {IN(ANSWERED) | IN(CLOSED),    REDRESS__STATUS__ASSIGNED,    "only an answered or closed case can be reopened"},
	[REDRESS__COMMAND__BODY_WITHDRAW] = {ALIVE,                        REDRESS__STATUS__WITHDRAWN,   "the case is over"},
	[REDRESS__COMMAND__BODY_CORRECT]  = {IN(REGISTERED) | WITH_OFFICE, SAME,                         "only a case that is not yet answered can be corrected"},
	[REDRESS__COMMAND__BODY_ESCALATE] = {WITH_OFFICE,                  SAME,                         "no clock is running"},
};
/* clang-format on */

static char *text(const char *shared)
{
	return shared ? (char *)(uintptr_t)shared : (char *)(uintptr_t)protobuf_c_empty_string;
}

/* An event of the kind body, not yet numbered after the state's version. */
static Redress__CaseEvent *add_event(struct arena *arena, struct decision *decision,
				     const Redress__CaseState *state,
				     const Redress__Command *command, int64_t now_ms)
{
	Redress__CaseEvent *event = arena_take(arena, sizeof(*event));
	redress__case_event__init(event);
	event->number = command->number;
	event->version = (state ? state->version : 0) + (uint32_t)decision->count + 1;
	event->at_ms = now_ms;
	event->actor = command->actor;
	event->cause = command->id;
	event->status = state ? state->status : REDRESS__STATUS__STATUS_NONE;
	event->office = text(state ? state->office : NULL);
	decision->events[decision->count++] = event;
	return event;
}

#define BODY(event, arena, member, type, which)                                                    \
	((event)->body_case = REDRESS__CASE_EVENT__BODY_##which,                                   \
	 (event)->member = arena_take((arena), sizeof(Redress__##type)))

static struct decision refuse(struct arena *arena, const Redress__CaseState *state,
			      const Redress__Command *command, const char *reason, int64_t now_ms)
{
	struct decision decision = {{NULL}, 0};
	Redress__CaseEvent *event = add_event(arena, &decision, state, command, now_ms);
	event->version = 0;
	BODY(event, arena, refused, Refused, REFUSED);
	redress__refused__init(event->refused);
	event->refused->reason = text(reason);
	event->refused->based_on = command->based_on;
	event->refused->current_version = state ? state->version : 0;
	event->refused->current_status = event->status;
	event->refused->command = text(case_command_kind(command));
	return decision;
}

/* ---- the events of each command ------------------------------------------------------------- */

static void add_assigned(struct arena *arena, struct decision *decision,
			 const Redress__CaseState *state, const Redress__Command *command,
			 const struct placement *placement, const char *category, int64_t now_ms)
{
	Redress__CaseEvent *event = add_event(arena, decision, state, command, now_ms);
	event->status = REDRESS__STATUS__ASSIGNED;
	event->office = text(placement->office);
	BODY(event, arena, assigned, Assigned, ASSIGNED);
	redress__assigned__init(event->assigned);
	event->assigned->office = text(placement->office);
	event->assigned->agency = text(placement->agency);
	event->assigned->deadline_ms = placement->deadline_ms;
	event->assigned->rule = text(placement->rule);
	event->assigned->reason = text(placement->reason);
	event->assigned->category = text(category);
	event->assigned->previous_office = text(state ? state->office : NULL);
	event->assigned->triage = placement->triage;
}

static struct decision open_case(struct arena *arena, const Redress__Command *command,
				 const struct placement *placement, uint64_t same_as,
				 int64_t now_ms)
{
	struct decision decision = {{NULL}, 0};
	Redress__Grievance *grievance = command->open->grievance;
	Redress__CaseEvent *event = add_event(arena, &decision, NULL, command, now_ms);
	if (same_as) {
		event->status = REDRESS__STATUS__MERGED;
		BODY(event, arena, aliased, Aliased, ALIASED);
		redress__aliased__init(event->aliased);
		event->aliased->alias_of = same_as;
		event->aliased->receipt_hash = grievance->receipt_hash;
		event->aliased->received_at_ms = grievance->received_at_ms;
		return decision;
	}
	event->status = REDRESS__STATUS__REGISTERED;
	BODY(event, arena, opened, Opened, OPENED);
	redress__opened__init(event->opened);
	event->opened->grievance = grievance;
	event->opened->classification = command->open->classification;
	const Redress__Classification *c = command->open->classification;
	add_assigned(arena, &decision, NULL, command, placement, c ? c->category : NULL, now_ms);
	return decision;
}

static void fill_escalated(struct arena *arena, Redress__CaseEvent *event,
			   const Redress__Command *command, const struct placement *placement)
{
	BODY(event, arena, escalated, Escalated, ESCALATED);
	redress__escalated__init(event->escalated);
	event->escalated->level = placement->level;
	event->escalated->office = text(placement->office);
	event->escalated->missed_deadline_ms = command->escalate->deadline_ms;
	event->escalated->deadline_ms = placement->deadline_ms;
}

static void fill_corrected(struct arena *arena, Redress__CaseEvent *event,
			   const Redress__CaseState *state, const Redress__Command *command)
{
	BODY(event, arena, corrected, Corrected, CORRECTED);
	redress__corrected__init(event->corrected);
	event->corrected->category = command->correct->category;
	event->corrected->previous_category = state->category;
}

static void fill_reopened(struct arena *arena, Redress__CaseEvent *event,
			  const Redress__Command *command, const struct placement *placement)
{
	BODY(event, arena, reopened, Reopened, REOPENED);
	redress__reopened__init(event->reopened);
	event->reopened->sealed_text = command->reopen->sealed_text;
	event->reopened->deadline_ms = placement->deadline_ms;
}

/* Events that hold a sealed text and no more. */
#define FILL_TEXT(member, type, which, from)                                                       \
	do {                                                                                       \
		BODY(event, arena, member, type, which);                                           \
		redress__##member##__init(event->member);                                          \
		event->member->sealed_text = command->from->sealed_text;                           \
	} while (0)

static void fill(struct arena *arena, Redress__CaseEvent *event, const Redress__CaseState *state,
		 const Redress__Command *command, const struct placement *placement)
{
	switch (command->body_case) {
	case REDRESS__COMMAND__BODY_ACCEPT:
		BODY(event, arena, accepted, Accepted, ACCEPTED);
		redress__accepted__init(event->accepted);
		event->accepted->officer = text(command->actor ? command->actor->id : NULL);
		break;
	case REDRESS__COMMAND__BODY_COMMENT:
		FILL_TEXT(commented, Commented, COMMENTED, comment);
		event->commented->public_ = command->comment->public_;
		break;
	case REDRESS__COMMAND__BODY_ASK:
		FILL_TEXT(asked, Asked, ASKED, ask);
		break;
	case REDRESS__COMMAND__BODY_REPLY:
		FILL_TEXT(replied, Replied, REPLIED, reply);
		break;
	case REDRESS__COMMAND__BODY_ANSWER:
		FILL_TEXT(answered, Answered, ANSWERED, answer);
		break;
	case REDRESS__COMMAND__BODY_CLOSE:
		BODY(event, arena, closed, Closed, CLOSED);
		redress__closed__init(event->closed);
		break;
	case REDRESS__COMMAND__BODY_REOPEN:
		fill_reopened(arena, event, command, placement);
		break;
	case REDRESS__COMMAND__BODY_WITHDRAW:
		BODY(event, arena, withdrawn, Withdrawn, WITHDRAWN);
		redress__withdrawn__init(event->withdrawn);
		break;
	case REDRESS__COMMAND__BODY_CORRECT:
		fill_corrected(arena, event, state, command);
		break;
	case REDRESS__COMMAND__BODY_ESCALATE:
		fill_escalated(arena, event, command, placement);
		break;
	default:
		break; /* Open and Assign have their own way */
	}
}

/* A corrected category moves the case when it leads elsewhere; an officer at work on it stays. */
static bool moves_on_correction(const Redress__CaseState *state, const struct placement *placement)
{
	return !placement->triage &&
	       (state->triage || strcmp(state->office, placement->office) != 0) &&
	       (state->status == REDRESS__STATUS__REGISTERED ||
		state->status == REDRESS__STATUS__ASSIGNED);
}

static struct decision apply_command(struct arena *arena, const Redress__CaseState *state,
				     const Redress__Command *command,
				     const struct placement *placement, int64_t now_ms)
{
	struct decision decision = {{NULL}, 0};
	int to = moves[command->body_case].to;
	if (command->body_case == REDRESS__COMMAND__BODY_ASSIGN) {
		add_assigned(arena, &decision, state, command, placement, state->category, now_ms);
		return decision;
	}
	Redress__CaseEvent *event = add_event(arena, &decision, state, command, now_ms);
	fill(arena, event, state, command, placement);
	if (to != SAME)
		event->status = (Redress__Status)to;
	if (command->body_case == REDRESS__COMMAND__BODY_CORRECT &&
	    moves_on_correction(state, placement))
		add_assigned(arena, &decision, state, command, placement,
			     command->correct->category, now_ms);
	return decision;
}

/* ---- what is allowed ------------------------------------------------------------------------ */

static bool is_known(const Redress__Command *command)
{
	size_t kinds = sizeof(moves) / sizeof(*moves);
	return (size_t)command->body_case < kinds && moves[command->body_case].from;
}

static bool is_allowed(const Redress__CaseState *state, const Redress__Command *command)
{
	return moves[command->body_case].from & 1u << state->status;
}

bool decide_wants_placement(const Redress__CaseState *state, const Redress__Command *command)
{
	switch (command->body_case) {
	case REDRESS__COMMAND__BODY_OPEN:
		return !state;
	case REDRESS__COMMAND__BODY_ASSIGN:
	case REDRESS__COMMAND__BODY_REOPEN:
	case REDRESS__COMMAND__BODY_CORRECT:
	case REDRESS__COMMAND__BODY_ESCALATE:
		return state && is_allowed(state, command);
	default:
		return false;
	}
}

/* Why the command is not allowed now, for the person who sent it. */
static const char *not_now(const Redress__CaseState *state, const Redress__Command *command)
{
	switch (state->status) {
	case REDRESS__STATUS__CLOSED:
		return "the case is closed; it can be reopened";
	case REDRESS__STATUS__WITHDRAWN:
		return "the citizen has withdrawn the case";
	case REDRESS__STATUS__MERGED:
		return "the case goes on under another number";
	default:
		return moves[command->body_case].otherwise;
	}
}

/* Why the command cannot be applied; NULL when it can. */
static const char *objection(const Redress__CaseState *state, const Redress__Command *command,
			     const struct placement *placement)
{
	if (!state)
		return "there is no such open case";
	if (!is_known(command))
		return "the command says nothing";
	if (command->based_on != state->version)
		return "the case has changed since: look at it again";
	if (!is_allowed(state, command))
		return not_now(state, command);
	if (decide_wants_placement(state, command) && placement->refusal)
		return placement->refusal;
	return NULL;
}

struct decision decide(struct arena *arena, const Redress__CaseState *state,
		       const Redress__Command *command, const struct placement *placement,
		       uint64_t same_as, int64_t now_ms)
{
	static const struct decision nothing;
	if (command->body_case == REDRESS__COMMAND__BODY_OPEN) {
		/* a case that is there was opened by the same submission: intake repeats under
		 * the number it had reserved */
		return state ? nothing : open_case(arena, command, placement, same_as, now_ms);
	}
	if (state && case_was_applied(state, &command->id))
		return nothing;
	const char *why_not = objection(state, command, placement);
	if (why_not)
		return refuse(arena, state, command, why_not, now_ms);
	return apply_command(arena, state, command, placement, now_ms);
}
