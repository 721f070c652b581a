/*
 * Where a case goes: first the rules, then the office of the category's agency for the place. Until
 * when: the service level's span from the moment the grievance was received, in the calendar of the
 * office. A transfer does not begin the clock anew; only reopening does.
 */
#include "place.h"

#include <stdlib.h>
#include <string.h>

#include "client/catalogue_folder.h"
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

struct places *places_load(const struct settings *settings, struct err *err)
{
	const char *folder = settings_str(settings, "catalogue.folder");
	struct places *places = x_calloc(1, sizeof(*places));
	places->catalogue = catalogue_load(settings, err);
	if (places->catalogue)
		places->rules = load_rules(places->catalogue, folder, err);
	if (!places->rules)
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
	const Redress__Place *place;
	Redress__Answer *const *answers;
	size_t answer_count;
	int64_t from_ms; /* when the clock began */
};

static struct subject subject_of_open(const Redress__Open *open)
{
	const Redress__Grievance *g = open->grievance;
	const Redress__Classification *c = open->classification;
	struct subject subject = {"",
				  g->service_code,
				  g->declared_language,
				  g->channel,
				  0,
				  REDRESS__URGENCY__ROUTINE,
				  g->place,
				  g->answers,
				  g->n_answers,
				  g->received_at_ms};
	if (!c)
		return subject;
	subject.urgency = c->urgency;
	if (*c->language)
		subject.language = c->language;
	if (!c->abstained) {
		subject.category = c->category;
		subject.confidence = c->confidence;
	}
	return subject;
}

static struct subject subject_of_state(const Redress__CaseState *state)
{
	return (struct subject){state->category,    state->service_code, state->language,
				state->channel,     state->confidence,   state->urgency,
				state->place,       state->answers,      state->n_answers,
				state->opened_at_ms};
}

static const struct catalogue_area *area_of(const struct catalogue *catalogue,
					    const Redress__Place *place)
{
	if (!place)
		return NULL;
	const struct catalogue_area *named = catalogue_area(catalogue, place->area_code);
	return named ? named : catalogue_area_at(catalogue, place->lat, place->lon);
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
	    .confidence = subject->confidence,
	    .answers = subject->answers,
	    .answer_count = subject->answer_count,
	    .at = calendar_local(catalogue->calendar, subject->from_ms),
	};
}

/* What Assigned.rule says then: the category's agency, at its office for the place. */
#define NO_RULE_TOOK_IT "category-and-place"

/* ---- placing -------------------------------------------------------------------------------- */

static int64_t deadline(const struct catalogue *catalogue, const struct catalogue_office *office,
			const struct catalogue_category *category, Redress__Urgency urgency,
			int64_t from_ms)
{
	const struct catalogue_level *level = category ? category->level : catalogue->level;
	size_t which =
	    (size_t)urgency < CATALOGUE_URGENCIES ? (size_t)urgency : CATALOGUE_URGENCIES - 1;
	return calendar_after(office->calendar, from_ms, level->answer[which]);
}

static struct placement at_office(const struct catalogue *catalogue,
				  const struct catalogue_office *office,
				  const struct catalogue_category *category,
				  Redress__Urgency urgency, int64_t from_ms)
{
	return (struct placement){.office = office->code,
				  .agency = office->agency->code,
				  .deadline_ms =
				      deadline(catalogue, office, category, urgency, from_ms),
				  .rule = "",
				  .reason = "",
				  .triage = office->triage};
}

static struct placement at_person(const struct catalogue *catalogue, Redress__Urgency urgency,
				  int64_t from_ms, const char *rule, const char *reason)
{
	struct placement placement =
	    at_office(catalogue, catalogue->triage, NULL, urgency, from_ms);
	placement.triage = true;
	placement.rule = rule;
	placement.reason = reason;
	return placement;
}

