#include "submission.h"

#include <math.h>
#include <string.h>

#include "answers.h"
#include "domain/contact_form.h"
#include "domain/language_tag.h"
#include "domain/text_form.h"
#include "util/text.h"
#include "util/visible_text.h"

#define NAME_SHOWN_MAX 64 /* bytes of a name that is not known */
#define PUNCTUATION    16 /* quotes, brackets, commas and spaces around a member */
#define JSON_SIZE_STEP ((size_t)65536)

void submission_init(struct submission *submission, const char *channel)
{
	*submission = (struct submission){.channel = channel,
					  .sender = "",
					  .service_code = "",
					  .language = "",
					  .area_code = "",
					  .place_area = ""};
	redress__grievance_text__init(&submission->text);
	redress__contact__init(&submission->contact);
}

bool submission_is_anonymous(const struct submission *submission)
{
	const Redress__Contact *contact = &submission->contact;
	return !*contact->name && !*contact->email && !*contact->phone && !*contact->webhook;
}

bool submission_refuse(struct problem *problem, const char *code, const char *field,
		       const char *detail)
{
	*problem = (struct problem){422, code, field, detail};
	return false;
}

const char *submission_field_name(struct arena *arena, const char *prefix, const char *name)
{
	const char *cut = arena_strndup(arena, name, text_cut(name, NAME_SHOWN_MAX));
	return arena_printf(arena, "%s%s", prefix, visible_line(arena, cut));
}

/* ---- the fields ----------------------------------------------------------------------------- */

static const char *language_form(struct arena *arena, const char *text)
{
	char tag[LANGUAGE_TAG_SIZE];
	return language_tag_read(text, tag) ? arena_strdup(arena, tag) : NULL;
}

enum { SUBJECT, DESCRIPTION, ADDRESS, LANGUAGE, SERVICE, AREA, NAME, EMAIL, PHONE, WEBHOOK, REPLY };

/* clang-format off */
const struct submission_field submission_fields[] = {
    [SUBJECT]     = {"subject", SUBJECT_MAX, false, NULL, NULL},
    [DESCRIPTION] = {"description", DESCRIPTION_MAX, true, NULL, NULL},
    [ADDRESS]     = {"address", ADDRESS_MAX, true, NULL, NULL},
    [LANGUAGE]    = {"language", LANGUAGE_TAG_SIZE - 1, false, language_form, "a BCP 47 language tag, as in \"pt-BR\""},
    [SERVICE]     = {"service_code", CODE_MAX, false, NULL, NULL},
    [AREA]        = {"area_code", CODE_MAX, false, NULL, NULL},
    [NAME]        = {"contact.name", FULL_NAME_MAX, false, NULL, NULL},
    [EMAIL]       = {"contact.email", EMAIL_MAX, false, email_form,
		     "one e-mail address and nothing else, as in \"name@example.org\""},
    [PHONE]       = {"contact.phone", PHONE_MAX, false, phone_form,
		     "one telephone number with its country code, without a 0 in front of the number and"
		     " without an extension, as in \"+351212345678\""},
    [WEBHOOK]     = {"contact.webhook", WEBHOOK_MAX, false, webhook_form,
		     "an https address without user and fragment, other letters percent-encoded"},
    [REPLY]       = {"contact.language", LANGUAGE_TAG_SIZE - 1, false, language_form, "a BCP 47 language tag, as in \"pt-BR\""},
};
/* clang-format on */
const size_t submission_field_count = sizeof(submission_fields) / sizeof(*submission_fields);

/* Every character as \ud83d\ude00, every name escaped as well, with some white space. */
size_t submission_json_max(void)
{
	size_t characters = ANSWERS_TOTAL_MAX, names = 0;
	for (size_t i = 0; i < submission_field_count; i++) {
		characters += submission_fields[i].most;
		names += strlen(submission_fields[i].name) + PUNCTUATION;
	}
	names += ANSWERS_MAX * (submission_fields[SERVICE].most + PUNCTUATION);
	names += strlen("locationlatlonanswerscontact") + 2 * COORDINATE_MAX;
	size_t size = 12 * characters + 6 * names;
	return (size + JSON_SIZE_STEP - 1) / JSON_SIZE_STEP * JSON_SIZE_STEP;
}

static bool check_characters(struct arena *arena, const struct submission_field *field,
			     const char *text, struct problem *problem)
{
	size_t characters = text_characters(text);
	if (characters > field->most)
		return submission_refuse(problem, "too-long", field->name,
					 arena_printf(arena, "at most %zu characters, this has %zu",
						      field->most, characters));
	return true;
}

bool submission_check_text(struct arena *arena, const struct submission_field *field,
			   const char **text, struct problem *problem)
{
	if (!check_characters(arena, field, *text, problem))
		return false;
	if (text_marks(*text) > TEXT_MARKS_MAX)
		return submission_refuse(
		    problem, "too-many-marks", field->name,
		    arena_printf(arena, "at most %d marks on one letter", TEXT_MARKS_MAX));
	*text = text_normal(arena, *text);
	if (!check_characters(arena, field, *text, problem))
		return false;
	if (text_has_control(*text, field->lines))
		return submission_refuse(problem, "control-character", field->name,
					 field->lines
					     ? "has a control character other than line end and tab"
					     : "has a control character or a line end");
	if (!text_has_content(*text))
		*text = "";
	if (!**text || !field->form)
		return true;
	const char *form = field->form(arena, *text);
	if (!form || text_characters(form) > field->most)
		return submission_refuse(problem, "invalid", field->name, field->otherwise);
	*text = form;
	return true;
}

