/* Which features a text has, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "text/feature.h"
#include "with_fold_table.h"

static struct features of(const char *text)
{
	struct folded folded = {0};
	struct features features = {0};
	fold(table, text, strlen(text), &folded);
	features_of(&folded, &features);
	folded_free(&folded);
	return features;
}

/* How many different features of a kind. */
static size_t count(const char *text, enum feature_block block)
{
	struct features features = of(text);
	size_t found = 0;
	for (size_t i = 0; i < features.count; i++)
		found += FEATURE_BLOCK(features.hash[i]) == block;
	features_free(&features);
	return found;
}

static void words_and_pairs(void **state)
{
	(void)state;
	assert_int_equal(count("road", FEATURE_WORD), 1);
	assert_int_equal(count("road light", FEATURE_WORD), 3);
	assert_int_equal(count("road light road light", FEATURE_WORD),
			 4); /* the pair back is new */
	assert_int_equal(count("ถนน ไฟ", FEATURE_WORD), 0);
}

static void grams(void **state)
{
	(void)state;
	/* " ab ": " a", "ab", "b ", " ab", "ab ", " ab " */
	assert_int_equal(count("ab", FEATURE_CHAR), 6);
	/* of a run of three: 3 of one, 2 of two, 1 of three */
	assert_int_equal(count("路灯坏", FEATURE_CHAR), 6);
}

static void equal_ones_are_counted(void **state)
{
	struct features features = of("road road road");
	uint32_t most = 0;
	size_t total = 0;
	(void)state;
	for (size_t i = 0; i < features.count; i++) {
		most = features.count_of[i] > most ? features.count_of[i] : most;
		total += features.count_of[i];
	}
	assert_int_equal(most, 3);
	assert_int_equal(total, features.token_end[features.token_count - 1]);
	features_free(&features);
}

/* The slots that find equal ones are emptied only when their numbers have run out. */
static void slots_are_used_again(void **state)
{
	static const char text[] = "the lamp at the corner of the road is dark, the road is dark";
	struct folded folded = {0};
	struct features fresh = {0}, used = {0};
	(void)state;
	fold(table, text, strlen(text), &folded);
	features_of(&folded, &fresh);
	features_of(&folded, &used);
	for (int i = 0; i < 3; i++) {
		used.slot_base = i ? used.slot_base : UINT32_MAX - 2 * (uint32_t)FEATURES_MAX;
		features_of(&folded, &used);
		assert_int_equal(used.count, fresh.count);
		assert_memory_equal(used.hash, fresh.hash, fresh.count * sizeof(*fresh.hash));
		assert_memory_equal(used.count_of, fresh.count_of,
				    fresh.count * sizeof(*fresh.count_of));
	}
	assert_true(used.slot_base < 10 * fresh.count);
	folded_free(&folded);
	features_free(&fresh);
	features_free(&used);
}

/* Texts that fill every table must neither write beyond it nor go on for ever. */
static void is_bounded(void **state)
{
	enum { SIZE = 200000 };
	char *text = malloc(SIZE);
	struct folded folded = {0};
	struct features features = {0};
	uint32_t random = 1;
	(void)state;
	for (size_t i = 0; i < SIZE; i++) {
		random = random * 1664525 + 1013904223;
		text[i] = (char)('a' + (random >> 24) % 26);
	}
	fold(table, text, SIZE, &folded);
	features_of(&folded, &features);
	assert_in_range(features.count, 1, FEATURES_MAX);
	features_of(&folded, &features);
	assert_in_range(features.count, 1, FEATURES_MAX);
	folded_free(&folded);
	features_free(&features);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_and_pairs),
	    cmocka_unit_test(grams),
	    cmocka_unit_test(equal_ones_are_counted),
	    cmocka_unit_test(slots_are_used_again),
	    cmocka_unit_test(is_bounded),
	};
	return cmocka_run_group_tests(tests, with_fold_table, drop_fold_table);
}
