#include "rule.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/message_fault.h"
#include "domain/reason.h"
#include "util/text.h"

#define CONDITIONS_MAX 12
#define VALUES_MAX     32

/* Whether a condition holds, as far as the facts tell. */
enum truth { NO, YES, UNKNOWN };

struct condition;
typedef enum truth check(const struct condition *condition, const struct rule_facts *facts);

struct condition {
	const struct kind *kind;
	const char *values[VALUES_MAX];
	size_t count;
	/* made from the values once, so that deciding compares no patterns */
	const struct catalogue_area *areas[VALUES_MAX];
	const struct catalogue_category *categories; /* the catalogue's first one */
	bool *wanted;                                /* by its index */
	const char *answer;                          /* code of the question */
	float below;
	int from, to; /* minutes of the day */
	unsigned set; /* bits: weekdays or urgencies */
};

struct rule {
	const char *name;
	struct condition conditions[CONDITIONS_MAX];
	size_t count;
	const struct catalogue_office *office;
	const struct catalogue_agency *agency;
	const char *reason;
};

struct rules {
	struct arena *arena;
	struct rule *rules;
	size_t count;
};

struct parser {
	const struct catalogue *catalogue;
	struct arena *arena;
	int line;
	struct err *err;
};

/* One word of the language: how its values are read and how it is checked. */
struct kind {
	const char *name;
	int (*read)(struct parser *parser, struct condition *condition);
	check *holds;
	const char *unknown; /* code of the reason when it cannot be told */
};

