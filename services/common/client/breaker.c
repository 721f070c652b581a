#include "client/breaker.h"

#include <stdio.h>

#include "util/clock.h"
#include "util/log.h"

#define PAUSE_US INT64_C(1000000)

/* Those that have been entered: what /readyz tells of. */
#define STORES_MAX 8
static struct breaker *stores[STORES_MAX];
static pthread_mutex_t stores_lock = PTHREAD_MUTEX_INITIALIZER;
static bool logged; /* set once at start */

void stores_log_changes(void)
{
	logged = true;
}

static void remember(struct breaker *breaker)
{
	pthread_mutex_lock(&stores_lock);
	size_t at = 0;
	while (at < STORES_MAX && stores[at] && stores[at] != breaker)
		at++;
	if (at < STORES_MAX)
		stores[at] = breaker;
	pthread_mutex_unlock(&stores_lock);
}

static int tell(const struct breaker *breaker, struct err *err)
{
	return err_set(err, "%s is away: %s", breaker->store, breaker->why.text);
}

int breaker_enter(struct breaker *breaker, enum breaker_caller caller, struct err *err)
{
	int result = 0;
	if (!breaker->away && caller == BREAKER_USER)
		return 0;
	pthread_mutex_lock(&breaker->lock);
	if (caller == BREAKER_WATCHER)
		breaker->watched = true;
	else if (breaker->away &&
		 (breaker->watched || breaker->trying || clock_mono_us() < breaker->again_us))
		result = tell(breaker, err);
	else
		breaker->trying = true;
	pthread_mutex_unlock(&breaker->lock);
	return result;
}

static void change(struct breaker *breaker, const struct err *why)
{
	if (logged && why && !breaker->away)
		log_warn(0, "%s is away, will try again: %s", breaker->store, why->text);
	else if (logged && !why && breaker->away)
		log_info(0, "%s is there again", breaker->store);
	breaker->trying = false;
	breaker->away = why != NULL;
	if (why) {
		breaker->why = *why;
		breaker->again_us = clock_mono_us() + PAUSE_US;
	}
}

void breaker_leave(struct breaker *breaker, const struct err *why)
{
	if (!why && !breaker->away)
		return;
	pthread_mutex_lock(&breaker->lock);
	change(breaker, why);
	pthread_mutex_unlock(&breaker->lock);
	if (why)
		remember(breaker);
}

int breaker_check(struct breaker *breaker, struct err *err)
{
	pthread_mutex_lock(&breaker->lock);
	int result = breaker->away ? tell(breaker, err) : 0;
	pthread_mutex_unlock(&breaker->lock);
	return result;
}

int stores_check(struct err *err)
{
	size_t len = 0;
	pthread_mutex_lock(&stores_lock);
	for (size_t i = 0; i < STORES_MAX && stores[i] && len < sizeof(err->text); i++) {
		struct err one;
		if (breaker_check(stores[i], &one))
			len += (size_t)snprintf(err->text + len, sizeof(err->text) - len, "%s%s",
						len ? "; " : "", one.text);
	}
	pthread_mutex_unlock(&stores_lock);
	return len ? -1 : 0;
}
