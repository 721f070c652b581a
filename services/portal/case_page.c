/* The page of a case: where it stands, what was said, what its citizen can do now. */
#include <sodium.h>
#include <string.h>

#include "case.pb-c.h"
#include "case_view.h"
#include "domain/case_number.h"
#include "domain/case_moves.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "domain/text_bounds.h"
#include "domain/text_form.h"
#include "pages_private.h"
#include "record/conversation.h"
#include "util/clock.h"
#include "util/log.h"
#include "web/delivery.h"

/* What a citizen may do; when, says domain/case_moves.h. */
static const struct action {
	const char *name;
	Redress__Command__BodyCase command;
	bool wants_text, wants_score, primary;
	const char *why_not;
} actions[] = {
    {"reply", REDRESS__COMMAND__BODY_REPLY, true, false, true, "not-asked"},
    {"rate", REDRESS__COMMAND__BODY_RATE, false, true, true, "not-answered"},
    {"reopen", REDRESS__COMMAND__BODY_REOPEN, true, false, false, "not-answered"},
    {"add", REDRESS__COMMAND__BODY_COMMENT, true, false, false, "over"},
    {"remind", REDRESS__COMMAND__BODY_REMIND, false, false, false, "no-clock"},
    {"withdraw", REDRESS__COMMAND__BODY_WITHDRAW, false, false, false, "over"},
};
#define ACTIONS (sizeof(actions) / sizeof(*actions))

/* A reply is offered to who was asked; what else is to be said can be added at any time. */
static bool is_offered(const struct action *action, const Redress__CaseState *state)
{
	bool unasked = action->command == REDRESS__COMMAND__BODY_REPLY &&
		       state->status != REDRESS__STATUS__WAITING;
	return !unasked && case_may(action->command, state->status, WHO_CITIZEN) &&
	       !case_again(action->command, state, clock_now_ms());
}

/* A code of texts' act.why. */
static const char *why_not(const struct action *action, const Redress__CaseState *state)
{
	const char *again = case_may(action->command, state->status, WHO_CITIZEN)
				? case_again(action->command, state, clock_now_ms())
				: NULL;
	return again ? again : action->why_not;
}

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

/* ---- the view ------------------------------------------------------------------------------- */

/* One page under way: everything it is made of. */
struct page {
	struct pages *pages;
	struct arena *arena;
	const struct case_wish *wish;
	struct found_case found;
	struct conversation conversation;
	json_t *view;
};

static void put(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(object, name, json_string(text));
}

/* name: the time for machines; name_text: for people. */
static void put_time(const struct page *page, json_t *object, const char *name, int64_t ms)
{
	char time[CLOCK_RFC3339_SIZE];
	if (!ms)
		return;
	put(object, name, clock_rfc3339(ms, time));
	put(object, arena_printf(page->arena, "%s_text", name),
	    pages_time(page->pages, page->arena, page->wish->language, ms));
}

static const char *tone_of(const Redress__CaseState *state)
{
	if (!state)
		return "fine";
	if (state->status == REDRESS__STATUS__WAITING || case_is_over(state->status))
		return "rest";
	return state->deadline_ms && state->deadline_ms < clock_now_ms() ? "late" : "fine";
}

/* A code says nothing to a citizen: what the catalogue does not know is left out. */
static void put_name(const struct page *page, const char *member, const struct catalogue *c,
		     enum catalogue_codes what, const char *code)
{
	const struct catalogue_texts *name = catalogue_name(c, what, code);
	if (name)
		put(page->view, member, catalogue_text(name, page->wish->language));
}

static void put_catalogue(const struct page *page, const Redress__CaseState *state)
{
	const struct catalogue *c = shared_catalogue_borrow(page->pages->catalogue);
	put_name(page, "category_name", c, CODES_CATEGORIES, state->category);
	put_name(page, "office_name", c, CODES_OFFICES, state->office);
	if (state->place)
		put_name(page, "area_name", c, CODES_AREAS, state->place->area_code);
	shared_catalogue_return(page->pages->catalogue);
}

static void put_status(const struct page *page)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	const Redress__CaseState *state = page->found.state;
	case_number_format(page->found.number, number);
	put(page->view, "case_number", number);
	put(page->view, "status", state ? case_status_name(state->status) : "received");
	put(page->view, "tone", tone_of(state));
	put_time(page, page->view, "received_at", page->found.received_at_ms);
	put_time(page, page->view, "erased_at", page->found.erased_at_ms);
	if (!state)
		return;
	put_catalogue(page, state);
	put_time(page, page->view, "due", state->deadline_ms);
	put_time(page, page->view, "waiting_until", state->waiting_until_ms);
	put_time(page, page->view, "closes_at", state->closes_at_ms);
	json_object_set_new(page->view, "version", json_integer(state->version));
	case_number_format(state->number, number);
	if (state->number != page->found.number)
		put(page->view, "same_as", number);
}

