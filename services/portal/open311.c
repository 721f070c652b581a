#include "open311.h"

#include <stdlib.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/language_tag.h"
#include "intake_client.h"
#include "open311_view.h"
#include "record/public_cases.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/log.h"
#include "web/api_keys.h"
#include "web/open311.h"

#define DAY_MS       INT64_C(86400000)
#define SPAN_MS      (90 * DAY_MS) /* GeoReport v2: of one answer at most */
#define REQUESTS_MAX 1000          /* the same */
#define DEPTH_MAX    10000         /* of all pages of one question */
#define IDS_MAX      1000
#define UPDATES_MS   (2 * 3600 * INT64_C(1000)) /* what is asked for without dates */
#define BODY_MAX     ((size_t)512 * 1024)
#define YOUNG_MS     INT64_C(600000) /* so young a case may not be in the record yet */
#define RETRY_S      2

const struct setting open311_settings[] = {
    {"open311.keys", SETTING_STRING, "", 0, 1000,
     "file of the keys of those who send by Open311, lines \"holder key\"; without it nobody may"},
    {"open311.contact", SETTING_STRING, "", 0, 500,
     "whom clients of Open311 may ask, for its discovery"},
    {"open311.key_service", SETTING_STRING, "", 0, 500,
     "how a key is had, for its discovery: an address or a sentence"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct open311 {
	struct open311_parts parts;
	struct intake_client *intake;
	struct api_keys *keys;
	struct open311_site site;
	char *url;
};

/* One question on its way. */
struct question {
	struct open311 *open311;
	enum open311_form form;
	const char *language; /* preferences */
	struct public_view view;
	struct public_filter filter;
	bool single;            /* one case, which is there or not */
	const char *token;      /* it was asked for as one */
	int64_t from_ms, to_ms; /* of updates */
};

/* ---- arguments ------------------------------------------------------------------------------ */

/* An empty argument equals an absent one. */
static const char *argument(struct http_request *request, const char *name)
{
	const char *value = http_query(request, name);
	return value && *value ? value : NULL;
}

/* What comes behind the last dot. Anything else is no resource of ours. */
static bool read_form(struct http_request *request, const char *part, char **name,
		      enum open311_form *form)
{
	*name = arena_strdup(http_arena(request), part);
	if (open311_form(*name, form))
		return true;
	open311_error(request, 404, *form, "there is nothing here; names end in .json or .xml", 0,
		      NULL);
	return false;
}

static bool wrong(struct http_request *request, const char *name, const char *detail)
{
	open311_error(request, 400, open311_form_of(request),
		      arena_printf(http_arena(request), "%s: %s", name, detail), 0, NULL);
	return false;
}

/* false: refused. An absent one leaves what is there. */
static bool read_time(struct http_request *request, const char *name, int64_t *ms)
{
	const char *text = argument(request, name);
	return !text || clock_parse(text, ms) ||
	       wrong(request, name, "must be a date and time of ISO 8601, as 2026-01-31T10:00:00Z");
}

static bool read_count(struct http_request *request, const char *name, long most, int32_t *count)
{
	char *end;
	const char *text = argument(request, name);
	long value = text ? strtol(text, &end, 10) : *count;
	if (text && (*end || value < 1 || value > most))
		return wrong(
		    request, name,
		    arena_printf(http_arena(request), "must be a number from 1 to %ld", most));
	*count = (int32_t)value;
	return true;
}

/* The parts of a list with commas, in the arena. */
static size_t split(struct arena *arena, const char *text, size_t most, const char ***parts)
{
	size_t count = 0;
	char *rest = arena_strdup(arena, text);
	*parts = arena_take(arena, most * sizeof(**parts));
	for (char *part; count < most && (part = strsep(&rest, ","));) {
		part += strspn(part, " ");
		if (*part)
			(*parts)[count++] = part;
	}
	return count;
}

static bool read_status(struct http_request *request, struct public_filter *filter)
{
	const char *text = argument(request, "status"), **parts;
	size_t count = text ? split(http_arena(request), text, 3, &parts) : 0;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(parts[i], "open") != 0 && strcmp(parts[i], "closed") != 0)
			return wrong(request, "status", "must be open, closed or both");
		filter->open |= *parts[i] == 'o';
		filter->closed |= *parts[i] == 'c';
	}
	return true;
}

