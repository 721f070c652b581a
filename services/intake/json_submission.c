#include "json_submission.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/json_read.h"

struct reader {
	struct arena *arena;
	struct submission *submission;
	struct problem *problem;
	const char *prefix; /* "contact." */
};

static bool refuse_member(const struct reader *reader, const char *code, const char *member,
			  const char *detail)
{
	return submission_refuse(reader->problem, code,
				 submission_field_name(reader->arena, reader->prefix, member),
				 detail);
}

/* One member that is known: where its value goes. */
struct member {
	const char *name;
	bool (*take)(struct reader *reader, const struct member *member,
		     const struct json_node *value, void *into);
	void *into;
};

static bool take_text(struct reader *reader, const struct member *member,
		      const struct json_node *value, void *into)
{
	if (value->kind != JSON_KIND_STRING)
		return refuse_member(reader, "wrong-type", member->name, "must be a string");
	*(const char **)into = value->text;
	return true;
}

static bool take_number(struct reader *reader, const struct member *member,
			const struct json_node *value, void *into)
{
	if (value->kind != JSON_KIND_NUMBER)
		return refuse_member(reader, "wrong-type", member->name, "must be a number");
	if (strlen(value->text) > COORDINATE_MAX)
		return refuse_member(reader, "too-long", member->name, "has too many digits");
	*(double *)into = strtod(value->text, NULL) + 0.0; /* -0 is 0 */
	return true;
}

static bool take_members(struct reader *reader, const struct json_node *object,
			 const struct member *members)
{
	for (const struct json_node *value = object->first; value; value = value->next) {
		const struct member *member = members;
		while (member->name && strcmp(member->name, value->name) != 0)
			member++;
		if (!member->name)
			return refuse_member(reader, "unknown-field", value->name,
					     "there is no such field");
		const char *prefix = reader->prefix;
		if (value->kind != JSON_KIND_NULL &&
		    !member->take(reader, member, value, member->into))
			return false;
		reader->prefix = prefix;
	}
	return true;
}

static bool has_number(const struct json_node *object, const char *name)
{
	for (const struct json_node *member = object->first; member; member = member->next) {
		if (strcmp(member->name, name) == 0)
			return member->kind == JSON_KIND_NUMBER;
	}
	return false;
}

static bool take_contact(struct reader *reader, const struct member *member,
			 const struct json_node *value, void *into)
{
	Redress__Contact *contact = into;
	const struct member members[] = {
	    {"name", take_text, &contact->name},         {"email", take_text, &contact->email},
	    {"phone", take_text, &contact->phone},       {"webhook", take_text, &contact->webhook},
	    {"language", take_text, &contact->language}, {NULL, NULL, NULL}};
	if (value->kind != JSON_KIND_OBJECT)
		return refuse_member(reader, "wrong-type", member->name, "must be an object");
	reader->prefix = "contact.";
	return take_members(reader, value, members);
}

static bool take_location(struct reader *reader, const struct member *member,
			  const struct json_node *value, void *into)
{
	Redress__GrievanceText *text = into;
	const struct member members[] = {
	    {"lat", take_number, &text->lat}, {"lon", take_number, &text->lon}, {NULL, NULL, NULL}};
	if (value->kind != JSON_KIND_OBJECT)
		return refuse_member(reader, "wrong-type", member->name, "must be an object");
	reader->prefix = "location.";
	if (!take_members(reader, value, members))
		return false;
	text->has_position = true;
	if (!has_number(value, "lat"))
		return refuse_member(reader, "missing", "lat", "a location has lat and lon");
	if (!has_number(value, "lon"))
		return refuse_member(reader, "missing", "lon", "a location has lat and lon");
	return true;
}

