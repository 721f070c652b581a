/* Names by number: equal ones have the same, there are no more than wanted, and each is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "training/names.h"

enum { MOST = 300 };

static uint32_t add(struct names *names, const char *name)
{
	struct err err;
	uint32_t number;
	assert_int_equal(names_add(names, name, &number, &err), 0);
	return number;
}

static void are_numbered_as_they_come(void **state)
{
	struct names names;
	(void)state;
	names_start(&names, 3);
	assert_int_equal(names_find(&names, "b"), NAMES_NONE);
	assert_int_equal(add(&names, "b"), 0);
	assert_int_equal(add(&names, "a"), 1);
	assert_int_equal(add(&names, "b"), 0);
	assert_int_equal(add(&names, ""), 2);
	assert_int_equal(names.count, 3);
	assert_string_equal(names.name[1], "a");
	assert_int_equal(names_find(&names, "a"), 1);
	assert_int_equal(names_find(&names, "c"), NAMES_NONE);
	names_free(&names);
	assert_int_equal(names.count, 0);
}

/* The one too many changes nothing; those that are there still are. */
static void are_bounded(void **state)
{
	struct names names;
	struct err err;
	char name[10];
	uint32_t number = 7;
	(void)state;
	names_start(&names, MOST);
	for (uint32_t i = 0; i < MOST; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(add(&names, name), i);
	}
	assert_int_equal(names_add(&names, "another", &number, &err), -1);
	assert_string_equal(err.text, "there are more than 300 different ones");
	assert_int_equal(number, 7);
	assert_int_equal(names_find(&names, "another"), NAMES_NONE);
	for (uint32_t i = 0; i < MOST; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(add(&names, name), i);
	}
	names_free(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(are_numbered_as_they_come),
	    cmocka_unit_test(are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
