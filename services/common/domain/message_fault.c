#include "domain/message_fault.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "case.pb-c.h"
#include "dead_letter.pb-c.h"
#include "domain/case_number.h"
#include "domain/case_state.h"
#include "domain/seal.h"
#include "grievance.pb-c.h"
#include "notification.pb-c.h"
#include "util/text.h"

#define DAY_MS        INT64_C(86400000)
#define EARLIEST_MS   CASE_NUMBER_EPOCH_MS
#define DEADLINE_DAYS 7320 /* twenty years */
#define KIB           1024
#define UNKNOWN_MOST                                                                               \
	((size_t)16 * KIB) /* of a message, in fields that only a newer version has                \
			    */

/* ---- the table ------------------------------------------------------------------------------ */

enum kind {
	FREE,   /* a bool; an enum, of which only known values are taken; a part without a bound */
	TEXT,   /* UTF-8, at most so many bytes */
	BYTES,  /* at most so many */
	SIZED,  /* exactly so many bytes, or none */
	ID,     /* exactly so many bytes */
	NUMBER, /* the case, which must be of the partition */
	OTHER,  /* another case, or 0 */
	PLACE,  /* the partition it was read from */
	UP_TO,  /* from 0 */
	WITHIN, /* from -most to most */
	HAPPENED, /* a time that was */
	PERHAPS,  /* the same, or 0 */
	DEADLINE, /* a time that was or will be, or 0 */
	PRESENT,  /* a part that must be there */
	LIST,     /* at most so many parts */
};

struct rule {
	const char *field; /* of every message that has it; or "Message.field", which goes before */
	enum kind kind;
	int64_t most;
};

