#include "util/deadline.h"

#include <poll.h>
#include <stdatomic.h>

#include "util/clock.h"

/* A wait looks so often whether the process is to end: the signal may reach another thread. */
#define STEP_MS 100

/* Process-wide by nature: the end of the process. */
static _Atomic int64_t end_asked_us = INT64_MAX, most_us;

struct deadline deadline_in(int64_t ms)
{
	int64_t now_us = clock_mono_us();
	return (struct deadline){now_us, now_us + ms * 1000};
}

int deadline_left_ms(const struct deadline *deadline)
{
	int64_t asked = end_asked_us, at = deadline->at_us;
	if (asked != INT64_MAX) {
		int64_t from = deadline->begun_us > asked ? deadline->begun_us : asked;
		at = at < from + most_us ? at : from + most_us;
	}
	int64_t left_ms = (at - clock_mono_us() + 999) / 1000;
	return left_ms <= 0 ? 0 : left_ms < INT32_MAX ? (int)left_ms : INT32_MAX;
}

bool deadline_poll(const struct deadline *deadline, int fd, short events)
{
	struct pollfd what = {.fd = fd, .events = events};
	for (int left; (left = deadline_left_ms(deadline));) {
		if (poll(&what, 1, left < STEP_MS ? left : STEP_MS) > 0)
			return true;
	}
	return false;
}

void deadline_end_all_in(int64_t ms)
{
	most_us = ms * 1000;
	end_asked_us = clock_mono_us();
}