/* ---- what was said -------------------------------------------------------------------------- */

static bool carries_text(const char *kind)
{
	const struct event_facts *facts = event_facts_of_kind(kind);
	return facts && facts->text & SIDE_CITIZEN;
}

static json_t *talk_line(const struct page *page, const Redress__HistoryEntry *entry)
{
	json_t *line = json_object();
	const struct conversation_text *text = conversation_at(&page->conversation, entry->version);
	bool first = strcmp(entry->kind, "opened") == 0;
	bool by_citizen = first || entry->by_citizen;
	put(line, "kind", case_view_kind(entry));
	put_time(page, line, "at", entry->at_ms);
	json_object_set_new(line, "by_citizen", json_boolean(by_citizen));
	put(line, "outcome", case_outcome_name(entry->outcome));
	put(line, "settled", case_settled_name(entry->settled));
	if (entry->score)
		json_object_set_new(line, "score", json_integer(entry->score));
	put(line, "say", first ? page->conversation.description : text ? text->text : NULL);
	json_object_set_new(
	    line, "unreadable",
	    json_boolean(page->found.erased_at_ms && (first || carries_text(entry->kind))));
	return line;
}

static void put_talk(const struct page *page)
{
	json_t *talk = json_array();
	const Redress__CaseState *state = page->found.state;
	for (size_t i = 0; state && i < state->n_history; i++) {
		json_t *line = talk_line(page, state->history[i]);
		json_object_set_new(line, "last", json_boolean(i + 1 == state->n_history));
		json_array_append_new(talk, line);
	}
	json_object_set_new(page->view, "talk", talk);
}

/* ---- what can be done ----------------------------------------------------------------------- */

/* The choices of a rating: the best first. */
static json_t *scores_view(const struct case_wish *wish, bool tried)
{
	json_t *list = json_array();
	for (int score = CASE_SCORE_MAX; score; score--)
		json_array_append_new(list, json_pack("{s:i, s:b}", "value", score, "chosen",
						      tried && wish->score == (uint32_t)score));
	return list;
}

static json_t *settled_view(const struct case_wish *wish, bool tried)
{
	json_t *list = json_array();
	for (int value = REDRESS__SETTLED__SETTLED; value <= REDRESS__SETTLED__NOT_SETTLED; value++)
		json_array_append_new(list,
				      json_pack("{s:s, s:b}", "value",
						case_settled_name((Redress__Settled)value),
						"chosen", tried && (int)wish->settled == value));
	return list;
}

/* What a refused form had stays in it. */
static json_t *action_form(const struct page *page, const struct action *action)
{
	const struct case_wish *wish = page->wish;
	bool tried = wish->action && strcmp(wish->action, action->name) == 0;
	json_t *form = json_pack("{s:s, s:b, s:b, s:b}", "action", action->name, "wants_text",
				 action->wants_text, "wants_score", action->wants_score, "primary",
				 action->primary);
	put(form, "text", tried ? wish->text : "");
	if (action->wants_score) {
		json_object_set_new(form, "scores", scores_view(wish, tried));
		json_object_set_new(form, "settled", settled_view(wish, tried));
	}
	if (tried && wish->error) {
		json_object_set_new(form, "wrong", json_true());
		put(form, "code", wish->error);
	}
	return form;
}

static void put_actions(const struct page *page)
{
	const Redress__CaseState *state = page->found.state;
	json_t *forms = json_array(), *items = json_array();
	bool possible = state && page->conversation.can_write && !page->found.erased_at_ms &&
			state->number == page->found.number;
	for (size_t i = 0; i < ACTIONS; i++) {
		bool now = possible && is_offered(&actions[i], state);
		if (now)
			json_array_append_new(forms, action_form(page, &actions[i]));
		else
			json_array_append_new(
			    items, json_pack("{s:s, s:s}", "action", actions[i].name, "reason",
					     possible ? why_not(&actions[i], state) : "not-yet"));
	}
	json_object_set_new(page->view, "forms", forms);
	if (json_array_size(items))
		json_object_set_new(page->view, "not_now", json_pack("{s:O}", "items", items));
	json_decref(items);
}

