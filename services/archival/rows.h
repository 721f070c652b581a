/* What a message becomes in the record: one row of a table, as binary COPY takes it. Pure. */
#ifndef ARCHIVAL_ROWS_H
#define ARCHIVAL_ROWS_H

#include "case.pb-c.h"
#include "client/kafka.h"
#include "dead_letter.pb-c.h"
#include "grievance.pb-c.h"
#include "notification.pb-c.h"
#include "util/buffer.h"

enum record {
	RECORD_GRIEVANCES,
	RECORD_KEYS,
	RECORD_EVENTS,
	RECORD_REFUSALS,
	RECORD_NEW_CASES,
	RECORD_CHANGED_CASES,
	RECORD_OUTCOMES,
	RECORD_NOTIFICATIONS,
	RECORD_DEAD,
	RECORDS
};

/* The COPY statement for each, in the column order of the functions below. */
extern const char *const record_copy[RECORDS];

void row_grievance(struct buffer *rows, const Redress__Grievance *grievance);
void row_key(struct buffer *rows, uint64_t number, const Redress__CaseKey *key);
void row_event(struct buffer *rows, const Redress__CaseEvent *event,
	       const struct kafka_message *source);
void row_refusal(struct buffer *rows, const Redress__CaseEvent *event,
		 const struct kafka_message *source);
void row_case(struct buffer *rows, const Redress__CaseState *state);
void row_outcome(struct buffer *rows, const Redress__NotificationOutcome *outcome,
		 const struct kafka_message *source);
/* The same as the current state of its notification. */
void row_notification(struct buffer *rows, const Redress__NotificationOutcome *outcome,
		      const struct kafka_message *source);
void row_dead(struct buffer *rows, const Redress__DeadLetter *letter,
	      const struct kafka_message *source);

#endif
