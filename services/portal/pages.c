#include "pages.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case_view.h"
#include "client/texts_folder.h"
#include "client/key_file.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "pages_private.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "web/cookie.h"
#include "web/negotiation.h"

#define TYPED_MAX    64
#define RETRY_S      5
#define SORRY_FIELDS 6

const struct setting pages_settings[] = {
    {"portal.url", SETTING_STRING, "http://127.0.0.1:8081", 8, 500,
     "address of the pages, as citizens type it"},
    {"portal.leave_url", SETTING_STRING, "https://www.wikipedia.org/", 8, 500,
     "where \"leave this page\" goes: an everyday page"},
    {"portal.sms", SETTING_BOOL, "no", 0, 0,
     "offer text messages: notification must have a gateway (sms.url)"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* ---- life ----------------------------------------------------------------------------------- */

int pages_check_texts(const struct settings *settings, struct err *err)
{
	struct texts *texts = texts_load(settings, err);
	int result = texts ? case_view_check(texts, err) : -1;
	texts_free(&texts);
	return result;
}

struct pages *pages_new(struct runtime *runtime, struct shared_catalogue *catalogue,
			struct throttle *throttle, struct pool *pool, struct pool *writers,
			struct err *err)
{
	const struct settings *settings = runtime_settings(runtime);
	struct pages *pages = x_calloc(1, sizeof(*pages));
	pages->runtime = runtime;
	pages->catalogue = catalogue;
	pages->throttle = throttle;
	pages->pool = pool;
	pages->writers = writers;
	pages->url = settings_str(settings, "portal.url");
	pages->leave_url = settings_str(settings, "portal.leave_url");
	pages->sms = settings_bool(settings, "portal.sms");
	pages->secure = strncmp(pages->url, "https:", 6) == 0;
	pages->times = render_times_new();
	pthread_mutex_init(&pages->times_lock, NULL);
	pages->site = pages_check_texts(settings, err) ? NULL : site_load(settings, err);
	if (pages->site &&
	    !key_file_read(settings_str(settings, "keys.folder"), "portal.key", pages->key, err))
		pages->courier = courier_new(runtime, err);
	if (!pages->courier)
		pages_free(&pages);
	else
		pages->intake = intake_client_new(settings);
	return pages;
}

void pages_free(struct pages **pages)
{
	if (!*pages)
		return;
	courier_free(&(*pages)->courier);
	intake_client_free(&(*pages)->intake);
	site_free(&(*pages)->site);
	render_times_free(&(*pages)->times);
	pthread_mutex_destroy(&(*pages)->times_lock);
	sodium_memzero(*pages, sizeof(**pages));
	free(*pages);
	*pages = NULL;
}

const struct texts *pages_texts_borrow(struct pages *pages)
{
	return site_texts_borrow(pages->site);
}

void pages_texts_return(struct pages *pages)
{
	site_texts_return(pages->site);
}

int pages_reload(struct pages *pages, struct err *err)
{
	const struct settings *settings = runtime_settings(pages->runtime);
	return pages_check_texts(settings, err) ? -1 : site_reload(pages->site, settings, err);
}

/* ---- what the pages share ------------------------------------------------------------------- */

json_t *pages_view(struct pages *pages)
{
	const struct catalogue *catalogue = shared_catalogue_borrow(pages->catalogue);
	json_t *view =
	    json_pack("{s:s, s:s, s:s, s:s, s:s}", "nation", catalogue->nation, "emergency_phone",
		      catalogue->emergency_phone, "helpline_phone", catalogue->helpline_phone,
		      "url", pages->url, "leave_url", pages->leave_url);
	shared_catalogue_return(pages->catalogue);
	return view;
}

/* Which sorry.* and sorry_hint.* say it. */
static const char *sorry_of(const struct problem_details *problem)
{
	static const char *const own[] = {"expired", "forged"};
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		if (strcmp(problem->code, own[i]) == 0)
			return own[i];
	}
	return problem->status == 404   ? "not-found"
	       : problem->status == 429 ? "too-often"
	       : problem->status == 503 ? "unavailable"
					: "none";
}

/* http_options.page */
static bool show_problem(void *self, struct http_request *request,
			 const struct problem_details *problem)
{
	struct pages *pages = self;
	char seconds[16];
	struct http_field fields[SORRY_FIELDS + 2] = {{NULL, NULL}};
	size_t count = 0;
	if (!negotiation_wants_page(http_header(request, "Accept")))
		return false;
	for (const struct http_field *f = problem->fields; f && f->name && count < SORRY_FIELDS;)
		fields[count++] = *f++;
	if (problem->retry_after_s) {
		snprintf(seconds, sizeof(seconds), "%u", problem->retry_after_s);
		fields[count++] = (struct http_field){"Retry-After", seconds};
	}
	json_t *view = pages_view(pages);
	json_object_set_new(view, "sorry", json_string(sorry_of(problem)));
	site_page(pages->site, request, problem->status, "sorry", view, fields);
	return true;
}

void pages_sorry(struct pages *pages, struct http_request *request, int status, const char *what)
{
	const struct problem_details problem = {
	    .status = status,
	    .code = what,
	    .detail = site_text(pages->site, request,
				arena_printf(http_arena(request), "sorry_hint.%s", what)),
	    .retry_after_s = status == 503 ? RETRY_S : 0};
	http_problem_answer(request, &problem);
}

const char *pages_time(struct pages *pages, struct arena *arena, const char *language, int64_t ms)
{
	char text[TOLD_TIME_SIZE];
	const struct catalogue *catalogue = shared_catalogue_borrow(pages->catalogue);
	pthread_mutex_lock(&pages->times_lock);
	const char *told =
	    arena_strdup(arena, render_due(pages->times, catalogue->calendar, language,
					   clock_now_ms(), ms, true, text));
	pthread_mutex_unlock(&pages->times_lock);
	shared_catalogue_return(pages->catalogue);
	return told;
}

bool pages_opened(struct pages *pages, struct http_request *request, uint64_t *number,
		  const char **receipt)
{
	struct arena *arena = http_arena(request);
	const char *sealed = cookie_read(request, OPEN_COOKIE);
	const char *opened =
	    sealed ? sealed_value_open(arena, pages->key, "case", sealed, clock_now_ms()) : NULL;
	const char *space = opened ? strchr(opened, ' ') : NULL;
	if (!space)
		return false;
	*receipt = space + 1;
	return case_number_parse(arena_strndup(arena, opened, (size_t)(space - opened)), number);
}

const char *pages_open_cookie(struct pages *pages, struct arena *arena, uint64_t number,
			      const char *receipt)
{
	char written[CASE_NUMBER_TEXT_SIZE];
	if (!receipt)
		return cookie_write(arena, OPEN_COOKIE, "", 0, pages->secure);
	case_number_format(number, written);
	return cookie_write(arena, OPEN_COOKIE,
			    sealed_value_make(arena, pages->key, "case",
					      arena_printf(arena, "%s %s", written, receipt),
					      clock_now_ms() + OPEN_LIFE_S * INT64_C(1000)),
			    OPEN_LIFE_S, pages->secure);
}

/* ---- opening a case ------------------------------------------------------------------------- */

static void show_start(struct pages *pages, struct http_request *request)
{
	site_page(pages->site, request, 200, "start", pages_view(pages), NULL);
}

/* The form for number and code; typed: what is in its first field. */
static void show_open(struct pages *pages, struct http_request *request, const char *typed)
{
	json_t *view = pages_view(pages);
	json_object_set_new(view, "number", json_string(typed));
	site_page(pages->site, request, 200, "case-open", view, NULL);
}

static struct case_wish *wish_new(struct pages *pages, struct http_request *request)
{
	struct case_wish *wish = arena_zero(http_arena(request), sizeof(*wish));
	wish->pages = pages;
	wish->language = site_language(pages->site, request);
	return wish;
}

static void open_case(struct pages *pages, struct http_request *request, const struct form *form)
{
	struct case_wish *wish = wish_new(pages, request);
	const char *number = form_value(form, "number"), *code = form_value(form, "code");
	wish->opening = true;
	wish->typed = number && strlen(number) < TYPED_MAX ? number : "";
	wish->receipt = code && strlen(code) < TYPED_MAX ? code : "";
	if (!case_number_parse(wish->typed, &wish->number))
		wish->number = 0;
	if (throttle_admits_guess(pages->throttle, request, wish->number))
		pool_add(pages->pool, request, case_page_answer, wish);
}

static void leave_case(struct pages *pages, struct http_request *request)
{
	const struct http_field fields[] = {
	    {"Set-Cookie", pages_open_cookie(pages, http_arena(request), 0, NULL)}, {NULL, NULL}};
	site_redirect(request, "/case", fields);
}

/* The path's case, when it is the one that was opened. NULL: not, and answered. */
static struct case_wish *opened_wish(struct pages *pages, struct http_request *request,
				     const char *written)
{
	struct case_wish *wish = wish_new(pages, request);
	uint64_t opened;
	if (!case_number_parse(written, &wish->number))
		pages_sorry(pages, request, 404, "not-found");
	else if (!pages_opened(pages, request, &opened, &wish->receipt) || opened != wish->number)
		show_open(pages, request, written);
	else
		return wish;
	return NULL;
}

static void show_case(struct pages *pages, struct http_request *request, const char *written)
{
	struct case_wish *wish = opened_wish(pages, request, written);
	if (!wish)
		return;
	wish->notice = http_query(request, "told");
	pool_add(pages->pool, request, case_page_answer, wish);
}

static void act_on_case(struct pages *pages, struct http_request *request, const char *written,
			const char *action, const struct form *form)
{
	struct case_wish *wish = opened_wish(pages, request, written);
	const char *based_on = form_value(form, "based_on"), *text = form_value(form, "text"),
		   *score = form_value(form, "score"), *settled = form_value(form, "settled");
	if (!wish)
		return;
	wish->action = action;
	wish->text = text ? text : "";
	wish->based_on = based_on ? (uint32_t)strtoul(based_on, NULL, 10) : 0;
	wish->score = score && strlen(score) == 1 ? (uint32_t)(*score - '0') : 0;
	wish->settled = case_settled(settled ? settled : "");
	pool_add(pages->writers, request, case_page_write, wish);
}

/* ---- routes --------------------------------------------------------------------------------- */

#define HANDLER(name)                                                                              \
	static void name(void *self, const struct route *route, struct http_request *request,      \
			 const char *const *parts)

HANDLER(get_start)
{
	(void)route;
	(void)parts;
	show_start(self, request);
}

HANDLER(get_asset)
{
	struct pages *pages = self;
	(void)route;
	(void)parts;
	if (!site_asset(pages->site, request))
		pages_sorry(pages, request, 404, "not-found");
}

HANDLER(get_file)
{
	(void)route;
	(void)parts;
	filing_begin(self, request);
}

HANDLER(get_sent)
{
	(void)route;
	(void)parts;
	filing_sent(self, request);
}

HANDLER(get_open)
{
	(void)route;
	(void)parts;
	show_open(self, request, "");
}

HANDLER(get_case)
{
	(void)route;
	show_case(self, request, parts[0]);
}

/* false: it is no form, which was answered. */
static bool read_form(struct pages *pages, struct http_request *request, struct form *form)
{
	size_t size;
	const char *body = http_body(request, &size);
	if (form_parse(http_arena(request), body, size, form))
		return true;
	pages_sorry(pages, request, 400, "none");
	return false;
}

HANDLER(post_file)
{
	struct form form;
	(void)route;
	(void)parts;
	if (read_form(self, request, &form))
		filing_step(self, request, &form);
}

HANDLER(post_open)
{
	struct form form;
	(void)route;
	(void)parts;
	if (read_form(self, request, &form))
		open_case(self, request, &form);
}

HANDLER(post_leave)
{
	(void)route;
	(void)parts;
	leave_case(self, request);
}

HANDLER(post_action)
{
	struct form form;
	(void)route;
	if (read_form(self, request, &form))
		act_on_case(self, request, parts[0], parts[1], &form);
}

/* A form of this site alone; a page of another could send one in the reader's name. */
static bool is_own_form(void *self, const struct route *route, struct http_request *request)
{
	(void)route;
	if (site_is_own_form(request))
		return true;
	pages_sorry(self, request, 403, "forged");
	return false;
}

#define WAIT ROUTE_WAIT_USUAL
#define BODY PAGES_BODY_MAX
static const struct route rows[] = {
    {"GET", "/", get_start, NULL, NULL, 0, 0},
    {"GET", "/assets/{name}", get_asset, NULL, NULL, 0, 0},
    {"GET", "/file", get_file, NULL, NULL, 0, 0},
    {"POST", "/file", post_file, NULL, is_own_form, BODY, WAIT},
    {"GET", "/file/sent", get_sent, NULL, NULL, 0, 0},
    {"GET", "/case", get_open, NULL, NULL, 0, 0},
    {"POST", "/case", post_open, NULL, is_own_form, BODY, WAIT},
    {"POST", "/case/leave", post_leave, NULL, is_own_form, BODY, 0},
    {"GET", "/case/{number}", get_case, NULL, NULL, 0, WAIT},
    {"POST", "/case/{number}/{action}", post_action, NULL, is_own_form, BODY, WAIT},
};

void pages_serve(struct pages *pages, struct router *router, struct http_options *options)
{
	router_add(router, rows, sizeof(rows) / sizeof(*rows), pages);
	options->page = show_problem;
	options->page_self = pages;
}
