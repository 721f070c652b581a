#include "rows.h"

#include <string.h>

#include "client/postgres.h"
#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "domain/pipeline.h"

#define SIGNATURE_SIZE 32

#define TABLE(table, columns)                                                                      \
	{                                                                                          \
		table, columns, "COPY " table " (" columns ") FROM STDIN BINARY"                   \
	}
#define CASE_COLUMNS                                                                               \
	"number, version, status, category, confidence, office, agency, deadline, opened_at,"      \
	" updated_at, language, channel, urgency, escalation_level, triage, alias_of, state"

/* clang-format off */
const struct record_table record_tables[RECORDS] = {
	[RECORD_GRIEVANCES] = TABLE("grievances",
		"number, received_at, channel, sender, service_code, declared_language, lat, lon, area_code,"
		" receipt_hash, idempotency_key, fingerprint, sealed_text, sealed_contact, epoch, key_digest,"
		" source_partition, source_offset"),
	[RECORD_KEYS] = TABLE("case_keys",
		"number, epoch_id, text_key, contact_key, text_for_receipt"),
	[RECORD_EVENTS] = TABLE("case_events",
		"number, version, at, kind, status, actor_kind, actor, source_partition, source_offset,"
		" entry, leaf, body"),
	[RECORD_REFUSALS] = TABLE("refusals",
		"source_partition, source_offset, number, at, command, actor, reason"),
	[RECORD_NEW_CASES] = TABLE("cases", CASE_COLUMNS),
	[RECORD_CHANGED_CASES] = TABLE("changed_cases", CASE_COLUMNS),
	[RECORD_OPEN_CASES] = TABLE("changed_open_cases",
		"number, version, stage, office, agency, overseer, officer, category, area, language, urgency,"
		" level, opened_ms, clock_ms"),
	[RECORD_OUTCOMES] = TABLE("notification_outcomes",
		"number, event_version, recipient, source_partition, source_offset, kind, channel, delivery,"
		" attempts, first_at, at, next_at, reason, provider_id"),
	[RECORD_DEAD] = TABLE("dead_letters",
		"dead_topic, partition, dead_offset, topic, source_offset, service, reason, at, body"),
	[RECORD_SIGNATURES] = TABLE("signatures", "number, at, signature, bands, suspected_abuse"),
	[RECORD_LEDGER] = TABLE("ledger",
		"partition, sequence, first_offset, last_offset, events, root, leaves, tree, at, signer,"
		" signature"),
	[RECORD_LEDGER_NODES] = TABLE("ledger_nodes", "partition, level, index, hash"),
};

const struct sealed_kind sealed_kinds[SEALED_KINDS] = {
	[SEALED_EVENTS]     = {TOPIC_EVENTS, RECORD_EVENTS},
	[SEALED_GRIEVANCES] = {TOPIC_RECEIVED, RECORD_GRIEVANCES},
	[SEALED_REFUSALS]   = {TOPIC_EVENTS, RECORD_REFUSALS},
	[SEALED_OUTCOMES]   = {TOPIC_OUTCOMES, RECORD_OUTCOMES},
	[SEALED_DEAD]       = {TOPIC_RECEIVED TOPIC_DEAD_SUFFIX, RECORD_DEAD},
	[SEALED_DEAD + 1]   = {TOPIC_COMMANDS TOPIC_DEAD_SUFFIX, RECORD_DEAD},
	[SEALED_DEAD + 2]   = {TOPIC_EVENTS TOPIC_DEAD_SUFFIX, RECORD_DEAD},
	[SEALED_DEAD + 3]   = {TOPIC_OUTCOMES TOPIC_DEAD_SUFFIX, RECORD_DEAD},
};
/* clang-format on */

static void data(struct buffer *rows, const ProtobufCBinaryData *bytes)
{
	copy_bytes(rows, bytes->data ? (const char *)bytes->data : "", bytes->len);
}

