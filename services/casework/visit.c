#include "visit.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "domain/language_tag.h"
#include "util/metrics.h"
#include "util/clock.h"
#include "util/json_read.h"
#include "util/log.h"
#include "util/text.h"
#include "web/cookie.h"
#include "web/negotiation.h"

#define SESSION_S    (12 * 3600) /* as in desk_sign_in() */
#define RETRY_S      5
#define SORRY_FIELDS 6
#define BEARER       "Bearer "
#define CSRF_SIZE    16

/* ---- who it is ------------------------------------------------------------------------------ */

/* Over https no other host of the domain can set it. */
static const char *cookie_name(const struct casework *casework)
{
	return casework->secure ? "__Host-desk" : "desk";
}

static void read_token(struct visit *visit)
{
	const char *bearer = http_header(visit->request, "Authorization");
	bool has_bearer = bearer && strncasecmp(bearer, BEARER, sizeof(BEARER) - 1) == 0;
	const char *hex = has_bearer ? bearer + sizeof(BEARER) - 1
				     : cookie_read(visit->request, cookie_name(visit->casework));
	visit->by_cookie = !has_bearer;
	visit->has_token = hex && text_unhex(visit->token, sizeof(visit->token), hex) == 0;
}

const char *visit_cookie(struct visit *visit, const uint8_t *token)
{
	char hex[2 * DESK_TOKEN_SIZE + 1] = "";
	if (token)
		text_hex(hex, token, DESK_TOKEN_SIZE);
	return cookie_write(visit->arena, cookie_name(visit->casework), hex, token ? SESSION_S : 0,
			    visit->casework->secure);
}

const char *visit_csrf(struct visit *visit)
{
	uint8_t proof[CSRF_SIZE];
	char *hex = arena_take(visit->arena, 2 * CSRF_SIZE + 1);
	crypto_generichash(proof, sizeof(proof), visit->token, sizeof(visit->token),
			   visit->casework->key, CASEWORK_KEY_SIZE);
	text_hex(hex, proof, sizeof(proof));
	return hex;
}

/* What a browser sends by itself, the cookie, proves nothing about what is asked for. */
static bool is_meant(struct visit *visit)
{
	const char *given = visit->kind->api ? http_header(visit->request, "X-CSRF-Token")
					     : form_value(&visit->form, "csrf");
	if (!site_is_own_form(visit->request))
		return false;
	if (!visit->account.id || !visit->by_cookie || visit->kind->unsigned_too)
		return true;
	const char *wanted = visit_csrf(visit);
	return given && strlen(given) == strlen(wanted) &&
	       sodium_memcmp(given, wanted, strlen(wanted)) == 0;
}

/* ---- what was sent -------------------------------------------------------------------------- */

const char *visit_value(const struct visit *visit, const char *name)
{
	const char *value = form_value(&visit->form, name);
	return value ? value : "";
}

/* A flat object: its texts, numbers as they were written, true and false. */
static bool read_object(struct visit *visit, const char *body, size_t size)
{
	struct json_fault fault;
	const struct json_node *object = json_read(visit->arena, body, size, &fault);
	if (!object || object->kind != JSON_KIND_OBJECT)
		return false;
	visit->form.fields =
	    arena_take(visit->arena, (object->count + 1) * sizeof(*visit->form.fields));
	for (const struct json_node *one = object->first; one; one = one->next) {
		const char *text = one->kind == JSON_KIND_TRUE    ? "true"
				   : one->kind == JSON_KIND_FALSE ? "false"
				   : one->kind == JSON_KIND_STRING || one->kind == JSON_KIND_NUMBER
				       ? one->text
				       : NULL;
		if (!text)
			return false;
		visit->form.fields[visit->form.count++] = (struct form_field){one->name, text};
	}
	return true;
}

static bool read_body(struct visit *visit)
{
	size_t size;
	const char *body = http_body(visit->request, &size);
	if (strcmp(http_method(visit->request), "POST") != 0)
		return true;
	if (visit->kind->api && !size)
		return true;
	return visit->kind->api ? read_object(visit, body, size)
				: form_parse(visit->arena, body, size, &visit->form);
}

/* ---- on its way ----------------------------------------------------------------------------- */

