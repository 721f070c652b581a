/* Addresses and lists of networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "util/net_address.h"

static struct net_address address(const char *text)
{
	struct net_address parsed;
	assert_true(net_address_parse(&parsed, text, strlen(text)));
	return parsed;
}

static void addresses_are_read_and_written(void **state)
{
	static const char *const fine[] = {"192.0.2.1", "2001:db8::1", "::1", "0.0.0.0"};
	static const char *const wrong[] = {
	    "",      "192.0.2", "192.0.2.256", "192.0.2.01x", "2001::db8::1",
	    "[::1]", "unknown", "_hidden",     "fe80::1%eth0"};
	char text[NET_ADDRESS_TEXT_SIZE];
	struct net_address parsed;
	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
		parsed = address(fine[i]);
		assert_string_equal(net_address_format(&parsed, text), fine[i]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(net_address_parse(&parsed, wrong[i], strlen(wrong[i])));
	parsed = address("::ffff:192.0.2.1");
	assert_string_equal(net_address_format(&parsed, text), "192.0.2.1");
}

static void networks_are_cut_by_family(void **state)
{
	struct net_address four = address("192.0.2.77"), six = address("2001:db8:1:2:3::4");
	struct net_address network;
	char text[NET_ADDRESS_TEXT_SIZE];
	(void)state;
	network = net_address_network(&four, 24, 48);
	assert_string_equal(net_address_format(&network, text), "192.0.2.0");
	network = net_address_network(&four, 32, 64);
	assert_string_equal(net_address_format(&network, text), "192.0.2.77");
	network = net_address_network(&six, 24, 48);
	assert_string_equal(net_address_format(&network, text), "2001:db8:1::");
	network = net_address_network(&six, 32, 64);
	assert_string_equal(net_address_format(&network, text), "2001:db8:1:2::");
}

static void lists_have_what_is_in_them(void **state)
{
	static const struct {
		const char *text;
		bool in;
	} cases[] = {{"10.255.0.1", true}, {"11.0.0.1", false},   {"192.0.2.7", true},
		     {"192.0.2.8", false}, {"2001:db8::9", true}, {"2001:db9::9", false},
		     {"::1", true},        {"127.0.0.1", false},  {"::ffff:10.1.2.3", true}};
	struct net_list list;
	struct err err;
	(void)state;
	assert_int_equal(net_list_parse(&list, "10.0.0.0/8, 192.0.2.7 2001:db8::/32,::1", &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct net_address asked = address(cases[i].text);
		assert_int_equal(net_list_has(&list, &asked), cases[i].in);
	}
	net_list_free(&list);
	assert_int_equal(net_list_parse(&list, "0.0.0.0/0", &err), 0);
	struct net_address any = address("203.0.113.9"), six = address("::1");
	assert_true(net_list_has(&list, &any) && !net_list_has(&list, &six));
	net_list_free(&list);
	assert_int_equal(net_list_parse(&list, "", &err), 0);
	assert_false(net_list_has(&list, &any));
}

static void wrong_lists_are_named(void **state)
{
	static const char *const wrong[] = {"10.0.0.0/33",  "10.0.0.1/8", "10.0.0.0/",
					    "10.0.0.0/x",   "host",       "2001:db8::/129",
					    "10.0.0.0/8/9", "10.0.0.0/-1"};
	struct net_list list;
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(net_list_parse(&list, wrong[i], &err), -1);
		assert_non_null(strstr(err.text, wrong[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_read_and_written),
	    cmocka_unit_test(networks_are_cut_by_family),
	    cmocka_unit_test(lists_have_what_is_in_them),
	    cmocka_unit_test(wrong_lists_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
