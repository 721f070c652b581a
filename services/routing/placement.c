/*
 * Where a case goes: first the rules, then the office of the category's agency for the place, or,
 * while no category is known, that of the service the citizen chose. Until when: the service
 * level's span from the moment the grievance was received, in the calendar of the office. A
 * transfer does not begin the clock anew; only reopening does. It stands still while the citizen is
 * asked.
 */
#include "placement.h"

#include <stdlib.h>
#include <string.h>

#include "client/catalogue_folder.h"
#include "client/texts_folder.h"
#include "domain/catalogue.h"
#include "rule.h"
#include "util/alloc.h"
#include "util/text.h"

#define RULES_SIZE_MAX ((size_t)1 << 20)

struct places {
	struct catalogue *catalogue;
	struct rules *rules;
};

static struct rules *load_rules(const struct catalogue *catalogue, const char *folder,
				struct err *err)
{
	char reason[160];
	char *path = x_printf("%s/routing.rules", folder);
	size_t size;
	char *text = text_read_file(path, RULES_SIZE_MAX, &size, reason);
	struct rules *rules = NULL;
	if (text)
		rules = rules_parse(catalogue, text, err);
	else
		err_set(err, "%s", reason);
	free(text);
	free(path);
	return rules;
}

/* Whoever reads a reason must find its sentence. */
static int check_texts(const struct rules *rules, const struct settings *settings, struct err *err)
{
	struct texts *texts = texts_load(settings, err);
	int result = texts ? rules_check_texts(rules, texts, err) : -1;
	texts_free(&texts);
	return result;
}

struct places *places_load(const struct settings *settings, struct err *err)
{
	const char *folder = settings_str(settings, "catalogue.folder");
	struct places *places = x_calloc(1, sizeof(*places));
	places->catalogue = catalogue_load(settings, err);
	if (places->catalogue)
		places->rules = load_rules(places->catalogue, folder, err);
	if (!places->rules || check_texts(places->rules, settings, err))
		places_free(&places);
	return places;
}

void places_free(struct places **places)
{
	if (!*places)
		return;
	rules_free(&(*places)->rules);
	catalogue_free(&(*places)->catalogue);
	free(*places);
	*places = NULL;
}

/* ---- facts ---------------------------------------------------------------------------------- */

/* What is placed: of a new grievance, or of a case as it stands. */
struct subject {
	const char *category, *service_code, *language, *channel;
	float confidence;
	Redress__Urgency urgency;
	Redress__Danger danger;
	const Redress__Place *place;
	Redress__Answer *const *answers;
	size_t answer_count;
	int64_t from_ms;            /* when the clock began */
	bool suggestion;            /* the classifier's category is for a person to say */
	const char *urgency_reason; /* who raised the urgency; "" when nobody did */
};

static struct subject subject_of_open(const struct catalogue *catalogue, const Redress__Open *open)
{
	const Redress__Grievance *g = open->grievance;
	const Redress__Classification *c = open->classification;
	struct subject subject = {.category = "",
				  .service_code = g->service_code,
				  .language = g->declared_language,
				  .channel = g->channel,
				  .place = g->place,
				  .answers = g->answers,
				  .answer_count = g->n_answers,
				  .from_ms = g->received_at_ms,
				  .urgency_reason = ""};
	if (!c)
		return subject;
	subject.urgency = c->urgency;
	subject.danger = c->danger;
	if (*c->language)
		subject.language = c->language;
	const struct catalogue_category *category = catalogue_category(catalogue, c->category);
	subject.suggestion = category && category->by_person;
	if (!c->abstained && !subject.suggestion) {
		subject.category = c->category;
		subject.confidence = c->confidence;
	}
	return subject;
}

static struct subject subject_of_state(const Redress__CaseState *state)
{
	return (struct subject){.category = state->category,
				.service_code = state->service_code,
				.language = state->language,
				.channel = state->channel,
				.confidence = state->confidence,
				.urgency = state->urgency,
				.place = state->place,
				.answers = state->answers,
				.answer_count = state->n_answers,
				.from_ms = state->opened_at_ms,
				.urgency_reason = ""};
}

static void raise_urgency(struct subject *subject, int declared, const char *reason)
{
	if (declared <= (int)subject->urgency)
		return;
	subject->urgency = (Redress__Urgency)declared;
	subject->urgency_reason = reason;
}

