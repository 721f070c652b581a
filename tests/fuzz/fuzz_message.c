/*
 * A message of any topic (the first byte says of which): what a reader unpacks and checks, it can
 * use. Events are folded into a case, shown to a citizen, sealed in the ledger and written as rows;
 * commands are decided on, in every status; what is published can be read again.
 */
#include "fuzz_nation.h"

#include <sodium.h>
#include <string.h>

#include "case_view.h"
#include "client/postgres.h"
#include "decide.h"
#include "domain/case_state.h"
#include "domain/ledger.h"
#include "domain/message_fault.h"
#include "domain/unseal.h"
#include "job.h"
#include "rows.h"

static struct unsealer *reader;
static struct texts *texts;
static const struct message_place here = {0, 1, INT64_C(1772445600000)};

/* What is published is at most so large, and no reader has anything against it. */
static void may_be_published(const ProtobufCMessage *message)
{
	struct err fault;
	MUST(protobuf_c_message_get_packed_size(message) <= MESSAGE_MOST);
	MUST(!message_fault(message, &here, &fault));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	uint8_t public[32], secret[32];
	fuzz_nation();
	struct err err;
	char *english =
	    text_read_file(TABLES "/../../deploy/texts/en.yaml", 1 << 20, NULL, err.text);
	MUST(english);
	const struct texts_file file = {"en.yaml", english, strlen(english)};
	texts = texts_parse(&file, 1, &err);
	MUST(texts);
	free(english);
	MUST(sodium_init() >= 0);
	crypto_box_keypair(public, secret);
	reader = unsealer_new(ROLE_OFFICER, public, secret);
	return 0;
}

static void read_event(const Redress__CaseEvent *event, const uint8_t *data, size_t size)
{
	struct err err;
	struct buffer rows = {0};
	Redress__NotificationJob *jobs[JOBS_MAX];
	Redress__CaseState *state = NULL, before = REDRESS__CASE_STATE__INIT;
	const struct kafka_message source = {.value = data, .len = size};
	struct ledger_event shown = ledger_event(event, data, size);
	ledger_event_leaf(&shown);
	before.version = event->version - 1;
	if (!event->version ||
	    case_apply(arena, event->version == 1 ? NULL : &before, event, &state, &err))
		return;
	const struct found_case found = {
	    .number = event->number, .state = state, .received_at_ms = event->at_ms};
	char *json = case_view(catalogue, texts, &found, "en");
	MUST(json);
	free(json);
	MUST(jobs_of(arena, event, jobs) <= JOBS_MAX);
	copy_start(&rows);
	row_event(&rows, event, &source, 1, 0);
	row_case(&rows, state);
	buffer_free(&rows);
}

static void read_command(const Redress__Command *command)
{
	static const struct placement office = {.office = "water-head",
						.agency = "water",
						.rule = "",
						.deadline_ms = INT64_C(1772445600005)};
	bool opens = command->body_case == REDRESS__COMMAND__BODY_OPEN;
	for (int status = opens ? REDRESS__STATUS__STATUS_NONE : REDRESS__STATUS__REGISTERED;
	     status <= REDRESS__STATUS__MERGED; status++) {
		struct err err;
		Redress__CaseState one = REDRESS__CASE_STATE__INIT, *state = status ? &one : NULL;
		one.number = command->number;
		one.version = command->based_on;
		one.status = (Redress__Status)status;
		struct decision decision = decide(arena, state, command, &office, 0, here.at_ms);
		MUST(decision.count <= DECISION_EVENTS);
		for (size_t i = 0; i < decision.count; i++) {
			Redress__CaseEvent *event = decision.events[i];
			MUST(event->number == command->number);
			if (one.version < INT32_MAX - DECISION_EVENTS)
				may_be_published(&event->base);
			MUST(!event->version || !case_apply(arena, state, event, &state, &err));
		}
	}
}

static void read_received(const Redress__GrievanceReceived *received)
{
	struct err err;
	Redress__GrievanceText *text;
	Redress__Contact *contact;
	const Redress__Grievance *grievance = received->grievance;
	/* nobody sealed it to us, so nothing opens */
	MUST(unsealer_text(reader, arena, received->epoch, received->key, grievance->number,
			   grievance->sealed_text.data, grievance->sealed_text.len, &text, &err));
	MUST(unsealer_contact(reader, arena, received->epoch, received->key, grievance->number,
			      grievance->sealed_contact.data, grievance->sealed_contact.len,
			      &contact, &err));
	struct buffer rows = {0};
	const struct kafka_message source = {.value = "", .len = 0};
	struct ledger_hash digest = row_key_digest(&rows, grievance->number, received->key);
	copy_start(&rows);
	row_grievance(&rows, received, &digest, &source);
	row_key(&rows, grievance->number, received->key);
	buffer_free(&rows);
}

static void read_outcome(const Redress__NotificationOutcome *outcome)
{
	struct buffer rows = {0};
	const struct kafka_message source = {.value = "", .len = 0};
	copy_start(&rows);
	row_outcome(&rows, outcome, &source);
	buffer_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ProtobufCMessageDescriptor *const types[] = {
	    &redress__grievance_received__descriptor, &redress__command__descriptor,
	    &redress__case_event__descriptor,         &redress__notification_outcome__descriptor,
	    &redress__dead_letter__descriptor,        &redress__case_state__descriptor,
	    &redress__cached_contact__descriptor};
	if (!size)
		return 0;
	const ProtobufCMessageDescriptor *type = types[*data % 7];
	const ProtobufCMessage *message =
	    protobuf_c_message_unpack(type, arena_protobuf(arena), size - 1, data + 1);
	struct err fault;
	if (!message_fault(message, &here, &fault)) {
		/* it can be published again */
		uint8_t *packed =
		    arena_take(arena, protobuf_c_message_get_packed_size(message) + 1);
		size_t length = protobuf_c_message_pack(message, packed);
		MUST(length <= message_largest(type));
		MUST(protobuf_c_message_unpack(type, arena_protobuf(arena), length, packed));
		if (type == types[0])
			read_received((const Redress__GrievanceReceived *)message);
		else if (type == types[1])
			read_command((const Redress__Command *)message);
		else if (type == types[2])
			read_event((const Redress__CaseEvent *)message, data + 1, size - 1);
		else if (type == types[3])
			read_outcome((const Redress__NotificationOutcome *)message);
	}
	arena_reset(arena);
	return 0;
}
