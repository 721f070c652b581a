/* Written forms: receipt codes, texts, keys in Redis, and texts inside messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "case.pb-c.h"
#include "domain/contact_form.h"
#include "client/redis_key.h"
#include "domain/number_form.h"
#include "domain/receipt.h"
#include "domain/text_form.h"
#include "notification.pb-c.h"
#include "table.h"
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
	uint8_t opener[SEAL_KEY_SIZE], another[SEAL_KEY_SIZE];
	assert_true(receipt_text_key(code, 42, opener));
	assert_memory_not_equal(opener, hash, sizeof(opener));
	assert_true(receipt_text_key(code, 43, another));
	assert_memory_not_equal(opener, another, sizeof(opener));
	assert_false(receipt_text_key("short", 42, another));
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
	    {"a\u2028b\u2029c", "a\nb\nc"},
	    /* C1 is Windows-1252 that was not decoded */
	    {"it\xc2\x92s \xc2\x80 5\xc2\x85.", "it\u2019s \u20ac 5\u2026."},
	    {"\xc2\x81"
	     "a\xc2\x9b"
	     "1m\xc2\x8d",
	     "a\u203a1m"},
	    /* what turns the direction ends in its line */
	    {"\u202eabc", "\u202eabc\u202c"},
	    {"\u2067a\u202bb\nc", "\u2067a\u202bb\u202c\u2069\nc"},
	    {"\u2066a\u2069 \u202ab\u202c", "\u2066a\u2069 \u202ab\u202c"},
	    {"a\u202c\u2069b", "ab"},
	    {"\u2066\u202aa\u2069b", "\u2066\u202aa\u202c\u2069b"},
	    {"\u202a\u2069a", "\u202aa\u202c"},
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

static void marks_are_bounded(void **state)
{
	struct arena *arena = arena_new();
	char hostile[1 + 2 * 10000 + 1] = "a";
	(void)state;
	for (size_t i = 0; i < 10000; i++) /* of two classes in turn, so that they must be sorted */
		memcpy(hostile + 1 + 2 * i, i % 2 ? "\u0316" : "\u0301", 2);
	assert_int_equal(text_marks(hostile), 10000);
	/* left as it is: sorting would cost the square */
	assert_string_equal(text_normal(arena, hostile), hostile);
	hostile[1 + 2 * TEXT_MARKS_MAX] = '\0';
	assert_int_equal(text_marks(hostile), TEXT_MARKS_MAX);
	assert_string_not_equal(text_normal(arena, hostile), hostile);
	assert_int_equal(text_marks("plain"), 0);
	assert_int_equal(text_marks("a\u0301b\u0301\u0301c"), 2);
	/* what languages write: Vietnamese, Hebrew with vowels and accents, Tibetan, Thai */
	assert_true(text_marks("vie\u0323\u0302t \u05d1\u05bc\u05b0\u05bd\u0f68\u0f7c\u0f7e"
			       "\u0e1b\u0e38\u0e48") < 5);
	arena_free(&arena);
}

static void what_cannot_be_seen_is_no_content(void **state)
{
	static const char *const blank[] = {"",
					    " \t\n",
					    "\u200b",
					    "\u3164",
					    "\u115f\u1160",
					    "\uffa0",
					    "\u00ad",
					    "\u2800",
					    "\u200d\u200c",
					    "\ufe0f",
					    "\U000E0041\U000E007F",
					    "\u2060\ufeff",
					    "\u034f",
					    "\u202e\u202c",
					    "\u00a0\u2003\u3000",
					    "\u0301",
					    "\u180e",
					    "\u17b4",
					    "\U0001D159",
					    "\U000E0100"};
	static const char *const seen[] = {"a",      "7",       "?", "\U0001F6B0",
					   "\u0e01", "\u200b.", "$", "\u0645\u06cc\u200c\u062e"};
	(void)state;
	for (size_t i = 0; i < sizeof(blank) / sizeof(*blank); i++)
		assert_false(text_has_content(blank[i]));
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++)
		assert_true(text_has_content(seen[i]));
}

/* ---- contacts, numbers, times --------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *(*form)(struct arena *arena, const char *text);
} forms[] = {{"phone", phone_form},
	     {"email", email_form},
	     {"webhook", webhook_form},
	     {"number", number_form},
	     {"datetime", datetime_form}};

/* "kind | what is written | its form, or nothing" */
static void try_form(void *self, int line, char *text)
{
	struct arena *arena = arena_new();
	char *rest = text;
	const char *kind = table_part(&rest, '|'), *from = table_unescape(table_part(&rest, '|'));
	const char *to = table_part(&rest, '|'), *got = NULL;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (strcmp(kind, forms[i].name) == 0) {
			got = forms[i].form(arena, from);
			got = got ? got : "";
			if (*got) /* once more changes nothing */
				assert_string_equal(forms[i].form(arena, got), got);
		}
	}
	if (!got || strcmp(got, to ? table_unescape((char *)(uintptr_t)to) : "") != 0) {
		print_error("forms.eval line %d: got \"%s\"\n", line, got ? got : "no such kind");
		++((int *)self)[1];
	}
	++*(int *)self;
	arena_free(&arena);
}

static void forms_change_no_meaning(void **state)
{
	int cases[2] = {0, 0};
	(void)state;
	table_lines("forms.eval", try_form, cases);
	assert_int_equal(cases[1], 0);
	assert_true(cases[0] > 100);
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
	assert_true(text_has_control("\xc2\x85", true));
	assert_false(text_has_control("\u00a0", false));
}

/* ---- keys in Redis -------------------------------------------------------------------------- */

static void keys_of_a_partition_share_its_slot(void **state)
{
	static const uint8_t hash[20] = {0xab, 1};
	char text[REDIS_KEY_SIZE];
	(void)state;
	assert_int_equal(redis_key_case(text, 3, 0x1f), 25);
	assert_string_equal(text, "case:{3}:000000000000001f");
	redis_key_contact(text, 255, UINT64_MAX);
	assert_string_equal(text, "contact:{255}:ffffffffffffffff");
	redis_key_due(text, 3);
	assert_string_equal(text, "due:{3}");
	redis_key_position(text, 3);
	assert_string_equal(text, "pos:{3}");
	redis_key_idem(text, 3);
	assert_string_equal(text, "idem:{3}");
	assert_int_equal(redis_key_reservations(text, INT32_MAX), 25);
	assert_string_equal(text, "reservations:{2147483647}");
	redis_key_epoch(text, hash, 2);
	assert_string_equal(text, "epoch:ab01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_receipt_opens_its_own_case_only),
	    cmocka_unit_test(it_is_forgiven_how_a_receipt_is_written),
	    cmocka_unit_test(nothing_matches_no_hash),
	    cmocka_unit_test(texts_come_into_one_form),
	    cmocka_unit_test(marks_are_bounded),
	    cmocka_unit_test(what_cannot_be_seen_is_no_content),
	    cmocka_unit_test(forms_change_no_meaning),
	    cmocka_unit_test(characters_and_controls),
	    cmocka_unit_test(keys_of_a_partition_share_its_slot),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