static int complain(const struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int complain(const struct parser *parser, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	text_vformat(parser->err->text, sizeof(parser->err->text), format, args);
	va_end(args);
	return err_context(parser->err, "routing.rules line %d", parser->line);
}

/* ---- the conditions ------------------------------------------------------------------------- */

static int read_categories(struct parser *parser, struct condition *condition)
{
	const struct catalogue *catalogue = parser->catalogue;
	condition->categories = catalogue->categories;
	condition->wanted = arena_zero(parser->arena, catalogue->category_count + 1);
	for (size_t v = 0; v < condition->count; v++) {
		size_t found = 0;
		for (size_t i = 0; i < catalogue->category_count; i++) {
			if (fnmatch(condition->values[v], catalogue->categories[i].code, 0) == 0) {
				condition->wanted[i] = true;
				found++;
			}
		}
		if (!found)
			return complain(parser, "no category is like %s", condition->values[v]);
	}
	return 0;
}

static enum truth category_holds(const struct condition *condition, const struct rule_facts *facts)
{
	return facts->category && condition->wanted[facts->category - condition->categories] ? YES
											     : NO;
}

static int read_services(struct parser *parser, struct condition *condition)
{
	for (size_t i = 0; i < condition->count; i++) {
		if (!catalogue_service(parser->catalogue, condition->values[i]))
			return complain(parser, "there is no service %s", condition->values[i]);
	}
	return 0;
}

static bool among(const struct condition *condition, const char *value)
{
	for (size_t i = 0; i < condition->count; i++) {
		if (strcmp(condition->values[i], value) == 0)
			return true;
	}
	return false;
}

static enum truth service_holds(const struct condition *condition, const struct rule_facts *facts)
{
	return facts->service && among(condition, facts->service->code) ? YES : NO;
}

static int read_areas(struct parser *parser, struct condition *condition)
{
	for (size_t i = 0; i < condition->count; i++) {
		condition->areas[i] = catalogue_area(parser->catalogue, condition->values[i]);
		if (!condition->areas[i])
			return complain(parser, "there is no area %s", condition->values[i]);
	}
	return 0;
}

static enum truth area_holds(const struct condition *condition, const struct rule_facts *facts)
{
	if (!facts->area)
		return UNKNOWN;
	for (size_t i = 0; i < condition->count; i++) {
		if (catalogue_area_within(facts->area, condition->areas[i]))
			return YES;
	}
	return NO;
}

static int read_any(struct parser *parser, struct condition *condition)
{
	(void)parser;
	(void)condition;
	return 0;
}

static enum truth language_holds(const struct condition *condition, const struct rule_facts *facts)
{
	if (!*facts->language)
		return UNKNOWN;
	return among(condition, facts->language) ? YES : NO;
}

static enum truth channel_holds(const struct condition *condition, const struct rule_facts *facts)
{
	return among(condition, facts->channel) ? YES : NO;
}

static int read_names(struct parser *parser, struct condition *condition, const char *const *names,
		      size_t count, const char *what)
{
	for (size_t v = 0; v < condition->count; v++) {
		size_t i = 0;
		while (i < count && strcmp(names[i], condition->values[v]) != 0)
			i++;
		if (i == count)
			return complain(parser, "there is no %s %s", what, condition->values[v]);
		condition->set |= 1u << i;
	}
	return 0;
}

static int read_urgencies(struct parser *parser, struct condition *condition)
{
	static const char *const names[] = {"routine", "high", "emergency"};
	return read_names(parser, condition, names, 3, "urgency");
}

static enum truth urgency_holds(const struct condition *condition, const struct rule_facts *facts)
{
	return condition->set >> facts->urgency & 1 ? YES : NO;
}

static int read_dangers(struct parser *parser, struct condition *condition)
{
	static const char *const names[] = {"none", "danger",   "gas",   "power",
					    "fire", "violence", "health"};
	return read_names(parser, condition, names, 7, "kind of danger");
}

static enum truth danger_holds(const struct condition *condition, const struct rule_facts *facts)
{
	return condition->set >> facts->danger & 1 ? YES : NO;
}

static int read_days(struct parser *parser, struct condition *condition)
{
	static const char *const names[] = {"monday", "tuesday",  "wednesday", "thursday",
					    "friday", "saturday", "sunday"};
	return read_names(parser, condition, names, 7, "day");
}

static enum truth day_holds(const struct condition *condition, const struct rule_facts *facts)
{
	return condition->set >> facts->at.weekday & 1 ? YES : NO;
}

static int read_time(struct parser *parser, struct condition *condition)
{
	int h1, m1, h2, m2;
	char rest;
	if (condition->count != 1 ||
	    sscanf(condition->values[0], "%2d:%2d-%2d:%2d%c", &h1, &m1, &h2, &m2, &rest) != 4 ||
	    h1 < 0 || h1 > 23 || h2 < 0 || h2 > 24 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59)
		return complain(parser, "a time is written 22:00-06:00, not %s",
				condition->values[0]);
	condition->from = h1 * 60 + m1;
	condition->to = h2 * 60 + m2;
	return 0;
}

static enum truth time_holds(const struct condition *condition, const struct rule_facts *facts)
{
	bool after = facts->at.minute >= condition->from, before = facts->at.minute < condition->to;
	bool over_midnight = condition->from > condition->to;
	return (over_midnight ? after || before : after && before) ? YES : NO;
}

static int read_confidence(struct parser *parser, struct condition *condition)
{
	char rest;
	if (condition->count != 1 ||
	    sscanf(condition->values[0], "below %f%c", &condition->below, &rest) != 1 ||
	    condition->below <= 0 || condition->below > 1)
		return complain(parser, "a confidence is written: below 0.6");
	return 0;
}

static enum truth confidence_holds(const struct condition *condition,
				   const struct rule_facts *facts)
{
	return facts->confidence < condition->below ? YES : NO;
}

/* The question must be one that rules may look at, of some service, with each of the values. */
static int read_answer(struct parser *parser, struct condition *condition)
{
	char *first = arena_strdup(parser->arena, condition->values[0]);
	char *space = strchr(first, ' ');
	if (!space)
		return complain(parser, "an answer is written: answer QUESTION VALUE");
	*space = '\0';
	condition->answer = first;
	condition->values[0] = space + 1 + strspn(space + 1, " ");
	for (size_t s = 0; s < parser->catalogue->service_count; s++) {
		const struct catalogue_question *question =
		    catalogue_question(&parser->catalogue->services[s], first);
		size_t known = 0;
		while (question && question->routing && known < condition->count &&
		       catalogue_value(question, condition->values[known]))
			known++;
		if (known == condition->count)
			return 0;
	}
	return complain(parser, "no service has a question %s with routing: yes and these values",
			first);
}

static enum truth answer_holds(const struct condition *condition, const struct rule_facts *facts)
{
	for (size_t i = 0; i < facts->answer_count; i++) {
		if (strcmp(facts->answers[i]->code, condition->answer) == 0 &&
		    among(condition, facts->answers[i]->value))
			return YES;
	}
	return NO;
}

static const struct kind kinds[] = {
    {"category", read_categories, category_holds, NULL},
    {"service", read_services, service_holds, NULL},
    {"area", read_areas, area_holds, "place_unknown"},
    {"language", read_any, language_holds, "language_unknown"},
    {"channel", read_any, channel_holds, NULL},
    {"urgency", read_urgencies, urgency_holds, NULL},
    {"danger", read_dangers, danger_holds, NULL},
    {"confidence", read_confidence, confidence_holds, NULL},
    {"answer", read_answer, answer_holds, NULL},
    {"time", read_time, time_holds, NULL},
    {"day", read_days, day_holds, NULL},
};

/* ---- reading -------------------------------------------------------------------------------- */

/* The text without spaces at its ends; changes it. */
static char *trim(char *text)
{
	text += strspn(text, " \t\r");
	size_t len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int read_condition(struct parser *parser, struct condition *condition, char *text)
{
	size_t word = strcspn(text, " \t");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strlen(kinds[i].name) == word && strncmp(kinds[i].name, text, word) == 0)
			condition->kind = &kinds[i];
	}
	if (!condition->kind)
		return complain(parser, "\"%.40s\" is no condition", text);
	char *place = NULL;
	for (char *value = strtok_r(text + word, "|", &place); value;
	     value = strtok_r(NULL, "|", &place)) {
		if (condition->count == VALUES_MAX)
			return complain(parser, "more than %d values", VALUES_MAX);
		condition->values[condition->count++] = trim(value);
	}
	if (!condition->count || !*condition->values[0])
		return complain(parser, "%s needs a value", condition->kind->name);
	return condition->kind->read(parser, condition);
}