/* protobuf-c's fields are not const; nothing here writes through them. */
static bool check_fields(struct arena *arena, struct submission *submission,
			 struct problem *problem)
{
	Redress__GrievanceText *text = &submission->text;
	Redress__Contact *contact = &submission->contact;
	char **const texts[] = {[SUBJECT] = &text->subject,
				[DESCRIPTION] = &text->description,
				[ADDRESS] = &text->address,
				[LANGUAGE] = (char **)&submission->language,
				[SERVICE] = (char **)&submission->service_code,
				[AREA] = (char **)&submission->area_code,
				[NAME] = &contact->name,
				[EMAIL] = &contact->email,
				[PHONE] = &contact->phone,
				[WEBHOOK] = &contact->webhook,
				[REPLY] = &contact->language};
	for (size_t i = 0; i < submission_field_count; i++) {
		if (!submission_check_text(arena, &submission_fields[i], (const char **)texts[i],
					   problem))
			return false;
	}
	if (!*text->description)
		return submission_refuse(problem, "missing", "description",
					 "say what the matter is");
	return true;
}

/* ---- the place ------------------------------------------------------------------------------ */

/*
 * The area that decides the office, by the exact place: what is stored in clear is rounded, and 50
 * metres beside a border that would be another office. An area that the citizen named is what
 * counts; the place only says where within it.
 */
static const char *find_place_area(struct arena *arena, const struct catalogue *catalogue,
				   const struct submission *submission)
{
	const Redress__GrievanceText *text = &submission->text;
	const struct catalogue_area *named = catalogue_area(catalogue, submission->area_code);
	const struct catalogue_area *at =
	    text->has_position ? catalogue_area_at(catalogue, text->lat, text->lon) : NULL;
	const struct catalogue_area *area =
	    at && (!named || catalogue_area_within(at, named)) ? at : named;
	return area ? arena_strdup(arena, area->code) : "";
}

static bool check_place(struct arena *arena, const struct catalogue *catalogue,
			struct submission *submission, struct problem *problem)
{
	const Redress__GrievanceText *text = &submission->text;
	if (text->has_position && (!isfinite(text->lat) || fabs(text->lat) > 90))
		return submission_refuse(problem, "out-of-range", "location.lat",
					 "from -90 to 90 degrees");
	if (text->has_position && (!isfinite(text->lon) || fabs(text->lon) > 180))
		return submission_refuse(problem, "out-of-range", "location.lon",
					 "from -180 to 180 degrees");
	if (*submission->area_code && !catalogue_area(catalogue, submission->area_code))
		return submission_refuse(problem, "unknown", "area_code",
					 "there is no area with this code");
	submission->place_area = find_place_area(arena, catalogue, submission);
	return true;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void pick_routing_answers(struct arena *arena, const struct catalogue *catalogue,
				 struct submission *submission)
{
	const Redress__GrievanceText *text = &submission->text;
	const struct catalogue_service *service =
	    catalogue_service(catalogue, submission->service_code);
	submission->routing_answer_count = 0;
	submission->routing_answers =
	    arena_take(arena, (text->n_answers + 1) * sizeof(*submission->routing_answers));
	for (size_t i = 0; i < text->n_answers; i++) {
		Redress__Answer *answer = text->answers[i];
		if (catalogue_question(service, answer->code)->routing && *answer->value)
			submission->routing_answers[submission->routing_answer_count++] = answer;
	}
}

bool submission_check(struct arena *arena, const struct catalogue *catalogue,
		      struct submission *submission, struct problem *problem)
{
	if (!check_fields(arena, submission, problem) ||
	    !check_place(arena, catalogue, submission, problem) ||
	    !answers_check(arena, catalogue, submission, problem))
		return false;
	pick_routing_answers(arena, catalogue, submission);
	return true;
}

/* ---- what is made of it --------------------------------------------------------------------- */

const void *submission_canonical(struct arena *arena, const struct submission *submission,
				 size_t *size)
{
	const char *const parts[] = {submission->channel, submission->service_code,
				     submission->language, submission->area_code};
	size_t texts = 0, text = redress__grievance_text__get_packed_size(&submission->text);
	for (size_t i = 0; i < 4; i++)
		texts += strlen(parts[i]) + 1;
	*size = texts + text + redress__contact__get_packed_size(&submission->contact);
	uint8_t *canonical = arena_take(arena, *size), *at = canonical;
	for (size_t i = 0; i < 4; i++)
		at = (uint8_t *)stpcpy((char *)at, parts[i]) + 1;
	at += redress__grievance_text__pack(&submission->text, at);
	redress__contact__pack(&submission->contact, at);
	return canonical;
}