/* clang-format off */
static const struct rule table[] = {
	/* cases, versions, times */
	{"number",                NUMBER, 0},
	{"alias_of",              OTHER, 0},
	{"version",               UP_TO, INT32_MAX},
	{"based_on",              UP_TO, INT32_MAX},
	{"current_version",       UP_TO, INT32_MAX},
	{"event_version",         UP_TO, INT32_MAX},
	{"level",                 UP_TO, 10000},
	{"escalation_level",      UP_TO, 10000},
	{"attempts",              UP_TO, INT32_MAX},
	{"score",                 UP_TO, CASE_SCORE_MAX},
	{"reminders",             UP_TO, INT32_MAX},
	{"at_ms",                 HAPPENED, 0},
	{"received_at_ms",        HAPPENED, 0},
	{"opened_at_ms",          HAPPENED, 0},
	{"updated_at_ms",         HAPPENED, 0},
	{"started_at_ms",         HAPPENED, 0},
	{"first_at_ms",           HAPPENED, 0},
	{"event_at_ms",           PERHAPS, 0},
	{"reminded_at_ms",        PERHAPS, 0},
	{"next_at_ms",            DEADLINE, 0},
	{"deadline_ms",           DEADLINE, 0},
	{"missed_deadline_ms",    DEADLINE, 0},
	{"waiting_since_ms",      PERHAPS, 0},
	{"waiting_until_ms",      DEADLINE, 0},
	{"closes_at_ms",          DEADLINE, 0},
	{"waited_until_ms",       DEADLINE, 0},
	{"remaining_ms",          UP_TO, INT64_C(3650) * 86400000},

	/* codes and names */
	{"channel",               TEXT, MESSAGE_CODE_MOST},
	{"sender",                TEXT, MESSAGE_CODE_MOST},
	{"service_code",          TEXT, MESSAGE_CODE_MOST},
	{"service",               TEXT, MESSAGE_CODE_MOST},
	{"area_code",             TEXT, MESSAGE_CODE_MOST},
	{"category",              TEXT, MESSAGE_CODE_MOST},
	{"previous_category",     TEXT, MESSAGE_CODE_MOST},
	{"office",                TEXT, MESSAGE_CODE_MOST},
	{"previous_office",       TEXT, MESSAGE_CODE_MOST},
	{"agency",                TEXT, MESSAGE_CODE_MOST},
	{"model_version",         TEXT, MESSAGE_CODE_MOST},
	{"kind",                  TEXT, MESSAGE_CODE_MOST},
	{"status",                TEXT, MESSAGE_CODE_MOST},
	{"command",               TEXT, MESSAGE_CODE_MOST},
	{"code",                  TEXT, MESSAGE_CODE_MOST},
	{"value",                 TEXT, 8000},
	{"language",              TEXT, 35},
	{"declared_language",     TEXT, 35},
	{"rule",                  TEXT, MESSAGE_RULE_MOST},
	{"officer",               TEXT, MESSAGE_ACTOR_MOST},
	{"previous_officer",      TEXT, MESSAGE_ACTOR_MOST},
	{"Actor.id",              TEXT, MESSAGE_ACTOR_MOST},
	{"overseer",              TEXT, MESSAGE_CODE_MOST},
	{"Argument.name",         TEXT, MESSAGE_CODE_MOST},
	{"Argument.value",        TEXT, MESSAGE_CODE_MOST},
	{"reason",                TEXT, MESSAGE_REASON_MOST},
	{"urgency_reason",        TEXT, MESSAGE_CODE_MOST},
	{"provider_id",           TEXT, MESSAGE_REASON_MOST},

	/* what is sealed, and hashes */
	{"Grievance.sealed_text", BYTES, 480 * KIB},
	{"sealed_text",           BYTES, 256 * KIB},
	{"sealed_contact",        BYTES, 16 * KIB},
	{"sealed_why",            BYTES, 32 * KIB},
	{"Command.id",            SIZED, 16},
	{"cause",                 SIZED, 16},
	{"NotificationJob.key",   ID,    16},
	{"idempotency_key",               SIZED, 16},
	{"fingerprint",           SIZED, 16},
	{"receipt_hash",          SIZED, 32},
	{"signature",             SIZED, 32},
	{"epoch_id",              ID,    SEAL_EPOCH_ID_SIZE},
	{"Epoch.id",              ID,    SEAL_EPOCH_ID_SIZE},
	{"text_key",              SIZED, SEAL_WRAPPED_SIZE},
	{"contact_key",           SIZED, SEAL_WRAPPED_SIZE},
	{"text_for_receipt", SIZED, SEAL_WRAPPED_SIZE},
	{"text_for_classification",  SIZED, SEAL_EPOCH_SEALED_SIZE},
	{"text_for_officer",            SIZED, SEAL_EPOCH_SEALED_SIZE},
	{"contact_for_notification", SIZED, SEAL_EPOCH_SEALED_SIZE},
	{"contact_for_officer",         SIZED, SEAL_EPOCH_SEALED_SIZE},

	/* measures */
	{"confidence",            UP_TO, 1},
	{"language_confidence",   UP_TO, 1},
	{"lat",                   WITHIN, 90},
	{"lon",                   WITHIN, 180},

	/* lists and parts */
	{"answers",               LIST, 50},
	{"arguments",             LIST, 4},
	{"guesses",               LIST, 10},
	{"history",               LIST, 64},
	{"applied",               LIST, 8},
	{"GrievanceReceived.grievance", PRESENT, 0},
	{"GrievanceReceived.key",       PRESENT, 0},
	{"GrievanceReceived.epoch",     PRESENT, 0},
	{"Open.grievance",              PRESENT, 0},
	{"Opened.grievance",            PRESENT, 0},
	{"NotificationOutcome.job",     PRESENT, 0},
	{"Refused.reason",              PRESENT, 0},
	{"CachedContact.key",              PRESENT, 0},

	/* dead letters: what could not be used stands in them as it was, so in bytes */
	{"DeadLetter.topic",      TEXT,  MESSAGE_CODE_MOST},
	{"DeadLetter.partition",  PLACE, 0},
	{"DeadLetter.offset",     UP_TO, INT64_MAX},
	{"DeadLetter.replayed_offset", UP_TO, INT64_MAX},
	{"DeadLetter.key",        BYTES, INT32_MAX},
	{"value_size",            UP_TO, INT64_MAX},
	{"key_size",              UP_TO, INT64_MAX},
	{"value_sha256",          SIZED, 32},
	{"DeadLetter.value",      BYTES, INT32_MAX},
	{"headers",               LIST,  INT32_MAX},
	{"Header.name",           TEXT,  INT32_MAX},
	{"Header.value",          BYTES, INT32_MAX},
	{"raw_name",              BYTES, INT32_MAX},
};
/* clang-format on */

/* For a field nobody thought of: as narrow as most. */
static const struct rule unknown_text = {"", TEXT, MESSAGE_CODE_MOST},
			 unknown_bytes = {"", BYTES, MESSAGE_CODE_MOST},
			 unknown_number = {"", UP_TO, INT32_MAX}, unknown_list = {"", LIST, 100},
			 no_rule = {"", FREE, 0};

/* ---- the table, laid out for each message type ------------------------------------------------
 */

#define PLANS_MAX 128
#define STEPS_MAX 1024

struct step {
	const struct rule *rule;
	const struct plan *part;
};

struct plan {
	const ProtobufCMessageDescriptor *type;
	struct step *steps; /* one for each field */
};

