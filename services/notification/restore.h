/* Taking over where another instance ended: the unfinished messages, from notifications.outcomes.
 */
#ifndef NOTIFICATION_RESTORE_H
#define NOTIFICATION_RESTORE_H

#include "client/kafka.h"
#include "work.h"

/* Adds what is unfinished in these partitions, WAITING. Outcomes from before since_ms are not
 * looked at: what was unfinished then has ended. */
int restore_works(const struct settings *settings, const struct kafka_partition *partitions,
		  size_t count, int64_t since_ms, struct works *works, struct err *err) MUST_CHECK;

#endif
