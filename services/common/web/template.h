/*
 * Page templates: a small, always-escaping part of Mustache
 * (https://mustache.github.io/mustache.5.html) over JSON values, with the texts of the person's
 * language.
 *
 *   {{name}} {{a.b}} {{.}}      a value, escaped for HTML; nothing when there is none
 *   {{#name}}...{{/name}}       for each item of a list, inside an object, or when it is true
 *   {{^name}}...{{/name}}       when it is missing, false, null or an empty list
 *   {{>name}}                   another template
 *   {{t key}}                   a text; its arguments are values found from here
 *   {{t status.*code}}          the same, its key ending in the value of "code"
 *   {{! remark}}
 *
 * A tag other than a value or a text that stands alone on its line takes the line with it. There is
 * no unescaped value and no change of delimiters. Unlike Mustache's, true and numbers are no
 * context of their own, and an empty string counts as false.
 */
#ifndef WEB_TEMPLATE_H
#define WEB_TEMPLATE_H

#include <jansson.h>
#include <stddef.h>

#include "domain/texts.h"
#include "util/arena.h"
#include "util/buffer.h"
#include "util/err.h"

struct template_file {
	const char *name; /* "case.html": the template is called "case" */
	const char *text;
	size_t size;
};

struct templates;

/*
 * Reads and checks all: tags match, partials exist and do not contain themselves, every literal
 * text key is in the texts. NULL: err names file and line.
 */
struct templates *templates_parse(const struct template_file *files, size_t count,
				  const struct texts *texts, struct err *err) MUST_CHECK;
void templates_free(struct templates **templates); /* accepts NULL, sets NULL */

/* Appends the page. -1: there is no template of that name. */
int templates_render(const struct templates *templates, const char *name, json_t *view,
		     const struct texts_language *language, struct buffer *out) MUST_CHECK;

/* & < > " ' as entities. */
void template_escape(struct buffer *out, const char *text, size_t size);

#endif
