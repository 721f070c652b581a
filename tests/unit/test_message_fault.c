#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "case.pb-c.h"
#include "dead_letter.pb-c.h"
#include "domain/case_number.h"
#include "domain/message_fault.h"
#include "grievance.pb-c.h"
#include "notification.pb-c.h"
#include "util/arena.h"

#define NOW_MS INT64_C(1772445600000)
#define DAY_MS INT64_C(86400000)

static const struct message_place place = {2, 4, NOW_MS};
static const uint64_t number = (UINT64_C(1) << 40) | (UINT64_C(2) << 14);

/* What a message is made of; each test spoils one part of it. */
static struct sample {
	Redress__Grievance grievance;
	Redress__Place where;
	Redress__Classification classification;
	Redress__Guess guess[12];
	Redress__Guess *guesses[12];
	Redress__Actor actor;
	Redress__Open open;
	Redress__Opened opened;
	Redress__Command command;
	Redress__CaseEvent event;
	Redress__CaseKey key;
	Redress__Epoch epoch;
	Redress__GrievanceReceived received;
	Redress__NotificationJob job;
	Redress__NotificationOutcome outcome;
	Redress__Assigned assigned;
	uint8_t bytes[200];
	char text[9001];
} s;

static ProtobufCBinaryData some(size_t len)
{
	return (ProtobufCBinaryData){len, s.bytes};
}

static char *of_length(size_t length)
{
	memset(s.text, 'x', length);
	s.text[length] = '\0';
	return s.text;
}

static char *words(const char *text)
{
	return (char *)(uintptr_t)text;
}

static int make_sample(void **state)
{
	(void)state;
	assert_int_equal(case_number_partition(number, 4), 2);
	redress__grievance__init(&s.grievance);
	redress__place__init(&s.where);
	redress__classification__init(&s.classification);
	redress__actor__init(&s.actor);
	redress__open__init(&s.open);
	redress__opened__init(&s.opened);
	redress__command__init(&s.command);
	redress__case_event__init(&s.event);
	redress__case_key__init(&s.key);
	redress__epoch__init(&s.epoch);
	redress__grievance_received__init(&s.received);
	redress__notification_job__init(&s.job);
	redress__notification_outcome__init(&s.outcome);
	redress__assigned__init(&s.assigned);
	for (size_t i = 0; i < 12; i++) {
		redress__guess__init(&s.guess[i]);
		s.guesses[i] = &s.guess[i];
	}
	s.grievance.number = s.command.number = s.event.number = s.job.number = number;
	s.grievance.received_at_ms = s.command.at_ms = s.event.at_ms = NOW_MS;
	s.grievance.place = &s.where;
	s.grievance.receipt_hash = some(32);
	s.classification.guesses = s.guesses;
	s.classification.n_guesses = 3;
	s.open.grievance = s.opened.grievance = s.received.grievance = &s.grievance;
	s.open.classification = s.opened.classification = &s.classification;
	s.command.actor = s.event.actor = &s.actor;
	s.command.id = s.event.cause = some(16);
	s.command.body_case = REDRESS__COMMAND__BODY_OPEN;
	s.command.open = &s.open;
	s.event.version = 1;
	s.event.body_case = REDRESS__CASE_EVENT__BODY_OPENED;
	s.event.opened = &s.opened;
	s.key.epoch_id = s.epoch.id = some(16);
	s.key.text_key = some(72);
	s.epoch.started_at_ms = NOW_MS;
	s.received.key = &s.key;
	s.received.epoch = &s.epoch;
	s.job.key = some(16);
	s.outcome.job = &s.job;
	s.outcome.at_ms = s.outcome.first_at_ms = NOW_MS;
	return 0;
}

static void has_no_fault(const void *message)
{
	struct err fault = {""};
	bool faulty = message_fault(message, &place, &fault);
	assert_string_equal(fault.text, "");
	assert_false(faulty);
}

#define FAULT(message, expected)                                                                   \
	do {                                                                                       \
		struct err fault;                                                                  \
		assert_true(message_fault(&(message).base, &place, &fault));                       \
		assert_string_equal(fault.text, expected);                                         \
		make_sample(NULL);                                                                 \
	} while (0)