/* Half-open, at most ninety days, the last ones when nothing is said. */
static bool read_window(struct http_request *request, const char *from, const char *to,
			int64_t usual_ms, int64_t *from_ms, int64_t *to_ms)
{
	int64_t now_ms = clock_now_ms();
	*from_ms = *to_ms = 0;
	if (!read_time(request, from, from_ms) || !read_time(request, to, to_ms))
		return false;
	if (!*to_ms)
		*to_ms = *from_ms && *from_ms + SPAN_MS < now_ms ? *from_ms + SPAN_MS : now_ms + 1;
	if (!*from_ms)
		*from_ms = *to_ms - usual_ms;
	if (*to_ms < *from_ms)
		return wrong(request, to, "is before the beginning");
	if (*to_ms - *from_ms > SPAN_MS)
		*from_ms = *to_ms - SPAN_MS;
	return true;
}

static bool read_windows(struct http_request *request, struct public_filter *filter)
{
	bool updated = argument(request, "updated_after") || argument(request, "updated_before");
	bool received = argument(request, "start_date") || argument(request, "end_date");
	if (updated && !read_window(request, "updated_after", "updated_before", SPAN_MS,
				    &filter->updated_from_ms, &filter->updated_to_ms))
		return false;
	return (updated && !received) ||
	       read_window(request, "start_date", "end_date", SPAN_MS, &filter->received_from_ms,
			   &filter->received_to_ms);
}

static bool read_page(struct http_request *request, struct public_filter *filter)
{
	int32_t page = 1;
	filter->limit = REQUESTS_MAX;
	if (!read_count(request, "page_size", REQUESTS_MAX, &filter->limit) ||
	    !read_count(request, "page", DEPTH_MAX, &page))
		return false;
	if ((int64_t)page * filter->limit > DEPTH_MAX)
		return wrong(request, "page",
			     "leads too deep; ask for a shorter time between start_date and"
			     " end_date");
	filter->offset = (page - 1) * filter->limit;
	return true;
}

/* Those that are numbers; what is none is no case. */
static void take_numbers(struct arena *arena, const char *const *texts, size_t count,
			 struct public_filter *filter)
{
	int64_t *numbers = arena_take(arena, (count + 1) * sizeof(*numbers));
	filter->number_count = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t number;
		if (case_number_parse(texts[i], &number))
			numbers[filter->number_count++] = (int64_t)number;
	}
	filter->numbers = numbers;
}

/* Numbers override everything else (GeoReport v2). */
static bool read_filter(struct http_request *request, struct public_filter *filter)
{
	struct arena *arena = http_arena(request);
	const char **parts, *ids = argument(request, "service_request_id");
	const char *services = argument(request, "service_code");
	if (ids) {
		size_t count = split(arena, ids, IDS_MAX, &parts);
		take_numbers(arena, parts, count, filter);
		return true;
	}
	if (services) {
		filter->service_count = split(arena, services, IDS_MAX, &parts);
		filter->services = parts;
	}
	return read_status(request, filter) && read_windows(request, filter) &&
	       read_page(request, filter);
}

/* ---- what is shown -------------------------------------------------------------------------- */

static struct question *ask(struct open311 *open311, struct http_request *request,
			    enum open311_form form)
{
	char preferences[LANGUAGE_PREFERENCES_SIZE];
	struct arena *arena = http_arena(request);
	struct question *question = arena_zero(arena, sizeof(*question));
	const char *holder = api_keys_holder(open311->keys, arena, argument(request, "api_key"));
	question->open311 = open311;
	question->form = form;
	question->language = arena_strdup(
	    arena, language_preferences(http_header(request, "Accept-Language"), preferences));
	question->view.sender = holder ? holder : "";
	return question;
}

/* The catalogue and texts as they are now; to be given back. */
static struct open311_words borrow(const struct question *question)
{
	const struct open311_parts *parts = &question->open311->parts;
	return (struct open311_words){
	    shared_catalogue_borrow(parts->catalogue),
	    texts_for(pages_texts_borrow(parts->pages), question->language), question->language};
}

static void give_back(const struct question *question)
{
	pages_texts_return(question->open311->parts.pages);
	shared_catalogue_return(question->open311->parts.catalogue);
}

static void find_public(struct question *question, struct arena *arena)
{
	const struct catalogue *c = shared_catalogue_borrow(question->open311->parts.catalogue);
	const char **codes = arena_take(arena, (c->service_count + 1) * sizeof(*codes));
	for (size_t i = 0; i < c->service_count; i++) {
		if (c->services[i].is_public)
			codes[question->view.service_count++] =
			    arena_strdup(arena, c->services[i].code);
	}
	question->view.services = codes;
	shared_catalogue_return(question->open311->parts.catalogue);
}