/* What the citizen declared and the category say of danger. Only ever more urgent. */
static void heed_declared(const struct catalogue *catalogue, struct subject *subject)
{
	const struct catalogue_service *service =
	    catalogue_service(catalogue, subject->service_code);
	const struct catalogue_category *category =
	    catalogue_category(catalogue, subject->category);
	if (service)
		raise_urgency(subject, service->urgency, "service");
	if (category)
		raise_urgency(subject, category->urgency, "category");
	for (size_t i = 0; service && i < subject->answer_count; i++) {
		const Redress__Answer *answer = subject->answers[i];
		const struct catalogue_question *question =
		    catalogue_question(service, answer->code);
		const struct catalogue_value *value =
		    question ? catalogue_value(question, answer->value) : NULL;
		if (value)
			raise_urgency(subject, value->urgency, "answer");
	}
}

/* Intake found it by the exact place; the rounded one never chooses an office. */
static const struct catalogue_area *area_of(const struct catalogue *catalogue,
					    const Redress__Place *place)
{
	return place ? catalogue_area(catalogue, place->area_code) : NULL;
}

static struct rule_facts facts_of(const struct catalogue *catalogue, const struct subject *subject)
{
	const struct catalogue_category *category =
	    catalogue_category(catalogue, subject->category);
	const struct catalogue_service *chosen =
	    catalogue_service(catalogue, subject->service_code);
	return (struct rule_facts){
	    .category = category,
	    .service = chosen || !category ? chosen : category->service,
	    .area = area_of(catalogue, subject->place),
	    .language = subject->language,
	    .channel = subject->channel,
	    .urgency = subject->urgency,
	    .danger = subject->danger,
	    .confidence = subject->confidence,
	    .answers = subject->answers,
	    .answer_count = subject->answer_count,
	    .at = calendar_local(catalogue->calendar, subject->from_ms),
	};
}

/* What Assigned.rule says then: the category's agency, at its office for the place. */
#define NO_RULE_TOOK_IT "category-and-place"
/* The same of the service that was chosen, while no category is known. */
#define NO_CATEGORY_KNOWN "service-and-place"

/* ---- placing -------------------------------------------------------------------------------- */

/* Of the category, else of the service chosen, else the nation's. */
static const struct catalogue_level *level_of(const struct catalogue *catalogue, const char *code,
					      const char *service_code)
{
	const struct catalogue_category *category = catalogue_category(catalogue, code);
	const struct catalogue_service *service = catalogue_service(catalogue, service_code);
	if (category)
		return category->level;
	return service && service->level ? service->level : catalogue->level;
}

static struct calendar_span answer_span(const struct catalogue_level *level,
					Redress__Urgency urgency)
{
	size_t which =
	    (size_t)urgency < CATALOGUE_URGENCIES ? (size_t)urgency : CATALOGUE_URGENCIES - 1;
	return level->answer[which];
}

static struct placement at_office(const struct catalogue_office *office,
				  const struct catalogue_level *level, Redress__Urgency urgency,
				  int64_t from_ms)
{
	return (struct placement){
	    .office = office->code,
	    .agency = office->agency->code,
	    .deadline_ms = calendar_after(office->calendar, from_ms, answer_span(level, urgency)),
	    .rule = "",
	    .triage = office->triage};
}

static struct placement at_person(const struct catalogue *catalogue, Redress__Urgency urgency,
				  int64_t from_ms, const char *rule, const char *reason)
{
	struct placement placement =
	    at_office(catalogue->triage, catalogue->level, urgency, from_ms);
	placement.triage = true;
	placement.rule = rule;
	placement.reason.code = reason;
	return placement;
}

/* Whose office for the place has it when no rule took it; NULL: people decide. */
static const struct catalogue_agency *agency_of(const struct rule_facts *facts)
{
	if (facts->category)
		return facts->category->agency;
	return facts->service ? facts->service->agency : NULL;
}

static const char *why_person(const struct subject *subject)
{
	if (subject->suggestion)
		return "only_suggested";
	return *subject->category ? "category_unknown" : "category_unsure";
}