static const ProtobufCMessageDescriptor *const roots[] = {
    &redress__grievance_received__descriptor, &redress__command__descriptor,
    &redress__case_event__descriptor,         &redress__notification_outcome__descriptor,
    &redress__dead_letter__descriptor,        &redress__case_state__descriptor,
    &redress__cached_contact__descriptor,
};

/* Made once from the table, and never changed. */
static struct plan plans[PLANS_MAX];
static struct step all_steps[STEPS_MAX];
static size_t plan_count, step_count;

static const struct rule *find_rule(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (strcmp(table[i].field, name) == 0)
			return &table[i];
	}
	return NULL;
}

static bool fits(const struct rule *rule, const ProtobufCFieldDescriptor *field)
{
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return rule->kind == LIST;
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		return rule->kind == TEXT;
	case PROTOBUF_C_TYPE_BYTES:
		return rule->kind == BYTES || rule->kind == SIZED || rule->kind == ID;
	case PROTOBUF_C_TYPE_MESSAGE:
		return rule->kind == PRESENT;
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_BOOL:
		return false;
	default:
		return rule->kind >= NUMBER && rule->kind <= DEADLINE;
	}
}

/* "Message.field" before "field"; NULL: there is none, or only for fields of another type. */
static const struct rule *rule_for(const ProtobufCMessageDescriptor *type,
				   const ProtobufCFieldDescriptor *field)
{
	char name[128];
	snprintf(name, sizeof(name), "%s.%s", type->short_name, field->name);
	const struct rule *rule = find_rule(name);
	if (!rule)
		rule = find_rule(field->name);
	return rule && fits(rule, field) ? rule : NULL;
}

static bool needs_rule(const ProtobufCFieldDescriptor *field)
{
	return field->label == PROTOBUF_C_LABEL_REPEATED ||
	       (field->type != PROTOBUF_C_TYPE_BOOL && field->type != PROTOBUF_C_TYPE_ENUM &&
		field->type != PROTOBUF_C_TYPE_MESSAGE);
}

static const struct rule *otherwise(const ProtobufCFieldDescriptor *field)
{
	if (!needs_rule(field))
		return &no_rule;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return &unknown_list;
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return &unknown_text;
	return field->type == PROTOBUF_C_TYPE_BYTES ? &unknown_bytes : &unknown_number;
}

static const struct plan *plan_of(const ProtobufCMessageDescriptor *type)
{
	size_t at = 0;
	while (at < plan_count && plans[at].type != type)
		at++;
	return at < plan_count ? &plans[at] : NULL;
}

static const struct plan *make_plan(const ProtobufCMessageDescriptor *type)
{
	const struct plan *known = plan_of(type);
	if (known || plan_count == PLANS_MAX || step_count + type->n_fields > STEPS_MAX)
		return known;
	struct plan *plan = &plans[plan_count++];
	*plan = (struct plan){type, all_steps + step_count};
	step_count += type->n_fields;
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		const struct rule *rule = rule_for(type, field);
		plan->steps[i].rule = rule ? rule : otherwise(field);
		if (field->type == PROTOBUF_C_TYPE_MESSAGE)
			plan->steps[i].part = make_plan(field->descriptor);
	}
	return plan;
}

static void make_plans(void)
{
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++)
		make_plan(roots[i]);
}

static const struct plan *find_plan(const ProtobufCMessageDescriptor *type)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_plans);
	return plan_of(type);
}

/* ---- one value ------------------------------------------------------------------------------ */

struct check {
	const struct message_place *place;
	const char *path[8]; /* innermost first */
	size_t depth, unknown;
};

static const char *check_text(const struct rule *rule, const char *text)
{
	size_t size = text ? strlen(text) : 0;
	if (size > (size_t)rule->most)
		return "is too long";
	return text_is_utf8(text, size) ? NULL : "is not UTF-8";
}

static const char *check_bytes(const struct rule *rule, const ProtobufCBinaryData *bytes)
{
	if (rule->kind == BYTES)
		return bytes->len <= (size_t)rule->most ? NULL : "is too long";
	if (bytes->len == (size_t)rule->most || (rule->kind == SIZED && !bytes->len))
		return NULL;
	return "has the wrong size";
}

static const char *check_time(enum kind kind, int64_t ms, int64_t at_ms)
{
	int64_t latest = at_ms + (kind == DEADLINE ? DEADLINE_DAYS : 1) * DAY_MS;
	if (!ms && kind != HAPPENED)
		return NULL;
	return ms >= EARLIEST_MS && ms <= latest ? NULL : "is no time that can be";
}

