/*
 * Sees to it that an Idempotency-Key keeps its number though Redis may lose what it holds. A thread
 * of its own looks at the mark of every partition; where it is missing it puts back, from
 * grievances.received, the number of every key of the time promised, and then the mark. It also
 * takes out what is older.
 */
#ifndef INTAKE_RESERVATION_KEEPER_H
#define INTAKE_RESERVATION_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "numbers.h"
#include "util/err.h"
#include "util/settings.h"

extern const struct setting reservation_keeper_settings[];

struct reservation_keeper;

/* numbers: tells the time, and must live longer. NULL: a setting is not understood. */
struct reservation_keeper *reservation_keeper_new(const struct settings *settings,
						  int32_t partitions, struct numbers *numbers,
						  struct err *err) MUST_CHECK;
void reservation_keeper_free(struct reservation_keeper **keeper);

/* It has looked at every partition once, and put back what was missing or could not. From any
 * thread. */
bool reservation_keeper_has_looked(struct reservation_keeper *keeper);

#endif
