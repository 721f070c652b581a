/*
 * The citizens' pages: file a grievance, open a case, read what the office wrote and write back.
 * Complete without scripts. Between two pages everything travels with the reader, sealed
 * (web/sealed_value.h): nothing is stored before it is sent.
 */
#ifndef PORTAL_PAGES_H
#define PORTAL_PAGES_H

#include "client/catalogue_folder.h"
#include "client/http.h"
#include "domain/texts.h"
#include "pool.h"
#include "runtime/service.h"
#include "web/route.h"
#include "web/throttle.h"

extern const struct setting pages_settings[];

struct pages;

/* pool: where cases are looked up; writers: where commands are sent and awaited. */
struct pages *pages_new(struct runtime *runtime, struct shared_catalogue *catalogue,
			struct throttle *throttle, struct pool *pool, struct pool *writers,
			struct err *err) MUST_CHECK;
void pages_free(struct pages **pages); /* accepts NULL, sets NULL */
int pages_reload(struct pages *pages, struct err *err) MUST_CHECK;

#define PAGES_BODY_MAX ((size_t)512 * 1024) /* a form with a draft and two long texts */
/* Adds the pages' rows, and problems as pages for browsers. */
void pages_serve(struct pages *pages, struct router *router, struct http_options *options);

/* Whether there is a sentence for everything that can happen to a case. */
int pages_check_texts(const struct settings *settings, struct err *err) MUST_CHECK;

/* The texts as they are now. They stay so until they are given back, which should be soon. */
const struct texts *pages_texts_borrow(struct pages *pages);
void pages_texts_return(struct pages *pages);

#endif
