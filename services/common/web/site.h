/*
 * A site of pages: its templates, texts and assets, from files, checked as a whole and reloadable;
 * the language of each reader; and what every page is sent with. Used from any thread.
 */
#ifndef WEB_SITE_H
#define WEB_SITE_H

#include <jansson.h>
#include <stdbool.h>

#include "client/http.h"
#include "domain/texts.h"
#include "util/err.h"
#include "util/settings.h"

/* pages.folder, assets.folder; those of client/texts_folder.h are needed as well. */
extern const struct setting site_settings[];

struct site;

/* NULL: err names file, line and what is wrong. */
struct site *site_load(const struct settings *settings, struct err *err) MUST_CHECK;
void site_free(struct site **site); /* accepts NULL, sets NULL */
/* -1: what was there before stays. */
int site_reload(struct site *site, const struct settings *settings, struct err *err) MUST_CHECK;

/* The texts as they are now. They stay so until they are given back, which should be soon. */
const struct texts *site_texts_borrow(struct site *site);
void site_texts_return(struct site *site);

/*
 * Whether the request is for an asset (/assets/NAME), which is then answered. Its name has a
 * version in the query, so that browsers keep it for ever.
 */
bool site_asset(struct site *site, struct http_request *request);

/* BCP 47, in the request's arena: as chosen (?lang=, then kept in a cookie), else as the browser
 * says, else the reference. One that the site has. */
const char *site_language(struct site *site, struct http_request *request);

/*
 * Answers with a page. The view is taken; language, direction, languages and assets are put into
 * it; its chosen_language, if any, is marked among the languages. No page is kept anywhere, framed,
 * or may load anything of others. fields: further ones, NULL-name-ended, may be NULL.
 */
void site_page(struct site *site, struct http_request *request, int status, const char *page,
	       json_t *view, const struct http_field *fields);
/* A text without arguments in the reader's language, in the request's arena; "": there is none. */
const char *site_text(struct site *site, struct http_request *request, const char *key);
/* 303 to a path of this site. */
void site_redirect(struct http_request *request, const char *path, const struct http_field *fields);

/* Whether a POST comes from a page of this site (Sec-Fetch-Site, Origin), as far as the browser
 * tells. */
bool site_is_own_form(const struct http_request *request);

#endif
