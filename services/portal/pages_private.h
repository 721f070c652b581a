/* What the files of the pages share. */
#ifndef PORTAL_PAGES_PRIVATE_H
#define PORTAL_PAGES_PRIVATE_H

#include <jansson.h>
#include <pthread.h>

#include "case.pb-c.h"
#include "courier.h"
#include "domain/render_time.h"
#include "intake_client.h"
#include "pages.h"
#include "web/form.h"
#include "web/sealed_value.h"
#include "web/site.h"

#define DRAFT_LIFE_MS (INT64_C(24) * 3600000)
#define OPEN_LIFE_S   1800
#define OPEN_COOKIE   "redress_case"

struct pages {
	struct runtime *runtime;
	struct site *site;
	struct shared_catalogue *catalogue;
	struct throttle *throttle;
	struct pool *pool, *writers;
	struct courier *courier;
	struct intake_client *intake;
	uint8_t key[SEALED_VALUE_KEY_SIZE];
	const char *url, *leave_url;
	bool secure; /* served by https */
	bool sms;    /* text messages are offered */
	pthread_mutex_t times_lock;
	struct render_times *times;
};

/* A view with what every page shows. */
json_t *pages_view(struct pages *pages);
/* Says what is not possible: not-found, unavailable, too-often, expired, forged, none. */
void pages_sorry(struct pages *pages, struct http_request *request, int status, const char *what);
/* In the arena, in the nation's zone. */
const char *pages_time(struct pages *pages, struct arena *arena, const char *language, int64_t ms);

/* The case that the reader has opened; false: none, or too long ago. */
bool pages_opened(struct pages *pages, struct http_request *request, uint64_t *number,
		  const char **receipt);
/* A Set-Cookie field's value that opens it; receipt NULL: that closes it. */
const char *pages_open_cookie(struct pages *pages, struct arena *arena, uint64_t number,
			      const char *receipt);

/* filing.c */
void filing_begin(struct pages *pages, struct http_request *request);
void filing_step(struct pages *pages, struct http_request *request, const struct form *form);
void filing_sent(struct pages *pages, struct http_request *request);

/* case_page.c */
struct case_wish {
	struct pages *pages;
	uint64_t number;
	const char *receipt, *language;
	const char *action;                        /* NULL: just look */
	const char *text, *error, *field, *notice; /* field: that the error is about */
	uint32_t based_on, score;
	Redress__Settled settled;
	bool opening; /* number and code have just been typed in */
	const char *typed;
};
/* For the pools' threads; what: the wish. */
pool_work case_page_answer, case_page_write;

#endif
