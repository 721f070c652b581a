/*
 * A channel: one file channels/NAME.c that ends in `const struct channel channel_NAME` and has its
 * settings in `const struct setting channel_NAME_settings[]`. The build makes the tables of them;
 * nothing else needs to be touched.
 *
 * It serves some routes. Each reads what its clients send into one submission or many; checking,
 * sealing, numbering and everything after is the same for all channels, and what became of each is
 * told to the route's reply.
 */
#ifndef INTAKE_CHANNEL_H
#define INTAKE_CHANNEL_H

#include "client/http.h"
#include "submission.h"
#include "util/settings.h"

/* What a channel's client is told when its grievance is safe. None of it needs escaping in JSON,
 * XML or a header. */
struct receipt {
	const char *number; /* as written */
	const char *code;
	const char *status_url; /* where it is shown to whoever has the code */
};

/* One submission of a request, and what became of it. */
struct channel_item {
	/* by the route's read */
	struct submission submission;
	/* by what the sender knows a repetition (Idempotency-Key, message id), as it was sent;
	 * NULL: by nothing */
	const char *idempotency_key;
	size_t line; /* where it stood in the request, for the reply; 0: it has no lines */
	bool unread; /* it cannot be read, problem says why; the others of the request go on */

	/* for the route's reply */
	bool taken;
	bool before; /* it had been taken in before */
	struct receipt
	    receipt; /* when taken; with problem 503 too if it is not known: else NULLs */
	struct problem problem; /* unless taken; 429 and 503: it may be sent again */
};

struct channel_request {
	struct http_request *http;
	struct arena *arena; /* the request's */
	const struct channel *channel;
	void *self;                        /* what the channel's start made */
	const struct catalogue *catalogue; /* while check and read run */
	const char
	    *sender;     /* whose system sends, as its key is named; set by check, NULL: nobody's */
	const void *own; /* the channel's, from check to reply */
	struct channel_item *items; /* channel_items */
	size_t count;
	unsigned retry_after_s; /* for problems 429 and 503 */
};

/* Makes room for so many items, all empty: once, by read. At most CHANNEL_ITEMS_MAX. */
#define CHANNEL_ITEMS_MAX 100
struct channel_item *channel_items(struct channel_request *request, size_t count);

/* Answers with a problem as http.h has it; with Retry-After when it may be sent again. */
void channel_problem(struct channel_request *request, const struct problem *problem);

struct channel_route {
	const char *method; /* HTTP */
	const char *path;   /* web/route.h */
	size_t body_max;    /* bytes; 0: those of one submission in JSON */
	/*
	 * Who sends: a signature, a shared secret. Before anything of the body is believed. false:
	 * problem says why. NULL: anybody may.
	 */
	bool (*check)(struct channel_request *request, struct problem *problem);
	/*
	 * The whole request into items. false: problem says why, nothing was taken. NULL: nothing
	 * is taken in here, and reply answers alone: a provider's verification request.
	 */
	bool (*read)(struct channel_request *request, struct problem *problem);
	/* Answers the request, as does refuse: when it was refused as a whole. NULL: a problem as
	 * http.h has it. */
	void (*reply)(struct channel_request *request);
	void (*refuse)(struct channel_request *request, const struct problem *problem);
};

struct channel {
	const char *name; /* in the case: "web" */
	const struct channel_route *routes;
	size_t route_count;
	/* What the channel keeps, made of its settings. -1: why in err. All may be NULL. */
	int (*start)(const struct settings *settings, void **self, struct err *err);
	int (*reload)(void *self, const struct settings *settings, struct err *err);
	void (*stop)(void *self);
};

extern const struct channel *const channels[];
extern const size_t channel_count;

#endif
