/* Refusals, as RFC 9457 has them. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/http.h"

static const char *title(int status)
{
	switch (status) {
	case 400:
		return "The request cannot be understood";
	case 401:
	case 403:
		return "Not allowed";
	case 404:
		return "Not found";
	case 405:
		return "Method not allowed";
	case 408:
		return "The request took too long";
	case 409:
		return "Conflict";
	case 411:
		return "Length required";
	case 413:
		return "Too large";
	case 415:
		return "Content type not supported";
	case 422:
		return "The request cannot be carried out";
	case 429:
		return "Too many requests";
	case 503:
		return "Not available now";
	default:
		return status < 500 ? "The request is refused" : "Something is broken here";
	}
}

static void problem(struct http_request *request, int status, const char *code, const char *field,
		    const char *detail, const struct http_field *fields)
{
	char type[120];
	snprintf(type, sizeof(type), "urn:redress:problem:%s", code);
	json_t *body = json_pack("{s:s, s:s, s:i, s:s, s:s*}", "type", type, "title", title(status),
				 "status", status, "detail", detail, "field", field);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	const char *sent = text ? text : "{}";
	http_reply(request, status, "application/problem+json", fields, sent, strlen(sent));
	free(text);
	json_decref(body);
}

void http_problem(struct http_request *request, int status, const char *code, const char *field,
		  const char *detail)
{
	problem(request, status, code, field, detail, NULL);
}

void http_problem_later(struct http_request *request, int status, const char *code,
			const char *detail, unsigned retry_after_s)
{
	char seconds[16];
	snprintf(seconds, sizeof(seconds), "%u", retry_after_s);
	const struct http_field fields[] = {{"Retry-After", seconds}, {NULL, NULL}};
	problem(request, status, code, NULL, detail, fields);
}
