/* What hooks and loops may ask of the runtime, and what signals ask of it. */
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/runtime_private.h"
#include "util/clock.h"
#include "util/deadline.h"
#include "util/log.h"

/* Signals have no other way to say it. */
static volatile sig_atomic_t stop_asked, reload_asked;
static unsigned stop_most_s;

/* What is under way when the end comes may take so long: most of it is done in much less. */
#define LAST_WAIT_MS 5000

static void ask_to_stop(void)
{
	if (stop_asked)
		return;
	stop_asked = 1;
	deadline_end_all_in(LAST_WAIT_MS);
	alarm(stop_most_s);
}

/* Nothing is lost: what was not committed is done again after the next start. */
_Noreturn static void end_late(void)
{
	static const char words[] =
	    "level=error msg=\"could not end in time (stop.timeout), leaving"
	    " what is under way\"\n";
	if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0)
		_exit(EX_OSERR);
	_exit(EX_SOFTWARE);
}

static void on_signal(int signal)
{
	if (signal == SIGHUP)
		reload_asked = 1;
	else if (signal == SIGALRM)
		end_late();
	else
		ask_to_stop();
}

void runtime_catch_signals(int64_t stop_timeout_ms)
{
	struct sigaction action = {.sa_handler = on_signal};
	stop_most_s = (unsigned)((stop_timeout_ms + 999) / 1000);
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
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

void runtime_works(struct runtime *runtime, const struct err *why)
{
	pthread_mutex_lock(&runtime->lock);
	if (why)
		runtime->why = *why;
	runtime->working = !why;
	pthread_mutex_unlock(&runtime->lock);
}

void runtime_end(const struct err *why)
{
	log_error(0, "ending to be started again: %s", why->text);
	_exit(EX_SOFTWARE);
}
