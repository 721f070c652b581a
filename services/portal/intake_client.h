/*
 * Hands a citizen's grievance from a page to intake, as any client would (POST /v1/grievances), or
 * what came for another channel: the portal neither numbers nor seals. From any thread.
 */
#ifndef PORTAL_INTAKE_CLIENT_H
#define PORTAL_INTAKE_CLIENT_H

#include "client/http.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/net_address.h"
#include "util/settings.h"

extern const struct setting intake_client_settings[];

struct intake_client;

struct intake_client *intake_client_new(const struct settings *settings);
void intake_client_free(struct intake_client **client); /* accepts NULL, sets NULL */

struct intake_answer {
	int status;             /* HTTP; 0: intake cannot be reached, and has not got it */
	const char *body;       /* in the arena */
	unsigned retry_after_s; /* 0: it does not say */
};

/* -1: not known whether intake got it. for_whom: the citizen's address, for intake's limits. */
int intake_client_submit(struct intake_client *client, struct arena *arena, const char *json,
			 const char *idempotency_key, const struct net_address *for_whom,
			 struct intake_answer *answer, struct err *err) MUST_CHECK;

/* The same for a POST as it came, to its own path: with its query, body, type and key. */
int intake_client_pass(struct intake_client *client, struct http_request *request,
		       struct intake_answer *answer, struct err *err) MUST_CHECK;

#endif
