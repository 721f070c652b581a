/* What hooks and loops may ask of the runtime, and what signals ask of it. */
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/runtime_private.h"
#include "util/clock.h"
#include "util/log.h"

/* Signals have no other way to say it. */
static volatile sig_atomic_t stop_asked, reload_asked;

static void on_signal(int signal)
{
	if (signal == SIGHUP)
		reload_asked = 1;
	else
		stop_asked = 1;
}

void runtime_catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

/* Cleared only when it was seen: what is asked in between is not forgotten. */
static bool take_reload(void)
{
	if (!reload_asked)
		return false;
	reload_asked = 0;
	return true;
}

const struct settings *runtime_settings(const struct runtime *runtime)
{
	return runtime->settings;
}

int32_t runtime_partitions(const struct runtime *runtime)
{
	return runtime->partitions;
}

const char *runtime_source(const struct runtime *runtime)
{
	return runtime->source;
}

bool runtime_stopping(const struct runtime *runtime)
{
	(void)runtime;
	return stop_asked;
}

void runtime_beat(struct runtime *runtime)
{
	runtime->beat_us = clock_mono_us();
	struct err err;
	if (!take_reload() || !runtime->service->reload)
		return;
	if (runtime->service->reload(runtime->self, &err))
		log_error(0, "not reloaded, going on as before: %s", err.text);
	else
		log_info(0, "reloaded");
}

void runtime_end(const struct err *why)
{
	log_error(0, "ending to be started again: %s", why->text);
	_exit(EX_SOFTWARE);
}