static void unavailable(struct http_request *request, const struct question *question,
			const char *why)
{
	static struct log_limit trouble;
	if (why)
		log_limited(&trouble, 0, "the record cannot be read: %s", why);
	open311_error(request, 503, question->form, "not known at present; ask again shortly",
		      RETRY_S, NULL);
}

/* A case that is not there, or not for whoever asks, or too young to be there: of the last two
 * nothing is told but what is told of the first. */
static void tell_none(struct http_request *request, const struct question *question)
{
	uint64_t number = question->filter.number_count ? (uint64_t)question->filter.numbers[0] : 0;
	int64_t age_ms = clock_now_ms() - case_number_time_ms(number);
	if (!number || age_ms >= YOUNG_MS || age_ms <= -YOUNG_MS)
		open311_error(request, 404, question->form, "there is no such request", 0, NULL);
	else if (question->token)
		open311_reply(
		    request, 200, question->form, "service_requests",
		    json_pack("[{s:n, s:s}]", "service_request_id", "token", question->token),
		    NULL);
	else
		unavailable(request, question, NULL);
}

static void tell_cases(struct http_request *request, const struct question *question,
		       const struct public_case *cases, size_t count)
{
	json_t *list = json_array();
	const struct open311_words words = borrow(question);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, open311_request(&words, &cases[i]));
	give_back(question);
	open311_reply(request, 200, question->form, "service_requests", list, NULL);
}

static void read_cases(void *self, struct lookup *lookup, struct http_request *request, void *what)
{
	struct err err;
	struct public_case *cases;
	size_t count;
	struct question *question = what;
	(void)self;
	find_public(question, http_arena(request));
	if (public_cases_read(lookup_postgres(lookup), http_arena(request), &question->view,
			      &question->filter, &cases, &count, &err))
		unavailable(request, question, err.text);
	else if (question->single && !count)
		tell_none(request, question);
	else if (question->token)
		open311_reply(request, 200, question->form, "service_requests",
			      json_pack("[{s:s, s:s}]", "service_request_id", question->token,
					"token", question->token),
			      NULL);
	else
		tell_cases(request, question, cases, count);
}

static void read_updates(void *self, struct lookup *lookup, struct http_request *request,
			 void *what)
{
	struct err err;
	struct public_update *updates;
	size_t count;
	struct question *question = what;
	(void)self;
	find_public(question, http_arena(request));
	if (public_updates_read(lookup_postgres(lookup), http_arena(request), &question->view,
				question->from_ms, question->to_ms, REQUESTS_MAX, &updates, &count,
				&err)) {
		unavailable(request, question, err.text);
		return;
	}
	json_t *list = json_array();
	const struct open311_words words = borrow(question);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, open311_update(&words, &updates[i]));
	give_back(question);
	open311_reply(request, 200, question->form, "service_request_updates", list, NULL);
}

/* ---- routes --------------------------------------------------------------------------------- */

#define ROUTE_HANDLER(name)                                                                        \
	static void name(void *self, const struct route *route, struct http_request *request,      \
			 const char *const *parts)

ROUTE_HANDLER(show_discovery)
{
	struct open311 *open311 = self;
	(void)route;
	(void)parts;
	open311_reply(request, 200, open311_form_of(request), "discovery",
		      open311_discovery(&open311->site), NULL);
}

ROUTE_HANDLER(show_services)
{
	const struct question *question = ask(self, request, open311_form_of(request));
	(void)route;
	(void)parts;
	const struct open311_words words = borrow(question);
	json_t *list = open311_services(&words);
	give_back(question);
	open311_reply(request, 200, question->form, "services", list, NULL);
}

ROUTE_HANDLER(show_definition)
{
	char *code;
	enum open311_form form;
	(void)route;
	if (!read_form(request, parts[0], &code, &form))
		return;
	const struct question *question = ask(self, request, form);
	const struct open311_words words = borrow(question);
	const struct catalogue_service *service = catalogue_service(words.catalogue, code);
	json_t *definition = service ? open311_definition(&words, service) : NULL;
	give_back(question);
	if (definition)
		open311_reply(request, 200, form, "service_definition", definition, NULL);
	else
		open311_error(request, 404, form, "there is no service with this code", 0, NULL);
}

ROUTE_HANDLER(show_requests)
{
	struct open311 *open311 = self;
	struct question *question = ask(open311, request, open311_form_of(request));
	(void)route;
	(void)parts;
	if (read_filter(request, &question->filter))
		pool_add(open311->parts.readers, request, read_cases, question);
}