static struct placement place_subject(const struct places *places, const struct subject *subject)
{
	const struct catalogue *catalogue = places->catalogue;
	struct rule_facts facts = facts_of(catalogue, subject);
	struct rule_outcome outcome = rules_decide(places->rules, &facts);
	const struct catalogue_agency *agency = outcome.rule ? outcome.agency : agency_of(&facts);
	const struct catalogue_office *office =
	    agency ? catalogue_office_for(catalogue, agency, facts.area) : outcome.office;
	if (!office)
		return at_person(catalogue, subject->urgency, subject->from_ms,
				 outcome.rule ? outcome.rule : "",
				 outcome.rule ? outcome.reason : why_person(subject));
	struct placement placement =
	    at_office(office, level_of(catalogue, subject->category, subject->service_code),
		      subject->urgency, subject->from_ms);
	placement.rule = outcome.rule     ? outcome.rule
			 : facts.category ? NO_RULE_TOOK_IT
					  : NO_CATEGORY_KNOWN;
	return placement;
}

/* With what was declared of its urgency. */
static struct placement place_declared(const struct places *places, struct subject *subject)
{
	heed_declared(places->catalogue, subject);
	struct placement placement = place_subject(places, subject);
	placement.suggestion = subject->suggestion;
	placement.urgency = subject->urgency;
	placement.urgency_reason = subject->urgency_reason;
	return placement;
}

static struct placement refused(const char *code, const char *name, const char *value)
{
	return (struct placement){.refusal = {code, name, value}};
}

/* ---- the clock ------------------------------------------------------------------------------ */

/* The triage desk's time is the nation's. */
static const struct catalogue_level *level_of_state(const struct catalogue *catalogue,
						    const Redress__CaseState *state)
{
	return state->triage ? catalogue->level
			     : level_of(catalogue, state->category, state->service_code);
}

static const struct catalogue_step *step_of(const struct catalogue_level *level, size_t reached)
{
	return &level->steps[reached < level->step_count ? reached : level->step_count - 1];
}

/* Whether the clock that is running counts elapsed time, not working time. */
static bool runs_elapsed(const struct catalogue_level *level, const Redress__CaseState *state)
{
	size_t reached = state->escalation_level;
	struct calendar_span span =
	    reached ? step_of(level, reached - 1)->within : answer_span(level, state->urgency);
	return span.unit != UNIT_WORKING_HOURS && span.unit != UNIT_WORKING_DAYS;
}

static const struct calendar *calendar_of(const struct catalogue *catalogue, const char *code)
{
	const struct catalogue_office *office = catalogue_acting_office(catalogue, code);
	return office ? office->calendar : catalogue->triage->calendar;
}

/* The clock stands still: what is left of it, and until when it may. */
static struct placement ask(const struct catalogue *catalogue, const Redress__CaseState *state,
			    int64_t now_ms)
{
	const struct catalogue_level *level = level_of_state(catalogue, state);
	const struct calendar *calendar = calendar_of(catalogue, state->office);
	int64_t left_ms = state->deadline_ms > now_ms ? state->deadline_ms - now_ms : 0;
	struct placement placement = {
	    .waiting_until_ms = calendar_after(calendar, now_ms, level->reply),
	    .remaining_ms = left_ms,
	    .remaining_elapsed = runs_elapsed(level, state),
	};
	if (!placement.remaining_elapsed)
		placement.remaining_ms =
		    calendar_working_between(calendar, now_ms, state->deadline_ms);
	return placement;
}

/* The deadline when the clock goes on, with what was left of it. */
static int64_t resumed_ms(const struct calendar *calendar, const Redress__CaseState *state,
			  int64_t now_ms)
{
	if (state->remaining_elapsed)
		return now_ms + state->remaining_ms;
	return calendar_after_working(calendar, now_ms, state->remaining_ms);
}

static struct placement resume(const struct catalogue *catalogue, const Redress__CaseState *state,
			       int64_t now_ms)
{
	return (struct placement){
	    .deadline_ms = resumed_ms(calendar_of(catalogue, state->office), state, now_ms)};
}

/* By a person's hand. Only leaving the triage desk sets the time to answer, from the beginning. */
static struct placement assign(const struct catalogue *catalogue, const Redress__CaseState *state,
			       const char *code, int64_t now_ms)
{
	const struct catalogue_office *office = catalogue_office(catalogue, code);
	if (!office)
		return refused("no_such_office", "office", code);
	int64_t waited_ms = state->waiting_since_ms ? now_ms - state->waiting_since_ms : 0;
	struct placement placement =
	    at_office(office, level_of(catalogue, state->category, state->service_code),
		      state->urgency, state->opened_at_ms + waited_ms);
	if (state->waiting_until_ms && !state->triage)
		placement.deadline_ms = resumed_ms(office->calendar, state, now_ms);
	else if (!state->triage && state->deadline_ms)
		placement.deadline_ms = state->deadline_ms;
	return placement;
}

