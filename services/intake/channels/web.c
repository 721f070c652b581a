/*
 * The web and mobile apps: POST /v1/grievances, JSON as docs/openapi.json says.
 * Idempotency-Key: draft-ietf-httpapi-idempotency-key-header.
 */
#include <string.h>
#include <strings.h>

#include "channel.h"
#include "json_submission.h"
#include "util/arena.h"

#define ASK_MAX 200

/* "application/json", perhaps with parameters. */
static bool is_json(const char *type)
{
	const char json[] = "application/json";
	return type && strncasecmp(type, json, sizeof(json) - 1) == 0 &&
	       strchr("; \t", type[sizeof(json) - 1]) != NULL;
}

static bool is_ask(const char *ask)
{
	size_t length = strlen(ask);
	for (const char *c = ask; *c; c++) {
		if (*c < 0x20 || *c > 0x7E)
			return false;
	}
	return length >= 1 && length <= ASK_MAX;
}

static bool read(struct http_request *request, struct submission *submission, const char **ask,
		 struct problem *problem)
{
	size_t size;
	const char *body = http_body(request, &size);
	*ask = http_header(request, "Idempotency-Key");
	if (!is_json(http_header(request, "Content-Type"))) {
		*problem = (struct problem){415, "wrong-content-type", "Content-Type",
					    "must be application/json"};
		return false;
	}
	if (*ask && !is_ask(*ask)) {
		*problem = (struct problem){400, "invalid", "Idempotency-Key",
					    "must be 1 to 200 visible ASCII characters"};
		return false;
	}
	return json_submission(http_arena(request), body, size, submission, problem);
}

/* Written by hand: no value of these has anything that JSON would escape (channel.h). */
static void taken(struct http_request *request, const struct receipt *receipt)
{
	const struct http_field fields[] = {
	    {"Location", receipt->status_url},
	    {"Cache-Control", "no-store"},
	    {receipt->before ? "Idempotent-Replayed" : NULL, "true"},
	    {NULL, NULL}};
	const char *const parts[] = {"{\"case_number\":\"",
				     receipt->number,
				     "\",\"receipt_code\":\"",
				     receipt->code,
				     "\",\"status\":\"received\",\"status_url\":\"",
				     receipt->status_url,
				     "\"}"};
	char *text = arena_take(http_arena(request), 256 + strlen(receipt->status_url)), *at = text;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		at = stpcpy(at, parts[i]);
	http_reply(request, 201, "application/json", fields, text, (size_t)(at - text));
}

const struct channel channel_web = {
    .name = "web",
    .method = "POST",
    .path = "/v1/grievances",
    .read = read,
    .taken = taken,
};
