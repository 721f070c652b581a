/*
 * Preloaded into a daemon: its clock is off by WRONG_CLOCK_S seconds, as util/clock.h reads it;
 * nothing else changes. libfaketime also changes gettimeofday, from which librdkafka reckons the
 * ends of its waits, but not what waits: these then end at once or never.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static time_t offset(void)
{
	const char *text = getenv("WRONG_CLOCK_S");
	return text ? (time_t)atoll(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int (*real)(clockid_t, struct timespec *) =
	    (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int result = real(clock, now);
	if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += offset();
	return result;
}
