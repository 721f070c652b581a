/*
 * One request of an officer's browser or program: who it is, what was sent, and how it is answered.
 * A page and its API are one: the same work makes a JSON object, which a page shows and the API
 * returns.
 */
#ifndef CASEWORK_VISIT_H
#define CASEWORK_VISIT_H

#include "accounts.h"
#include "casework_private.h"
#include "web/form.h"

struct visit;

/* What a row of the routing table is for: its with. */
struct visit_kind {
	void (*work)(struct visit *visit);
	enum visit_place { VISIT_READS, VISIT_WRITES, VISIT_SIGNS } place;
	bool unsigned_too; /* without a session */
	bool unready_too;  /* before a one-time password was changed */
	bool api;          /* JSON comes and goes */
};

struct visit {
	struct casework *casework;
	const struct visit_kind *kind;
	struct http_request *request;
	struct arena *arena; /* the request's */
	struct tools *tools;
	const char *const *parts; /* of the path */
	const char *language;     /* BCP 47 */
	struct form form;         /* of a POST: a form, or the members of a JSON object */
	uint8_t token[DESK_TOKEN_SIZE];
	bool has_token, by_cookie;
	struct account account; /* id 0: nobody */
};

/* A row's handle. */
void visit_take(void *self, const struct route *route, struct http_request *request,
		const char *const *parts);

/* What was sent under the name; "" when nothing. */
const char *visit_value(const struct visit *visit, const char *name);

/* A page of the desk, or the object itself for the API. The view is taken. */
void visit_answer(struct visit *visit, int status, const char *page, json_t *view,
		  const struct http_field *fields);
/* A problem, as a page for a browser. code: of texts' sorry. */
void visit_problem(struct visit *visit, int status, const char *code, const char *field);
/* The database or Kafka is away: 503. */
void visit_unavailable(struct visit *visit, const struct err *why);
/* http_options.page of casework. */
http_problem_page visit_problem_page;

/* Proves that a form is of a page which this session was given. In the arena. */
const char *visit_csrf(struct visit *visit);
/* A Set-Cookie field's value with this session's token; NULL: that ends it. */
const char *visit_cookie(struct visit *visit, const uint8_t *token);

/* In the zone of the office, in the arena. */
const char *visit_time(struct visit *visit, const char *office, int64_t ms);
/* name: the time for machines; name_text: for people. Nothing for ms 0. */
void visit_put_time(struct visit *visit, json_t *object, const char *name, const char *office,
		    int64_t ms);
/* Nothing for NULL or "". */
void visit_put(json_t *object, const char *name, const char *text);

#endif
