/* What the files of casework share. */
#ifndef CASEWORK_PRIVATE_H
#define CASEWORK_PRIVATE_H

#include <jansson.h>
#include <pthread.h>

#include "client/catalogue_folder.h"
#include "domain/render_time.h"
#include "domain/unseal.h"
#include "runtime/service.h"
#include "util/log.h"
#include "web/route.h"
#include "web/site.h"
#include "web/throttle.h"
#include "web/workers.h"

#define CASEWORK_KEY_SIZE 32

struct commands;

struct casework {
	struct runtime *runtime;
	struct site *site;
	struct shared_catalogue *catalogue;
	struct throttle *throttle; /* failed sign-ins */
	struct commands *commands;
	/* reading; acting, which waits for routing; signing in, which takes memory and time */
	struct workers *readers, *writers, *signers;
	uint8_t key[CASEWORK_KEY_SIZE];
	uint8_t officer_public[32], officer_secret[32];
	bool secure; /* served by https */
	pthread_mutex_t times_lock;
	struct render_times *times;
	struct log_limit trouble;
	struct metric *signed_in, *refused;
};

/* What one of the workers has of its own. */
struct tools {
	struct casework *casework;
	struct postgres *postgres;
	struct unsealer *officer;
};

/* signing.c, queue.c, case_page.c: their rows. */
void signing_serve(struct router *router, struct casework *casework);
void queue_serve(struct router *router, struct casework *casework);
void case_page_serve(struct router *router, struct casework *casework);

#endif