static void number_or_null(struct buffer *rows, uint64_t number)
{
	if (number)
		copy_int8(rows, (int64_t)number);
	else
		copy_null(rows);
}

static void time_or_null(struct buffer *rows, int64_t ms)
{
	if (ms)
		copy_time_ms(rows, ms);
	else
		copy_null(rows);
}

struct ledger_hash row_leaf(const struct buffer *rows, size_t begin)
{
	return ledger_row_leaf(rows->data + begin, rows->len - begin);
}

void row_epoch(struct buffer *rows, const Redress__Epoch *epoch)
{
	copy_row(rows, 6);
	data(rows, &epoch->id);
	copy_time_ms(rows, epoch->started_at_ms);
	data(rows, &epoch->text_for_classification);
	data(rows, &epoch->text_for_officer);
	data(rows, &epoch->contact_for_notification);
	data(rows, &epoch->contact_for_officer);
}

void row_key(struct buffer *rows, uint64_t number, const Redress__CaseKey *key)
{
	copy_row(rows, 5);
	copy_int8(rows, (int64_t)number);
	data(rows, &key->epoch_id);
	data(rows, &key->text_key);
	data(rows, &key->contact_key);
	data(rows, &key->text_for_receipt);
}

struct ledger_hash row_key_digest(struct buffer *scratch, uint64_t number,
				  const Redress__CaseKey *key)
{
	buffer_clear(scratch);
	row_key(scratch, number, key);
	return row_leaf(scratch, 0);
}

void row_grievance(struct buffer *rows, const Redress__GrievanceReceived *received,
		   const struct ledger_hash *key_digest, const struct kafka_message *source)
{
	const Redress__Grievance *grievance = received->grievance;
	const Redress__Place *place = grievance->place;
	copy_row(rows, 18);
	copy_int8(rows, (int64_t)grievance->number);
	copy_time_ms(rows, grievance->received_at_ms);
	copy_str(rows, grievance->channel);
	copy_str(rows, grievance->sender);
	copy_str(rows, grievance->service_code);
	copy_str(rows, grievance->declared_language);
	if (place && place->has_position) {
		copy_float8(rows, place->lat);
		copy_float8(rows, place->lon);
	} else {
		copy_null(rows);
		copy_null(rows);
	}
	copy_str(rows, place ? place->area_code : "");
	data(rows, &grievance->receipt_hash);
	data(rows, &grievance->idempotency_key);
	data(rows, &grievance->fingerprint);
	data(rows, &grievance->sealed_text);
	data(rows, &grievance->sealed_contact);
	data(rows, &received->epoch->id);
	copy_bytes(rows, key_digest->bytes, sizeof(key_digest->bytes));
	copy_int4(rows, source->partition);
	copy_int8(rows, source->offset);
}

void row_event(struct buffer *rows, const Redress__CaseEvent *event,
	       const struct kafka_message *source, int64_t sealed_entry, int32_t sealed_leaf)
{
	copy_row(rows, 12);
	copy_int8(rows, (int64_t)event->number);
	copy_int4(rows, (int32_t)event->version);
	copy_time_ms(rows, event->at_ms);
	copy_str(rows, event_kind(event));
	copy_str(rows, case_status_name(event->status));
	copy_int2(rows, event->actor ? (int16_t)event->actor->kind : 0);
	copy_str(rows, event->actor ? event->actor->id : "");
	copy_int4(rows, source->partition);
	copy_int8(rows, source->offset);
	copy_int8(rows, sealed_entry);
	copy_int4(rows, sealed_leaf);
	copy_bytes(rows, source->value, source->len);
}

/* As deploy/sql/0003_signatures.sql says: the place of a piece, then its three bytes. */
static void bands(struct buffer *rows, const ProtobufCBinaryData *signature)
{
	enum { BANDS = 10, BYTES = 3 };
	int32_t band[BANDS];
	for (int32_t i = 0; i < BANDS; i++) {
		const uint8_t *bytes = signature->data + i * BYTES;
		band[i] = i << 24 | bytes[0] << 16 | bytes[1] << 8 | bytes[2];
	}
	copy_int4_array(rows, band, BANDS);
}

