#include "decide.h"

#include <string.h>

#include "domain/case_moves.h"
#include "domain/case_state.h"

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
			      const Redress__Command *command, const struct reason *reason,
			      int64_t now_ms)
{
	struct decision decision = {{NULL}, 0};
	Redress__CaseEvent *event = add_event(arena, &decision, state, command, now_ms);
	event->version = 0;
	BODY(event, arena, refused, Refused, REFUSED);
	redress__refused__init(event->refused);
	event->refused->reason = reason_pack(arena, reason);
	event->refused->based_on = command->based_on;
	event->refused->current_version = state ? state->version : 0;
	event->refused->current_status = event->status;
	event->refused->command = text(case_command_kind(command));
	return decision;
}

/* ---- the events of each command ------------------------------------------------------------- */

static Redress__Urgency urgency_of(const Redress__CaseState *state, const Redress__Command *command)
{
	const Redress__Classification *guess = command->body_case == REDRESS__COMMAND__BODY_OPEN
						   ? command->open->classification
						   : NULL;
	if (state)
		return state->urgency;
	return guess ? guess->urgency : REDRESS__URGENCY__ROUTINE;
}

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
	event->assigned->reason = reason_pack(arena, &placement->reason);
	event->assigned->category = text(category);
	event->assigned->previous_office = text(state ? state->office : NULL);
	event->assigned->triage = placement->triage;
	event->assigned->urgency = urgency_of(state, command);
}

/* Without the category when that is for a person to say; its guesses still suggest it. */
static Redress__Classification *counted(struct arena *arena, Redress__Classification *said,
					const struct placement *placement)
{
	if (!said || !placement->suggestion)
		return said;
	Redress__Classification *counted = arena_copy(arena, said, sizeof(*said));
	counted->category = text(NULL);
	counted->abstained = true;
	return counted;
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
	Redress__Classification *c = counted(arena, command->open->classification, placement);
	event->opened->classification = c;
	event->opened->urgency = placement->urgency;
	event->opened->urgency_reason = text(placement->urgency_reason);
	add_assigned(arena, &decision, NULL, command, placement, c ? c->category : NULL, now_ms);
	return decision;
}

static void fill_escalated(struct arena *arena, Redress__CaseEvent *event,
			   const Redress__CaseState *state, const Redress__Command *command,
			   const struct placement *placement)
{
	BODY(event, arena, escalated, Escalated, ESCALATED);
	redress__escalated__init(event->escalated);
	event->escalated->level = placement->level;
	event->escalated->office = text(placement->office);
	event->escalated->missed_deadline_ms = command->escalate->deadline_ms;
	event->escalated->deadline_ms = placement->deadline_ms;
	event->escalated->urgency = state->urgency;
}

static void fill_corrected(struct arena *arena, Redress__CaseEvent *event,
			   const Redress__CaseState *state, const Redress__Command *command,
			   const struct placement *placement)
{
	BODY(event, arena, corrected, Corrected, CORRECTED);
	redress__corrected__init(event->corrected);
	event->corrected->category = command->correct->category;
	event->corrected->previous_category = state->category;
	event->corrected->urgency = placement->urgency;
}

static void fill_reopened(struct arena *arena, Redress__CaseEvent *event,
			  const Redress__CaseState *state, const Redress__Command *command,
			  const struct placement *placement)
{
	BODY(event, arena, reopened, Reopened, REOPENED);
	redress__reopened__init(event->reopened);
	event->reopened->sealed_text = command->reopen->sealed_text;
	event->reopened->deadline_ms = placement->deadline_ms;
	event->reopened->urgency = state->urgency;
}

static void fill_prioritized(struct arena *arena, Redress__CaseEvent *event,
			     const Redress__CaseState *state, const Redress__Command *command,
			     const struct placement *placement)
{
	BODY(event, arena, prioritized, Prioritized, PRIORITIZED);
	redress__prioritized__init(event->prioritized);
	event->prioritized->urgency = command->prioritize->urgency;
	event->prioritized->previous_urgency = state->urgency;
	event->prioritized->deadline_ms = placement->deadline_ms;
	event->prioritized->sealed_text = command->prioritize->sealed_text;
}

static void fill_resumed(struct arena *arena, Redress__CaseEvent *event,
			 const Redress__CaseState *state, const struct placement *placement)
{
	BODY(event, arena, resumed, Resumed, RESUMED);
	redress__resumed__init(event->resumed);
	event->resumed->deadline_ms = placement->deadline_ms;
	event->resumed->waited_until_ms = state->waiting_until_ms;
}

static void fill_erased(struct arena *arena, Redress__CaseEvent *event,
			const Redress__Command *command)
{
	BODY(event, arena, erased, Erased, ERASED);
	redress__erased__init(event->erased);
	event->erased->reason = command->erase->reason;
}