static int read_conditions(struct parser *parser, struct rule *rule, char *text)
{
	char *place = NULL;
	for (char *part = strtok_r(text, ",", &place); part; part = strtok_r(NULL, ",", &place)) {
		if (rule->count == CONDITIONS_MAX)
			return complain(parser, "more than %d conditions", CONDITIONS_MAX);
		if (read_condition(parser, &rule->conditions[rule->count++], trim(part)))
			return -1;
	}
	return rule->count ? 0 : complain(parser, "the rule has no condition");
}

static int read_action(struct parser *parser, struct rule *rule, char *text)
{
	if (strncmp(text, "office ", 7) == 0) {
		rule->office = catalogue_office(parser->catalogue, trim(text + 7));
		return rule->office ? 0 : complain(parser, "there is no office %s", trim(text + 7));
	}
	if (strncmp(text, "agency ", 7) == 0) {
		rule->agency = catalogue_agency(parser->catalogue, trim(text + 7));
		return rule->agency ? 0 : complain(parser, "there is no agency %s", trim(text + 7));
	}
	if (strncmp(text, "person ", 7) != 0)
		return complain(parser, "after -> comes office CODE, agency CODE or person REASON");
	rule->reason = trim(text + 7);
	return reason_is_code(rule->reason)
		   ? 0
		   : complain(parser, "a reason is a code, of small letters, digits and _");
}

static int read_rule(struct parser *parser, struct rules *rules, char *line)
{
	char *colon = strchr(line, ':'), *arrow = strstr(line, "->");
	if (strncmp(line, "rule ", 5) != 0 || !colon || !arrow || arrow < colon)
		return complain(parser, "a rule is written: rule NAME: CONDITIONS -> ACTION");
	*colon = *arrow = '\0';
	struct rule *rule = &rules->rules[rules->count++];
	rule->name = trim(line + 5);
	if (!*rule->name)
		return complain(parser, "the rule needs a name");
	if (strlen(rule->name) > MESSAGE_RULE_MOST)
		return complain(parser, "the name of a rule has at most %d bytes",
				MESSAGE_RULE_MOST);
	for (struct rule *other = rules->rules; other < rule; other++) {
		if (strcmp(other->name, rule->name) == 0)
			return complain(parser, "a rule %s was there before", rule->name);
	}
	return read_conditions(parser, rule, colon + 1)
		   ? -1
		   : read_action(parser, rule, trim(arrow + 2));
}

static size_t count_lines(const char *text)
{
	size_t lines = 1;
	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

struct rules *rules_parse(const struct catalogue *catalogue, const char *text, struct err *err)
{
	struct arena *arena = arena_new();
	struct rules *rules = arena_zero(arena, sizeof(*rules));
	struct parser parser = {catalogue, arena, 0, err};
	rules->arena = arena;
	rules->rules = arena_zero(arena, count_lines(text) * sizeof(*rules->rules));
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = trim(arena_strndup(arena, text, len));
		parser.line++;
		if (*line && *line != '#' && read_rule(&parser, rules, line)) {
			rules_free(&rules);
			return NULL;
		}
		text += len + (text[len] == '\n');
	}
	return rules;
}

void rules_free(struct rules **rules)
{
	if (!*rules)
		return;
	struct arena *arena = (*rules)->arena;
	arena_free(&arena);
	*rules = NULL;
}

int rules_check_texts(const struct rules *rules, const struct texts *texts, struct err *err)
{
	const struct texts_language *reference = texts_language(texts, TEXTS_REFERENCE);
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];
		if (rule->reason && !reason_has_text(reference, REASON_TRIAGE, rule->reason))
			return err_set(err, "routing.rules: rule %s: the texts have no %s.%s",
				       rule->name, REASON_TRIAGE, rule->reason);
	}
	return 0;
}

/* ---- deciding ------------------------------------------------------------------------------- */

/* NO as soon as one condition does not hold, whatever else cannot be told. */
static enum truth rule_holds(const struct rule *rule, const struct rule_facts *facts,
			     const char **unknown)
{
	enum truth all = YES;
	for (size_t i = 0; i < rule->count; i++) {
		const struct condition *condition = &rule->conditions[i];
		enum truth truth = condition->kind->holds(condition, facts);
		if (truth == NO)
			return NO;
		if (truth == UNKNOWN) {
			all = UNKNOWN;
			*unknown = condition->kind->unknown;
		}
	}
	return all;
}

struct rule_outcome rules_decide(const struct rules *rules, const struct rule_facts *facts)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];
		const char *unknown = NULL;
		enum truth truth = rule_holds(rule, facts, &unknown);
		if (truth == YES)
			return (struct rule_outcome){rule->name, rule->office, rule->agency,
						     rule->reason};
		if (truth == UNKNOWN)
			return (struct rule_outcome){rule->name, NULL, NULL, unknown};
	}
	return (struct rule_outcome){NULL, NULL, NULL, NULL};
}
