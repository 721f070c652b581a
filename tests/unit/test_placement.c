/* Where cases go and until when: rules, areas, levels, ladders (promise 10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "client/catalogue_folder.h"
#include "client/texts_folder.h"
#include "nation.h"
#include "placement.h"

#define MONDAY_10 INT64_C(1772445600000) /* 2026-03-02 10:00 in Lisbon */
#define HOUR      INT64_C(3600000)

struct bench {
	char folder[64];
	struct settings *settings;
	struct places *places;
	struct arena *arena;
};

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int set_up(void **state)
{
	static const struct setting *const tables[] = {catalogue_settings, texts_settings, NULL};
	static struct bench bench = {.folder = "/tmp/redress-place-XXXXXX"};
	struct err err;
	char *nation = table_text("nation.yaml"), *rules = table_text("routing.rules");
	assert_non_null(mkdtemp(bench.folder));
	write_file(bench.folder, "nation.yaml", nation);
	write_file(bench.folder, "routing.rules", rules);
	setenv("REDRESS_CATALOGUE_FOLDER", bench.folder, 1);
	bench.settings = settings_load(tables, NULL, &err);
	bench.places = places_load(bench.settings, &err);
	bench.arena = arena_new();
	free(nation);
	free(rules);
	*state = &bench;
	return bench.places ? 0 : -1;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;
	char path[128];
	places_free(&bench->places);
	settings_free(&bench->settings);
	arena_free(&bench->arena);
	snprintf(path, sizeof(path), "%s/nation.yaml", bench->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/routing.rules", bench->folder);
	unlink(path);
	return rmdir(bench->folder);
}

static char *words(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* What the citizen chose and answered. */
static const char *chosen = "";
static Redress__Answer *answered;

static struct placement open_with(struct bench *bench, const char *category, float confidence,
				  bool abstained, Redress__Urgency urgency, Redress__Place *where)
{
	static Redress__Open open;
	static Redress__Grievance grievance;
	static Redress__Classification classification;
	Redress__Command command = REDRESS__COMMAND__INIT;
	redress__open__init(&open);
	redress__grievance__init(&grievance);
	redress__classification__init(&classification);
	command.body_case = REDRESS__COMMAND__BODY_OPEN;
	command.open = &open;
	open.grievance = &grievance;
	open.classification = &classification;
	grievance.received_at_ms = MONDAY_10;
	grievance.channel = words("web");
	grievance.place = where;
	grievance.service_code = words(chosen);
	grievance.answers = &answered;
	grievance.n_answers = answered != NULL;
	classification.category = words(category);
	classification.confidence = confidence;
	classification.abstained = abstained;
	classification.language = words("en");
	classification.urgency = urgency;
	return place(bench->places, NULL, &command, MONDAY_10 + HOUR);
}

static void a_rule_a_place_or_the_head_office_decides(void **state)
{
	struct bench *bench = *state;
	Redress__Place north = REDRESS__PLACE__INIT, code = REDRESS__PLACE__INIT;
	north.area_code = words("north");
	code.area_code = words("old-town");
	struct placement p = open_with(bench, "water.leak", 0.9f, false, 0, &north);
	assert_string_equal(p.office, "water-north");
	assert_string_equal(p.agency, "water");
	assert_string_equal(p.rule, "water-north");
	assert_false(p.triage);
	p = open_with(bench, "roads.pothole", 0.9f, false, 0, &code);
	assert_string_equal(p.rule, "old-town");
	p = open_with(bench, "water.bill", 0.9f, false, 0, NULL);
	assert_string_equal(p.office, "water-head");
	p = open_with(bench, "roads.pothole", 0.9f, false, 0, &north);
	assert_string_equal(p.office, "roads-head");
	/* a place outside of every area is in none, whatever lies around the rounded one */
	Redress__Place outside = REDRESS__PLACE__INIT;
	outside.lat = 15;
	outside.lon = 5;
	p = open_with(bench, "water.bill", 0.9f, false, 0, &outside);
	assert_string_equal(p.office, "water-head");
}

static void what_is_not_known_goes_to_a_person_with_a_reason(void **state)
{
	struct bench *bench = *state;
	struct placement p = open_with(bench, "water.leak", 0.9f, true, 0, NULL);
	assert_string_equal(p.office, "triage-desk");
	assert_true(p.triage && p.reason.code);
	p = open_with(bench, "", 0, false, 0, NULL);
	assert_true(p.triage && p.reason.code);
	p = open_with(bench, "no.such", 0.9f, false, 0, NULL);
	assert_true(p.triage && p.reason.code);
	/* a rule that cannot be told */
	p = open_with(bench, "roads.pothole", 0.9f, false, 0, NULL);
	assert_true(p.triage && strcmp(p.reason.code, "place_unknown") == 0);
	/* a rule that says a person */
	Redress__Place south = REDRESS__PLACE__INIT;
	south.area_code = words("south");
	p = open_with(bench, "roads.pothole", 0.4f, false, REDRESS__URGENCY__EMERGENCY, &south);
	assert_string_equal(p.rule, "danger");
	assert_true(p.triage);
}

/* Promise 17: while the classifier abstains, what the citizen declared counts. */
static void what_was_declared_counts(void **state)
{
	struct bench *bench = *state;
	Redress__Place north = REDRESS__PLACE__INIT;
	Redress__Answer dry = REDRESS__ANSWER__INIT;
	north.area_code = words("north");
	chosen = "pipes";
	struct placement p = open_with(bench, "", 0.2f, true, 0, &north);
	assert_string_equal(p.office, "water-north");
	assert_string_equal(p.rule, "service-and-place");
	assert_false(p.triage);
	assert_int_equal(p.deadline_ms, MONDAY_10 + 55 * HOUR); /* the service's level */
	assert_string_equal(open_with(bench, "", 0, false, 0, NULL).office, "water-head");
	/* what the classifier is sure of comes first */
	assert_string_equal(open_with(bench, "roads.pothole", 0.9f, false, 0, &north).office,
			    "roads-head");
	/* a service that is for emergencies only */
	chosen = "alarm";
	p = open_with(bench, "water.leak", 0.9f, false, 0, &north);
	assert_int_equal(p.urgency, REDRESS__URGENCY__EMERGENCY);
	assert_string_equal(p.urgency_reason, "service");
	assert_int_equal(p.deadline_ms, MONDAY_10 + HOUR / 2);
	/* a service without an office: people */
	chosen = "roads";
	assert_true(open_with(bench, "", 0, true, 0, &north).triage);
	/* an answer raises, a category raises, nothing lowers */
	chosen = "water";
	dry.code = words("running");
	dry.value = words("no");
	answered = &dry;
	p = open_with(bench, "water.leak", 0.9f, false, 0, &north);
	assert_int_equal(p.urgency, REDRESS__URGENCY__HIGH);
	assert_string_equal(p.urgency_reason, "answer");
	p = open_with(bench, "water.leak", 0.9f, false, REDRESS__URGENCY__EMERGENCY, &north);
	assert_int_equal(p.urgency, REDRESS__URGENCY__EMERGENCY);
	assert_string_equal(p.urgency_reason, "");
	answered = NULL;
	chosen = "";
	p = open_with(bench, "roads.collapse", 0.9f, false, 0, &north);
	assert_int_equal(p.urgency, REDRESS__URGENCY__HIGH);
	assert_string_equal(p.urgency_reason, "category");
}

/* "Nothing to do" is never said by a machine. */
static void what_only_a_person_may_say_is_a_suggestion(void **state)
{
	struct bench *bench = *state;
	Redress__Place north = REDRESS__PLACE__INIT;
	north.area_code = words("north");
	struct placement p = open_with(bench, "roads.nothing", 0.99f, false, 0, &north);
	assert_true(p.triage && p.suggestion);
	assert_string_equal(p.reason.code, "only_suggested");
	assert_false(open_with(bench, "roads.pothole", 0.99f, false, 0, &north).suggestion);
	chosen = "pipes";
	p = open_with(bench, "roads.nothing", 0.99f, false, 0, &north);
	chosen = "";
	assert_string_equal(p.office, "water-north");
	assert_true(p.suggestion);
}

/* From when it was received, not from when it was routed. */
static void the_clock_runs_from_the_door(void **state)
{
	struct bench *bench = *state;
	Redress__Place south = REDRESS__PLACE__INIT;
	south.area_code = words("south");
	struct placement p =
	    open_with(bench, "water.leak", 0.9f, false, REDRESS__URGENCY__EMERGENCY, &south);
	assert_int_equal(p.deadline_ms, MONDAY_10 + HOUR / 2);
	p = open_with(bench, "water.leak", 0.9f, false, REDRESS__URGENCY__HIGH, &south);
	assert_int_equal(p.deadline_ms, MONDAY_10 + 24 * HOUR); /* 7 hours that day, 1 the next */
	p = open_with(bench, "water.leak", 0.9f, false, 0, &south);
	assert_int_equal(p.deadline_ms, MONDAY_10 + 55 * HOUR); /* the end of wednesday */
	/* cases that wait for a person have a clock too, that of the nation's level */
	p = open_with(bench, "", 0, false, REDRESS__URGENCY__EMERGENCY, NULL);
	assert_int_equal(p.deadline_ms, MONDAY_10 + 4 * HOUR);
}

static Redress__CaseState state_at(const char *office, const char *category, int64_t deadline_ms)
{
	Redress__CaseState state = REDRESS__CASE_STATE__INIT;
	state.number = 1;
	state.version = 2;
	state.status = REDRESS__STATUS__ASSIGNED;
	state.office = words(office);
	state.category = words(category);
	state.channel = words("web");
	state.opened_at_ms = MONDAY_10;
	state.deadline_ms = deadline_ms;
	return state;
}

static struct placement assign(struct bench *bench, const Redress__CaseState *state,
			       const char *office)
{
	Redress__Assign assignment = REDRESS__ASSIGN__INIT;
	Redress__Command command = REDRESS__COMMAND__INIT;
	assignment.office = words(office);
	command.body_case = REDRESS__COMMAND__BODY_ASSIGN;
	command.assign = &assignment;
	return place(bench->places, state, &command, MONDAY_10 + 50 * HOUR);
}

static void a_transfer_keeps_the_deadline(void **state)
{
	struct bench *bench = *state;
	Redress__CaseState one = state_at("roads-head", "water.leak", MONDAY_10 + 7 * HOUR);
	struct placement p = assign(bench, &one, "water-north");
	assert_string_equal(p.office, "water-north");
	assert_int_equal(p.deadline_ms, MONDAY_10 + 7 * HOUR);
	assert_null(p.refusal.code);
	/* the triage desk's own deadline was for deciding; the answer's counts from the door as
	 * well */
	one.triage = true;
	p = assign(bench, &one, "water-north");
	assert_int_equal(p.deadline_ms, MONDAY_10 + 55 * HOUR);
	assert_non_null(assign(bench, &one, "nowhere").refusal.code);
}

static void a_reopened_case_has_a_new_deadline(void **state)
{
	struct bench *bench = *state;
	Redress__Reopen reopen = REDRESS__REOPEN__INIT;
	Redress__Command command = REDRESS__COMMAND__INIT;
	Redress__CaseState one = state_at("water-head", "water.leak", 0);
	one.status = REDRESS__STATUS__ANSWERED;
	command.body_case = REDRESS__COMMAND__BODY_REOPEN;
	command.reopen = &reopen;
	struct placement p = place(bench->places, &one, &command, MONDAY_10 + 7 * 24 * HOUR);
	assert_string_equal(p.office, "water-head");
	assert_int_equal(p.deadline_ms, MONDAY_10 + (7 * 24 + 55) * HOUR);
}

static void a_correction_is_placed_anew_by_its_category(void **state)
{
	struct bench *bench = *state;
	Redress__Correct correct = REDRESS__CORRECT__INIT;
	Redress__Command command = REDRESS__COMMAND__INIT;
	Redress__CaseState one = state_at("water-head", "water.leak", MONDAY_10 + HOUR);
	Redress__Place south = REDRESS__PLACE__INIT;
	south.area_code = words("south");
	one.place = &south;
	command.body_case = REDRESS__COMMAND__BODY_CORRECT;
	command.correct = &correct;
	correct.category = words("roads.pothole");
	struct placement p = place(bench->places, &one, &command, MONDAY_10 + 2 * HOUR);
	assert_string_equal(p.office, "roads-head");
	correct.category = words("no.such");
	assert_non_null(place(bench->places, &one, &command, MONDAY_10).refusal.code);
}

static struct placement escalate(struct bench *bench, Redress__CaseState *state, uint32_t reached)
{
	Redress__Escalate late = REDRESS__ESCALATE__INIT;
	Redress__Command command = REDRESS__COMMAND__INIT;
	state->escalation_level = reached;
	command.body_case = REDRESS__COMMAND__BODY_ESCALATE;
	command.escalate = &late;
	return place(bench->places, state, &command, MONDAY_10);
}

static void the_ladder_is_climbed_and_its_last_step_repeats(void **state)
{
	static const struct {
		uint32_t reached;
		const char *office;
		int64_t within;
	} steps[] = {{0, "water-north", 31 * HOUR}, /* office: the end of tuesday */
		     {1, "water-head", 55 * HOUR},  /* parent */
		     {2, "water-head", 24 * HOUR},  /* head, a day of any kind */
		     {3, "water-head", 24 * HOUR},
		     {900, "water-head", 24 * HOUR}};
	struct bench *bench = *state;
	Redress__CaseState one = state_at("water-north", "water.bill", MONDAY_10 - 1);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct placement p = escalate(bench, &one, steps[i].reached);
		assert_string_equal(p.office, steps[i].office);
		assert_int_equal(p.deadline_ms, MONDAY_10 + steps[i].within);
		assert_int_equal(p.level, steps[i].reached + 1);
	}
	/* an office without one above it: its agency's head; an office that is gone: people */
	one = state_at("water-night", "water.bill", MONDAY_10 - 1);
	assert_string_equal(escalate(bench, &one, 1).office, "water-head");
	one = state_at("closed-down", "water.bill", MONDAY_10 - 1);
	assert_string_equal(escalate(bench, &one, 0).office, "triage-desk");
	/* what waits for a person climbs the nation's ladder */
	one = state_at("triage-desk", "water.leak", MONDAY_10 - 1);
	one.triage = true;
	assert_int_equal(escalate(bench, &one, 0).deadline_ms, MONDAY_10 + 31 * HOUR);
}

static struct placement with_body(struct bench *bench, const Redress__CaseState *state,
				  Redress__Command__BodyCase kind, int64_t now_ms)
{
	Redress__Command command = REDRESS__COMMAND__INIT;
	command.body_case = kind;
	return place(bench->places, state, &command, now_ms);
}

/* More urgent: sooner, from now on. Less urgent: nothing is put off. The same: nothing at all. */
static void urgency_that_rises_shortens_the_time(void **state)
{
	struct bench *bench = *state;
	const int64_t due_ms = MONDAY_10 + 31 * HOUR;
	Redress__CaseState one = state_at("water-head", "water.leak", due_ms);
	Redress__Prioritize prioritize = REDRESS__PRIORITIZE__INIT;
	Redress__Command command = REDRESS__COMMAND__INIT;
	command.body_case = REDRESS__COMMAND__BODY_PRIORITIZE;
	command.prioritize = &prioritize;
	prioritize.urgency = REDRESS__URGENCY__EMERGENCY;
	struct placement p = place(bench->places, &one, &command, MONDAY_10);
	assert_null(p.refusal.code);
	assert_true(p.deadline_ms < due_ms && p.deadline_ms > MONDAY_10);
	/* later than it is due already */
	assert_int_equal(place(bench->places, &one, &command, due_ms).deadline_ms, due_ms);
	one.urgency = REDRESS__URGENCY__EMERGENCY;
	assert_string_equal(place(bench->places, &one, &command, MONDAY_10).refusal.code,
			    "same_urgency");
	prioritize.urgency = REDRESS__URGENCY__ROUTINE;
	assert_int_equal(place(bench->places, &one, &command, MONDAY_10).deadline_ms, due_ms);
}

/* Asked on monday at 10 with 15 working hours left, answered on saturday: the rest is there from
 * monday on. */
static void the_rest_of_the_time_is_kept_while_the_citizen_is_asked(void **state)
{
	struct bench *bench = *state;
	Redress__CaseState one =
	    state_at("water-head", "water.leak", MONDAY_10 + 31 * HOUR); /* tuesday 17:00 */
	struct placement p = with_body(bench, &one, REDRESS__COMMAND__BODY_ASK, MONDAY_10);
	assert_false(p.remaining_elapsed);
	assert_int_equal(p.remaining_ms, 15 * HOUR);
	assert_int_equal(p.waiting_until_ms, MONDAY_10 + 3 * 24 * HOUR); /* as the level says */
	one.status = REDRESS__STATUS__WAITING;
	one.deadline_ms = 0;
	one.waiting_since_ms = MONDAY_10;
	one.waiting_until_ms = p.waiting_until_ms;
	one.remaining_ms = p.remaining_ms;
	/* monday 9 to 17, tuesday 9 to 16 */
	const int64_t saturday = MONDAY_10 + 5 * 24 * HOUR,
		      tuesday_16 = MONDAY_10 + (8 * 24 + 6) * HOUR;
	p = with_body(bench, &one, REDRESS__COMMAND__BODY_REPLY, saturday);
	assert_int_equal(p.deadline_ms, tuesday_16);
	p = with_body(bench, &one, REDRESS__COMMAND__BODY_RESUME, saturday);
	assert_int_equal(p.deadline_ms, tuesday_16);
	Redress__Assign assignment = REDRESS__ASSIGN__INIT;
	Redress__Command command = REDRESS__COMMAND__INIT;
	assignment.office = words("roads-head");
	command.body_case = REDRESS__COMMAND__BODY_ASSIGN;
	command.assign = &assignment;
	p = place(bench->places, &one, &command, saturday);
	assert_int_equal(p.deadline_ms, tuesday_16);
}

/* An emergency's half hour is elapsed time, and what is late stays late. */
static void elapsed_time_is_kept_as_such(void **state)
{
	struct bench *bench = *state;
	Redress__CaseState one = state_at("water-head", "water.leak", MONDAY_10 + HOUR / 2);
	one.urgency = REDRESS__URGENCY__EMERGENCY;
	struct placement p =
	    with_body(bench, &one, REDRESS__COMMAND__BODY_ASK, MONDAY_10 + HOUR / 3);
	assert_true(p.remaining_elapsed);
	assert_int_equal(p.remaining_ms, HOUR / 6);
	one.remaining_ms = p.remaining_ms;
	one.remaining_elapsed = true;
	one.waiting_until_ms = 1;
	p = with_body(bench, &one, REDRESS__COMMAND__BODY_RESUME, MONDAY_10 + 50 * HOUR);
	assert_int_equal(p.deadline_ms, MONDAY_10 + 50 * HOUR + HOUR / 6);
	/* asked when the time was over */
	p = with_body(bench, &one, REDRESS__COMMAND__BODY_ASK, MONDAY_10 + 9 * HOUR);
	assert_int_equal(p.remaining_ms, 0);
	/* after an escalation its own span counts: a working day of the slow level */
	one = state_at("roads-head", "roads.pothole", MONDAY_10 + 31 * HOUR);
	one.urgency = REDRESS__URGENCY__EMERGENCY;
	one.escalation_level = 1;
	p = with_body(bench, &one, REDRESS__COMMAND__BODY_ASK, MONDAY_10);
	assert_false(p.remaining_elapsed);
	/* where a level says nothing: 14 days */
	assert_int_equal(p.waiting_until_ms, MONDAY_10 + 14 * 24 * HOUR);
}

/* Promise 17: the catalogue that is shipped, while the classifier abstains and nothing was
 * declared. */
static void words_of_danger_find_the_emergency_office(void **state)
{
	static const struct {
		Redress__Danger danger;
		const char *office;
	} expected[] = {
	    {REDRESS__DANGER__GAS, "energy-emergency"},
	    {REDRESS__DANGER__POWER, "energy-emergency"},
	    {REDRESS__DANGER__FIRE, "disaster-head"},
	    {REDRESS__DANGER__VIOLENCE, "police-head"},
	    {REDRESS__DANGER__HEALTH, "disaster-head"},
	    {REDRESS__DANGER__SOME_DANGER, "disaster-head"},
	    {REDRESS__DANGER__NO_DANGER, "centre-triage"},
	};
	static const struct setting *const tables[] = {catalogue_settings, texts_settings, NULL};
	struct err err = {""};
	char *before = strdup(getenv("REDRESS_CATALOGUE_FOLDER"));
	(void)state;
	setenv("REDRESS_CATALOGUE_FOLDER", "deploy/catalogue", 1);
	struct settings *settings = settings_load(tables, NULL, &err);
	struct places *places = places_load(settings, &err);
	assert_string_equal(err.text, "");
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		Redress__Grievance grievance = REDRESS__GRIEVANCE__INIT;
		Redress__Classification found = REDRESS__CLASSIFICATION__INIT;
		Redress__Open open = REDRESS__OPEN__INIT;
		Redress__Command command = REDRESS__COMMAND__INIT;
		grievance.received_at_ms = MONDAY_10;
		found.abstained = true;
		found.danger = expected[i].danger;
		found.urgency = found.danger ? REDRESS__URGENCY__EMERGENCY : 0;
		open.grievance = &grievance;
		open.classification = &found;
		command.body_case = REDRESS__COMMAND__BODY_OPEN;
		command.open = &open;
		assert_string_equal(place(places, NULL, &command, MONDAY_10).office,
				    expected[i].office);
	}
	places_free(&places);
	settings_free(&settings);
	setenv("REDRESS_CATALOGUE_FOLDER", before, 1);
	free(before);
}