static struct placement place_subject(const struct places *places, struct arena *arena,
				      const struct subject *subject)
{
	const struct catalogue *catalogue = places->catalogue;
	struct rule_facts facts = facts_of(catalogue, subject);
	struct rule_outcome outcome = rules_decide(places->rules, arena, &facts);
	if (outcome.office) {
		struct placement placement = at_office(catalogue, outcome.office, facts.category,
						       subject->urgency, subject->from_ms);
		placement.rule = outcome.rule;
		return placement;
	}
	if (outcome.rule)
		return at_person(catalogue, subject->urgency, subject->from_ms, outcome.rule,
				 outcome.reason);
	if (!facts.category)
		return at_person(catalogue, subject->urgency, subject->from_ms, "",
				 *subject->category
				     ? "the catalogue does not have the category"
				     : "the classifier was not sure of the category");
	struct placement placement = at_office(
	    catalogue, catalogue_office_for(catalogue, facts.category->agency, facts.area),
	    facts.category, subject->urgency, subject->from_ms);
	placement.rule = NO_RULE_TOOK_IT;
	return placement;
}

static struct placement refused(const char *refusal)
{
	return (struct placement){.refusal = refusal};
}

/* By a person's hand. Only leaving the triage desk sets the time to answer, from the beginning. */
static struct placement assign(const struct catalogue *catalogue, const Redress__CaseState *state,
			       const char *code)
{
	const struct catalogue_office *office = catalogue_office(catalogue, code);
	if (!office)
		return refused("the catalogue has no such office");
	struct placement placement =
	    at_office(catalogue, office, catalogue_category(catalogue, state->category),
		      state->urgency, state->opened_at_ms);
	if (!state->triage && state->deadline_ms)
		placement.deadline_ms = state->deadline_ms;
	return placement;
}

static struct placement correct(const struct places *places, struct arena *arena,
				const Redress__CaseState *state, const char *category)
{
	if (!catalogue_category(places->catalogue, category))
		return refused("the catalogue has no such category");
	struct subject subject = subject_of_state(state);
	subject.category = category;
	subject.confidence = 1; /* a person said so */
	return place_subject(places, arena, &subject);
}

static struct placement reopen(const struct places *places, struct arena *arena,
			       const Redress__CaseState *state, int64_t now_ms)
{
	const struct catalogue_office *office = catalogue_office(places->catalogue, state->office);
	if (office)
		return at_office(places->catalogue, office,
				 catalogue_category(places->catalogue, state->category),
				 state->urgency, now_ms);
	struct subject subject = subject_of_state(state);
	subject.from_ms = now_ms;
	return place_subject(places, arena, &subject);
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
	const struct catalogue_category *category = catalogue_category(catalogue, state->category);
	const struct catalogue_level *level =
	    category && !state->triage ? category->level : catalogue->level;
	size_t reached = state->escalation_level;
	const struct catalogue_step *step =
	    &level->steps[reached < level->step_count ? reached : level->step_count - 1];
	const struct catalogue_office *office =
	    told(catalogue, catalogue_office(catalogue, state->office), step->tell);
	return (struct placement){.office = office->code,
				  .agency = office->agency->code,
				  .deadline_ms =
				      calendar_after(office->calendar, now_ms, step->within),
				  .rule = "",
				  .reason = "",
				  .level = (uint32_t)reached + 1};
}

struct placement place(const struct places *places, struct arena *arena,
		       const Redress__CaseState *state, const Redress__Command *command,
		       int64_t now_ms)
{
	struct subject subject;
	switch (command->body_case) {
	case REDRESS__COMMAND__BODY_OPEN:
		subject = subject_of_open(command->open);
		return place_subject(places, arena, &subject);
	case REDRESS__COMMAND__BODY_ASSIGN:
		return assign(places->catalogue, state, command->assign->office);
	case REDRESS__COMMAND__BODY_CORRECT:
		return correct(places, arena, state, command->correct->category);
	case REDRESS__COMMAND__BODY_REOPEN:
		return reopen(places, arena, state, now_ms);
	default:
		return escalate(places->catalogue, state, now_ms);
	}
}
