/* Who gets a page and who gets JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "util/accept.h"
#include "web/negotiation.h"

static void browsers_get_pages_and_programs_json(void **state)
{
	(void)state;
	assert_true(negotiation_wants_page(
	    "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"));
	assert_true(negotiation_wants_page("text/html, */*;q=0.01"));
	assert_true(negotiation_wants_page("text/*"));
	assert_true(negotiation_wants_page("TEXT/HTML"));
	assert_true(negotiation_wants_page("text/html;level=1;q=0.7, application/json;q=0.3"));
	assert_false(negotiation_wants_page(NULL));
	assert_false(negotiation_wants_page(""));
	assert_false(negotiation_wants_page("*/*"));
	assert_false(negotiation_wants_page("application/json"));
	assert_false(negotiation_wants_page("application/json, text/html"));
	assert_false(negotiation_wants_page("application/json, text/html;q=0.9"));
	assert_false(negotiation_wants_page("text/html;q=0"));
	assert_false(negotiation_wants_page("text/html;q=2"));
	assert_false(negotiation_wants_page("text/htmlx, x/text/html"));
	assert_false(negotiation_wants_page("image/png"));
}

/* RFC 9110, 12.5.1: the most specific range that matches counts. */
static void the_closest_range_counts(void **state)
{
	static const char *const offers[] = {"text/plain", "text/html", NULL};
	(void)state;
	assert_int_equal(negotiation_media("text/*, text/plain;q=0.2", offers), 1);
	assert_int_equal(negotiation_media("*/*, text/*;q=0.1, text/html;q=0", offers), 0);
	assert_int_equal(negotiation_media("text/html;q=0.001, text/plain;q=0", offers), 1);
	assert_int_equal(negotiation_media("image/*", offers), -1);
	assert_int_equal(negotiation_media("text/plain;q=0, text/html;q=0", offers), -1);
	assert_int_equal(negotiation_media(NULL, offers), 0);
}

static void lists_are_read_by_weight(void **state)
{
	char list[] = " a ;q=0.5, b, c;q=1.000;x=y,d;q=1.001, e;q=.5 ,,f; Q = 0.75 , g;q=0";
	struct accept_item items[8];
	(void)state;
	assert_int_equal(accept_read(list, items, 8), 5);
	assert_string_equal(items[0].value, "b");
	assert_string_equal(items[1].value, "c");
	assert_false(items[1].plain);
	assert_string_equal(items[2].value, "f");
	assert_int_equal(items[2].weight, 750);
	assert_string_equal(items[3].value, "a");
	assert_string_equal(items[4].value, "g");
	assert_int_equal(items[4].weight, 0);
	char many[] = "a,b,c";
	assert_int_equal(accept_read(many, items, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(browsers_get_pages_and_programs_json),
					   cmocka_unit_test(the_closest_range_counts),
					   cmocka_unit_test(lists_are_read_by_weight)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