/* Events that hold a sealed text. */
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
		/* notes are an office's own; what a citizen adds is part of the conversation */
		event->commented->public_ =
		    command->comment->public_ || case_who(command->actor) == WHO_CITIZEN;
		break;
	case REDRESS__COMMAND__BODY_ASK:
		FILL_TEXT(asked, Asked, ASKED, ask);
		event->asked->waiting_until_ms = placement->waiting_until_ms;
		event->asked->remaining_ms = placement->remaining_ms;
		event->asked->remaining_elapsed = placement->remaining_elapsed;
		break;
	case REDRESS__COMMAND__BODY_REPLY:
		FILL_TEXT(replied, Replied, REPLIED, reply);
		event->replied->deadline_ms = placement->deadline_ms;
		break;
	case REDRESS__COMMAND__BODY_ANSWER:
		FILL_TEXT(answered, Answered, ANSWERED, answer);
		event->answered->outcome = command->answer->outcome;
		event->answered->closes_at_ms = placement->closes_at_ms;
		break;
	case REDRESS__COMMAND__BODY_CLOSE:
		BODY(event, arena, closed, Closed, CLOSED);
		redress__closed__init(event->closed);
		break;
	case REDRESS__COMMAND__BODY_REOPEN:
		fill_reopened(arena, event, state, command, placement);
		break;
	case REDRESS__COMMAND__BODY_WITHDRAW:
		BODY(event, arena, withdrawn, Withdrawn, WITHDRAWN);
		redress__withdrawn__init(event->withdrawn);
		break;
	case REDRESS__COMMAND__BODY_CORRECT:
		fill_corrected(arena, event, state, command, placement);
		break;
	case REDRESS__COMMAND__BODY_ESCALATE:
		fill_escalated(arena, event, state, command, placement);
		break;
	case REDRESS__COMMAND__BODY_ERASE:
		fill_erased(arena, event, command);
		break;
	case REDRESS__COMMAND__BODY_RESUME:
		fill_resumed(arena, event, state, placement);
		break;
	case REDRESS__COMMAND__BODY_RATE:
		BODY(event, arena, rated, Rated, RATED);
		redress__rated__init(event->rated);
		event->rated->score = command->rate->score;
		event->rated->settled = command->rate->settled;
		break;
	case REDRESS__COMMAND__BODY_PRIORITIZE:
		fill_prioritized(arena, event, state, command, placement);
		break;
	case REDRESS__COMMAND__BODY_GIVE:
		BODY(event, arena, given, Given, GIVEN);
		redress__given__init(event->given);
		event->given->officer = command->give->officer;
		event->given->previous_officer = state->officer;
		break;
	case REDRESS__COMMAND__BODY_RELEASE:
		BODY(event, arena, released, Released, RELEASED);
		redress__released__init(event->released);
		event->released->previous_officer = state->officer;
		break;
	case REDRESS__COMMAND__BODY_REMIND:
		BODY(event, arena, reminded, Reminded, REMINDED);
		redress__reminded__init(event->reminded);
		event->reminded->reminders = state->reminders + 1;
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
	const struct case_move *move = case_move(command->body_case);
	if (command->body_case == REDRESS__COMMAND__BODY_ASSIGN) {
		add_assigned(arena, &decision, state, command, placement, state->category, now_ms);
		return decision;
	}
	Redress__CaseEvent *event = add_event(arena, &decision, state, command, now_ms);
	fill(arena, event, state, command, placement);
	if (move->to != CASE_MOVE_SAME && !(move->keeps & 1u << state->status))
		event->status = (Redress__Status)move->to;
	if (command->body_case == REDRESS__COMMAND__BODY_CORRECT &&
	    moves_on_correction(state, placement))
		add_assigned(arena, &decision, state, command, placement,
			     command->correct->category, now_ms);
	return decision;
}

/* ---- what is allowed ------------------------------------------------------------------------ */

bool decide_wants_placement(const Redress__CaseState *state, const Redress__Command *command)
{
	const struct case_move *move = case_move(command->body_case);
	Redress__Status status = state ? state->status : REDRESS__STATUS__STATUS_NONE;
	if (!move || !(move->needs & NEEDS_PLACE) || !(move->from & 1u << status))
		return false;
	/* a reply that nobody waits for starts no clock */
	return command->body_case != REDRESS__COMMAND__BODY_REPLY || state->waiting_until_ms;
}

static const ProtobufCBinaryData *text_in(const Redress__Command *command)
{
	switch (command->body_case) {
	case REDRESS__COMMAND__BODY_COMMENT:
		return &command->comment->sealed_text;
	case REDRESS__COMMAND__BODY_ASK:
		return &command->ask->sealed_text;
	case REDRESS__COMMAND__BODY_REPLY:
		return &command->reply->sealed_text;
	case REDRESS__COMMAND__BODY_ANSWER:
		return &command->answer->sealed_text;
	case REDRESS__COMMAND__BODY_REOPEN:
		return &command->reopen->sealed_text;
	case REDRESS__COMMAND__BODY_PRIORITIZE:
		return &command->prioritize->sealed_text;
	default:
		return NULL;
	}
}

