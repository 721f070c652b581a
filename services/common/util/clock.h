/* The clocks. Only daemons and the runtime look at them; decisions are told the time. */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_now_ms(void);  /* Unix milliseconds */
int64_t clock_mono_us(void); /* microseconds since some start, never goes back */
/* Processor time of this thread, in nanoseconds: what else the machine does counts little. */
int64_t clock_thread_ns(void);

#define CLOCK_RFC3339_SIZE 32
/* "2026-03-04T05:06:07Z" (RFC 3339, no fraction) into text; returns text. Pure. */
const char *clock_rfc3339(int64_t ms, char text[CLOCK_RFC3339_SIZE]);

/* A date, or a date and a time of ISO 8601, with Z or an offset; without one it is UTC. A fraction
 * of a second is cut off. false: it is none. Pure. */
bool clock_parse(const char *text, int64_t *ms);

#endif
