/* A daemon's part of docs/openapi.json, put into the program by the build (add_openapi). */
#ifndef WEB_OPENAPI_H
#define WEB_OPENAPI_H

#include "web/route.h"

extern const struct route_document openapi;

#define OPENAPI_ROUTE                                                                              \
	{                                                                                          \
		"GET", "/openapi.json", route_show_document, &openapi, NULL, 0, 0                  \
	}

#endif
