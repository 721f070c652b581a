/*
 * Case numbers for the admission. A thread of its own keeps a lease of them ready, got from the
 * topic intake.leases (domain/number_book.h), so that giving a number never waits for anybody.
 */
#ifndef INTAKE_NUMBERS_H
#define INTAKE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/settings.h"

extern const struct setting numbers_settings[];

struct numbers;

struct numbers *numbers_new(const struct settings *settings);
void numbers_free(struct numbers **numbers);

/* false: there is no lease at present. From any thread. */
bool numbers_next(struct numbers *numbers, int64_t now_ms, uint8_t slot, uint64_t *number);
/* Number-time, in Unix milliseconds, where the present lease begins: never ahead of the broker's
 * clock by more than NUMBER_AHEAD_MS, whatever this machine's clock says. false: there has been no
 * lease yet. From any thread. */
bool numbers_time(struct numbers *numbers, int64_t *time_ms);
/* -1 and why: no lease can be had. From any thread. */
int numbers_ready(struct numbers *numbers, struct err *err);

#endif
