/*
 * A request to a channel: the first byte says to which, then lines "Name: value", an empty line,
 * and the body. Whatever it is, the channel reads it, or refuses it and names what is wrong; what
 * was taken is answered with what a client can read. New channels are tried without a change here.
 */
#include "fuzz_nation.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "channel.h"

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

void http_reply(struct http_request *request, int status, const char *type,
		const struct http_field *fields, const void *body, size_t size)
{
	request->status = status;
	for (; fields && fields->name; fields++)
		MUST(!strpbrk(fields->value, "\r\n"));
	if (strcmp(type, "application/json") != 0)
		return;
	json_t *json = json_loadb(body, size, 0, NULL);
	MUST(json);
	json_decref(json);
}

/* Header lines as libmicrohttpd gives them: no line breaks, no NUL. */
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

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_nation();
	return 0;
}

static void check_taken(const struct channel *channel, struct http_request *request,
			const char *ask)
{
	const struct receipt receipt = {"04K7M-2Q9RT-WXYZ1", "8QK2-93FM-0XDR-7Y1A",
					"https://redress.example/v1/cases/04K7M-2Q9RT-WXYZ1",
					ask != NULL};
	MUST(!ask || *ask);
	channel->taken(request, &receipt);
	MUST(request->status >= 200 && request->status < 300);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	const char *ask = NULL;
	struct submission submission;
	struct problem problem = {0};
	const struct channel *channel = channels[*data % channel_count];
	struct http_request *request = read_request((const char *)data + 1, size - 1);
	submission_init(&submission, channel->name);
	if (channel->read(request, &submission, &ask, &problem) &&
	    submission_check(arena, catalogue, &submission, &problem))
		check_taken(channel, request, ask);
	else
		MUST(problem.status >= 400 && problem.status < 500 && *problem.code &&
		     *problem.detail);
	arena_reset(arena);
	return 0;
}
