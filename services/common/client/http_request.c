/* One request: what was asked, and its answer. */
#include <stdatomic.h>

#include "client/http_private.h"
#include "util/log.h"

/* ---- what was asked ------------------------------------------------------------------------- */

const char *http_method(const struct http_request *request)
{
	return request->method;
}

const char *http_path(const struct http_request *request)
{
	return request->path;
}

const char *http_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_query(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_body(const struct http_request *request, size_t *size)
{
	*size = request->body.len;
	return request->body.data ? request->body.data : "";
}

struct arena *http_arena(struct http_request *request)
{
	return request->arena;
}

/* ---- answering ------------------------------------------------------------------------------ */

static void add_fields(struct MHD_Response *response, const char *type,
		       const struct http_field *fields)
{
	if (type)
		MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	for (; fields && fields->name; fields++) {
		/* refused by libmicrohttpd when it would break the header apart */
		if (MHD_add_response_header(response, fields->name, fields->value) != MHD_YES)
			log_warn(0, "header %s cannot be sent", fields->name);
	}
}

void http_respond(struct http_request *request, int status, const char *type,
		  const struct http_field *fields, struct MHD_Response *response)
{
	struct MHD_Connection *connection = request->connection;
	if (!response)
		fatal("out of memory");
	add_fields(response, type, fields);
	request->status = status;
	request->response = response;
	/* while the handler runs its own thread goes on with the response afterwards */
	if (atomic_exchange(&request->state, REQUEST_REPLIED) == REQUEST_WAITING)
		MHD_resume_connection(connection);
}

void http_reply(struct http_request *request, int status, const char *type,
		const struct http_field *fields, const void *body, size_t size)
{
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	http_respond(request, status, type, fields, response);
}