void row_signature(struct buffer *rows, const Redress__CaseEvent *event)
{
	static const ProtobufCBinaryData none;
	const Redress__Classification *found = event->opened->classification;
	bool whole = found && found->signature.len == SIGNATURE_SIZE;
	copy_row(rows, 5);
	copy_int8(rows, (int64_t)event->number);
	copy_time_ms(rows, event->at_ms);
	data(rows, whole ? &found->signature : &none);
	if (whole)
		bands(rows, &found->signature);
	else
		copy_int4_array(rows, NULL, 0);
	copy_bool(rows, found && found->suspected_abuse);
}

void row_refusal(struct buffer *rows, const Redress__CaseEvent *event,
		 const struct kafka_message *source)
{
	copy_row(rows, 7);
	copy_int4(rows, source->partition);
	copy_int8(rows, source->offset);
	copy_int8(rows, (int64_t)event->number);
	copy_time_ms(rows, event->at_ms);
	copy_str(rows, event->refused->command);
	copy_str(rows, event->actor ? event->actor->id : "");
	copy_str(rows, event->refused->reason->code);
}

static void packed_state(struct buffer *rows, const Redress__CaseState *state)
{
	size_t size = redress__case_state__get_packed_size(state);
	redress__case_state__pack(state, copy_reserve(rows, size));
}

void row_case(struct buffer *rows, const Redress__CaseState *state)
{
	copy_row(rows, 17);
	copy_int8(rows, (int64_t)state->number);
	copy_int4(rows, (int32_t)state->version);
	copy_str(rows, case_status_name(state->status));
	copy_str(rows, state->category);
	copy_float4(rows, state->confidence);
	copy_str(rows, state->office);
	copy_str(rows, state->agency);
	time_or_null(rows, case_clock_ms(state));
	copy_time_ms(rows, state->opened_at_ms);
	copy_time_ms(rows, state->updated_at_ms);
	copy_str(rows, state->language);
	copy_str(rows, state->channel);
	copy_int2(rows, (int16_t)state->urgency);
	copy_int4(rows, (int32_t)state->escalation_level);
	copy_bool(rows, state->triage);
	number_or_null(rows, state->alias_of);
	packed_state(rows, state);
}

static const char *stage_of(Redress__Status status)
{
	return case_is_over(status)                    ? ""
	       : status == REDRESS__STATUS__WAITING    ? "waiting"
	       : status == REDRESS__STATUS__ANSWERED   ? "answered"
	       : status != REDRESS__STATUS__STATUS_NONE ? "open"
						       : "";
}

void row_open_case(struct buffer *rows, const Redress__CaseState *state)
{
	int64_t clock = state->status == REDRESS__STATUS__ANSWERED ? state->updated_at_ms
								   : case_clock_ms(state);
	copy_row(rows, 14);
	copy_int8(rows, (int64_t)state->number);
	copy_int4(rows, (int32_t)state->version);
	copy_str(rows, stage_of(state->status));
	copy_str(rows, state->office);
	copy_str(rows, state->agency);
	copy_str(rows, state->overseer);
	copy_str(rows, state->officer);
	copy_str(rows, state->category);
	copy_str(rows, state->place ? state->place->area_code : "");
	copy_str(rows, state->language);
	copy_int2(rows, (int16_t)state->urgency);
	copy_int4(rows, (int32_t)state->escalation_level);
	copy_int8(rows, state->opened_at_ms);
	copy_int8(rows, clock ? clock : INT64_MAX);
}

static const char *delivery_name(Redress__Delivery delivery)
{
	switch (delivery) {
	case REDRESS__DELIVERY__DELIVERED:
		return "delivered";
	case REDRESS__DELIVERY__FAILED:
		return "failed";
	default:
		return "trying";
	}
}

