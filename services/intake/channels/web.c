/*
 * The web and mobile apps, and files in bulk; docs/openapi.json has both:
 *
 *   POST /v1/grievances         one grievance, JSON
 *   POST /v1/grievances/batch   one a line (https://jsonlines.org), each answered with a line of
 *                               its own; a line that is refused is no matter to the others
 *
 * Idempotency-Key: draft-ietf-httpapi-idempotency-key-header; of a line it is a member.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "channel.h"
#include "json_submission.h"
#include "util/arena.h"
#include "util/buffer.h"

#define BATCH_BODY_MAX ((size_t)512 * 1024)

const struct setting channel_web_settings[] = {{NULL, SETTING_STRING, NULL, 0, 0, NULL}};

/* "application/json", perhaps with parameters. */
static bool has_type(const struct channel_request *request, const char *type)
{
	const char *given = http_header(request->http, "Content-Type");
	size_t size = strlen(type);
	return given && strncasecmp(given, type, size) == 0 && strchr("; \t", given[size]) != NULL;
}

static bool refuse_type(struct problem *problem, const char *detail)
{
	*problem = (struct problem){415, "wrong-content-type", "Content-Type", detail};
	return false;
}

static const char *problem_text(struct arena *arena, const struct problem *problem)
{
	const struct problem_details details = {.status = problem->status,
						.code = problem->code,
						.field = problem->field,
						.detail = problem->detail};
	return http_problem_text(arena, &details);
}

/* What a client is told of a case, as members of a JSON object. No value of these has anything that
 * JSON would escape (channel.h). */
static const char *receipt_members(struct arena *arena, const struct receipt *receipt)
{
	return arena_printf(arena,
			    "\"case_number\":\"%s\",\"receipt_code\":\"%s\",\"status_url\":\"%s\"",
			    receipt->number, receipt->code, receipt->status_url);
}

/* ---- one ------------------------------------------------------------------------------------ */

static bool read_one(struct channel_request *request, struct problem *problem)
{
	size_t size;
	const char *body = http_body(request->http, &size);
	struct channel_item *item = channel_items(request, 1);
	item->idempotency_key = http_header(request->http, "Idempotency-Key");
	if (!has_type(request, "application/json"))
		return refuse_type(problem, "must be application/json");
	return json_submission(request->arena, body, size, &item->submission, NULL, problem);
}

/* A problem with the number that the case has if it was taken (RFC 9457, extension members). */
static void tell_unknown(struct channel_request *request, const struct channel_item *item)
{
	const struct problem *problem = &item->problem;
	const struct http_field fields[] = {
	    {"Retry-After", arena_printf(request->arena, "%u", request->retry_after_s)},
	    {"Cache-Control", "no-store"},
	    {NULL, NULL}};
	const char *text = problem_text(request->arena, problem);
	const char *body = arena_printf(request->arena, "%.*s,%s}", (int)strlen(text) - 1, text,
					receipt_members(request->arena, &item->receipt));
	http_reply(request->http, problem->status, "application/problem+json", fields, body,
		   strlen(body));
}

static void tell_taken(struct channel_request *request, const struct channel_item *item)
{
	const struct http_field fields[] = {{"Location", item->receipt.status_url},
					    {"Cache-Control", "no-store"},
					    {item->before ? "Idempotent-Replayed" : NULL, "true"},
					    {NULL, NULL}};
	const char *body = arena_printf(request->arena, "{\"status\":\"received\",%s}",
					receipt_members(request->arena, &item->receipt));
	http_reply(request->http, 201, "application/json", fields, body, strlen(body));
}

static void reply_one(struct channel_request *request)
{
	const struct channel_item *item = &request->items[0];
	if (item->taken)
		tell_taken(request, item);
	else if (item->receipt.number)
		tell_unknown(request, item);
	else
		channel_problem(request, &item->problem);
}

/* ---- a batch -------------------------------------------------------------------------------- */

/* The next line that has anything in it; NULL: there is none. number counts all lines. */
static const char *next_line(const char **at, const char *end, size_t *size, size_t *number)
{
	while (*at < end) {
		const char *line = *at, *stop = memchr(line, '\n', (size_t)(end - line));
		*at = stop ? stop + 1 : end;
		*size = (size_t)((stop ? stop : end) - line);
		if (*size && line[*size - 1] == '\r')
			--*size;
		++*number;
		if (*size)
			return line;
	}
	return NULL;
}

static size_t count_lines(const char *body, size_t size)
{
	size_t length, number = 0, count = 0;
	for (const char *at = body; next_line(&at, body + size, &length, &number);)
		count++;
	return count;
}

static bool is_json_lines(const struct channel_request *request)
{
	return has_type(request, "application/jsonl") || has_type(request, "application/x-ndjson");
}

static bool read_batch(struct channel_request *request, struct problem *problem)
{
	size_t size, length, number = 0;
	const char *body = http_body(request->http, &size), *line, *at = body;
	size_t count = count_lines(body, size);
	if (!is_json_lines(request))
		return refuse_type(problem, "must be application/jsonl or application/x-ndjson");
	if (!count || count > CHANNEL_ITEMS_MAX) {
		*problem = (struct problem){
		    count ? 413 : 400, count ? "too-many" : "missing", NULL,
		    arena_printf(request->arena, "a batch has 1 to %d lines", CHANNEL_ITEMS_MAX)};
		return false;
	}
	struct channel_item *item = channel_items(request, count);
	for (; (line = next_line(&at, body + size, &length, &number)); item++) {
		item->line = number;
		item->unread = !json_submission(request->arena, line, length, &item->submission,
						&item->idempotency_key, &item->problem);
	}
	return true;
}

static void put_line(struct buffer *out, const struct channel_request *request,
		     const struct channel_item *item)
{
	const struct problem *problem = &item->problem;
	const char *receipt =
	    item->receipt.number ? receipt_members(request->arena, &item->receipt) : NULL;
	buffer_printf(out, "{\"line\":%zu", item->line);
	if (receipt)
		buffer_printf(out, ",%s", receipt);
	if (item->taken) {
		buffer_printf(out, ",\"status\":201%s}\n",
			      item->before ? ",\"replayed\":true" : "");
		return;
	}
	if (problem->status == 429 || problem->status == 503)
		buffer_printf(out, ",\"retry_after\":%u", request->retry_after_s);
	buffer_printf(out, ",%s\n", problem_text(request->arena, problem) + 1);
}

static void reply_batch(struct channel_request *request)
{
	static const struct http_field fields[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};
	struct buffer out = {0};
	for (size_t i = 0; i < request->count; i++)
		put_line(&out, request, &request->items[i]);
	http_reply(request->http, 200, "application/jsonl", fields, out.data, out.len);
	buffer_free(&out);
}

static const struct channel_route routes[] = {
    {.method = "POST", .path = "/v1/grievances", .read = read_one, .reply = reply_one},
    {.method = "POST",
     .path = "/v1/grievances/batch",
     .body_max = BATCH_BODY_MAX,
     .read = read_batch,
     .reply = reply_batch},
};

const struct channel channel_web = {
    .name = "web",
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(*routes),
};
