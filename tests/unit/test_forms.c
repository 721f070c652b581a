/* Written forms: receipt codes, texts, keys in Redis, and texts inside messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "case.pb-c.h"
#include "domain/hot_key.h"
#include "domain/message_check.h"
#include "domain/receipt.h"
#include "domain/text_form.h"
#include "notification.pb-c.h"
#include "util/arena.h"

/* ---- receipt codes -------------------------------------------------------------------------- */

static const uint8_t key[RECEIPT_KEY_SIZE] = {1, 2, 3};

static void a_receipt_opens_its_own_case_only(void **state)
{
	char code[RECEIPT_TEXT_SIZE], other[RECEIPT_TEXT_SIZE], again[RECEIPT_TEXT_SIZE];
	uint8_t hash[RECEIPT_HASH_SIZE], other_key[RECEIPT_KEY_SIZE] = {9};
	(void)state;
	receipt_make(key, 42, code);
	receipt_make(key, 42, again);
	receipt_make(key, 43, other);
	assert_string_equal(code, again);
	assert_string_not_equal(code, other);
	receipt_make(other_key, 42, other);
	assert_string_not_equal(code, other);
	assert_int_equal(strspn(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), 19);
	assert_true(receipt_hash(code, 42, hash));
	assert_true(receipt_matches(code, 42, hash, sizeof(hash)));
	assert_false(receipt_matches(code, 43, hash, sizeof(hash)));
	assert_false(receipt_matches(other, 42, hash, sizeof(hash)));
	assert_false(receipt_matches(code, 42, hash, sizeof(hash) - 1));
	assert_false(receipt_matches(code, 42, hash, 0));
	code[0] = code[0] == '0' ? '1' : '0';
	assert_false(receipt_matches(code, 42, hash, sizeof(hash)));
}

static void it_is_forgiven_how_a_receipt_is_written(void **state)
{
	static const char *const same[] = {"0123-4567-89AB-CDEF", "0123456789abcdef",
					   "  o123 4567 89ab cdef ", "OI23-4567-89AB-CDEF",
					   "0L234567-89AB-CDEF"};
	static const char *const none[] = {"", "0123", "0123-4567-89AB-CDEF-0",
					   "0123-4567-89AB-CDEU", "0123_4567_89AB_CDEF"};
	uint8_t hash[RECEIPT_HASH_SIZE], other[RECEIPT_HASH_SIZE];
	(void)state;
	assert_true(receipt_hash(same[0], 1, hash));
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		assert_true(receipt_hash(same[i], 1, other));
		assert_memory_equal(hash, other, sizeof(hash));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_false(receipt_hash(none[i], 1, other));
}

/* What is well formed but wrong must not match the zeros that stand for "no hash". */
static void nothing_matches_no_hash(void **state)
{
	uint8_t zeros[RECEIPT_HASH_SIZE] = {0};
	(void)state;
	assert_false(receipt_matches("0000-0000-0000-0000", 1, zeros, sizeof(zeros)));
	assert_false(receipt_matches("", 1, zeros, sizeof(zeros)));
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void texts_come_into_one_form(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"  both ends \t\n", "both ends"},
	    {"\u00a0\u3000wide spaces\u2028", "wide spaces"},
	    {"\ufeffmark", "mark"},
	    {"a\r\nb\rc\n", "a\nb\nc"},
	    {"cafe\u0301", "caf\u00e9"},
	    {"\u1100\u1161\u11a8", "\uac01"},
	    {"A\u030a and \u212b", "\u00c5 and \u00c5"},
	    {" \u0e44\u0e1f\u0e16\u0e19\u0e19 ", "\u0e44\u0e1f\u0e16\u0e19\u0e19"},
	    {"emoji \U0001F6B0", "emoji \U0001F6B0"},
	    {" \n ", ""},
	};
	struct arena *arena = arena_new();
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *once = text_normal(arena, cases[i].from);
		assert_string_equal(once, cases[i].to);
		assert_string_equal(text_normal(arena, once), once);
	}
	/* what becomes longer: these three bytes are six */
	assert_string_equal(text_normal(arena, "\ufb2c"), "\u05e9\u05bc\u05c1");
	arena_free(&arena);
}

static void characters_and_controls(void **state)
{
	(void)state;
	assert_int_equal(text_characters(""), 0);
	assert_int_equal(text_characters("caf\u00e9 \U0001F6B0"), 6);
	assert_false(text_has_control("a b", false));
	assert_true(text_has_control("a\nb", false));
	assert_false(text_has_control("a\n\tb", true));
	assert_true(text_has_control("a\rb", true));
	assert_true(text_has_control("\x7f", true));
	assert_true(text_has_control("\x1b[31m", true));
	assert_false(text_has_control("\xc2\x85", false));
}

