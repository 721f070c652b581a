#include "domain/case_moves.h"

#include <string.h>

#define IN(status)  CASE_IN(status)
#define WITH_OFFICE (IN(ASSIGNED) | IN(IN_PROGRESS) | IN(WAITING))
#define UNANSWERED  (IN(REGISTERED) | WITH_OFFICE)
#define ALIVE       (UNANSWERED | IN(ANSWERED))
#define SAME        CASE_MOVE_SAME
#define TO(status)  REDRESS__STATUS__##status
#define MOVE(name)  [REDRESS__COMMAND__BODY_##name] = {REDRESS__COMMAND__BODY_##name
#define EVENT(name) REDRESS__CASE_EVENT__BODY_##name
#define NO_NEED     0
#define KEEPS_NONE  0

/* clang-format off */
static const struct case_move moves[] = {
	/*            from                             who                needs        to                keeps                           emits                                            otherwise */
	MOVE(OPEN),     IN(STATUS_NONE),                WHO_CLASSIFICATION, NEEDS_PLACE, TO(ASSIGNED),    KEEPS_NONE,                     {EVENT(OPENED), EVENT(ASSIGNED), EVENT(ALIASED)}, NULL},
	MOVE(ASSIGN),   UNANSWERED,                     WHO_OFFICER,        NEEDS_PLACE, TO(ASSIGNED),    KEEPS_NONE,                     {EVENT(ASSIGNED)},                               "already_answered"},
	MOVE(ACCEPT),   IN(ASSIGNED),                   WHO_OFFICER,        NO_NEED,     TO(IN_PROGRESS), KEEPS_NONE,                     {EVENT(ACCEPTED)},                               "not_to_take_up"},
	MOVE(COMMENT),  ALIVE,                          WHO_OFFICER | WHO_CITIZEN, NEEDS_TEXT, SAME,      KEEPS_NONE,                     {EVENT(COMMENTED)},                              "over"},
	MOVE(ASK),      IN(ASSIGNED) | IN(IN_PROGRESS), WHO_OFFICER,        NEEDS_TEXT | NEEDS_PLACE, TO(WAITING), KEEPS_NONE,            {EVENT(ASKED)},                                  "not_at_work"},
	MOVE(REPLY),    WITH_OFFICE,                    WHO_CITIZEN,        NEEDS_TEXT | NEEDS_PLACE, TO(IN_PROGRESS), IN(ASSIGNED) | IN(IN_PROGRESS), {EVENT(REPLIED)},               "not_with_office"},
	MOVE(ANSWER),   WITH_OFFICE,                    WHO_OFFICER,        NEEDS_TEXT | NEEDS_OUTCOME | NEEDS_PLACE, TO(ANSWERED), KEEPS_NONE, {EVENT(ANSWERED)},                               "not_with_office"},
	MOVE(CLOSE),    IN(ANSWERED),                   WHO_OFFICER | WHO_ROUTING, NO_NEED,     TO(CLOSED),      KEEPS_NONE,                     {EVENT(CLOSED)},                                 "not_answered"},
	MOVE(REOPEN),   IN(ANSWERED) | IN(CLOSED),      WHO_CITIZEN,        NEEDS_TEXT | NEEDS_PLACE, TO(ASSIGNED), KEEPS_NONE,           {EVENT(REOPENED)},                               "not_answered"},
	MOVE(WITHDRAW), ALIVE,                          WHO_CITIZEN,        NO_NEED,     TO(WITHDRAWN),   KEEPS_NONE,                     {EVENT(WITHDRAWN)},                              "over"},
	MOVE(CORRECT),  UNANSWERED,                     WHO_OFFICER,        NEEDS_PLACE, SAME,            KEEPS_NONE,                     {EVENT(CORRECTED), EVENT(ASSIGNED)},             "already_answered"},
	MOVE(ESCALATE), IN(ASSIGNED) | IN(IN_PROGRESS), WHO_ROUTING,        NEEDS_PLACE, SAME,            KEEPS_NONE,                     {EVENT(ESCALATED)},                              "no_clock_runs"},
	MOVE(ERASE),    ALIVE | IN(CLOSED) | IN(WITHDRAWN), WHO_OPERATOR,   NO_NEED,     TO(ERASED),      KEEPS_NONE,                     {EVENT(ERASED)},                                 "over"},
	MOVE(RESUME),   IN(WAITING),                    WHO_ROUTING,        NEEDS_PLACE, TO(IN_PROGRESS), KEEPS_NONE,                     {EVENT(RESUMED)},                                "not_asked"},
	MOVE(RATE),     IN(ANSWERED) | IN(CLOSED),      WHO_CITIZEN,        NEEDS_SCORE, SAME,            KEEPS_NONE,                     {EVENT(RATED)},                                  "not_answered"},
	MOVE(REMIND),   IN(REGISTERED) | IN(ASSIGNED) | IN(IN_PROGRESS), WHO_CITIZEN, NO_NEED, SAME,      KEEPS_NONE,                     {EVENT(REMINDED)},                               "no_clock_runs"},
	MOVE(PRIORITIZE), IN(REGISTERED) | IN(ASSIGNED) | IN(IN_PROGRESS), WHO_OFFICER, NEEDS_TEXT | NEEDS_PLACE, SAME, KEEPS_NONE,           {EVENT(PRIORITIZED)},                            "not_at_work"},
	MOVE(GIVE),     WITH_OFFICE,                    WHO_OFFICER,        NEEDS_COLLEAGUE, TO(IN_PROGRESS), IN(WAITING),                {EVENT(GIVEN)},                                  "not_with_office"},
	MOVE(RELEASE),  IN(IN_PROGRESS),                WHO_OFFICER,        NO_NEED,     TO(ASSIGNED),    KEEPS_NONE,                     {EVENT(RELEASED)},                               "not_taken_up"},
};
/* clang-format on */
#define COUNT (sizeof(moves) / sizeof(*moves))

