/*
 * What every Open311 GeoReport v2 answer has in common (https://wiki.open311.org/GeoReport_v2/):
 * the form is the end of the path, errors have a body of their own.
 */
#ifndef WEB_OPEN311_H
#define WEB_OPEN311_H

#include <jansson.h>

#include "client/http.h"

#define OPEN311_BASE "/open311/v2"

enum open311_form { OPEN311_JSON, OPEN311_XML };

/* Cuts ".json" or ".xml" off. false: neither stands there; the form is then XML. */
bool open311_form(char *path, enum open311_form *form);
/* That of the request's path; XML when it says none. */
enum open311_form open311_form_of(const struct http_request *request);
const char *open311_type(enum open311_form form);

/* value is taken. root: in XML, of which JSON has nothing. fields: further ones, may be NULL. */
void open311_reply(struct http_request *request, int status, enum open311_form form,
		   const char *root, json_t *value, const struct http_field *fields);
/* [{code, description}]; extra: further members, taken, may be NULL. retry_after_s 0: none. */
void open311_error(struct http_request *request, int status, enum open311_form form,
		   const char *description, unsigned retry_after_s, json_t *extra);

#endif