void row_outcome(struct buffer *rows, const Redress__NotificationOutcome *outcome,
		 const struct kafka_message *source)
{
	const Redress__NotificationJob *job = outcome->job;
	copy_row(rows, 14);
	copy_int8(rows, (int64_t)job->number);
	copy_int4(rows, (int32_t)job->event_version);
	copy_str(rows, job->recipient == REDRESS__RECIPIENT__TO_OFFICE ? "office" : "citizen");
	copy_int4(rows, source->partition);
	copy_int8(rows, source->offset);
	copy_str(rows, job->kind);
	copy_str(rows, job->channel);
	copy_str(rows, delivery_name(outcome->delivery));
	copy_int4(rows, (int32_t)outcome->attempts);
	copy_time_ms(rows, outcome->first_at_ms);
	copy_time_ms(rows, outcome->at_ms);
	time_or_null(rows, outcome->next_at_ms);
	copy_str(rows, outcome->reason);
	copy_str(rows, outcome->provider_id);
}

/* A grievance without the key that opens it; nothing when it cannot be told where the key is. */
static ProtobufCBinaryData without_key(struct arena *arena, const ProtobufCBinaryData *value)
{
	ProtobufCBinaryData rest = {0, NULL};
	Redress__GrievanceReceived *received =
	    redress__grievance_received__unpack(arena_protobuf(arena), value->len, value->data);
	if (!received)
		return rest;
	received->key = NULL;
	rest.data = arena_take(arena, redress__grievance_received__get_packed_size(received));
	rest.len = redress__grievance_received__pack(received, rest.data);
	return rest;
}

static ProtobufCBinaryData kept_of(struct arena *arena, const Redress__DeadLetter *message,
				   const struct kafka_message *source)
{
	if (strcmp(message->topic, TOPIC_RECEIVED) != 0)
		return (ProtobufCBinaryData){source->len, (uint8_t *)(uintptr_t)source->value};
	Redress__DeadLetter kept = *message;
	kept.value = without_key(arena, &message->value);
	uint8_t *packed = arena_take(arena, redress__dead_letter__get_packed_size(&kept));
	return (ProtobufCBinaryData){redress__dead_letter__pack(&kept, packed), packed};
}

void row_dead(struct buffer *rows, struct arena *arena, const Redress__DeadLetter *message,
	      const struct kafka_message *source)
{
	ProtobufCBinaryData body = kept_of(arena, message, source);
	copy_row(rows, 9);
	copy_str(rows, source->topic);
	copy_int4(rows, source->partition);
	copy_int8(rows, source->offset);
	copy_str(rows, message->topic);
	copy_int8(rows, message->offset);
	copy_str(rows, message->service);
	copy_str(rows, message->reason);
	copy_time_ms(rows, message->at_ms);
	data(rows, &body);
}

void row_ledger(struct buffer *rows, const struct ledger_entry *entry,
		const struct ledger_hash *leaves, const struct ledger_head *head)
{
	copy_row(rows, 11);
	copy_int4(rows, entry->partition);
	copy_int8(rows, entry->sequence);
	copy_int8(rows, entry->first_offset);
	copy_int8(rows, entry->last_offset);
	copy_int4(rows, (int32_t)entry->events);
	copy_bytes(rows, entry->root.bytes, sizeof(entry->root.bytes));
	copy_bytes(rows, leaves ? (const void *)leaves : "",
		   leaves ? (size_t)entry->events * sizeof(*leaves) : 0);
	copy_bytes(rows, head->root.bytes, sizeof(head->root.bytes));
	copy_time_ms(rows, head->at_ms);
	copy_bytes(rows, head->key, sizeof(head->key));
	copy_bytes(rows, head->signature, sizeof(head->signature));
}

void row_ledger_node(struct buffer *rows, int32_t partition, const struct ledger_node *node)
{
	copy_row(rows, 4);
	copy_int4(rows, partition);
	copy_int2(rows, (int16_t)node->level);
	copy_int8(rows, node->index);
	copy_bytes(rows, node->hash.bytes, sizeof(node->hash.bytes));
}
