/*
 * Open311 GeoReport v2 (https://wiki.open311.org/GeoReport_v2/): POST requests.json and .xml, from
 * cities' apps and systems such as FixMyStreet. What reads is the portal's, which hands these on.
 *
 * Whoever holds an api_key sends for its citizens; the case notes the holder. What a field cannot
 * hold (a telephone number without its country, an attribute that the service does not ask for) is
 * added to the text instead of being lost.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "channel.h"
#include "domain/contact_form.h"
#include "util/buffer.h"
#include "util/visible_text.h"
#include "web/api_keys.h"
#include "web/form.h"
#include "web/multipart.h"
#include "web/open311.h"

#define NUMBER_ROOM 64
#define ATTRIBUTE   "attribute["

const struct setting channel_open311_settings[] = {
    {"open311.keys", SETTING_STRING, "", 0, 1000,
     "file of the keys of those who send by Open311, lines \"holder key\"; without it nobody may"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL}};

/* ---- who ------------------------------------------------------------------------------------ */

static int start(const struct settings *settings, void **self, struct err *err)
{
	*self = api_keys_load(settings_str(settings, "open311.keys"), err);
	return *self ? 0 : -1;
}

static int reload(void *self, const struct settings *settings, struct err *err)
{
	return api_keys_reload(self, settings_str(settings, "open311.keys"), err);
}

static void stop(void *self)
{
	struct api_keys *keys = self;
	api_keys_free(&keys);
}

static bool refuse(struct problem *problem, int status, const char *code, const char *field,
		   const char *detail)
{
	*problem = (struct problem){status, code, field, detail};
	return false;
}

/* ---- the form ------------------------------------------------------------------------------- */

static bool is_urlencoded(const char *type)
{
	static const char form[] = "application/x-www-form-urlencoded";
	return type && strncasecmp(type, form, sizeof(form) - 1) == 0 &&
	       strchr("; \t", type[sizeof(form) - 1]) != NULL;
}

static bool read_form(struct channel_request *request, struct form *form, struct problem *problem)
{
	size_t size;
	const char *file = NULL, *body = http_body(request->http, &size);
	const char *type = http_header(request->http, "Content-Type");
	if (!multipart_is(type) && !is_urlencoded(type))
		return refuse(problem, 415, "wrong-content-type", "Content-Type",
			      "must be application/x-www-form-urlencoded or multipart/form-data");
	if (multipart_is(type) ? !multipart_parse(request->arena, type, body, size, form, &file)
			       : !form_parse(request->arena, body, size, form))
		return refuse(problem, 400, "invalid-form", NULL,
			      "the body is no such form, or has too many fields");
	if (file)
		return refuse(problem, 400, "no-files",
			      submission_field_name(request->arena, "", file),
			      "files cannot be taken; give the address of a picture in media_url");
	return true;
}

/* Some clients put arguments into the query of a POST. An empty one is none. */
static const char *value_of(const struct channel_request *request, const struct form *form,
			    const char *name)
{
	const char *value = form_value(form, name);
	if (!value || !*value)
		value = http_query(request->http, name);
	return value ? value : "";
}

/* The form is kept for read. */
static bool check(struct channel_request *request, struct problem *problem)
{
	struct form *form = arena_zero(request->arena, sizeof(*form));
	if (!read_form(request, form, problem))
		return false;
	request->own = form;
	request->sender =
	    api_keys_holder(request->self, request->arena, value_of(request, form, "api_key"));
	return request->sender || refuse(problem, 403, "wrong-key", "api_key",
					 "a valid api_key is needed to send requests");
}

/* ---- one request ---------------------------------------------------------------------------- */

struct reader {
	struct channel_request *request;
	const struct form *form;
	struct submission *submission;
	struct problem *problem;
	struct buffer text; /* the description, and what has no field of its own */
};

static const char *get(const struct reader *reader, const char *name)
{
	return value_of(reader->request, reader->form, name);
}