static const char *check_case(enum kind kind, uint64_t number, const struct message_place *place)
{
	if (kind == OTHER)
		return number <= INT64_MAX ? NULL : "is no case number";
	if (!number || number > INT64_MAX)
		return "is no case number";
	return case_number_partition(number, place->partitions) == place->partition
		   ? NULL
		   : "belongs to another partition";
}

static const char *check_whole(const struct rule *rule, int64_t value, uint64_t number,
			       const struct message_place *place)
{
	switch (rule->kind) {
	case NUMBER:
	case OTHER:
		return check_case(rule->kind, number, place);
	case HAPPENED:
	case PERHAPS:
	case DEADLINE:
		return check_time(rule->kind, value, place->at_ms);
	case PLACE:
		return value == place->partition ? NULL : "is not where it was read";
	default:
		return value >= (rule->kind == WITHIN ? -rule->most : 0) && value <= rule->most
			   ? NULL
			   : "is out of range";
	}
}

static const char *check_real(const struct rule *rule, double value)
{
	double least = rule->kind == WITHIN ? -(double)rule->most : 0;
	return value >= least && value <= (double)rule->most ? NULL : "is out of range";
}

static const char *check_number(const struct rule *rule, const ProtobufCFieldDescriptor *field,
				const void *value, const struct message_place *place)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_FLOAT:
		return check_real(rule, (double)*(const float *)value);
	case PROTOBUF_C_TYPE_DOUBLE:
		return check_real(rule, *(const double *)value);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return check_whole(rule, *(const uint32_t *)value, *(const uint32_t *)value, place);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return check_whole(rule, *(const int32_t *)value, 0, place);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: {
		uint64_t number = *(const uint64_t *)value;
		return check_whole(rule, number > INT64_MAX ? -1 : (int64_t)number, number, place);
	}
	default:
		return check_whole(rule, *(const int64_t *)value, 0, place);
	}
}

/* ---- one message ---------------------------------------------------------------------------- */

static const char *check_message(struct check *check, const ProtobufCMessage *message,
				 const struct plan *plan);

static const char *check_value(struct check *check, const struct step *step,
			       const ProtobufCFieldDescriptor *field, const void *value)
{
	const ProtobufCMessage *part;
	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL:
		return NULL;
	case PROTOBUF_C_TYPE_ENUM:
		return protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)value)
			   ? NULL
			   : "has a value that is not known here";
	case PROTOBUF_C_TYPE_STRING:
		return check_text(step->rule, *(const char *const *)value);
	case PROTOBUF_C_TYPE_BYTES:
		return check_bytes(step->rule, value);
	case PROTOBUF_C_TYPE_MESSAGE:
		part = *(const ProtobufCMessage *const *)value;
		if (!part)
			return step->rule->kind == PRESENT ? "is missing" : NULL;
		return step->part ? check_message(check, part, step->part) : "is not known here";
	default:
		return check_number(step->rule, field, value, check->place);
	}
}

static const char *check_list(struct check *check, const struct step *step,
			      const ProtobufCFieldDescriptor *field, const void *list, size_t count)
{
	/* of bytes only ids of commands stand in lists */
	static const struct rule entry = {"", ID, 16};
	struct step one = {field->type == PROTOBUF_C_TYPE_BYTES ? &entry : step->rule, step->part};
	size_t size =
	    field->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : sizeof(void *);
	const char *wrong = count <= (size_t)step->rule->most ? NULL : "has too many entries";
	for (size_t i = 0; i < count && !wrong; i++)
		wrong = check_value(check, &one, field, (const char *)list + i * size);
	return wrong;
}

static const char *check_field(struct check *check, const ProtobufCMessage *message,
			       const struct step *step, const ProtobufCFieldDescriptor *field)
{
	const char *base = (const char *)message;
	const void *value = base + field->offset;
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t chosen;
		memcpy(&chosen, base + field->quantifier_offset, sizeof(chosen));
		return chosen == field->id ? check_value(check, step, field, value) : NULL;
	}
	if (field->label != PROTOBUF_C_LABEL_REPEATED)
		return check_value(check, step, field, value);
	size_t count;
	memcpy(&count, base + field->quantifier_offset, sizeof(count));
	return check_list(check, step, field, *(const void *const *)value, count);
}

/*
 * A newer version's fields are passed on, within a bound. One of number 0 cannot be: protobuf-c
 * reads it and would write it again, and then nobody could read what it wrote.
 */
static const char *check_unknown(struct check *check, const ProtobufCMessage *message)
{
	for (unsigned i = 0; i < message->n_unknown_fields; i++) {
		if (!message->unknown_fields[i].tag)
			return "has a field of number 0";
		check->unknown += message->unknown_fields[i].len + 8;
	}
	return check->unknown <= UNKNOWN_MOST ? NULL : "has too much that is not known here";
}

