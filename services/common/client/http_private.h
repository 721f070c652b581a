/* What the http_*.c files share; nobody else's business. */
#ifndef CLIENT_HTTP_PRIVATE_H
#define CLIENT_HTTP_PRIVATE_H

#include <microhttpd.h>

#include "client/http.h"
#include "util/arena.h"
#include "util/buffer.h"

/* RUNNING: in the handler. WAITING: suspended. REPLIED: response is there. */
enum request_state { REQUEST_RUNNING, REQUEST_WAITING, REQUEST_REPLIED };

struct http_request {
	struct http_request *next; /* in the pool */
	struct http_server *server;
	struct MHD_Connection *connection;
	const char *method, *path;
	struct buffer body;
	struct arena *arena;
	_Atomic int state;
	bool handed;    /* to the handler */
	bool too_large; /* and the rest of the body is thrown away */
	int64_t begun_us;
	int status;
	struct MHD_Response *response;
};

/* Takes the response, NULL being the lack of memory, and gives the request up. From any thread. */
void http_respond(struct http_request *request, int status, const char *type,
		  const struct http_field *fields, struct MHD_Response *response);

#endif
