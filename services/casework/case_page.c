/* A case: shown, and worked on. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "case_view.h"
#include "commands.h"
#include "domain/case_moves.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/reason.h"
#include "domain/text_bounds.h"
#include "domain/text_form.h"
#include "labels.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define KEY_SIZE 16
#define KEY_MOST 200

/* What an officer may do; when, says domain/case_moves.h. */
static const struct action {
	const char *name;
	Redress__Command__BodyCase command;
	bool wants_text, wants_office, wants_category, wants_outcome, wants_urgency, wants_officer;
} actions[] = {
    {"accept", REDRESS__COMMAND__BODY_ACCEPT, false, false, false, false, false, false},
    {"answer", REDRESS__COMMAND__BODY_ANSWER, true, false, false, true, false, false},
    {"ask", REDRESS__COMMAND__BODY_ASK, true, false, false, false, false, false},
    {"note", REDRESS__COMMAND__BODY_COMMENT, true, false, false, false, false, false},
    {"comment", REDRESS__COMMAND__BODY_COMMENT, true, false, false, false, false, false},
    {"correct", REDRESS__COMMAND__BODY_CORRECT, false, false, true, false, false, false},
    {"prioritize", REDRESS__COMMAND__BODY_PRIORITIZE, true, false, false, false, true, false},
    {"give", REDRESS__COMMAND__BODY_GIVE, false, false, false, false, false, true},
    {"release", REDRESS__COMMAND__BODY_RELEASE, false, false, false, false, false, false},
    {"assign", REDRESS__COMMAND__BODY_ASSIGN, true, true, false, false, false, false},
    {"close", REDRESS__COMMAND__BODY_CLOSE, false, false, false, false, false, false},
};
#define ACTIONS (sizeof(actions) / sizeof(*actions))

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

/* ---- one case under way --------------------------------------------------------------------- */

struct page {
	struct visit *visit;
	uint64_t number;
	struct desk_case found;
	struct colleague *colleagues; /* of the office that has it */
	size_t colleague_count;
	const struct action *tried; /* NULL: it is only looked at */
	const char *text;           /* that was typed */
	const char *error, *field;  /* what is wrong with it */
	const char *notice;
	const char
	    *refusal; /* why routing refused it, a code of texts' refusal; NULL: it did not */
};

/* An officer acts for the office that has the case, or for the one that was told it is late, as
 * routing's decide.c has it. A supervisor acts for any of the agency's offices: in its name. */
static const char *acts_for(const struct page *page)
{
	const struct account *me = &page->visit->account;
	const Redress__CaseState *state = page->found.state;
	return strcmp(me->role, "supervisor") == 0 && strcmp(state->overseer, me->office) != 0
		   ? state->office
		   : me->office;
}

static bool may_act(const struct page *page)
{
	return strcmp(page->visit->account.role, "auditor") != 0 && page->found.text &&
	       !page->found.state->alias_of;
}

static bool is_possible(const struct page *page, const struct action *action)
{
	return may_act(page) && case_may(action->command, page->found.state->status, WHO_OFFICER);
}

/* false: answered already. */
static bool read_case(struct page *page)
{
	struct err err;
	struct visit *visit = page->visit;
	if (desk_case_read(visit->tools->postgres, visit->tools->officer, visit->arena,
			   visit->token, page->number, &page->found, &err)) {
		visit_unavailable(visit, &err);
		return false;
	}
	if (!page->found.state) {
		visit_problem(visit, 404, "not-found", NULL);
		return false;
	}
	if (account_colleagues(visit->tools->postgres, visit->arena, visit->token,
			       page->found.state->office, &page->colleagues, &page->colleague_count,
			       &err)) {
		visit_unavailable(visit, &err);
		return false;
	}
	return true;
}

/* ---- the forms ------------------------------------------------------------------------------ */

static json_t *offices_view(const struct page *page)
{
	json_t *list = json_array();
	struct visit *visit = page->visit;
	const char *chosen = visit_value(visit, "office");
	const struct catalogue *c = shared_catalogue_borrow(visit->casework->catalogue);
	for (size_t i = 0; i < c->office_count; i++) {
		const struct catalogue_office *office = &c->offices[i];
		if (strcmp(office->code, page->found.state->office) != 0)
			json_array_append_new(
			    list, json_pack("{s:s, s:s, s:b}", "code", office->code, "name",
					    catalogue_text(&office->name, visit->language),
					    "chosen", strcmp(office->code, chosen) == 0));
	}
	shared_catalogue_return(visit->casework->catalogue);
	return list;
}

