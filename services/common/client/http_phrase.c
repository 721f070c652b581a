/* What the statuses we send are called (RFC 9110 15): in the status line and as titles. */
#include "client/http_private.h"

const char *http_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {{200, "OK"},
		       {201, "Created"},
		       {202, "Accepted"},
		       {204, "No Content"},
		       {303, "See Other"},
		       {304, "Not Modified"},
		       {400, "Bad Request"},
		       {401, "Unauthorized"},
		       {403, "Forbidden"},
		       {404, "Not Found"},
		       {405, "Method Not Allowed"},
		       {406, "Not Acceptable"},
		       {408, "Request Timeout"},
		       {409, "Conflict"},
		       {410, "Gone"},
		       {411, "Length Required"},
		       {413, "Content Too Large"},
		       {414, "URI Too Long"},
		       {415, "Unsupported Media Type"},
		       {417, "Expectation Failed"},
		       {422, "Unprocessable Content"},
		       {429, "Too Many Requests"},
		       {431, "Request Header Fields Too Large"},
		       {500, "Internal Server Error"},
		       {501, "Not Implemented"},
		       {503, "Service Unavailable"},
		       {505, "HTTP Version Not Supported"}};
	for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "";
}