/* protobuf-c's fields are not const; nothing writes through them. */
static char *field(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void add_to_text(struct reader *reader, const char *name, const char *value)
{
	const char *shown = submission_field_name(reader->request->arena, "", name);
	buffer_printf(&reader->text, "%s%s: %s", reader->text.len ? "\n" : "", shown, value);
}

static bool read_degrees(struct reader *reader, const char *name, double *degrees)
{
	char *end;
	const char *text = get(reader, name);
	*degrees = strtod(text, &end) + 0.0;
	return (*text && !*end && isfinite(*degrees) && strlen(text) < NUMBER_ROOM) ||
	       refuse(reader->problem, 400, "invalid", name, "must be a number of degrees");
}

static bool read_place(struct reader *reader)
{
	Redress__GrievanceText *text = &reader->submission->text;
	const char *address = get(reader, "address_string"), *id = get(reader, "address_id");
	text->has_position = *get(reader, "lat") || *get(reader, "long");
	text->address = field(*address ? address : id);
	if (text->has_position)
		return read_degrees(reader, "lat", &text->lat) &&
		       read_degrees(reader, "long", &text->lon);
	return *text->address || refuse(reader->problem, 400, "missing", "lat",
					"give lat and long, address_string or address_id");
}

static void read_contact(struct reader *reader)
{
	struct arena *arena = reader->request->arena;
	Redress__Contact *contact = &reader->submission->contact;
	const char *first = get(reader, "first_name"), *last = get(reader, "last_name");
	const char *phone = get(reader, "phone");
	contact->name = arena_printf(arena, "%s%s%s", first, *first && *last ? " " : "", last);
	contact->email = field(get(reader, "email"));
	if (*phone && !phone_form(arena, phone))
		add_to_text(reader, "phone", phone);
	else
		contact->phone = field(phone);
}

/* "attribute[CODE]" and "attribute[CODE][]"; NULL: it is none. */
static const char *attribute_of(struct arena *arena, const char *name)
{
	if (strncmp(name, ATTRIBUTE, sizeof(ATTRIBUTE) - 1) != 0)
		return NULL;
	name += sizeof(ATTRIBUTE) - 1;
	size_t size = strcspn(name, "]");
	if (!size || (strcmp(name + size, "]") != 0 && strcmp(name + size, "][]") != 0))
		return NULL;
	return arena_strndup(arena, name, size);
}

static void add_answer(struct reader *reader, const char *code, const char *value)
{
	Redress__GrievanceText *text = &reader->submission->text;
	Redress__Answer *answer = arena_take(reader->request->arena, sizeof(*answer));
	redress__answer__init(answer);
	answer->code = field(code);
	answer->value = field(value);
	text->answers[text->n_answers++] = answer;
}

static void read_attributes(struct reader *reader)
{
	struct arena *arena = reader->request->arena;
	const struct form *form = reader->form;
	const struct catalogue_service *service =
	    catalogue_service(reader->request->catalogue, reader->submission->service_code);
	reader->submission->text.answers =
	    arena_take(arena, (form->count + 1) * sizeof(Redress__Answer *));
	for (size_t i = 0; i < form->count; i++) {
		const char *code = attribute_of(arena, form->fields[i].name);
		const char *value = form->fields[i].value;
		if (!code || !*value)
			continue;
		if (service && catalogue_question(service, code))
			add_answer(reader, code, value);
		else
			add_to_text(reader, code, value);
	}
}

/* There is no place for pictures: the officer finds where they are. */
static void read_media(struct reader *reader)
{
	for (size_t i = 0; i < reader->form->count; i++) {
		const struct form_field *given = &reader->form->fields[i];
		if ((strcmp(given->name, "media_url") == 0 ||
		     strcmp(given->name, "media_url[]") == 0) &&
		    *given->value)
			add_to_text(reader, "media_url", given->value);
	}
}

/* Without a description the service, attributes and place say what the matter is. */
static bool read_item(struct reader *reader)
{
	const char *description = get(reader, "description");
	reader->submission->service_code = get(reader, "service_code");
	if (!*reader->submission->service_code)
		return refuse(reader->problem, 400, "missing", "service_code",
			      "service_code is needed");
	buffer_add_str(&reader->text, description);
	read_attributes(reader);
	read_contact(reader);
	read_media(reader);
	if (!reader->text.len)
		add_to_text(reader, "service_code", reader->submission->service_code);
	reader->submission->text.description =
	    arena_strndup(reader->request->arena, reader->text.data, reader->text.len);
	return read_place(reader);
}

static bool read(struct channel_request *request, struct problem *problem)
{
	const struct form *form = request->own;
	if (!form)
		return refuse(problem, 400, "invalid-form", NULL, "the body is no form");
	struct channel_item *item = channel_items(request, 1);
	struct reader reader = {request, form, &item->submission, problem, {0}};
	item->idempotency_key = http_header(request->http, "Idempotency-Key");
	bool fine = read_item(&reader);
	buffer_free(&reader.text);
	return fine;
}

/* ---- answers -------------------------------------------------------------------------------- */

/* 404 for a service that there is not; 403, and what says when to come again, stay; the rest is
 * 400. */
static int status_of(const struct problem *problem)
{
	bool service = problem->field && strcmp(problem->field, "service_code") == 0;
	if (service && strcmp(problem->code, "unknown") == 0)
		return 404;
	return problem->status == 422 || problem->status == 409 ? 400 : problem->status;
}

/* As Open311 calls it. */
static const char *name_of(const struct channel_request *request, const char *field)
{
	static const char *const names[][2] = {
	    {"location.lat", "lat"},       {"location.lon", "long"},
	    {"address", "address_string"}, {"contact.name", "first_name"},
	    {"contact.email", "email"},    {"contact.phone", "phone"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i][0], field) == 0)
			return names[i][1];
	}
	return strncmp(field, "answers.", 8) == 0
		   ? arena_printf(request->arena, ATTRIBUTE "%s]", field + 8)
		   : field;
}