static const ProtobufCMessageDescriptor *const published[] = {
    &redress__grievance_received__descriptor, &redress__command__descriptor,
    &redress__case_event__descriptor, &redress__notification_outcome__descriptor};

/* A field that is added without a bound is found here. */
static void every_field_has_a_bound(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_null(message_unbounded(published[i]));
	assert_null(message_unbounded(&redress__dead_letter__descriptor));
	assert_null(message_unbounded(&redress__case_state__descriptor));
	assert_null(message_unbounded(&redress__cached_contact__descriptor));
	assert_string_equal(message_unbounded(&redress__grievance_text__descriptor), "subject");
}

/* So whatever a message leads to can be published: it is made of parts of that message. */
static void the_largest_message_can_be_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_in_range(message_largest(published[i]), 1000, MESSAGE_MOST);
}

static void a_sound_message_has_no_fault(void **state)
{
	(void)state;
	has_no_fault(&s.command);
	has_no_fault(&s.event);
	has_no_fault(&s.received);
	has_no_fault(&s.outcome);
}

static void texts_are_bounded_utf8(void **state)
{
	(void)state;
	s.classification.category = of_length(MESSAGE_CODE_MOST);
	has_no_fault(&s.command);
	s.classification.category = of_length(MESSAGE_CODE_MOST + 1);
	FAULT(s.command, "open.classification.category: is too long");
	s.classification.category = of_length(9000);
	FAULT(s.event, "opened.classification.category: is too long");
	s.guess[1].category = words("caf\xc3\xa9");
	has_no_fault(&s.command);
	s.guess[1].category = words("caf\xc3");
	FAULT(s.command, "open.classification.guesses.category: is not UTF-8");
	s.actor.id = words("\xff");
	FAULT(s.event, "actor.id: is not UTF-8");
	s.outcome.reason = of_length(501);
	FAULT(s.outcome, "reason: is too long");
	s.classification.language = of_length(36);
	FAULT(s.command, "open.classification.language: is too long");
}

static void bytes_have_their_size(void **state)
{
	(void)state;
	s.command.id = some(0); /* Open is known by its grievance */
	has_no_fault(&s.command);
	s.command.id = some(15);
	FAULT(s.command, "id: has the wrong size");
	s.command.id = some(0);
	s.command.body_case = REDRESS__COMMAND__BODY_ACCEPT;
	FAULT(s.command, "id: is missing");
	s.grievance.receipt_hash = some(31);
	FAULT(s.received, "grievance.receipt_hash: has the wrong size");
	s.epoch.id = some(0);
	FAULT(s.received, "epoch.id: has the wrong size");
	s.key.text_key = some(71);
	FAULT(s.received, "key.text_key: has the wrong size");
	s.grievance.sealed_text = some(480 * 1024 + 1); /* not looked into */
	FAULT(s.received, "grievance.sealed_text: is too long");
	s.job.key = some(17);
	FAULT(s.outcome, "job.key: has the wrong size");
}

static void times_can_be(void **state)
{
	static const int64_t impossible[] = {INT64_MIN,
					     -1,
					     0,
					     CASE_NUMBER_EPOCH_MS - 1,
					     NOW_MS + DAY_MS + 1,
					     4070908800000 /* 2099 */,
					     INT64_MAX};
	(void)state;
	s.event.at_ms = NOW_MS + DAY_MS;
	has_no_fault(&s.event);
	for (size_t i = 0; i < sizeof(impossible) / sizeof(*impossible); i++) {
		s.event.at_ms = impossible[i];
		FAULT(s.event, "at_ms: is no time that can be");
		s.grievance.received_at_ms = impossible[i];
		FAULT(s.command, "open.grievance.received_at_ms: is no time that can be");
	}
	s.event.body_case = REDRESS__CASE_EVENT__BODY_ASSIGNED;
	s.event.assigned = &s.assigned;
	s.assigned.deadline_ms = NOW_MS + 400 * DAY_MS;
	has_no_fault(&s.event);
	s.assigned.deadline_ms = 1;
	FAULT(s.event, "assigned.deadline_ms: is no time that can be");
}

