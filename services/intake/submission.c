#include "submission.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "domain/text_form.h"
#include "util/text.h"

#define ANSWERS_MAX 50

void submission_init(struct submission *submission, const char *channel)
{
	*submission = (struct submission){
	    .channel = channel, .service_code = "", .language = "", .area_code = ""};
	redress__grievance_text__init(&submission->text);
	redress__contact__init(&submission->contact);
}

bool submission_is_anonymous(const struct submission *submission)
{
	const Redress__Contact *contact = &submission->contact;
	return !*contact->name && !*contact->email && !*contact->phone && !*contact->webhook;
}

/* ---- one field ------------------------------------------------------------------------------ */

static bool refuse(struct problem *problem, const char *code, const char *field, const char *detail)
{
	*problem = (struct problem){422, code, field, detail};
	return false;
}

struct text_rule {
	const char *field;
	size_t most; /* characters */
	bool lines;  /* may have several */
	bool (*is_valid)(const char *text);
	const char *otherwise; /* what a valid one looks like */
};

static bool check_text(struct arena *arena, const struct text_rule *rule, const char **text,
		       struct problem *problem)
{
	*text = text_normal(arena, *text);
	if (text_characters(*text) > rule->most)
		return refuse(problem, "too-long", rule->field,
			      arena_printf(arena, "at most %zu characters, this has %zu",
					   rule->most, text_characters(*text)));
	if (text_has_control(*text, rule->lines))
		return refuse(problem, "control-character", rule->field,
			      rule->lines ? "has a control character other than line end and tab"
					  : "has a control character or a line end");
	if (**text && rule->is_valid && !rule->is_valid(*text))
		return refuse(problem, "invalid", rule->field, rule->otherwise);
	return true;
}

