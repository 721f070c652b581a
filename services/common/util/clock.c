#include "util/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_thread_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const char *clock_rfc3339(int64_t ms, char text[CLOCK_RFC3339_SIZE])
{
	time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm utc;
	if (!gmtime_r(&seconds, &utc) || !strftime(text, CLOCK_RFC3339_SIZE, "%FT%TZ", &utc))
		snprintf(text, CLOCK_RFC3339_SIZE, "1970-01-01T00:00:00Z");
	return text;
}

/* "Z", "+02:00", "-0330"; nothing is UTC. */
static bool read_offset(const char *text, int64_t *seconds)
{
	int hours, minutes, used = 0;
	*seconds = 0;
	if (!*text || ((*text == 'Z' || *text == 'z') && !text[1]))
		return true;
	if ((sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 &&
	     sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &used) != 2) ||
	    text[1 + used] || hours > 23 || minutes > 59)
		return false;
	/* a form's "+" may have become a space */
	*seconds = (hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
	return *text == '+' || *text == '-' || *text == ' ';
}

bool clock_parse(const char *text, int64_t *ms)
{
	struct tm utc = {0};
	int64_t offset;
	const char *rest = strptime(text, "%Y-%m-%d", &utc);
	if (!rest || utc.tm_year < 0)
		return false;
	if (*rest == 'T' || *rest == 't' || *rest == ' ')
		rest = strptime(rest + 1, "%H:%M:%S", &utc);
	if (rest && *rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!rest || !read_offset(rest, &offset))
		return false;
	*ms = ((int64_t)timegm(&utc) - offset) * 1000;
	return true;
}
