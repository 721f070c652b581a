#include "json_submission.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

struct reader {
	struct arena *arena;
	struct submission *submission;
	struct problem *problem;
	const char *prefix; /* "contact." */
};

static bool refuse(const struct reader *reader, const char *code, const char *member,
		   const char *detail)
{
	/* a member's name is the sender's own words: shown, but not at any length */
	*reader->problem = (struct problem){
	    422, code, arena_printf(reader->arena, "%s%.64s", reader->prefix, member), detail};
	return false;
}

/* One member that is known: where its value goes. */
struct member {
	const char *name;
	bool (*take)(struct reader *reader, const struct member *member, const json_t *value,
		     void *into);
	void *into;
};

static bool take_text(struct reader *reader, const struct member *member, const json_t *value,
		      void *into)
{
	if (!json_is_string(value))
		return refuse(reader, "wrong-type", member->name, "must be a string");
	*(const char **)into = arena_strdup(reader->arena, json_string_value(value));
	return true;
}

static bool take_number(struct reader *reader, const struct member *member, const json_t *value,
			void *into)
{
	if (!json_is_number(value))
		return refuse(reader, "wrong-type", member->name, "must be a number");
	*(double *)into = json_number_value(value);
	return true;
}

static bool take_members(struct reader *reader, const json_t *object, const struct member *members)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		const struct member *member = members;
		while (member->name && strcmp(member->name, name) != 0)
			member++;
		if (!member->name)
			return refuse(reader, "unknown-field", name, "there is no such field");
		const char *prefix = reader->prefix;
		if (!json_is_null(value) && !member->take(reader, member, value, member->into))
			return false;
		reader->prefix = prefix;
	}
	return true;
}

static bool take_contact(struct reader *reader, const struct member *member, const json_t *value,
			 void *into)
{
	Redress__Contact *contact = into;
	const struct member members[] = {
	    {"name", take_text, &contact->name},         {"email", take_text, &contact->email},
	    {"phone", take_text, &contact->phone},       {"webhook", take_text, &contact->webhook},
	    {"language", take_text, &contact->language}, {NULL, NULL, NULL}};
	if (!json_is_object(value))
		return refuse(reader, "wrong-type", member->name, "must be an object");
	reader->prefix = "contact.";
	return take_members(reader, value, members);
}

static bool take_location(struct reader *reader, const struct member *member, const json_t *value,
			  void *into)
{
	Redress__GrievanceText *text = into;
	const struct member members[] = {
	    {"lat", take_number, &text->lat}, {"lon", take_number, &text->lon}, {NULL, NULL, NULL}};
	if (!json_is_object(value))
		return refuse(reader, "wrong-type", member->name, "must be an object");
	reader->prefix = "location.";
	if (!take_members(reader, value, members))
		return false;
	text->has_position = true;
	if (!json_is_number(json_object_get(value, "lat")))
		return refuse(reader, "missing", "lat", "a location has lat and lon");
	if (!json_is_number(json_object_get(value, "lon")))
		return refuse(reader, "missing", "lon", "a location has lat and lon");
	return true;
}

static bool add_answer(struct reader *reader, const char *code, const json_t *value)
{
	Redress__GrievanceText *text = &reader->submission->text;
	if (!json_is_string(value) && !json_is_number(value))
		return refuse(reader, "wrong-type", code, "must be a string or a number");
	Redress__Answer *answer = arena_take(reader->arena, sizeof(*answer));
	redress__answer__init(answer);
	answer->code = arena_strdup(reader->arena, code);
	answer->value = json_is_string(value)
			    ? arena_strdup(reader->arena, json_string_value(value))
			    : arena_printf(reader->arena, "%.15g", json_number_value(value));
	text->answers[text->n_answers++] = answer;
	return true;
}

static size_t count_values(const json_t *object)
{
	size_t count = 0;
	const char *code;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)object, code, value) count +=
	    json_is_array(value) ? json_array_size(value) : 1;
	return count;
}

static bool take_answers(struct reader *reader, const struct member *member, const json_t *value,
			 void *into)
{
	Redress__GrievanceText *text = into;
	const char *code;
	json_t *answer, *one;
	size_t i;
	if (!json_is_object(value))
		return refuse(reader, "wrong-type", member->name, "must be an object");
	reader->prefix = "answers.";
	text->answers =
	    arena_take(reader->arena, (count_values(value) + 1) * sizeof(*text->answers));
	json_object_foreach((json_t *)(uintptr_t)value, code, answer)
	{
		if (!json_is_array(answer)) {
			if (!json_is_null(answer) && !add_answer(reader, code, answer))
				return false;
			continue;
		}
		json_array_foreach(answer, i, one)
		{
			if (!add_answer(reader, code, one))
				return false;
		}
	}
	return true;
}

static bool take_submission(struct reader *reader, const json_t *root)
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
					 {NULL, NULL, NULL}};
	if (!json_is_object(root)) {
		*reader->problem =
		    (struct problem){422, "wrong-type", NULL, "the body must be a JSON object"};
		return false;
	}
	return take_members(reader, root, members);
}

bool json_submission(struct arena *arena, const char *json, size_t size,
		     struct submission *submission, struct problem *problem)
{
	json_error_t error;
	struct reader reader = {arena, submission, problem, ""};
	json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!root) {
		/* jansson's own words may repeat what was sent, so only the place is told */
		bool encoding = json_error_code(&error) == json_error_invalid_utf8;
		*problem = (struct problem){
		    400, encoding ? "invalid-utf8" : "invalid-json", NULL,
		    arena_printf(arena, "the body is not %s: line %d, column %d",
				 encoding ? "UTF-8" : "JSON", error.line, error.column)};
		return false;
	}
	bool fine = take_submission(&reader, root);
	json_decref(root);
	return fine;
}