/* An officer acts for the office that has the case (any, while none has it), or for the one that
 * was told it is late. */
static bool is_of_office(const Redress__CaseState *state, const Redress__Actor *actor,
			 const struct placement *placement)
{
	const char *acting = placement ? placement->acting_office : NULL;
	if (!*actor->office)
		return false;
	return !*state->office || strcmp(actor->office, state->office) == 0 ||
	       strcmp(actor->office, state->overseer) == 0 ||
	       (acting && strcmp(actor->office, acting) == 0);
}

static struct reason about(const char *code, const char *name, const char *value)
{
	return (struct reason){code, name, value};
}

/* The status does not allow it: what is over says so first. */
static struct reason not_now(const Redress__CaseState *state, const struct case_move *move)
{
	return about(case_is_over(state->status) ? "over" : move->otherwise, "status",
		     case_status_name(state->status));
}

/* Of the actor alone, before anything is said of the case. */
static struct reason objection_to_actor(const Redress__Command *command)
{
	const struct case_move *move = case_move(command->body_case);
	unsigned who = case_who(command->actor);
	if (!move)
		return about("unknown_command", NULL, NULL);
	if (!(move->who & who))
		return about("wrong_actor", "actor", case_who_name(who));
	return about(NULL, NULL, NULL);
}

/* What it needs and lacks. */
static struct reason objection_to_content(const Redress__CaseState *state,
					  const Redress__Command *command)
{
	unsigned needs = case_move(command->body_case)->needs;
	if (needs & NEEDS_TEXT && !text_in(command)->len)
		return about("text_missing", NULL, NULL);
	if (needs & NEEDS_OUTCOME && !*case_outcome_name(command->answer->outcome))
		return about("outcome_missing", NULL, NULL);
	if (needs & NEEDS_COLLEAGUE &&
	    (!*command->give->officer || strcmp(command->give->officer, state->officer) == 0))
		return about("colleague_missing", NULL, NULL);
	if (needs & NEEDS_SCORE &&
	    (command->rate->score < 1 || command->rate->score > CASE_SCORE_MAX))
		return about("score_missing", NULL, NULL);
	return about(NULL, NULL, NULL);
}

/* Why the command cannot be applied; without a code when it can. */
static struct reason objection(const Redress__CaseState *state, const Redress__Command *command,
			       const struct placement *placement, int64_t now_ms)
{
	const struct case_move *move = case_move(command->body_case);
	if (!state)
		return about("unknown_case", NULL, NULL);
	if (command->based_on != state->version)
		return about("changed", NULL, NULL);
	if (case_who(command->actor) == WHO_OFFICER &&
	    !is_of_office(state, command->actor, placement))
		return about("wrong_office", "office", state->office);
	if (!(move->from & 1u << state->status))
		return not_now(state, move);
	struct reason lack = objection_to_content(state, command);
	if (lack.code)
		return lack;
	if (case_again(command->body_case, state, now_ms))
		return about(case_again(command->body_case, state, now_ms), NULL, NULL);
	if (decide_wants_placement(state, command))
		return placement->refusal;
	return about(NULL, NULL, NULL);
}

static bool is_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

bool decide_is_number_taken(const Redress__CaseState *state, const Redress__Command *command,
			    uint64_t same_as)
{
	if (!state || command->body_case != REDRESS__COMMAND__BODY_OPEN ||
	    case_was_applied(state, &command->id) || objection_to_actor(command).code)
		return false;
	const Redress__Grievance *grievance = command->open->grievance;
	if (!is_equal(&state->receipt_hash, &grievance->receipt_hash))
		return true;
	if (state->alias_of)
		return state->alias_of != same_as;
	return !grievance->fingerprint.len ||
	       !is_equal(&state->fingerprint, &grievance->fingerprint) ||
	       !is_equal(&state->idempotency_key, &grievance->idempotency_key);
}

struct decision decide(struct arena *arena, const Redress__CaseState *state,
		       const Redress__Command *command, const struct placement *placement,
		       uint64_t same_as, int64_t now_ms)
{
	static const struct decision nothing;
	struct reason why_not = objection_to_actor(command);
	if (!why_not.code && command->body_case == REDRESS__COMMAND__BODY_OPEN) {
		/* a case that is there was opened by the same submission (for others see
		 * decide_is_number_taken): intake repeats under the number it had reserved */
		return state ? nothing : open_case(arena, command, placement, same_as, now_ms);
	}
	if (state && case_was_applied(state, &command->id))
		return nothing;
	if (!why_not.code)
		why_not = objection(state, command, placement, now_ms);
	if (why_not.code)
		return refuse(arena, state, command, &why_not, now_ms);
	return apply_command(arena, state, command, placement, now_ms);
}
