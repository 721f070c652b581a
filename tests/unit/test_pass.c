/* Passes of event streams: who has one, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/receipt.h"
#include "pass.h"

#define NOW INT64_C(1772445600000)

static const uint8_t hash[RECEIPT_HASH_SIZE] = "the hash of somebody's receipt.";

static void it_opens_the_case_it_was_made_for(void **state)
{
	(void)state;
	char pass[PASS_SIZE];
	pass_make(7, hash, NOW, pass);
	assert_true(strlen(pass) < PASS_SIZE - 1);
	assert_true(pass_opens(pass, 7, hash, sizeof(hash), NOW));
	assert_true(pass_opens(pass, 7, hash, sizeof(hash), NOW + PASS_LIFE_S * 1000 - 1));
}

static void it_ends(void **state)
{
	(void)state;
	char pass[PASS_SIZE];
	pass_make(7, hash, NOW, pass);
	assert_false(pass_opens(pass, 7, hash, sizeof(hash), NOW + PASS_LIFE_S * 1000));
	pass[4]++; /* a later end, the same seal */
	assert_false(pass_opens(pass, 7, hash, sizeof(hash), NOW));
}

static void it_opens_nothing_else(void **state)
{
	(void)state;
	char pass[PASS_SIZE];
	uint8_t other[RECEIPT_HASH_SIZE] = "the hash of another's receipt..";
	pass_make(7, hash, NOW, pass);
	assert_false(pass_opens(pass, 8, hash, sizeof(hash), NOW));
	assert_false(pass_opens(pass, 7, other, sizeof(other), NOW));
	assert_false(pass_opens(pass, 7, NULL, 0, NOW));
	static const uint8_t none[RECEIPT_HASH_SIZE];
	pass_make(7, none, NOW, pass); /* what is compared with when there is no such case */
	assert_false(pass_opens(pass, 7, NULL, 0, NOW));
}

static void what_is_no_pass(void **state)
{
	(void)state;
	char pass[PASS_SIZE + 8], longer[200];
	static const char *const texts[] = {"", "-", "x", "1772446200", "99999999999999999999-00"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(pass_opens(texts[i], 7, hash, sizeof(hash), NOW));
	pass_make(7, hash, NOW, pass);
	strcat(pass, "0");
	assert_false(pass_opens(pass, 7, hash, sizeof(hash), NOW));
	memset(longer, '1', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_false(pass_opens(longer, 7, hash, sizeof(hash), NOW));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_opens_the_case_it_was_made_for),
	    cmocka_unit_test(it_ends),
	    cmocka_unit_test(it_opens_nothing_else),
	    cmocka_unit_test(what_is_no_pass),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