/* RFC 5646, in form only: subtags of 2 to 8 letters and digits. */
static bool is_language(const char *text)
{
	size_t first = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (first < 2 || first > 3)
		return false;
	for (text += first; *text == '-';) {
		size_t length = strspn(++text, "abcdefghijklmnopqrstuvwxyz"
					       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
		if (length < 1 || length > 8)
			return false;
		text += length;
	}
	return !*text;
}

/* Something, one @, a name with a dot: what a mail server may make of it is its own business. */
static bool is_email(const char *text)
{
	const char *at = strchr(text, '@');
	if (!at || at == text || strchr(at + 1, '@') || strpbrk(text, " \t<>()[],;:\\\""))
		return false;
	const char *dot = strrchr(at, '.');
	return dot && dot > at + 1 && dot[1];
}

/* E.164: a plus and 7 to 15 digits, the first not 0. */
static bool is_phone(const char *text)
{
	size_t digits = strspn(text + 1, "0123456789");
	return text[0] == '+' && text[1] != '0' && digits >= 7 && digits <= 15 && !text[1 + digits];
}

static bool is_https(const char *text)
{
	if (strncmp(text, "https://", 8) != 0 || strpbrk(text, " \t\"<>\\^`{|}@"))
		return false;
	size_t host = strcspn(text + 8, "/?#");
	return host > 0 && host <= 260;
}

/* People write telephone numbers with spaces, dots, dashes and brackets. */
static const char *plain_phone(struct arena *arena, const char *text)
{
	char *plain = arena_strdup(arena, text), *out = plain;
	for (; *text; text++) {
		if (!strchr(" .-()/", *text))
			*out++ = *text;
	}
	*out = '\0';
	if (strncmp(plain, "00", 2) == 0) {
		plain[1] = '+';
		plain++;
	}
	return plain;
}

/* clang-format off */
static const struct text_rule
	subject_rule     = {"subject", 200, false, NULL, NULL},
	description_rule = {"description", 10000, true, NULL, NULL},
	address_rule     = {"address", 500, true, NULL, NULL},
	language_rule    = {"language", 35, false, is_language, "a BCP 47 language tag, as in \"pt-BR\""},
	service_rule     = {"service_code", 64, false, NULL, NULL},
	area_rule        = {"area_code", 64, false, NULL, NULL},
	name_rule        = {"contact.name", 200, false, NULL, NULL},
	email_rule       = {"contact.email", 254, false, is_email, "an e-mail address, as in \"name@example.org\""},
	phone_rule       = {"contact.phone", 40, false, is_phone, "a telephone number with its country code, as in \"+351212345678\""},
	webhook_rule     = {"contact.webhook", 500, false, is_https, "an https address"},
	reply_rule       = {"contact.language", 35, false, is_language, "a BCP 47 language tag, as in \"pt-BR\""};
/* clang-format on */

/* protobuf-c's fields are not const; nothing here writes through them. */
static bool check_field(struct arena *arena, const struct text_rule *rule, char **text,
			struct problem *problem)
{
	const char *checked = *text;
	bool fine = check_text(arena, rule, &checked, problem);
	*text = (char *)(uintptr_t)checked;
	return fine;
}

/* ---- what belongs together ------------------------------------------------------------------ */

static bool check_place(const struct catalogue *catalogue, const struct submission *submission,
			struct problem *problem)
{
	const Redress__GrievanceText *text = &submission->text;
	if (text->has_position && (!isfinite(text->lat) || fabs(text->lat) > 90))
		return refuse(problem, "out-of-range", "location.lat", "from -90 to 90 degrees");
	if (text->has_position && (!isfinite(text->lon) || fabs(text->lon) > 180))
		return refuse(problem, "out-of-range", "location.lon", "from -180 to 180 degrees");
	if (*submission->area_code && !catalogue_area(catalogue, submission->area_code))
		return refuse(problem, "unknown", "area_code", "there is no area with this code");
	return true;
}

static bool is_number(const char *text)
{
	char *end;
	double value = strtod(text, &end);
	return end != text && !*end && isfinite(value);
}

static bool check_answer(struct arena *arena, const struct catalogue_service *service,
			 Redress__Answer *answer, struct problem *problem)
{
	const char *field = arena_printf(arena, "answers.%.64s", answer->code);
	const struct text_rule rule = {field, 2000, true, NULL, NULL};
	const struct catalogue_question *question = catalogue_question(service, answer->code);
	if (!question)
		return refuse(problem, "unknown", field, "the service does not ask this");
	if (!check_field(arena, &rule, &answer->value, problem))
		return false;
	bool listed = question->datatype == DATATYPE_SINGLEVALUELIST ||
		      question->datatype == DATATYPE_MULTIVALUELIST;
	if (*answer->value && listed && !catalogue_value(question, answer->value))
		return refuse(problem, "unknown", field, "is none of the values to choose from");
	if (*answer->value && question->datatype == DATATYPE_NUMBER && !is_number(answer->value))
		return refuse(problem, "invalid", field, "a number");
	return true;
}

static bool is_answered(const struct submission *submission, const char *code)
{
	for (size_t i = 0; i < submission->text.n_answers; i++) {
		const Redress__Answer *answer = submission->text.answers[i];
		if (strcmp(answer->code, code) == 0 && *answer->value)
			return true;
	}
	return false;
}

static bool check_answers(struct arena *arena, const struct catalogue *catalogue,
			  const struct submission *submission, struct problem *problem)
{
	const struct catalogue_service *service =
	    catalogue_service(catalogue, submission->service_code);
	if (*submission->service_code && !service)
		return refuse(problem, "unknown", "service_code",
			      "there is no service with this code");
	if (submission->text.n_answers && !service)
		return refuse(problem, "unknown", "answers",
			      "answers belong to the questions of a service: give service_code");
	if (submission->text.n_answers > ANSWERS_MAX)
		return refuse(problem, "too-many", "answers", "at most 50 answers");
	for (size_t i = 0; i < submission->text.n_answers; i++) {
		if (!check_answer(arena, service, submission->text.answers[i], problem))
			return false;
	}
	for (size_t i = 0; service && i < service->question_count; i++) {
		const struct catalogue_question *question = &service->questions[i];
		if (question->required && !is_answered(submission, question->code))
			return refuse(problem, "missing",
				      arena_printf(arena, "answers.%s", question->code),
				      "the service needs an answer to this");
	}
	return true;
}

static void pick_routing_answers(struct arena *arena, const struct catalogue *catalogue,
				 struct submission *submission)
{
	const Redress__GrievanceText *text = &submission->text;
	const struct catalogue_service *service =
	    catalogue_service(catalogue, submission->service_code);
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
	Redress__GrievanceText *text = &submission->text;
	Redress__Contact *contact = &submission->contact;
	if (!check_field(arena, &subject_rule, &text->subject, problem) ||
	    !check_field(arena, &description_rule, &text->description, problem) ||
	    !check_field(arena, &address_rule, &text->address, problem) ||
	    !check_text(arena, &language_rule, &submission->language, problem) ||
	    !check_text(arena, &service_rule, &submission->service_code, problem) ||
	    !check_text(arena, &area_rule, &submission->area_code, problem) ||
	    !check_field(arena, &name_rule, &contact->name, problem) ||
	    !check_field(arena, &email_rule, &contact->email, problem) ||
	    !check_field(arena, &webhook_rule, &contact->webhook, problem) ||
	    !check_field(arena, &reply_rule, &contact->language, problem))
		return false;
	if (text_characters(contact->phone) <= phone_rule.most)
		contact->phone = (char *)(uintptr_t)plain_phone(arena, contact->phone);
	if (!check_field(arena, &phone_rule, &contact->phone, problem))
		return false;
	if (!*text->description)
		return refuse(problem, "missing", "description", "say what the matter is");
	if (!check_place(catalogue, submission, problem) ||
	    !check_answers(arena, catalogue, submission, problem))
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
