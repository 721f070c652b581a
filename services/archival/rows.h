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
	RECORD_OPEN_CASES,
	RECORD_OUTCOMES,
	RECORD_DEAD,
	RECORD_SIGNATURES,
	RECORD_LEDGER,
	RECORD_LEDGER_NODES,
	RECORDS
};

/* Its table, the columns in the order of the functions below, and the COPY statement of both. */
struct record_table {
	const char *name, *columns, *copy;
};
extern const struct record_table record_tables[RECORDS];

/*
 * What has ledgers of its own, one for each partition of the topic that it comes from: the leaves
 * are its rows. The order is part of the ledgers' numbers (ledger_book). Dead letters come last.
 */
enum { SEALED_EVENTS, SEALED_GRIEVANCES, SEALED_REFUSALS, SEALED_OUTCOMES, SEALED_DEAD };
#define SEALED_KINDS 8
struct sealed_kind {
	const char *topic;
	enum record record;
};
extern const struct sealed_kind sealed_kinds[SEALED_KINDS];

/* The bytes that follow the end of a row's predecessor: what its leaf is made of. */
struct ledger_hash row_leaf(const struct buffer *rows, size_t begin);

/* What opens a grievance, and must be the same for ever or be gone (redress-erase). */
struct ledger_hash row_key_digest(struct buffer *scratch, uint64_t number,
				  const Redress__CaseKey *key);
void row_epoch(struct buffer *rows, const Redress__Epoch *epoch);
void row_grievance(struct buffer *rows, const Redress__GrievanceReceived *received,
		   const struct ledger_hash *key_digest, const struct kafka_message *source);
void row_key(struct buffer *rows, uint64_t number, const Redress__CaseKey *key);
/* sealed_entry, sealed_leaf: where the ledger has it. */
void row_event(struct buffer *rows, const Redress__CaseEvent *event,
	       const struct kafka_message *source, int64_t sealed_entry, int32_t sealed_leaf);
/* event: the one that opened a case. */
void row_signature(struct buffer *rows, const Redress__CaseEvent *event);
void row_refusal(struct buffer *rows, const Redress__CaseEvent *event,
		 const struct kafka_message *source);
void row_case(struct buffer *rows, const Redress__CaseState *state);
/* As officers' lists have it; of a case that is over, too: with an empty stage. */
void row_open_case(struct buffer *rows, const Redress__CaseState *state);
void row_outcome(struct buffer *rows, const Redress__NotificationOutcome *outcome,
		 const struct kafka_message *source);
/* The record keeps messages for ever, but a case's key only where it can be erased (case_keys): of
 * a grievance it keeps all but the key. Kafka has the message whole, as long as it can be replayed.
 */
void row_dead(struct buffer *rows, struct arena *arena, const Redress__DeadLetter *message,
	      const struct kafka_message *source);
/* leaves: batch->events of them, or NULL when they are not kept. head: the ledger's with this
 * batch, signed. */
void row_ledger(struct buffer *rows, const struct ledger_entry *entry,
		const struct ledger_hash *leaves, const struct ledger_head *head);
void row_ledger_node(struct buffer *rows, int32_t partition, const struct ledger_node *node);

#endif