static const char *check_message(struct check *check, const ProtobufCMessage *message,
				 const struct plan *plan)
{
	const char *wrong = check_unknown(check, message);
	for (unsigned i = 0; i < plan->type->n_fields && !wrong; i++) {
		const ProtobufCFieldDescriptor *field = &plan->type->fields[i];
		wrong = check_field(check, message, &plan->steps[i], field);
		if (wrong && check->depth < sizeof(check->path) / sizeof(*check->path))
			check->path[check->depth++] = field->name;
	}
	return wrong;
}

/* ---- what belongs together ------------------------------------------------------------------ */

static const char *check_event(const Redress__CaseEvent *event)
{
	if (event->body_case == REDRESS__CASE_EVENT__BODY__NOT_SET)
		return "says nothing that is known here";
	if ((event->version == 0) != (event->body_case == REDRESS__CASE_EVENT__BODY_REFUSED))
		return "version: only a refusal has none";
	if (event->body_case == REDRESS__CASE_EVENT__BODY_OPENED &&
	    event->opened->grievance->number != event->number)
		return "opened.grievance.number: is of another case";
	return NULL;
}

static const char *check_command(const Redress__Command *command)
{
	if (command->body_case == REDRESS__COMMAND__BODY__NOT_SET)
		return "says nothing that is known here";
	if (command->body_case != REDRESS__COMMAND__BODY_OPEN)
		return command->id.len ? NULL : "id: is missing";
	if (command->open->grievance->number != command->number)
		return "open.grievance.number: is of another case";
	return NULL;
}

static const char *check_whole_message(const ProtobufCMessage *message)
{
	if (message->descriptor == &redress__case_event__descriptor)
		return check_event((const Redress__CaseEvent *)message);
	if (message->descriptor == &redress__command__descriptor)
		return check_command((const Redress__Command *)message);
	return NULL;
}

static void tell(const struct check *check, const char *wrong, struct err *fault)
{
	char path[200];
	size_t used = 0;
	path[0] = '\0';
	for (size_t i = check->depth; i > 0 && used < sizeof(path); i--)
		used += (size_t)snprintf(path + used, sizeof(path) - used, "%s%s",
					 check->path[i - 1], i > 1 ? "." : ": ");
	err_set(fault, "%s%s", path, wrong);
}

bool message_fault(const ProtobufCMessage *message, const struct message_place *place,
		   struct err *fault)
{
	struct check check = {.place = place};
	const struct plan *plan = message ? find_plan(message->descriptor) : NULL;
	const char *wrong = !message ? "is not the message that its topic carries"
			    : !plan  ? "is no message of any topic"
				     : check_message(&check, message, plan);
	if (!wrong)
		wrong = check_whole_message(message);
	if (wrong)
		tell(&check, wrong, fault);
	return wrong != NULL;
}

int64_t message_time(int64_t broker_ms, int64_t now_ms)
{
	return broker_ms >= EARLIEST_MS && broker_ms <= now_ms + DAY_MS ? broker_ms : now_ms;
}

/* ---- what the table says of whole messages ----------------------------------------------------
 */

const char *message_unbounded(const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		if (needs_rule(field) && !rule_for(type, field))
			return field->name;
		const char *inner = field->type == PROTOBUF_C_TYPE_MESSAGE
					? message_unbounded(field->descriptor)
					: NULL;
		if (inner)
			return inner;
	}
	return NULL;
}

#define HEAD 7 /* tag and length of a field */

static size_t largest(const struct plan *plan)
{
	size_t sum = 0, one_of = 0;
	for (unsigned i = 0; i < plan->type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &plan->type->fields[i];
		const struct step *step = &plan->steps[i];
		size_t size = 10 + HEAD;
		if (field->type == PROTOBUF_C_TYPE_MESSAGE)
			size = largest(step->part) + HEAD;
		else if (field->type == PROTOBUF_C_TYPE_STRING ||
			 field->type == PROTOBUF_C_TYPE_BYTES)
			size = (step->rule->kind == LIST ? 16 : (size_t)step->rule->most) + HEAD;
		if (step->rule->kind == LIST)
			size *= (size_t)step->rule->most;
		if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
			sum += size;
		else if (size > one_of)
			one_of = size;
	}
	return sum + one_of;
}

size_t message_largest(const ProtobufCMessageDescriptor *type)
{
	return largest(find_plan(type)) + UNKNOWN_MOST;
}