static void files_with_mistakes_are_not_loaded(void **state)
{
	struct bench *bench = *state;
	struct err err;
	char *rules = table_text("routing.rules");
	write_file(bench->folder, "routing.rules", "rule a: service fire -> office water-head\n");
	struct places *places = places_load(bench->settings, &err);
	write_file(bench->folder, "routing.rules", rules);
	free(rules);
	assert_null(places);
	assert_string_equal(err.text, "routing.rules line 1: there is no service fire");
	/* whoever reads the reason must find a sentence */
	write_file(bench->folder, "routing.rules", "rule a: service water -> person no_idea\n");
	assert_null(places_load(bench->settings, &err));
	assert_string_equal(err.text, "routing.rules: rule a: the texts have no triage.no_idea");
	rules = table_text("routing.rules");
	write_file(bench->folder, "routing.rules", rules);
	free(rules);
	places = places_load(bench->settings, &err);
	assert_non_null(places);
	places_free(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_rule_a_place_or_the_head_office_decides),
	    cmocka_unit_test(what_is_not_known_goes_to_a_person_with_a_reason),
	    cmocka_unit_test(what_was_declared_counts),
	    cmocka_unit_test(what_only_a_person_may_say_is_a_suggestion),
	    cmocka_unit_test(the_clock_runs_from_the_door),
	    cmocka_unit_test(urgency_that_rises_shortens_the_time),
	    cmocka_unit_test(the_rest_of_the_time_is_kept_while_the_citizen_is_asked),
	    cmocka_unit_test(elapsed_time_is_kept_as_such),
	    cmocka_unit_test(a_transfer_keeps_the_deadline),
	    cmocka_unit_test(a_reopened_case_has_a_new_deadline),
	    cmocka_unit_test(a_correction_is_placed_anew_by_its_category),
	    cmocka_unit_test(the_ladder_is_climbed_and_its_last_step_repeats),
	    cmocka_unit_test(words_of_danger_find_the_emergency_office),
	    cmocka_unit_test(files_with_mistakes_are_not_loaded),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
