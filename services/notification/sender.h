/*
 * A sender: one file senders/NAME.c that ends in `const struct sender sender_NAME` and has its
 * settings in `const struct setting sender_NAME_settings[]`; the build makes the tables of them. It
 * prepares one libcurl transfer and reads what came of it; when, how often and for whom is
 * notification's.
 */
#ifndef NOTIFICATION_SENDER_H
#define NOTIFICATION_SENDER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "grievance.pb-c.h"
#include "util/arena.h"
#include "sender_settings.h"
#include "util/settings.h"
#include "verdict.h"

/* One message to one recipient; lives until its transfer has ended. */
struct message {
	struct arena *arena;
	const char *address; /* of the recipient, for this sender; in wire form once accepted */
	const char *host;    /* set by accept: what is sent to one host shares its fate */
	const char *subject, *body;
	const char *language; /* of subject and body */
	const char *number;   /* of the case, as written */
	const char *kind;
	const char *link; /* of the case's page */
	const char *url;  /* of the case, for programs */
	char id[33];      /* the idempotency key in hex: the provider gets it */
	int64_t now_ms;
	struct curl_slist *list; /* freed by notification afterwards */
	const char *upload;      /* what a sender's read function has left */
	size_t upload_left;
	void *own;       /* the sender's, in the arena */
	char answer[64]; /* set by ending: what the host said, in codes, for the log */
};

struct sender {
	const char *name;
	bool relay; /* all goes to one host of our own, which has the sender's whole share */
	bool (*is_set_up)(const struct settings *settings);
	/* The contact's address for this sender; "" when it has none. */
	const char *(*address)(const Redress__Contact *contact);
	/* Brings the address into wire form, sets host. Else why nothing can be sent to it. */
	const char *(*accept)(struct message *message, const struct settings *settings);
	void (*prepare)(CURL *transfer, struct message *message, const struct settings *settings);
	struct ending (*ending)(CURL *transfer, CURLcode code, struct message *message);
};

extern const struct sender *const senders[];
extern const size_t sender_count;

#endif