static struct placement correct(const struct places *places, const Redress__CaseState *state,
				const char *category)
{
	if (!catalogue_category(places->catalogue, category))
		return refused("no_such_category", "category", category);
	struct subject subject = subject_of_state(state);
	subject.category = category;
	subject.confidence = 1; /* a person said so */
	return place_declared(places, &subject);
}

/* What is more urgent than was known is due sooner, from now on; nothing is put off. */
static struct placement prioritize(const struct catalogue *catalogue,
				   const Redress__CaseState *state, Redress__Urgency urgency,
				   int64_t now_ms)
{
	struct placement placement = {.deadline_ms = state->deadline_ms};
	if (urgency == state->urgency)
		return refused("same_urgency", NULL, NULL);
	int64_t due_ms = calendar_after(calendar_of(catalogue, state->office), now_ms,
					answer_span(level_of_state(catalogue, state), urgency));
	if (urgency > state->urgency && (!placement.deadline_ms || due_ms < placement.deadline_ms))
		placement.deadline_ms = due_ms;
	return placement;
}

static struct placement reopen(const struct places *places, const Redress__CaseState *state,
			       int64_t now_ms)
{
	const struct catalogue_office *office =
	    catalogue_acting_office(places->catalogue, state->office);
	if (office)
		return at_office(office,
				 level_of(places->catalogue, state->category, state->service_code),
				 state->urgency, now_ms);
	struct subject subject = subject_of_state(state);
	subject.from_ms = now_ms;
	return place_subject(places, &subject);
}

static const struct catalogue_office *told(const struct catalogue *catalogue,
					   const struct catalogue_office *office,
					   enum catalogue_tell tell)
{
	if (!office)
		return catalogue->triage;
	if (tell == TELL_OFFICE)
		return office;
	return tell == TELL_PARENT && office->parent ? office->parent : office->agency->head;
}

static struct placement escalate(const struct catalogue *catalogue, const Redress__CaseState *state,
				 int64_t now_ms)
{
	size_t reached = state->escalation_level;
	const struct catalogue_step *step = step_of(level_of_state(catalogue, state), reached);
	const struct catalogue_office *office =
	    told(catalogue, catalogue_acting_office(catalogue, state->office), step->tell);
	return (struct placement){.office = office->code,
				  .agency = office->agency->code,
				  .deadline_ms =
				      calendar_after(office->calendar, now_ms, step->within),
				  .rule = "",
				  .level = (uint32_t)reached + 1};
}

struct placement place(const struct places *places, const Redress__CaseState *state,
		       const Redress__Command *command, int64_t now_ms)
{
	struct subject subject;
	switch (command->body_case) {
	case REDRESS__COMMAND__BODY_OPEN:
		subject = subject_of_open(places->catalogue, command->open);
		return place_declared(places, &subject);
	case REDRESS__COMMAND__BODY_ASSIGN:
		return assign(places->catalogue, state, command->assign->office, now_ms);
	case REDRESS__COMMAND__BODY_CORRECT:
		return correct(places, state, command->correct->category);
	case REDRESS__COMMAND__BODY_REOPEN:
		return reopen(places, state, now_ms);
	case REDRESS__COMMAND__BODY_ASK:
		return ask(places->catalogue, state, now_ms);
	case REDRESS__COMMAND__BODY_ANSWER:
		return (struct placement){.closes_at_ms = calendar_after(
					      calendar_of(places->catalogue, state->office), now_ms,
					      level_of_state(places->catalogue, state)->silence)};
	case REDRESS__COMMAND__BODY_PRIORITIZE:
		return prioritize(places->catalogue, state, command->prioritize->urgency, now_ms);
	case REDRESS__COMMAND__BODY_REPLY:
	case REDRESS__COMMAND__BODY_RESUME:
		return resume(places->catalogue, state, now_ms);
	default:
		return escalate(places->catalogue, state, now_ms);
	}
}

const char *places_acting_office(const struct places *places, const Redress__CaseState *state)
{
	const struct catalogue_office *office =
	    state ? catalogue_acting_office(places->catalogue, state->office) : NULL;
	return office ? office->code : "";
}

const struct catalogue *places_catalogue(const struct places *places)
{
	return places->catalogue;
}