static void a_time_is_held_against_that_of_the_broker(void **state)
{
	(void)state;
	assert_int_equal(message_time(NOW_MS - 90 * DAY_MS, NOW_MS), NOW_MS - 90 * DAY_MS);
	assert_int_equal(message_time(NOW_MS - DAY_MS, NOW_MS), NOW_MS - DAY_MS);
	assert_int_equal(message_time(-1, NOW_MS), NOW_MS);
	assert_int_equal(message_time(INT64_MAX, NOW_MS), NOW_MS);
}

static void numbers_are_in_range(void **state)
{
	(void)state;
	s.where.lat = 90.0001;
	FAULT(s.received, "grievance.place.lat: is out of range");
	s.where.lon = (double)NAN;
	FAULT(s.event, "opened.grievance.place.lon: is out of range");
	s.classification.confidence = NAN;
	FAULT(s.event, "opened.classification.confidence: is out of range");
	s.guess[2].confidence = 1.5F;
	FAULT(s.event, "opened.classification.guesses.confidence: is out of range");
	s.classification.n_guesses = 11;
	FAULT(s.event, "opened.classification.guesses: has too many entries");
	s.classification.urgency = (Redress__Urgency)77;
	FAULT(s.event, "opened.classification.urgency: has a value that is not known here");
	s.command.based_on = UINT32_MAX;
	FAULT(s.command, "based_on: is out of range");
}

static void parts_belong_together(void **state)
{
	struct err why;
	(void)state;
	assert_true(message_fault(NULL, &place, &why));
	s.event.number = 0;
	FAULT(s.event, "number: is no case number");
	s.event.number = UINT64_MAX;
	FAULT(s.event, "number: is no case number");
	s.event.number = number + (1 << 14);
	FAULT(s.event, "number: belongs to another partition");
	s.event.number = number + (4 << 14);
	FAULT(s.event, "opened.grievance.number: is of another case");
	s.command.body_case = REDRESS__COMMAND__BODY__NOT_SET;
	FAULT(s.command, "says nothing that is known here");
	s.event.version = 0;
	FAULT(s.event, "version: only a refusal has none");
	s.open.grievance = NULL;
	FAULT(s.command, "open.grievance: is missing");
	s.received.epoch = NULL;
	FAULT(s.received, "epoch: is missing");
	s.outcome.job = NULL;
	FAULT(s.outcome, "job: is missing");
	/* only the member of a oneof that is there is looked at */
	s.event.body_case = REDRESS__CASE_EVENT__BODY_CLOSED;
	s.event.closed = &(Redress__Closed)REDRESS__CLOSED__INIT;
	has_no_fault(&s.event);
}

/* A field of number 0 would be written again, and then nobody could read the message. */
static void a_newer_versions_fields_are_passed_on(void **state)
{
	static const uint8_t wire[] = {0x80, 0x00, 0x19}, fine[] = {0xf8, 0x07, 0x19};
	struct arena *arena = arena_new();
	(void)state;
	Redress__Accept *strange = redress__accept__unpack(arena_protobuf(arena), 3, wire);
	assert_non_null(strange);
	s.command.body_case = REDRESS__COMMAND__BODY_ACCEPT;
	s.command.accept = strange;
	FAULT(s.command, "accept: has a field of number 0");
	s.command.body_case = REDRESS__COMMAND__BODY_ACCEPT;
	s.command.accept = redress__accept__unpack(arena_protobuf(arena), 3, fine);
	has_no_fault(&s.command);
	ProtobufCMessageUnknownField much = {99, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 20000, NULL};
	s.command.accept->base.unknown_fields = &much;
	s.command.accept->base.n_unknown_fields = 1;
	FAULT(s.command, "accept: has too much that is not known here");
	arena_free(&arena);
}

#define TEST(name) cmocka_unit_test_setup(name, make_sample)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_field_has_a_bound),
	    TEST(the_largest_message_can_be_published),
	    TEST(a_sound_message_has_no_fault),
	    TEST(texts_are_bounded_utf8),
	    TEST(bytes_have_their_size),
	    TEST(times_can_be),
	    TEST(a_time_is_held_against_that_of_the_broker),
	    TEST(numbers_are_in_range),
	    TEST(parts_belong_together),
	    TEST(a_newer_versions_fields_are_passed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