static json_t *categories_view(const struct page *page)
{
	json_t *list = json_array();
	struct visit *visit = page->visit;
	const char *sent = visit_value(visit, "category");
	const char *chosen = *sent ? sent : page->found.state->category;
	const struct catalogue *c = shared_catalogue_borrow(visit->casework->catalogue);
	for (size_t i = 0; i < c->category_count; i++) {
		const struct catalogue_category *category = &c->categories[i];
		const char *service = catalogue_text(&category->service->name, visit->language);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:b}", "code", category->code,
						"service", service, "name",
						catalogue_text(&category->name, visit->language),
						"chosen", strcmp(category->code, chosen) == 0));
	}
	shared_catalogue_return(visit->casework->catalogue);
	return list;
}

/* All but who has it. */
static json_t *colleagues_view(const struct page *page)
{
	json_t *list = json_array();
	const char *chosen = visit_value(page->visit, "officer");
	for (size_t i = 0; i < page->colleague_count; i++) {
		const struct colleague *one = &page->colleagues[i];
		if (strcmp(one->login, page->found.state->officer) != 0)
			json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "code", one->login,
							      "name", one->name, "chosen",
							      strcmp(one->login, chosen) == 0));
	}
	return list;
}

/* All but the one it has. */
static json_t *urgencies_view(const struct page *page)
{
	json_t *list = json_array();
	const char *chosen = visit_value(page->visit, "urgency");
	for (int u = REDRESS__URGENCY__EMERGENCY; u >= REDRESS__URGENCY__ROUTINE; u--) {
		if (u != (int)page->found.state->urgency)
			json_array_append_new(
			    list, json_pack("{s:s, s:b}", "code", label_urgency(u), "chosen",
					    strcmp(label_urgency(u), chosen) == 0));
	}
	return list;
}

static json_t *outcomes_view(const struct page *page)
{
	json_t *list = json_array();
	const char *chosen = visit_value(page->visit, "outcome");
	for (int o = REDRESS__OUTCOME__SOLVED; o <= REDRESS__OUTCOME__NO_REPLY; o++) {
		const char *code = case_outcome_name((Redress__Outcome)o);
		json_array_append_new(list, json_pack("{s:s, s:b}", "code", code, "chosen",
						      strcmp(code, chosen) == 0));
	}
	return list;
}

/* A form sent twice is done once: its key is made with the page. */
static const char *fresh_key(struct visit *visit)
{
	uint8_t bytes[KEY_SIZE];
	char *key = arena_take(visit->arena, 2 * KEY_SIZE + 1);
	randombytes_buf(bytes, sizeof(bytes));
	text_hex(key, bytes, sizeof(bytes));
	return key;
}

/* What was typed stays in it. */
static json_t *form_view(const struct page *page, const struct action *action)
{
	bool tried = page->tried == action;
	json_t *form = json_pack(
	    "{s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:s}", "action", action->name, "wants_text",
	    action->wants_text, "wants_office", action->wants_office, "wants_category",
	    action->wants_category, "wants_outcome", action->wants_outcome, "wants_urgency",
	    action->wants_urgency, "wants_officer", action->wants_officer, "tried",
	    tried && (page->error || page->notice), "key", fresh_key(page->visit));
	visit_put(form, "text", tried ? page->text : "");
	if (tried && page->error)
		json_object_set_new(form, arena_printf(page->visit->arena, "wrong_%s", page->field),
				    json_string(page->error));
	if (action->wants_office)
		json_object_set_new(form, "offices", offices_view(page));
	if (action->wants_category)
		json_object_set_new(form, "categories", categories_view(page));
	if (action->wants_officer)
		json_object_set_new(form, "officers", colleagues_view(page));
	if (action->wants_urgency)
		json_object_set_new(form, "urgencies", urgencies_view(page));
	if (action->wants_outcome)
		json_object_set_new(form, "outcomes", outcomes_view(page));
	return form;
}

/* A code of texts' refusal. */
static const char *why_not(const struct page *page, const struct action *action)
{
	return case_is_over(page->found.state->status) ? "over"
						       : case_move(action->command)->otherwise;
}