const struct case_move *case_move(Redress__Command__BodyCase command)
{
	return (size_t)command < COUNT && moves[command].from ? &moves[command] : NULL;
}

const struct case_move *case_moves(size_t *count)
{
	*count = COUNT - REDRESS__COMMAND__BODY_OPEN;
	return moves + REDRESS__COMMAND__BODY_OPEN;
}

unsigned case_who(const Redress__Actor *actor)
{
	if (!actor)
		return 0;
	switch (actor->kind) {
	case REDRESS__ACTOR__KIND__CITIZEN:
		return WHO_CITIZEN;
	case REDRESS__ACTOR__KIND__OFFICER:
		return WHO_OFFICER;
	case REDRESS__ACTOR__KIND__OPERATOR:
		return WHO_OPERATOR;
	case REDRESS__ACTOR__KIND__SYSTEM:
		return strcmp(actor->id, "classification") == 0 ? WHO_CLASSIFICATION
		       : strcmp(actor->id, "routing") == 0      ? WHO_ROUTING
								: 0;
	default:
		return 0;
	}
}

const char *case_who_name(unsigned who)
{
	switch (who) {
	case WHO_CITIZEN:
		return "citizen";
	case WHO_OFFICER:
		return "officer";
	case WHO_CLASSIFICATION:
		return "classification";
	case WHO_ROUTING:
		return "routing";
	case WHO_OPERATOR:
		return "operator";
	default:
		return "nobody";
	}
}

bool case_may(Redress__Command__BodyCase command, Redress__Status status, unsigned who)
{
	const struct case_move *move = case_move(command);
	return move && move->from & 1u << status && move->who & who;
}

const char *case_again(Redress__Command__BodyCase command, const Redress__CaseState *state,
		       int64_t now_ms)
{
	if (command == REDRESS__COMMAND__BODY_RATE && state->score)
		return "already_rated";
	if (command == REDRESS__COMMAND__BODY_REMIND && state->reminded_at_ms &&
	    now_ms - state->reminded_at_ms < CASE_REMIND_AGAIN_MS)
		return "already_reminded";
	return NULL;
}
