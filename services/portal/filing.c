/*
 * Filing a grievance, page by page. The draft travels in the page, sealed; nothing is stored here.
 * On Send it goes to intake under the draft's own Idempotency-Key, so that pressing Send again
 * makes no second case.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "domain/text_bounds.h"
#include "domain/case_number.h"
#include "domain/catalogue.h"
#include "domain/contact_form.h"
#include "domain/text_form.h"
#include "pages_private.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define ANSWER_PREFIX "answer-"
#define STEPS         4

/* The pages in their order; the questions belong to the second step. */
enum filing_page { PAGE_WHAT, PAGE_WHERE, PAGE_QUESTIONS, PAGE_CONTACT, PAGE_CHECK, PAGES };
static const struct {
	const char *to, *template;
	int step;
} filing_pages[PAGES] = {
    [PAGE_WHAT] = {"what", "file-what", 1},
    [PAGE_WHERE] = {"where", "file-where", 2},
    [PAGE_QUESTIONS] = {"questions", "file-questions", 2},
    [PAGE_CONTACT] = {"contact", "file-contact", 3},
    [PAGE_CHECK] = {"check", "file-check", 4},
};

/* What is wrong with the draft: on which page, with which field; code NULL: nothing. */
struct fault {
	enum filing_page page;
	const char *field, *code;
};

struct filing {
	struct pages *pages;
	struct http_request *request;
	struct arena *arena;
	const char *language;
	json_t *draft;
	const char *draft_text; /* while it waits for a thread */
	struct fault fault;
	const char *unsent, *number, *receipt; /* of a try to send */
};

/* ---- the draft ------------------------------------------------------------------------------ */

static const char *get(const json_t *draft, const char *name)
{
	const char *text = json_string_value(json_object_get(draft, name));
	return text ? text : "";
}

static json_t *new_draft(const char *language)
{
	uint8_t random[16];
	char key[2 * sizeof(random) + 1];
	randombytes_buf(random, sizeof(random));
	text_hex(key, random, sizeof(random));
	return json_pack("{s:s, s:s, s:{}}", "key", key, "language", language, "answers");
}

static json_t *open_draft(struct filing *filing, const struct form *form)
{
	const char *sealed = form_value(form, "draft");
	const char *text = sealed ? sealed_value_open(filing->arena, filing->pages->key, "draft",
						      sealed, clock_now_ms())
				  : NULL;
	json_t *draft = text ? json_loads(text, 0, NULL) : NULL;
	return draft ? draft : new_draft(filing->language);
}

static const char *seal_draft(const struct filing *filing)
{
	char *text = json_dumps(filing->draft, JSON_COMPACT);
	const char *sealed = sealed_value_make(filing->arena, filing->pages->key, "draft", text,
					       clock_now_ms() + DRAFT_LIFE_MS);
	sodium_memzero(text, strlen(text));
	free(text);
	return sealed;
}

static void merge_answer(json_t *answers, const char *code, const char *value)
{
	json_t *list = json_object_get(answers, code);
	if (!list) {
		list = json_array();
		json_object_set_new(answers, code, list);
	}
	if (*value)
		json_array_append_new(list, json_string(value));
}

/* What the page had. A page of questions brings all answers anew. */
static void merge(json_t *draft, const struct form *form)
{
	static const char *const names[] = {"text",  "service", "area", "address", "reach",
					    "email", "phone",   "name", "language"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = form_value(form, names[i]);
		if (value)
			json_object_set_new(draft, names[i], json_string(value));
	}
	json_t *answers = form_value(form, "questions") ? json_object() : NULL;
	for (size_t i = 0; answers && i < form->count; i++) {
		const char *name = form->fields[i].name;
		if (strncmp(name, ANSWER_PREFIX, sizeof(ANSWER_PREFIX) - 1) == 0)
			merge_answer(answers, name + sizeof(ANSWER_PREFIX) - 1,
				     form->fields[i].value);
	}
	if (answers)
		json_object_set_new(draft, "answers", answers);
}

/* ---- checking ------------------------------------------------------------------------------- */

static const char *text_fault(const char *text, size_t most, const char *missing)
{
	if (text_marks(text) > TEXT_MARKS_MAX)
		return "invalid";
	if (text_characters(text) > most)
		return "too-long";
	return missing && !text_has_content(text) ? missing : NULL;
}