static json_t *receipt_of(const struct receipt *receipt)
{
	return json_pack("{s:s, s:s, s:s}", "service_request_id", receipt->number, "receipt_code",
			 receipt->code, "status_url", receipt->status_url);
}

static void tell_problem(struct channel_request *request, const struct problem *problem,
			 json_t *extra)
{
	const char *name = problem->field ? name_of(request, problem->field) : NULL;
	bool later = problem->status == 429 || problem->status == 503;
	open311_error(request->http, status_of(problem), open311_form_of(request->http),
		      name ? arena_printf(request->arena, "%s: %s", name, problem->detail)
			   : problem->detail,
		      later ? request->retry_after_s : 0, extra);
}

static void refuse_whole(struct channel_request *request, const struct problem *problem)
{
	tell_problem(request, problem, NULL);
}

/* The receipt code, with which the citizen can open the case, is an extension. */
static void reply(struct channel_request *request)
{
	const struct channel_item *item = &request->items[0];
	const struct http_field fields[] = {{"Cache-Control", "no-store"},
					    {item->before ? "Idempotent-Replayed" : NULL, "true"},
					    {NULL, NULL}};
	if (!item->taken) {
		tell_problem(request, &item->problem,
			     item->receipt.number ? receipt_of(&item->receipt) : NULL);
		return;
	}
	json_t *one = receipt_of(&item->receipt);
	json_object_set_new(one, "service_notice", json_null());
	json_object_set_new(one, "account_id", json_null());
	open311_reply(request->http, 200, open311_form_of(request->http), "service_requests",
		      json_pack("[o]", one), fields);
}

static const struct channel_route routes[] = {
    {.method = "POST",
     .path = OPEN311_BASE "/requests.json",
     .check = check,
     .read = read,
     .reply = reply,
     .refuse = refuse_whole},
    {.method = "POST",
     .path = OPEN311_BASE "/requests.xml",
     .check = check,
     .read = read,
     .reply = reply,
     .refuse = refuse_whole},
};

const struct channel channel_open311 = {
    .name = "open311",
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(*routes),
    .start = start,
    .reload = reload,
    .stop = stop,
};