/* with: not NULL: as a token. */
ROUTE_HANDLER(show_request)
{
	char *id;
	enum open311_form form;
	struct open311 *open311 = self;
	if (!read_form(request, parts[0], &id, &form))
		return;
	struct question *question = ask(open311, request, form);
	question->single = true;
	question->token = route->with ? id : NULL;
	take_numbers(http_arena(request), (const char *const *)&id, 1, &question->filter);
	if (question->filter.number_count)
		pool_add(open311->parts.readers, request, read_cases, question);
	else
		tell_none(request, question);
}

ROUTE_HANDLER(show_updates)
{
	struct open311 *open311 = self;
	struct question *question = ask(open311, request, open311_form_of(request));
	(void)route;
	(void)parts;
	if (read_window(request, "start_date", "end_date", UPDATES_MS, &question->from_ms,
			&question->to_ms))
		pool_add(open311->parts.readers, request, read_updates, question);
}

/* ---- what is sent --------------------------------------------------------------------------- */

static void pass_on(void *self, struct lookup *lookup, struct http_request *request, void *what)
{
	struct err err = {""};
	struct intake_answer answer;
	struct open311 *open311 = what;
	enum open311_form form = open311_form_of(request);
	(void)self;
	(void)lookup;
	int sent = intake_client_pass(open311->intake, request, &answer, &err);
	const struct http_field fields[] = {
	    {"Cache-Control", "no-store"},
	    {answer.retry_after_s ? "Retry-After" : NULL,
	     arena_printf(http_arena(request), "%u", answer.retry_after_s)},
	    {NULL, NULL}};
	if (sent || !answer.status)
		log_warn(0, "an Open311 request cannot be handed on: %s", err.text);
	if (sent)
		open311_error(request, 503, form,
			      "it is not known whether this was taken in; send the same again with"
			      " the same Idempotency-Key",
			      RETRY_S, NULL);
	else if (!answer.status)
		open311_error(request, 503, form, "nothing was taken; send the same again", RETRY_S,
			      NULL);
	else
		http_reply(request, answer.status, open311_type(form), fields, answer.body,
			   strlen(answer.body));
}

ROUTE_HANDLER(take_request)
{
	struct open311 *open311 = self;
	(void)route;
	(void)parts;
	pool_add(open311->parts.writers, request, pass_on, open311);
}

#define BOTH(method, name, handle, with, most)                                                     \
	{method, OPEN311_BASE "/" name ".json", handle, with, NULL, most, ROUTE_WAIT_USUAL},       \
	{                                                                                          \
		method, OPEN311_BASE "/" name ".xml", handle, with, NULL, most, ROUTE_WAIT_USUAL   \
	}
#define ONE(name, handle, with)                                                                    \
	{                                                                                          \
		"GET", OPEN311_BASE "/" name "/{id}", handle, with, NULL, 0, ROUTE_WAIT_USUAL      \
	}
static const char as_token[] = "token";
/* clang-format off */
static const struct route routes[] = {
    BOTH("GET", "discovery", show_discovery, NULL, 0),
    BOTH("GET", "services", show_services, NULL, 0),
    ONE("services", show_definition, NULL),
    BOTH("GET", "requests", show_requests, NULL, 0),
    BOTH("POST", "requests", take_request, NULL, BODY_MAX),
    ONE("requests", show_request, NULL),
    ONE("tokens", show_request, as_token),
    BOTH("GET", "servicerequestupdates", show_updates, NULL, 0),
};
/* clang-format on */

/* ---- life ----------------------------------------------------------------------------------- */

struct open311 *open311_new(const struct settings *settings, const struct open311_parts *parts,
			    struct err *err)
{
	struct api_keys *keys = api_keys_load(settings_str(settings, "open311.keys"), err);
	if (!keys)
		return NULL;
	struct open311 *open311 = x_calloc(1, sizeof(*open311));
	open311->keys = keys;
	open311->parts = *parts;
	open311->intake = intake_client_new(settings);
	open311->url = x_printf("%s" OPEN311_BASE, settings_str(settings, "portal.url"));
	open311->site =
	    (struct open311_site){open311->url, settings_str(settings, "open311.contact"),
				  settings_str(settings, "open311.key_service"), clock_now_ms()};
	return open311;
}

void open311_free(struct open311 **open311)
{
	if (!*open311)
		return;
	intake_client_free(&(*open311)->intake);
	api_keys_free(&(*open311)->keys);
	free((*open311)->url);
	free(*open311);
	*open311 = NULL;
}

int open311_reload(struct open311 *open311, const struct settings *settings, struct err *err)
{
	return api_keys_reload(open311->keys, settings_str(settings, "open311.keys"), err);
}

void open311_serve(struct open311 *open311, struct router *router)
{
	router_add(router, routes, sizeof(routes) / sizeof(*routes), open311);
}
