#include "web/open311.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buffer.h"
#include "web/xml.h"

bool open311_form(char *path, enum open311_form *form)
{
	char *dot = strrchr(path, '.');
	bool json = dot && strcmp(dot, ".json") == 0;
	*form = json ? OPEN311_JSON : OPEN311_XML;
	if (!json && (!dot || strcmp(dot, ".xml") != 0))
		return false;
	*dot = '\0';
	return true;
}

enum open311_form open311_form_of(const struct http_request *request)
{
	const char *dot = strrchr(http_path(request), '.');
	return dot && strcmp(dot, ".json") == 0 ? OPEN311_JSON : OPEN311_XML;
}

const char *open311_type(enum open311_form form)
{
	return form == OPEN311_JSON ? "application/json; charset=utf-8" : "text/xml; charset=utf-8";
}

void open311_reply(struct http_request *request, int status, enum open311_form form,
		   const char *root, json_t *value, const struct http_field *fields)
{
	struct buffer out = {0};
	if (form == OPEN311_JSON) {
		char *text = json_dumps(value, JSON_COMPACT | XML_JSON_FLAGS);
		buffer_add_str(&out, text);
		free(text);
	} else {
		xml_write(&out, root, value);
	}
	json_decref(value);
	http_reply(request, status, open311_type(form), fields, out.data, out.len);
	buffer_free(&out);
}

void open311_error(struct http_request *request, int status, enum open311_form form,
		   const char *description, unsigned retry_after_s, json_t *extra)
{
	char seconds[16];
	const struct http_field fields[] = {{retry_after_s ? "Retry-After" : NULL, seconds},
					    {NULL, NULL}};
	json_t *error = json_pack("{s:i, s:s}", "code", status, "description", description);
	snprintf(seconds, sizeof(seconds), "%u", retry_after_s);
	if (extra)
		json_object_update(error, extra);
	json_decref(extra);
	open311_reply(request, status, form, "errors", json_pack("[o]", error), fields);
}
