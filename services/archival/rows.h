/* What a message becomes in the record: one row of a table, as binary COPY takes it. Pure. */
#ifndef ARCHIVAL_ROWS_H
#define ARCHIVAL_ROWS_H

#include "case.pb-c.h"
#include "client/kafka.h"
#include "domain/ledger.h"
#include "domain/ledger_head.h"
#include "dead_letter.pb-c.h"
#include "grievance.pb-c.h"
#include "notification.pb-c.h"
#include "util/arena.h"
#include "util/buffer.h"

enum record {
	RECORD_GRIEVANCES,
	RECORD_KEYS,
	RECORD_EVENTS,
	RECORD_REFUSALS,
	RECORD_NEW_CASES,
	RECORD_CHANGED_CASES,
	RECORD_OUTCOMES,
	RECORD_DEAD,
	RECORD_SIGNATURES,
	RECORD_LEDGER,
	RECORD_LEDGER_NODES,
	RECORDS
};

/* The COPY statement for each, in the column order of the functions below. */
extern const char *const record_copy[RECORDS];

void row_grievance(struct buffer *rows, const Redress__Grievance *grievance);
void row_key(struct buffer *rows, uint64_t number, const Redress__CaseKey *key);
/* sealed_entry, sealed_leaf: where the ledger has it. */
void row_event(struct buffer *rows, const Redress__CaseEvent *event,
	       const struct kafka_message *source, int64_t sealed_entry, int32_t sealed_leaf);
/* event: the one that opened a case. */
void row_signature(struct buffer *rows, const Redress__CaseEvent *event);
void row_refusal(struct buffer *rows, const Redress__CaseEvent *event,
		 const struct kafka_message *source);
void row_case(struct buffer *rows, const Redress__CaseState *state);
void row_outcome(struct buffer *rows, const Redress__NotificationOutcome *outcome,
		 const struct kafka_message *source);
/* The record keeps letters for ever, but a case's key only where it can be erased (case_keys): of a
 * grievance it keeps all but the key. Kafka has the letter whole, as long as it can be replayed. */
void row_dead(struct buffer *rows, struct arena *arena, const Redress__DeadLetter *letter,
	      const struct kafka_message *source);
/* leaves: entry->events of them. head: the partition's with this entry, signed. */
void row_ledger(struct buffer *rows, const struct ledger_entry *entry,
		const struct ledger_hash *leaves, const struct ledger_head *head);
void row_ledger_node(struct buffer *rows, int32_t partition, const struct ledger_node *node);

#endif