/* How somebody can be reached; the draft's field and the contact's member have its name. */
static const struct way {
	const char *name;
	const char *(*form)(struct arena *arena, const char *text);
	const char *fault;
} ways[] = {{"email", email_form, "invalid-email"}, {"phone", phone_form, "invalid-phone"}};
#define WAYS (sizeof(ways) / sizeof(*ways))

/* The one that was chosen; NULL: none, or nothing yet. */
static const struct way *way_of(const json_t *draft)
{
	for (size_t i = 0; i < WAYS; i++) {
		if (strcmp(get(draft, "reach"), ways[i].name) == 0)
			return &ways[i];
	}
	return NULL;
}

static const char *contact_fault(struct arena *arena, const json_t *draft, const char **field)
{
	const struct way *way = way_of(draft);
	*field = "reach";
	if (!way && strcmp(get(draft, "reach"), "none") != 0)
		return "reach-missing";
	if (way && !way->form(arena, get(draft, way->name))) {
		*field = way->name;
		return way->fault;
	}
	*field = "name";
	return text_fault(get(draft, "name"), FULL_NAME_MAX, NULL);
}

static const char *answers_fault(const struct catalogue_service *service, const json_t *draft,
				 struct arena *arena, const char **field)
{
	for (size_t i = 0; service && i < service->question_count; i++) {
		const struct catalogue_question *question = &service->questions[i];
		*field = arena_printf(arena, ANSWER_PREFIX "%s", question->code);
		if (question->required && !json_array_size(json_object_get(
					      json_object_get(draft, "answers"), question->code)))
			return "answer-missing";
	}
	return NULL;
}

/* The first fault of the pages before this one. */
static struct fault check(const struct filing *filing, const struct catalogue_service *service,
			  enum filing_page before)
{
	const json_t *draft = filing->draft;
	struct fault fault = {PAGE_WHAT, "text", NULL};
	fault.code = text_fault(get(draft, "text"), DESCRIPTION_MAX, "missing");
	if (!fault.code && before > PAGE_WHERE) {
		fault = (struct fault){PAGE_WHERE, "address",
				       text_fault(get(draft, "address"), ADDRESS_MAX, NULL)};
	}
	if (!fault.code && before > PAGE_QUESTIONS) {
		fault.page = PAGE_QUESTIONS;
		fault.code = answers_fault(service, draft, filing->arena, &fault.field);
	}
	if (!fault.code && before > PAGE_CONTACT) {
		fault.page = PAGE_CONTACT;
		fault.code = contact_fault(filing->arena, draft, &fault.field);
	}
	return fault;
}

/* ---- the views ------------------------------------------------------------------------------ */

static json_t *choice(const char *code, const char *name, const char *chosen)
{
	return json_pack("{s:s, s:s, s:b}", "code", code, "name", name, "chosen",
			 strcmp(code, chosen) == 0);
}

static void put_choices(const struct filing *filing, const struct catalogue *c, json_t *view)
{
	json_t *services = json_array(), *areas = json_array();
	for (size_t i = 0; i < c->service_count; i++)
		json_array_append_new(services,
				      choice(c->services[i].code,
					     catalogue_text(&c->services[i].name, filing->language),
					     get(filing->draft, "service")));
	for (size_t i = 0; i < c->area_count; i++) {
		if (c->areas[i].parent)
			json_array_append_new(
			    areas, choice(c->areas[i].code,
					  catalogue_text(&c->areas[i].name, filing->language),
					  get(filing->draft, "area")));
	}
	json_object_set_new(view, "services", services);
	json_object_set_new(view, "areas", areas);
}

static bool was_chosen(const json_t *answer, const char *value)
{
	size_t i;
	json_t *one;
	json_array_foreach(answer, i, one)
	{
		if (strcmp(json_string_value(one), value) == 0)
			return true;
	}
	return false;
}

static json_t *question_values(const struct catalogue_question *question, const json_t *answer,
			       const char *language)
{
	json_t *values = json_array();
	const char *kind = question->datatype == DATATYPE_MULTIVALUELIST ? "checkbox" : "radio";
	for (size_t i = 0; i < question->value_count; i++) {
		const struct catalogue_value *value = &question->values[i];
		json_array_append_new(
		    values, json_pack("{s:s, s:s, s:s, s:b}", "value", value->code, "name",
				      catalogue_text(&value->name, language), "kind", kind,
				      "chosen", was_chosen(answer, value->code)));
	}
	return values;
}

