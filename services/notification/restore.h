/* Taking over where another instance ended: the unfinished messages, from notifications.outcomes.
 */
#ifndef NOTIFICATION_RESTORE_H
#define NOTIFICATION_RESTORE_H

#include "client/kafka.h"
#include "delivery_queue.h"

/*
 * Adds what is unfinished in these partitions (of: how many there are) and not among the deliveries
 * yet, WAITING. resend: and, to begin anew, what has failed though it could arrive now
 * (reason_is_curable). Outcomes so old that what was unfinished then has ended since are not looked
 * at.
 */
int restore_deliveries(const struct settings *settings, const struct kafka_partition *partitions,
		       size_t count, int32_t of, bool resend, int64_t now_ms,
		       struct delivery_queue *deliveries, struct err *err) MUST_CHECK;

#endif
