/* The table of event kinds: complete, and of one mind with the messages themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "domain/event_facts.h"

/* A whole event of the kind, its body empty. */
static Redress__CaseEvent event_of(Redress__CaseEvent__BodyCase kind, char *body)
{
	Redress__CaseEvent event = REDRESS__CASE_EVENT__INIT;
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
	    &redress__case_event__descriptor, (unsigned)kind);
	const ProtobufCMessageDescriptor *type = field->descriptor;
	assert_true(type->sizeof_message <= 512);
	protobuf_c_message_init(type, body);
	event.body_case = kind;
	memcpy((char *)&event + field->offset, &body, sizeof(body));
	return event;
}

/* Every kind of event that the message has is in the table, under its own name. */
static void no_kind_is_missing(void **state)
{
	size_t count, kinds = 0;
	const struct event_facts *facts = event_facts_all(&count);
	(void)state;
	for (unsigned i = 0; i < redress__case_event__descriptor.n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &redress__case_event__descriptor.fields[i];
		if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
			continue;
		const struct event_facts *row =
		    event_facts((Redress__CaseEvent__BodyCase)field->id);
		assert_non_null(row);
		assert_string_equal(row->kind, field->name);
		assert_ptr_equal(event_facts_of_kind(field->name), row);
		kinds++;
	}
	assert_int_equal(kinds, count);
	assert_ptr_equal(facts, event_facts(REDRESS__CASE_EVENT__BODY_OPENED));
	assert_null(event_facts((Redress__CaseEvent__BodyCase)99));
	assert_null(event_facts_of_kind("internal"));
}

/* What the table says of texts, offices and deadlines agrees with what the messages hold. */
static void the_messages_agree(void **state)
{
	size_t count;
	const struct event_facts *facts = event_facts_all(&count);
	(void)state;
	for (size_t i = 0; i < count; i++) {
		char body[512];
		Redress__CaseEvent event = event_of(facts[i].event, body);
		const ProtobufCMessageDescriptor *type = ((ProtobufCMessage *)body)->descriptor;
		bool text = protobuf_c_message_descriptor_get_field_by_name(type, "sealed_text");
		bool office = protobuf_c_message_descriptor_get_field_by_name(type, "office");
		bool due = protobuf_c_message_descriptor_get_field_by_name(type, "deadline_ms");
		assert_int_equal(text, facts[i].text != 0);
		assert_int_equal(event_text(&event, SIDE_OFFICE) != NULL, text);
		assert_int_equal(office, facts[i].office != OFFICE_KEEPS);
		assert_int_equal(due,
				 facts[i].clock == CLOCK_SETS || facts[i].clock == CLOCK_GOES_ON);
		assert_int_equal(event_deadline_ms(&event), 0);
		assert_string_equal(event_office(&event), "");
	}
}

static void an_internal_note_is_the_offices_own(void **state)
{
	char body[512];
	Redress__CaseEvent event = event_of(REDRESS__CASE_EVENT__BODY_COMMENTED, body);
	(void)state;
	assert_true(event_is_internal(&event));
	assert_string_equal(event_kind(&event), EVENT_INTERNAL);
	assert_null(event_text(&event, SIDE_CITIZEN));
	assert_non_null(event_text(&event, SIDE_OFFICE));
	assert_int_equal(event_told(&event), 0);
	event.commented->public_ = true;
	assert_string_equal(event_kind(&event), "commented");
	assert_ptr_equal(event_text(&event, SIDE_CITIZEN), &event.commented->sealed_text);
	assert_int_equal(event_told(&event), SIDE_CITIZEN);
}

static void what_a_body_says_is_found(void **state)
{
	char body[512];
	Redress__CaseEvent event = event_of(REDRESS__CASE_EVENT__BODY_ASSIGNED, body);
	(void)state;
	event.assigned->office = (char *)(uintptr_t) "north";
	event.assigned->category = (char *)(uintptr_t) "water.leak";
	event.assigned->deadline_ms = 99;
	event.assigned->urgency = REDRESS__URGENCY__EMERGENCY;
	assert_string_equal(event_office(&event), "north");
	assert_string_equal(event_category(&event), "water.leak");
	assert_int_equal(event_deadline_ms(&event), 99);
	assert_int_equal(event_urgency(&event), REDRESS__URGENCY__EMERGENCY);
	/* a body that is not there says nothing */
	event.assigned = NULL;
	assert_string_equal(event_office(&event), "");
	assert_int_equal(event_urgency(&event), REDRESS__URGENCY__ROUTINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_kind_is_missing),
	    cmocka_unit_test(the_messages_agree),
	    cmocka_unit_test(an_internal_note_is_the_offices_own),
	    cmocka_unit_test(what_a_body_says_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
