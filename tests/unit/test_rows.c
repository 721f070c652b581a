/* What the record keeps of a dead letter: all of it, but of a grievance never its key (promise 9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "client/postgres.h"
#include "domain/pipeline.h"
#include "rows.h"
#include "with_arena.h"

static const char text_key[] = "the wrapped key of the text", contact_key[] = "and of the contact";
static const char sealed[] = "what only that key opens", number[] = "04K7M2Q9RTWXY";

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

static ProtobufCBinaryData grievance(void)
{
	Redress__Grievance inner = REDRESS__GRIEVANCE__INIT;
	Redress__CaseKey key = REDRESS__CASE_KEY__INIT;
	Redress__GrievanceReceived received = REDRESS__GRIEVANCE_RECEIVED__INIT;
	inner.sealed_text = bytes(sealed);
	key.text_key = bytes(text_key);
	key.contact_key = bytes(contact_key);
	received.grievance = &inner;
	received.key = &key;
	uint8_t *packed = arena_take(arena, 1000);
	return (ProtobufCBinaryData){redress__grievance_received__pack(&received, packed), packed};
}

static bool holds(const struct buffer *rows, const char *text)
{
	return memmem(rows->data, rows->len, text, strlen(text)) != NULL;
}

/* The rows that a letter from this topic leaves. */
static struct buffer kept(const char *topic, ProtobufCBinaryData value)
{
	Redress__DeadLetter letter = REDRESS__DEAD_LETTER__INIT;
	struct buffer rows = {0};
	uint8_t packed[2000];
	letter.topic = (char *)(uintptr_t)topic;
	letter.service = (char *)(uintptr_t) "classification";
	letter.key = bytes(number);
	letter.value = value;
	const struct kafka_message source = {
	    .topic = "x.dead", .value = packed, .len = redress__dead_letter__pack(&letter, packed)};
	copy_start(&rows);
	row_dead(&rows, arena, &letter, &source);
	return rows;
}

static void a_grievance_is_kept_without_its_key(void **state)
{
	(void)state;
	struct buffer rows = kept(TOPIC_RECEIVED, grievance());
	assert_false(holds(&rows, text_key) || holds(&rows, contact_key));
	assert_true(holds(&rows, sealed) && holds(&rows, number));
	buffer_free(&rows);
}

static void what_cannot_be_read_may_hold_it_anywhere(void **state)
{
	(void)state;
	ProtobufCBinaryData value = grievance();
	value.data[value.len++] = 0x0A; /* a field that has no end */
	struct buffer rows = kept(TOPIC_RECEIVED, value);
	assert_false(holds(&rows, text_key) || holds(&rows, contact_key) || holds(&rows, sealed));
	assert_true(holds(&rows, number));
	buffer_free(&rows);
}

static void other_letters_are_kept_as_they_are(void **state)
{
	(void)state;
	struct buffer rows = kept(TOPIC_EVENTS, bytes("\xff anything"));
	assert_true(holds(&rows, "\xff anything") && holds(&rows, number));
	buffer_free(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_grievance_is_kept_without_its_key),
	    cmocka_unit_test(what_cannot_be_read_may_hold_it_anywhere),
	    cmocka_unit_test(other_letters_are_kept_as_they_are),
	};
	return cmocka_run_group_tests(tests, with_arena, drop_arena);
}
