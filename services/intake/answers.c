#include "answers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "domain/number_form.h"
#include "domain/text_form.h"

struct answers {
	struct arena *arena;
	Redress__Answer **list;
	size_t count;
	struct problem *problem;
};

static const char *name_of(struct arena *arena, const char *code)
{
	return submission_field_name(arena, "answers.", code);
}

/* ---- one answer ----------------------------------------------------------------------------- */

static bool is_list(const struct catalogue_question *question)
{
	return question->datatype == DATATYPE_SINGLEVALUELIST ||
	       question->datatype == DATATYPE_MULTIVALUELIST;
}

static bool check_number(struct arena *arena, Redress__Answer *answer, struct problem *problem)
{
	const char *field = name_of(arena, answer->code), *form = number_form(arena, answer->value);
	if (!form)
		return submission_refuse(problem, "invalid", field, "a number, as in \"1234.5\"");
	if (!isfinite(strtod(form, NULL)))
		return submission_refuse(problem, "out-of-range", field,
					 "a number of this size cannot be used");
	answer->value = (char *)(uintptr_t)form;
	return true;
}

static bool check_datetime(struct arena *arena, Redress__Answer *answer, struct problem *problem)
{
	const char *form = datetime_form(arena, answer->value);
	if (!form)
		return submission_refuse(
		    problem, "invalid", name_of(arena, answer->code),
		    "a day or a day and time of the calendar, as in \"2026-03-31\" or"
		    " \"2026-03-31T14:30:00Z\"");
	answer->value = (char *)(uintptr_t)form;
	return true;
}

static bool check_type(struct arena *arena, const struct catalogue_question *question,
		       Redress__Answer *answer, struct problem *problem)
{
	if (is_list(question) && !catalogue_value(question, answer->value))
		return submission_refuse(problem, "unknown", name_of(arena, answer->code),
					 "is none of the values to choose from");
	if (question->datatype == DATATYPE_NUMBER)
		return check_number(arena, answer, problem);
	if (question->datatype == DATATYPE_DATETIME)
		return check_datetime(arena, answer, problem);
	return true;
}

static bool check_answer(struct answers *answers, const struct catalogue_service *service,
			 Redress__Answer *answer)
{
	const struct catalogue_question *question = catalogue_question(service, answer->code);
	const char *field = name_of(answers->arena, answer->code), *value = answer->value;
	if (!question)
		return submission_refuse(answers->problem, "unknown", field,
					 "the service does not ask this");
	const struct submission_field rule = {field, ANSWER_MAX,
					      question->datatype == DATATYPE_TEXT, NULL, NULL};
	if (!submission_check_text(answers->arena, &rule, &value, answers->problem))
		return false;
	answer->value = (char *)(uintptr_t)value;
	return !*value || check_type(answers->arena, question, answer, answers->problem);
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* The other answers to the question of answer i, before it. */
static bool check_alone(struct answers *answers, const struct catalogue_service *service, size_t i)
{
	const Redress__Answer *answer = answers->list[i];
	const struct catalogue_question *question = catalogue_question(service, answer->code);
	for (size_t k = 0; k < i; k++) {
		const Redress__Answer *other = answers->list[k];
		if (strcmp(other->code, answer->code) != 0)
			continue;
		if (question->datatype != DATATYPE_MULTIVALUELIST)
			return submission_refuse(answers->problem, "too-many",
						 name_of(answers->arena, answer->code),
						 "the question takes one answer");
		if (strcmp(other->value, answer->value) == 0)
			return submission_refuse(answers->problem, "repeated",
						 name_of(answers->arena, answer->code),
						 "each value may be chosen once");
	}
	return true;
}

static size_t all_characters(const struct answers *answers)
{
	size_t characters = 0;
	for (size_t i = 0; i < answers->count; i++)
		characters += text_characters(answers->list[i]->value);
	return characters;
}

static bool check_all(struct answers *answers, const struct catalogue_service *service)
{
	size_t characters = all_characters(answers);
	if (answers->count && !service)
		return submission_refuse(
		    answers->problem, "unknown", "answers",
		    "answers belong to the questions of a service: give service_code");
	if (answers->count > ANSWERS_MAX)
		return submission_refuse(
		    answers->problem, "too-many", "answers",
		    arena_printf(answers->arena, "at most %d answers", ANSWERS_MAX));
	for (size_t i = 0; i < answers->count; i++) {
		if (!check_answer(answers, service, answers->list[i]) ||
		    !check_alone(answers, service, i))
			return false;
	}
	if (characters > ANSWERS_TOTAL_MAX)
		return submission_refuse(
		    answers->problem, "too-long", "answers",
		    arena_printf(answers->arena, "at most %d characters in all, these have %zu",
				 ANSWERS_TOTAL_MAX, characters));
	return true;
}

static bool is_answered(const struct answers *answers, const char *code)
{
	for (size_t i = 0; i < answers->count; i++) {
		if (strcmp(answers->list[i]->code, code) == 0 && *answers->list[i]->value)
			return true;
	}
	return false;
}

static bool check_required(struct answers *answers, const struct catalogue_service *service)
{
	for (size_t i = 0; service && i < service->question_count; i++) {
		const struct catalogue_question *question = &service->questions[i];
		if (question->required && !is_answered(answers, question->code))
			return submission_refuse(answers->problem, "missing",
						 name_of(answers->arena, question->code),
						 "the service needs an answer to this");
	}
	return true;
}

bool answers_check(struct arena *arena, const struct catalogue *catalogue,
		   struct submission *submission, struct problem *problem)
{
	struct answers answers = {arena, submission->text.answers, submission->text.n_answers,
				  problem};
	const struct catalogue_service *service =
	    catalogue_service(catalogue, submission->service_code);
	if (*submission->service_code && !service)
		return submission_refuse(problem, "unknown", "service_code",
					 "there is no service with this code");
	return check_all(&answers, service) && check_required(&answers, service);
}