/* A number keeps its digits: it may be an identifier. */
static bool add_answer(struct reader *reader, const char *code, const struct json_node *value)
{
	Redress__GrievanceText *text = &reader->submission->text;
	if (value->kind != JSON_KIND_STRING && value->kind != JSON_KIND_NUMBER)
		return refuse_member(reader, "wrong-type", code,
				     "must be a string, a number or a list of these");
	Redress__Answer *answer = arena_take(reader->arena, sizeof(*answer));
	redress__answer__init(answer);
	answer->code = (char *)(uintptr_t)code;
	answer->value = (char *)(uintptr_t)value->text;
	text->answers[text->n_answers++] = answer;
	return true;
}

static size_t count_values(const struct json_node *object)
{
	size_t count = 0;
	for (const struct json_node *value = object->first; value; value = value->next)
		count += value->kind == JSON_KIND_ARRAY ? value->count : 1;
	return count;
}

static bool add_answers(struct reader *reader, const struct json_node *value)
{
	if (value->kind == JSON_KIND_NULL)
		return true;
	if (value->kind != JSON_KIND_ARRAY)
		return add_answer(reader, value->name, value);
	for (const struct json_node *one = value->first; one; one = one->next) {
		if (!add_answer(reader, value->name, one))
			return false;
	}
	return true;
}

static bool take_answers(struct reader *reader, const struct member *member,
			 const struct json_node *value, void *into)
{
	Redress__GrievanceText *text = into;
	if (value->kind != JSON_KIND_OBJECT)
		return refuse_member(reader, "wrong-type", member->name, "must be an object");
	reader->prefix = "answers.";
	text->answers =
	    arena_take(reader->arena, (count_values(value) + 1) * sizeof(*text->answers));
	for (const struct json_node *answer = value->first; answer; answer = answer->next) {
		if (!add_answers(reader, answer))
			return false;
	}
	return true;
}

static bool take_submission(struct reader *reader, const struct json_node *root, const char **key)
{
	struct submission *submission = reader->submission;
	Redress__GrievanceText *text = &submission->text;
	const struct member members[] = {{"subject", take_text, &text->subject},
					 {"description", take_text, &text->description},
					 {"address", take_text, &text->address},
					 {"language", take_text, &submission->language},
					 {"service_code", take_text, &submission->service_code},
					 {"area_code", take_text, &submission->area_code},
					 {"location", take_location, text},
					 {"answers", take_answers, text},
					 {"contact", take_contact, &submission->contact},
					 {key ? "idempotency_key" : NULL, take_text, key},
					 {NULL, NULL, NULL}};
	if (root->kind != JSON_KIND_OBJECT) {
		*reader->problem =
		    (struct problem){422, "wrong-type", NULL, "the body must be a JSON object"};
		return false;
	}
	return take_members(reader, root, members);
}

/* What was sent is not repeated: only the place is told. */
static void tell_fault(struct arena *arena, const struct json_fault *fault, struct problem *problem)
{
	static const struct {
		const char *code, *what;
	} faults[] = {
	    [JSON_FAULT_SYNTAX] = {"invalid-json", "is not JSON"},
	    [JSON_FAULT_ENCODING] = {"invalid-utf8", "is not UTF-8"},
	    [JSON_FAULT_REPEATED] = {"invalid-json", "has the same name twice in an object"},
	    [JSON_FAULT_BOUNDS] = {"too-complex", "has too many values, or too deep in each other"},
	};
	*problem =
	    (struct problem){400, faults[fault->kind].code, NULL,
			     arena_printf(arena, "the body %s: line %zu, column %zu",
					  faults[fault->kind].what, fault->line, fault->column)};
}

bool json_submission(struct arena *arena, const char *json, size_t size,
		     struct submission *submission, const char **key, struct problem *problem)
{
	struct json_fault fault;
	struct reader reader = {arena, submission, problem, ""};
	const struct json_node *root = json_read(arena, json, size, &fault);
	if (!root) {
		tell_fault(arena, &fault, problem);
		return false;
	}
	return take_submission(&reader, root, key);
}