static void put_messages(const struct page *page)
{
	json_t *items = json_array();
	for (size_t i = 0; i < page->found.outcome_count; i++) {
		const struct message_outcome *outcome = &page->found.outcomes[i];
		json_t *one = json_object();
		put(one, "kind", outcome->kind);
		put(one, "channel", outcome->channel);
		put(one, "told", delivery_told(outcome->delivery, outcome->reason));
		put(one, "tone", delivery_tone(outcome->delivery, outcome->reason));
		put_time(page, one, "at", outcome->at_ms);
		json_array_append_new(items, one);
	}
	if (json_array_size(items))
		json_object_set_new(page->view, "messages", json_pack("{s:O}", "items", items));
	json_decref(items);
}

static void put_problem(const struct page *page)
{
	const struct case_wish *wish = page->wish;
	static const char *const notices[] = {"done", "later", "changed"};
	if (wish->error) {
		json_object_set_new(page->view, "errors", json_true());
		json_object_set_new(page->view, "problems",
				    json_pack("[{s:o, s:s}]", "field",
					      json_sprintf("%s-%s", wish->action, wish->field),
					      "code", wish->error));
	}
	for (size_t i = 0; wish->notice && i < sizeof(notices) / sizeof(*notices); i++) {
		if (strcmp(notices[i], wish->notice) == 0)
			put(page->view, "notice", notices[i]);
	}
}

static void send_page(struct page *page, struct http_request *request, int status)
{
	page->view = pages_view(page->pages);
	put_status(page);
	put_talk(page);
	put_actions(page);
	put_messages(page);
	put_problem(page);
	site_page(page->pages->site, request, status, "case", page->view, NULL);
}

/* ---- looking -------------------------------------------------------------------------------- */

/* The case with its texts; false: answered already. */
static bool read_page(struct page *page, struct lookup *lookup, struct http_request *request)
{
	static struct log_limit trouble;
	struct err err = {""};
	const struct claim claim = {lookup_receipt_opens, page->wish->receipt};
	enum lookup_outcome outcome = lookup_case(lookup, page->arena, page->wish->number, &claim,
						  clock_now_ms(), &page->found);
	if (outcome == LOOKUP_FOUND &&
	    conversation_read(lookup_postgres(lookup), page->arena, page->wish->number,
			      page->wish->receipt, &page->conversation, &err) == 0)
		return true;
	if (*err.text)
		log_limited(&trouble, page->wish->number, "the texts of a case cannot be read: %s",
			    err.text);
	if (outcome == LOOKUP_NONE)
		pages_sorry(page->pages, request, 404, "expired");
	else
		pages_sorry(page->pages, request, 503, "unavailable");
	return false;
}

/* The form again: number and code do not open anything, or that is not known yet. */
static void refuse_opening(struct pages *pages, struct http_request *request,
			   const struct case_wish *wish, int status, const char *code)
{
	static const struct http_field later[] = {{"Retry-After", "5"}, {NULL, NULL}};
	json_t *view = pages_view(pages);
	json_object_set_new(view, "errors", json_true());
	json_object_set_new(view, "problems",
			    json_pack("[{s:s, s:s}]", "field", "number", "code", code));
	json_object_set_new(view, "number", json_string(wish->typed));
	site_page(pages->site, request, status, "case-open", view, status == 503 ? later : NULL);
}

/* Number and code were typed in: opened, the page comes by a redirection. */
static void answer_opening(struct pages *pages, struct lookup *lookup, struct http_request *request,
			   const struct case_wish *wish)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	struct found_case found;
	struct arena *arena = http_arena(request);
	const struct claim claim = {lookup_receipt_opens, wish->receipt};
	enum lookup_outcome outcome =
	    wish->number ? lookup_case(lookup, arena, wish->number, &claim, clock_now_ms(), &found)
			 : LOOKUP_NONE;
	if (outcome == LOOKUP_NONE) {
		throttle_wrong_guess(pages->throttle, request, wish->number);
		refuse_opening(pages, request, wish, 422, "wrong-code");
	} else if (outcome == LOOKUP_UNKNOWN) {
		refuse_opening(pages, request, wish, 503, "unsure");
	} else {
		const struct http_field fields[] = {
		    {"Set-Cookie", pages_open_cookie(pages, arena, wish->number, wish->receipt)},
		    {NULL, NULL}};
		case_number_format(wish->number, number);
		site_redirect(request, arena_printf(arena, "/case/%s", number), fields);
	}
}

void case_page_answer(void *self, struct lookup *lookup, struct http_request *request, void *what)
{
	const struct case_wish *wish = what;
	struct pages *pages = wish->pages;
	(void)self;
	struct page page = {.pages = pages, .arena = http_arena(request), .wish = wish};
	if (wish->opening)
		answer_opening(pages, lookup, request, wish);
	else if (read_page(&page, lookup, request))
		send_page(&page, request, 200);
	conversation_wipe(&page.conversation);
}