static void put_questions(const struct filing *filing, const struct catalogue_service *service,
			  json_t *view)
{
	json_t *list = json_array();
	for (size_t i = 0; service && i < service->question_count; i++) {
		const struct catalogue_question *q = &service->questions[i];
		json_t *answer =
		    json_object_get(json_object_get(filing->draft, "answers"), q->code);
		json_t *one =
		    json_pack("{s:o, s:s, s:b, s:b, s:b, s:o}", "field",
			      json_sprintf(ANSWER_PREFIX "%s", q->code), "text",
			      catalogue_text(&q->text, filing->language), "required", q->required,
			      "list", q->value_count > 0, "number", q->datatype == DATATYPE_NUMBER,
			      "values", question_values(q, answer, filing->language));
		const char *given = json_string_value(json_array_get(answer, 0));
		json_object_set_new(one, "answer", json_string(given ? given : ""));
		if (filing->fault.code &&
		    strcmp(filing->fault.field, json_string_value(json_object_get(one, "field"))) ==
			0)
			json_object_set_new(one, "wrong", json_true());
		json_array_append_new(list, one);
	}
	json_object_set_new(view, "questions", list);
}

static void put_answers(const struct filing *filing, const struct catalogue_service *service,
			json_t *view)
{
	json_t *list = json_array();
	for (size_t i = 0; service && i < service->question_count; i++) {
		const struct catalogue_question *q = &service->questions[i];
		size_t k;
		json_t *one,
		    *answer = json_object_get(json_object_get(filing->draft, "answers"), q->code);
		json_array_foreach(answer, k, one)
		{
			const struct catalogue_value *value =
			    catalogue_value(q, json_string_value(one));
			const char *text = value ? catalogue_text(&value->name, filing->language)
						 : json_string_value(one);
			json_array_append_new(list,
					      json_pack("{s:s, s:s}", "text",
							catalogue_text(&q->text, filing->language),
							"answer", text));
		}
	}
	json_object_set_new(view, "answers", list);
}

static void put_summary(const struct filing *filing, const struct catalogue *c, json_t *view)
{
	const json_t *draft = filing->draft;
	const struct catalogue_service *service = catalogue_service(c, get(draft, "service"));
	const struct catalogue_area *area = catalogue_area(c, get(draft, "area"));
	json_object_set_new(
	    view, "service_name",
	    json_string(service ? catalogue_text(&service->name, filing->language) : ""));
	json_object_set_new(view, "area_name",
			    json_string(area ? catalogue_text(&area->name, filing->language) : ""));
	json_object_set_new(view, "no_place", json_boolean(!area && !*get(draft, "address")));
	put_answers(filing, service, view);
}

static void put_fault(const struct filing *filing, json_t *view)
{
	const struct fault *fault = &filing->fault;
	if (fault->code) {
		json_object_set_new(view, "errors", json_true());
		json_object_set_new(view, "code", json_string(fault->code));
		json_object_set_new(
		    view, "problems",
		    json_pack("[{s:s, s:s}]", "field", fault->field, "code", fault->code));
		json_object_set_new(view, arena_printf(filing->arena, "wrong_%s", fault->field),
				    json_true());
	}
	if (filing->unsent) {
		json_object_set_new(view, "unsent", json_string(filing->unsent));
		if (filing->number)
			json_object_set_new(view, "case_number", json_string(filing->number));
		if (filing->number && filing->receipt)
			json_object_set_new(view, "receipt_code", json_string(filing->receipt));
	}
}

static void put_steps(json_t *view, int step)
{
	json_t *steps = json_array();
	for (int i = 1; i <= STEPS; i++)
		json_array_append_new(steps, json_pack("{s:b}", "done", i <= step));
	json_object_set_new(view, "steps", steps);
	json_object_set_new(view, "step", json_integer(step));
	json_object_set_new(view, "steps_count", json_integer(STEPS));
}

