/* Refusals, as RFC 9457 has them. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/http.h"
#include "client/http_private.h"
#include "util/alloc.h"
#include "util/arena.h"
#include "util/text.h"

#define FIELDS_MAX 8

/* What holds bytes that are no UTF-8 is mended, so that an answer never loses a member. */
static void put(json_t *body, const char *name, const char *text)
{
	json_t *value = json_string(text);
	if (!value) {
		size_t room = strlen(text) + 1;
		char *mended = x_calloc(room, 1);
		text_format(mended, room, "%s", text);
		value = json_string(mended);
		free(mended);
	}
	json_object_set_new(body, name, value);
}

/* Malloc'ed. */
static char *write_problem(const struct problem_details *problem)
{
	char type[120];
	text_format(type, sizeof(type), "urn:redress:problem:%s", problem->code);
	json_t *body = json_object();
	put(body, "type", type);
	put(body, "title", http_phrase(problem->status));
	json_object_set_new(body, "status", json_integer(problem->status));
	put(body, "detail", problem->detail);
	if (problem->field)
		put(body, "field", problem->field);
	char *text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

const char *http_problem_text(struct arena *arena, const struct problem_details *problem)
{
	char *text = write_problem(problem);
	const char *kept = arena_strdup(arena, text);
	free(text);
	return kept;
}

void http_problem_answer(struct http_request *request, const struct problem_details *problem)
{
	char seconds[16];
	struct http_field fields[FIELDS_MAX + 1] = {{NULL, NULL}};
	size_t count = 0;
	if (http_problem_on_page(request, problem))
		return;
	for (const struct http_field *f = problem->fields; f && f->name && count < FIELDS_MAX - 1;)
		fields[count++] = *f++;
	if (problem->retry_after_s) {
		snprintf(seconds, sizeof(seconds), "%u", problem->retry_after_s);
		fields[count++] = (struct http_field){"Retry-After", seconds};
	}
	char *text = write_problem(problem);
	http_reply(request, problem->status, "application/problem+json", fields, text,
		   strlen(text));
	free(text);
}

void http_problem(struct http_request *request, int status, const char *code, const char *field,
		  const char *detail)
{
	const struct problem_details problem = {
	    .status = status, .code = code, .field = field, .detail = detail};
	http_problem_answer(request, &problem);
}

void http_problem_later(struct http_request *request, int status, const char *code,
			const char *detail, unsigned retry_after_s)
{
	const struct problem_details problem = {
	    .status = status, .code = code, .detail = detail, .retry_after_s = retry_after_s};
	http_problem_answer(request, &problem);
}
