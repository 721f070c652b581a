/*
 * A request to a channel: the first byte says to which of all their routes, then lines "Name:
 * value", an empty line, and the body. Whatever it is, the channel reads it, or refuses it and
 * names what is wrong; what becomes of it is answered with what a client can read. Who sends is
 * asked, but whatever the answer, reading goes on: no signature stands between a fuzzer and what is
 * behind it. New channels are tried without a change here.
 */
#include "fuzz_nation.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "channel.h"
#include "channel_settings.h"
#include "client/texts_folder.h"

#define FIELDS_MAX 16

/* The parts of client/http.h that channels use, over a request in memory. */
struct http_request {
	struct http_field fields[FIELDS_MAX];
	size_t field_count;
	const char *body;
	size_t size;
	int status; /* of the reply */
};

const char *http_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->field_count; i++) {
		if (strcasecmp(request->fields[i].name, name) == 0)
			return request->fields[i].value;
	}
	return NULL;
}

const char *http_body(const struct http_request *request, size_t *size)
{
	*size = request->size;
	return request->body;
}

struct arena *http_arena(struct http_request *request)
{
	(void)request;
	return arena;
}

const char *http_query(const struct http_request *request, const char *name)
{
	(void)name;
	return http_header(request, "Query");
}

const char *http_path(const struct http_request *request)
{
	(void)request;
	return "/";
}

/* client/http_private.h, which has another struct http_request */
bool http_problem_on_page(struct http_request *request, const struct problem_details *problem);
bool http_problem_on_page(struct http_request *request, const struct problem_details *problem)
{
	(void)request;
	(void)problem;
	return false;
}

/* JSON, or a value a line. */
static void check_json(const char *body, size_t size, const char *type)
{
	size_t flags = strcmp(type, "application/jsonl") == 0 ? JSON_DISABLE_EOF_CHECK : 0;
	for (size_t at = 0; at < size;) {
		json_error_t error;
		json_t *json = json_loadb(body + at, size - at, flags, &error);
		MUST(json);
		json_decref(json);
		at = flags ? at + (size_t)error.position + 1 : size;
	}
}

void http_reply(struct http_request *request, int status, const char *type,
		const struct http_field *fields, const void *body, size_t size)
{
	MUST(!request->status);
	request->status = status;
	for (; fields && fields->name; fields++)
		MUST(!strpbrk(fields->value, "\r\n"));
	if (strstr(type, "json"))
		check_json(body, size, type);
}

/* Header lines as the parser gives them: no line breaks, no NUL. */
static struct http_request *read_request(const char *data, size_t size)
{
	struct http_request *request = arena_zero(arena, sizeof(*request));
	const char *end = data + size, *line;
	while (data < end && (line = memchr(data, '\n', (size_t)(end - data))) != data && line &&
	       request->field_count < FIELDS_MAX) {
		char *name = arena_strndup(arena, data, (size_t)(line - data));
		char *value = strstr(name, ": ");
		if (value) {
			*value = '\0';
			request->fields[request->field_count++] =
			    (struct http_field){name, value + 2};
		}
		data = line + 1;
	}
	data += data < end && *data == '\n';
	request->body = arena_strndup(arena, data, (size_t)(end - data));
	request->size = (size_t)(end - data);
	return request;
}

static size_t route_count;
static void **selves; /* of channels[] */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct setting *const tables[] = {CHANNEL_SETTINGS, texts_settings, NULL};
	struct err err;
	(void)argc;
	(void)argv;
	setenv("REDRESS_TEXTS_FOLDER", TABLES "/../../deploy/texts", 1);
	fuzz_nation();
	static struct settings *settings; /* for as long as it runs */
	settings = settings_load(tables, NULL, &err);
	MUST(settings);
	selves = calloc(channel_count, sizeof(*selves));
	for (size_t i = 0; i < channel_count; i++) {
		route_count += channels[i]->route_count;
		MUST(!channels[i]->start || channels[i]->start(settings, &selves[i], &err) == 0);
	}
	return 0;
}

static const struct channel_route *find_route(size_t at, struct channel_request *request)
{
	for (size_t i = 0;; at -= channels[i++]->route_count) {
		request->channel = channels[i];
		request->self = selves[i];
		if (at < channels[i]->route_count)
			return &channels[i]->routes[at];
	}
}

static void check_problem(const struct problem *problem)
{
	MUST(problem->status >= 400 && problem->status < 500 && *problem->code && *problem->detail);
}

/* As if a third of them was taken, a third not known, and a third not now. */
static void check_items(struct channel_request *request)
{
	static const struct receipt receipt = {
	    "04K7M-2Q9RT-WXYZ1", "8QK2-93FM-0XDR-7Y1A",
	    "https://redress.example/v1/cases/04K7M-2Q9RT-WXYZ1"};
	for (size_t i = 0; i < request->count; i++) {
		struct channel_item *item = &request->items[i];
		if (item->unread ||
		    !submission_check(arena, catalogue, &item->submission, &item->problem)) {
			check_problem(&item->problem);
			continue;
		}
		item->taken = (request->http->size + i) % 3 == 0;
		item->before = item->taken && item->idempotency_key;
		item->problem = (struct problem){503, "busy", NULL, "nothing was taken"};
		if ((request->http->size + i) % 3 < 2)
			item->receipt = receipt;
	}
}

static void refuse(const struct channel_route *route, struct channel_request *request,
		   const struct problem *problem)
{
	if (route->refuse)
		route->refuse(request, problem);
	else
		channel_problem(request, problem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct problem problem = {0};
	struct channel_request request = {.arena = arena, .catalogue = catalogue};
	const struct channel_route *route = find_route(*data % route_count, &request);
	request.http = read_request((const char *)data + 1, size - 1);
	request.retry_after_s = 2;
	if (route->check && !route->check(&request, &problem))
		check_problem(&problem);
	if (!route->read || route->read(&request, &problem)) {
		MUST(!route->read || (request.count && request.count <= CHANNEL_ITEMS_MAX));
		check_items(&request);
		request.catalogue = NULL;
		route->reply(&request);
	} else {
		check_problem(&problem);
		refuse(route, &request, &problem);
	}
	MUST(request.http->status);
	arena_reset(arena);
	return 0;
}