static bool changes_something(const struct visit *visit)
{
	const char *method = http_method(visit->request);
	return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static void ask_to_sign_in(struct visit *visit)
{
	static const struct http_field ask[] = {{"WWW-Authenticate", "Bearer"}, {NULL, NULL}};
	static const struct problem_details problem = {.status = 401,
						       .code = "signed-out",
						       .detail =
							   "sign in first: POST /v1/desk/session",
						       .fields = ask};
	if (visit->kind->api)
		http_problem_answer(visit->request, &problem);
	else
		site_redirect(visit->request,
			      visit->has_token ? "/desk/sign-in?told=over" : "/desk/sign-in", NULL);
}

static void ask_for_password(struct visit *visit)
{
	if (visit->kind->api)
		http_problem(visit->request, 403, "password-due", NULL,
			     "choose a password of your own first");
	else
		site_redirect(visit->request, "/desk/password", NULL);
}

/* On a thread that may wait. */
static void work(void *tools, struct http_request *request, void *what)
{
	struct visit *visit = what;
	struct err err;
	(void)request;
	visit->tools = tools;
	if (visit->has_token && account_of_session(visit->tools->postgres, visit->arena,
						   visit->token, &visit->account, &err))
		visit_unavailable(visit, &err);
	else if (!visit->account.id && !visit->kind->unsigned_too)
		ask_to_sign_in(visit);
	else if (changes_something(visit) && !is_meant(visit))
		visit_problem(visit, 403, "forged", NULL);
	else if (visit->account.must_change && !visit->kind->unready_too)
		ask_for_password(visit);
	else
		visit->kind->work(visit);
}

void visit_take(void *self, const struct route *route, struct http_request *request,
		const char *const *parts)
{
	struct casework *casework = self;
	struct visit *visit = arena_zero(http_arena(request), sizeof(*visit));
	const char **kept = arena_zero(http_arena(request), ROUTE_PARTS_MAX * sizeof(*kept));
	visit->casework = casework;
	visit->kind = route->with;
	visit->request = request;
	visit->arena = http_arena(request);
	visit->language = site_language(casework->site, request);
	memcpy(kept, parts, ROUTE_PARTS_MAX * sizeof(*kept));
	visit->parts = kept;
	read_token(visit);
	if (!read_body(visit)) {
		visit_problem(visit, 400, "none", NULL);
		return;
	}
	workers_add(visit->kind->place == VISIT_SIGNS    ? casework->signers
		    : visit->kind->place == VISIT_WRITES ? casework->writers
							 : casework->readers,
		    request, work, visit);
}

/* ---- answers -------------------------------------------------------------------------------- */

void visit_put(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(object, name, json_string(text));
}

static void put_site(struct casework *casework, json_t *view)
{
	const struct catalogue *catalogue = shared_catalogue_borrow(casework->catalogue);
	visit_put(view, "nation", catalogue->nation);
	shared_catalogue_return(casework->catalogue);
}

static json_t *me_of(struct visit *visit)
{
	const struct account *account = &visit->account;
	const struct catalogue *catalogue = shared_catalogue_borrow(visit->casework->catalogue);
	const struct catalogue_office *office = catalogue_office(catalogue, account->office);
	json_t *me = json_pack(
	    "{s:s, s:s, s:s, s:s, s:s, s:b}", "login", account->login, "name", account->name,
	    "role", account->role, "office", account->office, "office_name",
	    office ? catalogue_text(&office->name, visit->language) : account->office,
	    "has_second_factor", account->has_totp);
	shared_catalogue_return(visit->casework->catalogue);
	return me;
}

static void answer_json(struct visit *visit, int status, json_t *view,
			const struct http_field *fields)
{
	static const struct http_field no_store[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};
	char *text = json_dumps(view, JSON_COMPACT);
	json_decref(view);
	http_reply(visit->request, status, "application/json", fields ? fields : no_store, text,
		   strlen(text));
	free(text);
}

void visit_answer(struct visit *visit, int status, const char *page, json_t *view,
		  const struct http_field *fields)
{
	if (visit->account.id)
		json_object_set_new(view, "me", me_of(visit));
	if (visit->kind->api) {
		answer_json(visit, status, view, fields);
		return;
	}
	put_site(visit->casework, view);
	if (!json_object_get(view, "here"))
		visit_put(view, "here", http_path(visit->request));
	if (visit->account.id)
		visit_put(view, "csrf", visit_csrf(visit));
	site_page(visit->casework->site, visit->request, status, page, view, fields);
}

void visit_problem(struct visit *visit, int status, const char *code, const char *field)
{
	const struct problem_details problem = {
	    .status = status,
	    .code = code,
	    .field = field,
	    .detail = site_text(visit->casework->site, visit->request,
				arena_printf(visit->arena, "sorry_hint.%s", code)),
	    .retry_after_s = status == 503 ? RETRY_S : 0};
	http_problem_answer(visit->request, &problem);
}

void visit_unavailable(struct visit *visit, const struct err *why)
{
	log_limited(&visit->casework->trouble, 0, "a request cannot be served: %s", why->text);
	visit_problem(visit, 503, "unavailable", NULL);
}

/* Which sorry.* and sorry_hint.* say it. */
static const char *sorry_of(const struct problem_details *problem)
{
	return strcmp(problem->code, "forged") == 0 ? "forged"
	       : problem->status == 404             ? "not-found"
	       : problem->status == 429             ? "too-often"
	       : problem->status == 503             ? "unavailable"
						    : "none";
}

bool visit_problem_page(void *self, struct http_request *request,
			const struct problem_details *problem)
{
	struct casework *casework = self;
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
	json_t *view = json_object();
	put_site(casework, view);
	visit_put(view, "sorry", sorry_of(problem));
	site_page(casework->site, request, problem->status, "desk-sorry", view, fields);
	return true;
}

/* ---- times ---------------------------------------------------------------------------------- */

const char *visit_time(struct visit *visit, const char *office, int64_t ms)
{
	char text[TOLD_TIME_SIZE];
	struct casework *casework = visit->casework;
	const struct catalogue *catalogue = shared_catalogue_borrow(casework->catalogue);
	const struct catalogue_office *found = catalogue_office(catalogue, office);
	pthread_mutex_lock(&casework->times_lock);
	const char *told = arena_strdup(
	    visit->arena, render_due(casework->times, found ? found->calendar : catalogue->calendar,
				     visit->language, clock_now_ms(), ms, true, text));
	pthread_mutex_unlock(&casework->times_lock);
	shared_catalogue_return(casework->catalogue);
	return told;
}

void visit_put_time(struct visit *visit, json_t *object, const char *name, const char *office,
		    int64_t ms)
{
	char time[CLOCK_RFC3339_SIZE];
	if (!ms)
		return;
	visit_put(object, name, clock_rfc3339(ms, time));
	visit_put(object, arena_printf(visit->arena, "%s_text", name),
		  visit_time(visit, office, ms));
}