/* ---- acting --------------------------------------------------------------------------------- */

/* NULL: it can be sent; else a code of texts' error. */
static const char *text_fault(struct arena *arena, const char **text)
{
	if (text_marks(*text) > TEXT_MARKS_MAX)
		return "invalid";
	*text = text_normal(arena, *text);
	return text_characters(*text) > DESCRIPTION_MAX ? "too-long"
	       : !text_has_content(*text)               ? "reply-missing"
							: NULL;
}

/* The same of all that the action wants; field: what is wrong. */
static const char *fault(struct arena *arena, const struct action *action, struct case_wish *wish)
{
	wish->field = action->wants_score ? "score" : "text";
	if (action->wants_score && (wish->score < 1 || wish->score > CASE_SCORE_MAX))
		return "score-missing";
	return action->wants_text ? text_fault(arena, &wish->text) : NULL;
}

static ProtobufCBinaryData seal(const struct page *page, const char *text)
{
	uint8_t nonce[SEAL_NONCE_SIZE];
	randombytes_buf(nonce, sizeof(nonce));
	struct seal_bytes sealed =
	    seal_close(page->arena, page->conversation.text_key, page->found.number, SEAL_CASEWORK,
		       nonce, text, strlen(text));
	return (ProtobufCBinaryData){sealed.len, sealed.data};
}

#define BODY(command, arena, member, type, which)                                                  \
	((command)->body_case = REDRESS__COMMAND__BODY_##which,                                    \
	 (command)->member = arena_take((arena), sizeof(Redress__##type)),                         \
	 redress__##member##__init((command)->member))

static void fill(const struct page *page, Redress__Command *command, const char *action)
{
	const char *text = page->wish->text;
	if (strcmp(action, "reply") == 0) {
		BODY(command, page->arena, reply, Reply, REPLY);
		command->reply->sealed_text = seal(page, text);
	} else if (strcmp(action, "reopen") == 0) {
		BODY(command, page->arena, reopen, Reopen, REOPEN);
		command->reopen->sealed_text = seal(page, text);
	} else if (strcmp(action, "add") == 0) {
		BODY(command, page->arena, comment, Comment, COMMENT);
		command->comment->sealed_text = seal(page, text);
		command->comment->public_ = true;
	} else if (strcmp(action, "rate") == 0) {
		BODY(command, page->arena, rate, Rate, RATE);
		command->rate->score = page->wish->score;
		command->rate->settled = page->wish->settled;
	} else if (strcmp(action, "remind") == 0) {
		BODY(command, page->arena, remind, Remind, REMIND);
	} else {
		BODY(command, page->arena, withdraw, Withdraw, WITHDRAW);
	}
}

static void act(struct page *page, struct lookup *lookup, struct http_request *request,
		const struct action *action)
{
	struct case_wish wish = *page->wish;
	Redress__Command command = REDRESS__COMMAND__INIT;
	char number[CASE_NUMBER_TEXT_SIZE];
	page->wish = &wish;
	wish.error = fault(page->arena, action, &wish);
	if (wish.error) {
		send_page(page, request, 422);
		return;
	}
	command.number = page->found.number;
	command.based_on = wish.based_on;
	fill(page, &command, action->name);
	enum courier_outcome outcome =
	    courier_send(page->pages->courier, lookup, page->arena, &command);
	if (outcome == COURIER_CHANGED && read_page(page, lookup, request)) {
		wish.notice = "changed";
		send_page(page, request, 409);
	} else if (outcome == COURIER_AWAY) {
		pages_sorry(page->pages, request, 503, "unavailable");
	} else if (outcome != COURIER_CHANGED) {
		case_number_format(page->found.number, number);
		site_redirect(request,
			      arena_printf(page->arena, "/case/%s?told=%s", number,
					   outcome == COURIER_DONE ? "done" : "later"),
			      NULL);
	}
}

void case_page_write(void *self, struct lookup *lookup, struct http_request *request, void *what)
{
	const struct case_wish *wish = what;
	struct pages *pages = wish->pages;
	(void)self;
	struct page page = {.pages = pages, .arena = http_arena(request), .wish = wish};
	const struct action *action = find_action(wish->action);
	if (!action) {
		pages_sorry(pages, request, 404, "not-found");
		return;
	}
	if (read_page(&page, lookup, request)) {
		if (!page.conversation.can_write || page.found.erased_at_ms || !page.found.state)
			send_page(&page, request, 409);
		else
			act(&page, lookup, request, action);
	}
	conversation_wipe(&page.conversation);
}
