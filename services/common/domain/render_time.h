/*
 * Times as people are told them: in the zone of the office that is meant, written as their language
 * writes dates. One thread at a time.
 */
#ifndef DOMAIN_RENDER_TIME_H
#define DOMAIN_RENDER_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/calendar.h"

#define TOLD_TIME_SIZE 160

struct render_times; /* keeps what ICU needs for each language and zone */

struct render_times *render_times_new(void);
void render_times_free(struct render_times **times); /* accepts NULL, sets NULL */

/*
 * When something is due: the day; with the hour and its zone when it is less than two days away,
 * or exact. What is due at midnight is due on the day that ends then. language: a canonical tag.
 * Returns text; "" for ms 0 (nothing is due).
 */
const char *render_due(struct render_times *times, const struct calendar *calendar,
		       const char *language, int64_t now_ms, int64_t ms, bool exact,
		       char text[TOLD_TIME_SIZE]);

#endif
