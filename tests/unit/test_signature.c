/* Signatures: the same for the same words, alike for the same matter, unlike for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/signature.h"
#include "with_fold_table.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t key[SIGNATURE_KEY_SIZE] = "a key of sixteen", other_key[SIGNATURE_KEY_SIZE];

static bool sign(const char *text, const uint8_t *with, uint8_t signature[SIGNATURE_SIZE])
{
	struct folded folded = {0};
	fold(table, text, strlen(text), &folded);
	bool signed_too = signature_of(&folded, with, signature);
	folded_free(&folded);
	return signed_too;
}

static int equal(const char *a, const char *b)
{
	uint8_t x[SIGNATURE_SIZE], y[SIGNATURE_SIZE];
	int count = 0;
	assert_true(sign(a, key, x) && sign(b, key, y));
	for (int i = 0; i < SIGNATURE_SIZE; i++)
		count += x[i] == y[i];
	return count;
}

static const char lamp[] = "The street lamp at the corner of Mill Lane has been dark for two weeks";

static void form_and_order_change_nothing(void **state)
{
	(void)state;
	assert_int_equal(equal(lamp, lamp), SIGNATURE_SIZE);
	assert_int_equal(equal(lamp, "  THE STREET LAMP,\n at the corner of\tMILL lane has been"
				     " dark -- for two weeks!!!"),
			 SIGNATURE_SIZE);
	assert_int_equal(equal(lamp, "two weeks for dark been has Lane Mill of corner the at lamp"
				     " street The"),
			 SIGNATURE_SIZE);
	assert_int_equal(equal(lamp,
			       "The street lamp at the corner of Mill Lane has been dark for two"
			       " weeks. The street lamp!"),
			 SIGNATURE_SIZE);
}

static void endings_and_some_words_change_little(void **state)
{
	(void)state;
	assert_in_range(equal(lamp, "Street lamps at corners of Mill Lane dark since two weeks"),
			16, 32);
	assert_in_range(
	    equal("Değirmen sokağındaki lamba iki haftadır yanmıyor, çocuklar karanlıkta",
		  "Çocuklarımız karanlıkta, Değirmen sokakta lambalar yanmıyor iki hafta"),
	    12, 32);
	assert_in_range(equal("磨坊巷拐角的路灯两个星期不亮了", "两个星期了，磨坊巷拐角的路灯不亮"),
			12, 32);
}

static void another_matter_is_unlike(void **state)
{
	static const char *const others[] = {
	    "My parking permit was refused although all papers were enclosed",
	    "The swimming pool in Orchard Park closes too early for people who work",
	    "Sokak lambası iki haftadır yanmıyor ve çok karanlık",
	    "我的停车许可被拒绝了，所有文件都已附上",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		assert_in_range(equal(lamp, others[i]), 0, 5);
}

static void the_key_decides(void **state)
{
	uint8_t a[SIGNATURE_SIZE], b[SIGNATURE_SIZE];
	int count = 0;
	(void)state;
	assert_true(sign(lamp, key, a) && sign(lamp, other_key, b));
	for (int i = 0; i < SIGNATURE_SIZE; i++)
		count += a[i] == b[i];
	assert_in_range(count, 0, 4);
}

static void too_short_a_text_has_none(void **state)
{
	static const char *const texts[] = {"", "lamp", "lamp lamp lamp lamp lamp",
					    "dark lamp here", "!!!"};
	uint8_t signature[SIGNATURE_SIZE];
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_false(sign(texts[i], key, signature));
	assert_true(sign("no bin for us", key, signature)); /* of short words alone */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(form_and_order_change_nothing),
	    cmocka_unit_test(endings_and_some_words_change_little),
	    cmocka_unit_test(another_matter_is_unlike),
	    cmocka_unit_test(the_key_decides),
	    cmocka_unit_test(too_short_a_text_has_none),
	};
	return cmocka_run_group_tests(tests, with_fold_table, drop_fold_table);
}