static void show(struct filing *filing, int status, enum filing_page page)
{
	json_t *view = pages_view(filing->pages);
	const struct catalogue *c = shared_catalogue_borrow(filing->pages->catalogue);
	const struct catalogue_service *service =
	    catalogue_service(c, get(filing->draft, "service"));
	const struct way *way = way_of(filing->draft);
	json_object_update(view, filing->draft);
	json_object_set_new(view, "draft", json_string(seal_draft(filing)));
	json_object_set_new(view, "most", json_integer(DESCRIPTION_MAX));
	json_object_set_new(view, "offers_sms", json_boolean(filing->pages->sms));
	if (way) {
		json_object_set_new(view,
				    arena_printf(http_arena(filing->request), "by_%s", way->name),
				    json_true());
		json_object_set_new(view, "reached_at", json_string(get(filing->draft, way->name)));
	}
	json_object_set_new(view, "by_none",
			    json_boolean(strcmp(get(filing->draft, "reach"), "none") == 0));
	json_object_set_new(view, "chosen_language", json_string(get(filing->draft, "language")));
	put_steps(view, filing_pages[page].step);
	put_choices(filing, c, view);
	put_questions(filing, service, view);
	if (page == PAGE_CHECK || page == PAGE_QUESTIONS)
		put_summary(filing, c, view);
	put_fault(filing, view);
	shared_catalogue_return(filing->pages->catalogue);
	site_page(filing->pages->site, filing->request, status, filing_pages[page].template, view,
		  NULL);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void put_text(json_t *object, const char *name, const char *text)
{
	if (*text)
		json_object_set_new(object, name, json_string(text));
}

/* An answer as intake wants it: a list for a list of several values, else one value. */
static json_t *answers_of(const struct filing *filing, const struct catalogue_service *service)
{
	json_t *answers = json_object();
	for (size_t i = 0; service && i < service->question_count; i++) {
		const struct catalogue_question *q = &service->questions[i];
		json_t *given = json_object_get(json_object_get(filing->draft, "answers"), q->code);
		if (!json_array_size(given))
			continue;
		json_object_set(answers, q->code,
				q->datatype == DATATYPE_MULTIVALUELIST ? given
								       : json_array_get(given, 0));
	}
	return answers;
}

static char *submission_of(const struct filing *filing, const struct catalogue_service *service)
{
	const json_t *draft = filing->draft;
	json_t *submission = json_object(), *contact = json_object();
	put_text(submission, "description", get(draft, "text"));
	put_text(submission, "service_code", get(draft, "service"));
	put_text(submission, "area_code", get(draft, "area"));
	put_text(submission, "address", get(draft, "address"));
	json_object_set_new(submission, "answers", answers_of(filing, service));
	const struct way *way = way_of(draft);
	if (way) {
		put_text(contact, way->name, get(draft, way->name));
		put_text(contact, "language", get(draft, "language"));
	}
	put_text(contact, "name", get(draft, "name"));
	json_object_set_new(submission, "contact", contact);
	char *text = json_dumps(submission, JSON_COMPACT);
	json_decref(submission);
	return text;
}

/* Which page can mend what intake refused. */
static struct fault fault_of(struct arena *arena, const char *field)
{
	if (strncmp(field, "answers.", 8) == 0)
		return (struct fault){PAGE_QUESTIONS,
				      arena_printf(arena, ANSWER_PREFIX "%s", field + 8),
				      "invalid-answer"};
	if (strcmp(field, "contact.email") == 0)
		return (struct fault){PAGE_CONTACT, "email", "invalid-email"};
	if (strcmp(field, "contact.phone") == 0)
		return (struct fault){PAGE_CONTACT, "phone", "invalid-phone"};
	if (strcmp(field, "contact.name") == 0)
		return (struct fault){PAGE_CONTACT, "name", "invalid"};
	if (strcmp(field, "address") == 0)
		return (struct fault){PAGE_WHERE, "address", "invalid"};
	return (struct fault){PAGE_WHAT, "text", "invalid"};
}

static void answer_taken(struct filing *filing, const json_t *reply)
{
	uint64_t number;
	const char *written = get(reply, "case_number"), *receipt = get(reply, "receipt_code");
	if (!case_number_parse(written, &number)) {
		filing->unsent = "unknown";
		show(filing, 503, PAGE_CHECK);
		return;
	}
	const struct http_field fields[] = {
	    {"Set-Cookie", pages_open_cookie(filing->pages, filing->arena, number, receipt)},
	    {NULL, NULL}};
	site_redirect(filing->request, "/file/sent", fields);
}

static void answer_refused(struct filing *filing, int status, const json_t *reply)
{
	if (status == 422 || status == 400 || status == 413) {
		filing->fault = fault_of(filing->arena, get(reply, "field"));
		show(filing, 422, filing->fault.page);
		return;
	}
	filing->unsent = status == 429                ? "too-many"
			 : *get(reply, "case_number") ? "unknown"
						      : "not-taken";
	if (*get(reply, "case_number")) {
		filing->number = get(reply, "case_number");
		filing->receipt = get(reply, "receipt_code");
	}
	show(filing, status == 429 ? 429 : 503, PAGE_CHECK);
}

static void send_draft(void *self, struct lookup *lookup, struct http_request *request, void *what)
{
	struct filing *filing = what;
	struct pages *pages = filing->pages;
	struct intake_answer answer;
	struct err err = {""};
	(void)self;
	(void)lookup;
	filing->draft = json_loads(filing->draft_text, 0, NULL);
	const struct catalogue *c = shared_catalogue_borrow(pages->catalogue);
	char *json = submission_of(filing, catalogue_service(c, get(filing->draft, "service")));
	shared_catalogue_return(pages->catalogue);
	int sent =
	    intake_client_submit(pages->intake, filing->arena, json, get(filing->draft, "key"),
				 http_peer(request), &answer, &err);
	json_t *reply = json_loads(sent ? "{}" : answer.body, 0, NULL);
	if (sent || !answer.status)
		log_warn(0, "a grievance cannot be handed on: %s", err.text);
	if (sent) {
		filing->unsent = "unknown";
		show(filing, 503, PAGE_CHECK);
	} else if (answer.status == 201) {
		answer_taken(filing, reply);
	} else {
		answer_refused(filing, answer.status, reply);
	}
	json_decref(reply);
	json_decref(filing->draft);
	sodium_memzero(json, strlen(json));
	free(json);
}

/* ---- requests ------------------------------------------------------------------------------- */

static struct filing *filing_new(struct pages *pages, struct http_request *request)
{
	struct filing *filing = arena_zero(http_arena(request), sizeof(*filing));
	filing->pages = pages;
	filing->request = request;
	filing->arena = http_arena(request);
	filing->language = site_language(pages->site, request);
	return filing;
}

void filing_begin(struct pages *pages, struct http_request *request)
{
	struct filing *filing = filing_new(pages, request);
	filing->draft = new_draft(filing->language);
	json_t *draft = filing->draft;
	show(filing, 200, PAGE_WHAT);
	json_decref(draft);
}

/* The page a button leads to; PAGES: Send. */
static enum filing_page target_of(const struct form *form, bool has_questions)
{
	const char *to = form_value(form, "to");
	enum filing_page page = PAGE_WHAT;
	if (to && strcmp(to, "send") == 0)
		return PAGES;
	if (to && strcmp(to, "back") == 0) /* from the contact */
		return has_questions ? PAGE_QUESTIONS : PAGE_WHERE;
	while (to && page < PAGES && strcmp(filing_pages[page].to, to) != 0)
		page++;
	if (page == PAGES)
		page = PAGE_WHAT;
	return page == PAGE_QUESTIONS && !has_questions ? PAGE_CONTACT : page;
}

void filing_step(struct pages *pages, struct http_request *request, const struct form *form)
{
	struct filing *filing = filing_new(pages, request);
	filing->draft = open_draft(filing, form);
	merge(filing->draft, form);
	json_t *draft = filing->draft;
	const struct catalogue *c = shared_catalogue_borrow(pages->catalogue);
	const struct catalogue_service *service = catalogue_service(c, get(draft, "service"));
	enum filing_page target = target_of(form, service && service->question_count);
	bool forward = target != PAGE_WHAT && !form_value(form, "change");
	if (forward)
		filing->fault = check(filing, service, target == PAGES ? PAGE_CHECK : target);
	shared_catalogue_return(pages->catalogue);
	if (filing->fault.code) {
		show(filing, 422, filing->fault.page);
	} else if (target == PAGES) {
		char *text = json_dumps(draft, JSON_COMPACT);
		filing->draft_text = arena_strdup(filing->arena, text);
		free(text);
		json_decref(draft);
		pool_add(pages->writers, request, send_draft, filing);
		return;
	} else {
		show(filing, 200, target);
	}
	json_decref(draft);
}

void filing_sent(struct pages *pages, struct http_request *request)
{
	char written[CASE_NUMBER_TEXT_SIZE];
	uint64_t number;
	const char *receipt;
	if (!pages_opened(pages, request, &number, &receipt)) {
		pages_sorry(pages, request, 404, "expired");
		return;
	}
	json_t *view = pages_view(pages);
	case_number_format(number, written);
	json_object_set_new(view, "case_number", json_string(written));
	json_object_set_new(view, "receipt_code", json_string(receipt));
	site_page(pages->site, request, 200, "file-sent", view, NULL);
}