/* ---- keys in Redis -------------------------------------------------------------------------- */

static void keys_of_a_partition_share_its_slot(void **state)
{
	static const uint8_t hash[20] = {0xab, 1};
	char text[HOT_KEY_SIZE];
	(void)state;
	assert_int_equal(hot_key_case(text, 3, 0x1f), 25);
	assert_string_equal(text, "case:{3}:000000000000001f");
	hot_key_vault(text, 255, UINT64_MAX);
	assert_string_equal(text, "vault:{255}:ffffffffffffffff");
	hot_key_due(text, 3);
	assert_string_equal(text, "due:{3}");
	hot_key_position(text, 3);
	assert_string_equal(text, "pos:{3}");
	hot_key_idem(text, 3, hash, 16);
	assert_string_equal(text, "idem:{3}:ab010000000000000000000000000000");
	assert_int_equal(hot_key_ask(text, INT32_MAX, hash, sizeof(hash)), 49);
	assert_string_equal(text, "ask:{2147483647}:ab010000000000000000000000000000");
	hot_key_epoch(text, hash, 2);
	assert_string_equal(text, "epoch:ab01");
}

/* ---- texts inside messages ------------------------------------------------------------------ */

static char *words(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void bad_text_is_found_however_deep(void **state)
{
	Redress__Command command = REDRESS__COMMAND__INIT;
	Redress__Open open = REDRESS__OPEN__INIT;
	Redress__Grievance grievance = REDRESS__GRIEVANCE__INIT;
	Redress__Classification classification = REDRESS__CLASSIFICATION__INIT;
	Redress__Guess first = REDRESS__GUESS__INIT, second = REDRESS__GUESS__INIT;
	Redress__Guess *guesses[] = {&first, &second};
	(void)state;
	command.body_case = REDRESS__COMMAND__BODY_OPEN;
	command.open = &open;
	assert_null(message_bad_text(&command.base));
	open.grievance = &grievance;
	open.classification = &classification;
	classification.guesses = guesses;
	classification.n_guesses = 2;
	second.category = words("caf\xc3\xa9");
	assert_null(message_bad_text(&command.base));
	second.category = words("caf\xc3");
	assert_string_equal(message_bad_text(&command.base), "category");
	/* only the member of a oneof that is there is looked at */
	command.body_case = REDRESS__COMMAND__BODY__NOT_SET;
	assert_null(message_bad_text(&command.base));
	command.body_case = REDRESS__COMMAND__BODY_OPEN;
	second.category = words("");
	grievance.channel = words("\xff");
	assert_string_equal(message_bad_text(&command.base), "channel");
}

/* A field of number 0 would be written again, and then nobody could read the message. */
static void a_field_that_cannot_be_is_found_however_deep(void **state)
{
	static const uint8_t wire[] = {0x52, 5, 0x0a, 3, 0x80, 0x00, 0x19},
			     fine[] = {0x52, 5, 0x0a, 3, 0xf8, 0x07, 0x19};
	struct arena *arena = arena_new();
	(void)state;
	Redress__Command *command =
	    redress__command__unpack(arena_protobuf(arena), sizeof(wire), wire);
	assert_non_null(command);
	assert_non_null(command->open->grievance);
	assert_string_equal(message_bad_text(&command->base), "(field 0)");
	command = redress__command__unpack(arena_protobuf(arena), sizeof(fine), fine);
	assert_non_null(command->open->grievance);
	assert_null(message_bad_text(&command->base)); /* of a newer version: passed on */
	arena_free(&arena);
}

/* Bytes are no text. */
static void sealed_bytes_are_not_looked_at(void **state)
{
	uint8_t bytes[] = {0xff, 0xfe};
	Redress__NotificationOutcome outcome = REDRESS__NOTIFICATION_OUTCOME__INIT;
	Redress__NotificationJob job = REDRESS__NOTIFICATION_JOB__INIT;
	(void)state;
	outcome.job = &job;
	job.key = (ProtobufCBinaryData){sizeof(bytes), bytes};
	assert_null(message_bad_text(&outcome.base));
	outcome.reason = words("\xf5");
	assert_string_equal(message_bad_text(&outcome.base), "reason");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_receipt_opens_its_own_case_only),
	    cmocka_unit_test(it_is_forgiven_how_a_receipt_is_written),
	    cmocka_unit_test(nothing_matches_no_hash),
	    cmocka_unit_test(texts_come_into_one_form),
	    cmocka_unit_test(characters_and_controls),
	    cmocka_unit_test(keys_of_a_partition_share_its_slot),
	    cmocka_unit_test(bad_text_is_found_however_deep),
	    cmocka_unit_test(a_field_that_cannot_be_is_found_however_deep),
	    cmocka_unit_test(sealed_bytes_are_not_looked_at),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
