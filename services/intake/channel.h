/*
 * A channel: one file channels/NAME.c that ends in `const struct channel channel_NAME`. The build
 * makes the table of all files there; nothing else needs to be touched. It reads what its clients
 * send into a submission; checking, sealing and everything after is the same for all channels.
 */
#ifndef INTAKE_CHANNEL_H
#define INTAKE_CHANNEL_H

#include "client/http.h"
#include "submission.h"

/* What a channel's client is told when its grievance is safe. */
struct receipt {
	const char *number; /* as written */
	const char *code;
	const char *status_url; /* neither it nor the others need escaping in JSON or a header */
	bool before;            /* it had been taken in before */
};

struct channel {
	const char *name;   /* in the case: "web" */
	const char *method; /* HTTP */
	const char *path;
	/*
	 * Called with the whole request. Checks its signature, when the channel has one, before
	 * anything is parsed. false: problem says why, nothing was taken.
	 */
	bool (*read)(struct http_request *request, struct submission *submission, const char **ask,
		     struct problem *problem);
	/* Answers the request. */
	void (*taken)(struct http_request *request, const struct receipt *receipt);
};

extern const struct channel *const channels[];
extern const size_t channel_count;

#endif