static void put_actions(const struct page *page, json_t *view)
{
	json_t *possible = json_array(), *not_now = json_array();
	bool pages = !page->visit->kind->api;
	for (size_t i = 0; i < ACTIONS; i++) {
		if (is_possible(page, &actions[i]))
			json_array_append_new(possible, pages ? form_view(page, &actions[i])
							      : json_string(actions[i].name));
		else if (may_act(page))
			json_array_append_new(not_now,
					      json_pack("{s:s, s:s}", "action", actions[i].name,
							"reason", why_not(page, &actions[i])));
	}
	/* what was typed for what cannot be done any more */
	if (page->tried && !is_possible(page, page->tried) && page->text && *page->text)
		visit_put(view, "kept", page->text);
	json_object_set_new(view, "some_forms", json_boolean(json_array_size(possible)));
	json_object_set_new(view, pages ? "forms" : "actions", possible);
	if (json_array_size(not_now))
		json_object_set_new(view, "not_now",
				    pages ? json_pack("{s:O}", "items", not_now)
					  : json_incref(not_now));
	json_decref(not_now);
}

/* told: a notice to show there; NULL: none. */
static const char *case_path(const struct page *page, const char *told)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	case_number_format(page->found.state->number, number);
	return arena_printf(page->visit->arena, told ? "/desk/case/%s?told=%s" : "/desk/case/%s",
			    number, told);
}

static void put_problem(const struct page *page, json_t *view)
{
	if (!page->error)
		return;
	json_object_set_new(view, "errors", json_true());
	json_object_set_new(view, "problems",
			    json_pack("[{s:o, s:s}]", "field",
				      json_sprintf("%s-%s", page->tried->name, page->field), "code",
				      page->error));
}

static void send_page(struct page *page, int status)
{
	json_t *view = case_view(page->visit, &page->found);
	visit_put(view, "here", case_path(page, NULL));
	put_actions(page, view);
	put_problem(page, view);
	visit_put(view, "notice", page->notice);
	visit_put(view, "refusal", page->refusal);
	visit_put(view, "notice_tone",
		  page->notice && strcmp(page->notice, "done") == 0 ? "fine" : "soon");
	sodium_memzero(page->found.text_key, sizeof(page->found.text_key));
	visit_answer(page->visit, status, "desk-case", view, NULL);
}

/* ---- looking -------------------------------------------------------------------------------- */

/* false: answered already. */
static bool read_number(struct page *page)
{
	if (case_number_parse(page->visit->parts[0], &page->number))
		return true;
	visit_problem(page->visit, 404, "not-found", "number");
	return false;
}

static void show_case(struct visit *visit)
{
	static const char *const notices[] = {"done", "later"};
	struct page page = {.visit = visit};
	const char *told = http_query(visit->request, "told");
	for (size_t i = 0; told && i < sizeof(notices) / sizeof(*notices); i++) {
		if (strcmp(notices[i], told) == 0)
			page.notice = notices[i];
	}
	if (read_number(&page) && read_case(&page))
		send_page(&page, 200);
}

/* ---- acting --------------------------------------------------------------------------------- */

/* What is wrong with what was sent; false: nothing. */
static bool fault(struct page *page, const char *field, const char *code)
{
	page->field = field;
	page->error = code;
	return true;
}

static bool text_is_wrong(struct page *page)
{
	const char *text = visit_value(page->visit, "text");
	page->text = text;
	if (text_marks(text) > TEXT_MARKS_MAX)
		return fault(page, "text", "invalid");
	page->text = text_normal(page->visit->arena, text);
	if (text_characters(page->text) > DESCRIPTION_MAX)
		return fault(page, "text", "too-long");
	return !text_has_content(page->text) && fault(page, "text", "reply-missing");
}

static bool is_colleague(const struct page *page, const char *login)
{
	for (size_t i = 0; i < page->colleague_count; i++) {
		if (strcmp(page->colleagues[i].login, login) == 0)
			return true;
	}
	return false;
}

/* -1: none was chosen. */
static int urgency_of(const struct page *page)
{
	for (int u = REDRESS__URGENCY__ROUTINE; u <= REDRESS__URGENCY__EMERGENCY; u++) {
		if (strcmp(label_urgency(u), visit_value(page->visit, "urgency")) == 0)
			return u;
	}
	return -1;
}

static bool choice_is_wrong(struct page *page)
{
	const struct catalogue *c = shared_catalogue_borrow(page->visit->casework->catalogue);
	bool office =
	    !page->tried->wants_office || catalogue_office(c, visit_value(page->visit, "office"));
	bool category = !page->tried->wants_category ||
			catalogue_category(c, visit_value(page->visit, "category"));
	shared_catalogue_return(page->visit->casework->catalogue);
	if (!office)
		return fault(page, "office", "office-missing");
	if (page->tried->wants_officer && !is_colleague(page, visit_value(page->visit, "officer")))
		return fault(page, "officer", "officer-missing");
	if (page->tried->wants_urgency && urgency_of(page) < 0)
		return fault(page, "urgency", "urgency-missing");
	if (page->tried->wants_outcome && !case_outcome(visit_value(page->visit, "outcome")))
		return fault(page, "outcome", "outcome-missing");
	return !category && fault(page, "category", "category-missing");
}

static ProtobufCBinaryData seal(const struct page *page)
{
	uint8_t nonce[SEAL_NONCE_SIZE];
	randombytes_buf(nonce, sizeof(nonce));
	struct seal_bytes sealed =
	    seal_close(page->visit->arena, page->found.text_key, page->found.state->number,
		       SEAL_CASEWORK, nonce, page->text, strlen(page->text));
	return (ProtobufCBinaryData){sealed.len, sealed.data};
}

#define BODY(command, arena, member, message, type, which)                                         \
	((command)->body_case = REDRESS__COMMAND__BODY_##which,                                    \
	 (command)->member = arena_take((arena), sizeof(Redress__##type)),                         \
	 redress__##message##__init((command)->member))

static void fill_comment(const struct page *page, Redress__Command *command, bool is_public)
{
	BODY(command, page->visit->arena, comment, comment, Comment, COMMENT);
	command->comment->sealed_text = seal(page);
	command->comment->public_ = is_public;
}

static char *sent(const struct page *page, const char *name)
{
	return arena_strdup(page->visit->arena, visit_value(page->visit, name));
}

static void fill(const struct page *page, Redress__Command *command)
{
	struct arena *arena = page->visit->arena;
	const char *name = page->tried->name;
	if (strcmp(name, "accept") == 0) {
		BODY(command, arena, accept, accept, Accept, ACCEPT);
	} else if (strcmp(name, "answer") == 0) {
		BODY(command, arena, answer, answer_case, AnswerCase, ANSWER);
		command->answer->sealed_text = seal(page);
		command->answer->outcome = case_outcome(visit_value(page->visit, "outcome"));
	} else if (strcmp(name, "ask") == 0) {
		BODY(command, arena, ask, ask, Ask, ASK);
		command->ask->sealed_text = seal(page);
	} else if (strcmp(name, "correct") == 0) {
		BODY(command, arena, correct, correct, Correct, CORRECT);
		command->correct->category = sent(page, "category");
	} else if (strcmp(name, "give") == 0) {
		BODY(command, arena, give, give, Give, GIVE);
		command->give->officer = sent(page, "officer");
	} else if (strcmp(name, "release") == 0) {
		BODY(command, arena, release, release, Release, RELEASE);
	} else if (strcmp(name, "prioritize") == 0) {
		BODY(command, arena, prioritize, prioritize, Prioritize, PRIORITIZE);
		command->prioritize->urgency = (Redress__Urgency)urgency_of(page);
		command->prioritize->sealed_text = seal(page);
	} else if (strcmp(name, "assign") == 0) {
		BODY(command, arena, assign, assign, Assign, ASSIGN);
		command->assign->office = sent(page, "office");
	} else if (strcmp(name, "close") == 0) {
		BODY(command, arena, close, close, Close, CLOSE);
	} else {
		fill_comment(page, command, strcmp(name, "comment") == 0);
	}
}

/* part: of an action that takes several commands. */
static enum command_outcome order(struct page *page, Redress__Command *command, int part,
				  struct desk_decision *decision)
{
	struct visit *visit = page->visit;
	Redress__Actor actor = REDRESS__ACTOR__INIT;
	const char *header = http_header(visit->request, "Idempotency-Key");
	const char *key = visit->kind->api ? header : visit_value(visit, "key");
	char login[128];
	text_format(login, sizeof(login), "%s", visit->account.login);
	actor.kind = REDRESS__ACTOR__KIND__OFFICER;
	actor.id = login;
	actor.office = arena_strdup(visit->arena, acts_for(page));
	command->actor = &actor;
	command->number = page->found.state->number;
	command->at_ms = clock_now_ms();
	command->id = command_id(visit->arena, login, command->number,
				 text_is_empty(key) ? fresh_key(visit) : key, part);
	return commands_send(visit->casework->commands, visit->tools->postgres, visit->arena,
			     visit->token, command, decision);
}

/* A case that goes to another office takes along why: first the note, for colleagues, then the
 * case. */
static enum command_outcome carry_out(struct page *page, uint32_t based_on,
				      struct desk_decision *decision)
{
	Redress__Command command = REDRESS__COMMAND__INIT, note = REDRESS__COMMAND__INIT;
	command.based_on = based_on;
	if (page->tried->wants_office) {
		note.based_on = based_on;
		fill_comment(page, &note, false);
		enum command_outcome outcome = order(page, &note, 1, decision);
		if (outcome != COMMAND_DONE)
			return outcome;
		command.based_on++;
	}
	fill(page, &command);
	return order(page, &command, 0, decision);
}

/* The case as it is now, or that it has gone. */
static void answer_api(struct page *page, enum command_outcome outcome)
{
	if (outcome == COMMAND_DONE && page->tried->wants_office)
		visit_answer(page->visit, 200, NULL, json_pack("{s:b}", "given", 1), NULL);
	else if (read_case(page))
		send_page(page, outcome == COMMAND_DONE ? 200 : 202);
}

static void answer_changed(struct page *page, const char *notice)
{
	page->notice = notice;
	if (read_case(page))
		send_page(page, 409);
}

static void answer(struct page *page, enum command_outcome outcome,
		   const struct desk_decision *decision)
{
	if (outcome == COMMAND_REFUSED && decision->refusal && reason_is_code(decision->refusal))
		page->refusal = decision->refusal;
	if (outcome == COMMAND_AWAY)
		visit_problem(page->visit, 503, "unavailable", NULL);
	else if (outcome == COMMAND_CHANGED)
		answer_changed(page, "changed");
	else if (outcome == COMMAND_REFUSED)
		answer_changed(page, "refused");
	else if (page->visit->kind->api)
		answer_api(page, outcome);
	else if (outcome == COMMAND_DONE && page->tried->wants_office)
		site_redirect(page->visit->request, "/desk?told=given", NULL);
	else
		site_redirect(page->visit->request,
			      case_path(page, outcome == COMMAND_DONE ? "done" : "later"), NULL);
}

static void answer_wrong(struct page *page)
{
	if (page->visit->kind->api)
		visit_problem(page->visit, 422, "none", page->field);
	else
		send_page(page, 422);
}

/* The version that was seen; 0: none was sent. */
static uint32_t read_version(const struct visit *visit)
{
	char *end;
	const char *sent_version = visit_value(visit, "based_on");
	unsigned long version = strtoul(sent_version, &end, 10);
	return *end || version > UINT32_MAX ? 0 : (uint32_t)version;
}

static void act(struct visit *visit)
{
	struct desk_decision decision;
	struct page page = {.visit = visit, .tried = find_action(visit->parts[1])};
	const char *key = http_header(visit->request, "Idempotency-Key");
	uint32_t based_on = read_version(visit);
	if (!page.tried || strlen(visit_value(visit, "key")) > KEY_MOST ||
	    (key && strlen(key) > KEY_MOST)) {
		visit_problem(visit, page.tried ? 422 : 404, "not-found", "key");
		return;
	}
	if (!read_number(&page) || !read_case(&page))
		return;
	if (!may_act(&page))
		visit_problem(visit, 403, "none", NULL);
	else if (!based_on && fault(&page, "based_on", "invalid"))
		visit_problem(visit, 422, "none", "based_on");
	else if ((page.tried->wants_text && text_is_wrong(&page)) || choice_is_wrong(&page))
		answer_wrong(&page);
	else
		answer(&page, carry_out(&page, based_on, &decision), &decision);
	sodium_memzero(page.found.text_key, sizeof(page.found.text_key));
}

/* ---- routes --------------------------------------------------------------------------------- */

static const struct visit_kind kind_case = {.work = show_case},
			       kind_action = {.work = act, .place = VISIT_WRITES},
			       kind_api_case = {.work = show_case, .api = true},
			       kind_api_action = {.work = act, .place = VISIT_WRITES, .api = true};

#define TEXT_BODY ((size_t)128 * 1024)
static const struct route rows[] = {
    {"GET", "/desk/case/{number}", visit_take, &kind_case, NULL, 0, ROUTE_WAIT_USUAL},
    {"POST", "/desk/case/{number}/{action}", visit_take, &kind_action, NULL, TEXT_BODY,
     ROUTE_WAIT_USUAL},
    {"GET", "/v1/desk/cases/{number}", visit_take, &kind_api_case, NULL, 0, ROUTE_WAIT_USUAL},
    {"POST", "/v1/desk/cases/{number}/{action}", visit_take, &kind_api_action, NULL, TEXT_BODY,
     ROUTE_WAIT_USUAL},
};

void case_page_serve(struct router *router, struct casework *casework)
{
	router_add(router, rows, sizeof(rows) / sizeof(*rows), casework);
}
