/* Messages: how a pattern is read, filled in, and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "domain/message.h"

static bool find(void *self, const char *name, struct message_value *value)
{
	if (strcmp(name, "n") == 0)
		value->number = *(const int64_t *)self;
	else if (strcmp(name, "office") == 0)
		value->text = "Water";
	else if (strcmp(name, "who") == 0)
		value->text = *(const int64_t *)self ? "citizen" : "stranger";
	else
		return false;
	return true;
}

static void check(const char *language, const char *pattern, int64_t n, const char *expected)
{
	struct err err = {""};
	struct buffer out = {0};
	struct arena *arena = arena_new();
	struct message_locale *locale = message_locale_open(language, &err);
	assert_non_null(locale);
	const struct message_values values = {find, &n, false};
	const struct message *message = message_parse(arena, pattern, locale, &err);
	if (!message)
		fail_msg("%s: %s", pattern, err.text);
	message_format(message, locale, &values, &out);
	assert_string_equal(out.data ? out.data : "", expected);
	message_locale_close(&locale);
	buffer_free(&out);
	arena_free(&arena);
}

static void filled_in(void **state)
{
	(void)state;
	check("en", "With {office}.", 1, "With Water.");
	check("en", "{n, number} cases", 12345, "12,345 cases");
	check("de", "{n, number}", 12345, "12.345");
	check("ar", "{n, number}", 12345, "12,345"); /* Western digits */
	check("en", "{n, plural, =0 {none} one {# case} other {# cases}}", 0, "none");
	check("en", "{n, plural, =0 {none} one {# case} other {# cases}}", 1, "1 case");
	check("en", "{n, plural, one {# case of {office}} other {# cases}}", 1, "1 case of Water");
	check("ru", "{n, plural, one {# дело} few {# дела} many {# дел} other {# дела}}", 23,
	      "23 дела");
	check("th", "{n, plural, other {# เรื่อง}}", 1, "1 เรื่อง");
	check("en", "{who, select, citizen {You} other {They}} wrote", 1, "You wrote");
	check("en", "{who, select, citizen {You} other {They}} wrote", 0, "They wrote");
	check("en", "it''s, it's, '{n}', {missing}", 1, "it's, it's, {n}, {missing}");
	check("en", "", 1, "");
}

static void isolated(void **state)
{
	(void)state;
	struct err err;
	struct buffer out = {0};
	int64_t n = 1;
	struct arena *arena = arena_new();
	struct message_locale *locale = message_locale_open("ar", &err);
	const struct message_values values = {find, &n, true};
	message_format(message_parse(arena, "a {office} {n}", locale, &err), locale, &values, &out);
	assert_string_equal(out.data, "a \u2068Water\u2069 1");
	message_locale_close(&locale);
	buffer_free(&out);
	arena_free(&arena);
}

static void refused(void **state)
{
	static const struct {
		const char *language, *pattern, *why;
	} cases[] = {
	    {"en", "{office", "character 8: } is missing"},
	    {"en", "office}", "character 7: } without {"},
	    {"en", "{}", "a name is missing"},
	    {"en", "{n, date}", "neither number, plural nor select"},
	    {"en", "{n, plural, one {x}}", "there is no \"other\""},
	    {"en", "{n, plural, other {x}}", "the plural form \"one\" is missing"},
	    {"en", "{n, plural, one {x} few {y} other {z}}", "no such plural form"},
	    {"ru", "{n, plural, one {x} other {z}}", "plural form \"few\" is missing"},
	    {"th", "{n, plural, one {x} other {z}}", "no such plural form"},
	    {"en", "{n, plural, one {x} one {y} other {z}}", "the same choice twice"},
	    {"en", "{n, plural, =x {x} other {z}}", "= wants a number"},
	    {"en", "'{n", "the quote has no end"},
	    {"en",
	     "{a,select,other{{a,select,other{{a,select,other{{a,select,other{{a,select,"
	     "other{x}}}}}}}}}}",
	     "nested too deeply"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = {""};
		struct arena *arena = arena_new();
		struct message_locale *locale = message_locale_open(cases[i].language, &err);
		assert_null(message_parse(arena, cases[i].pattern, locale, &err));
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s: %s", cases[i].pattern, err.text);
		message_locale_close(&locale);
		arena_free(&arena);
	}
}

static void arguments_once_and_sorted(void **state)
{
	(void)state;
	struct err err;
	struct message_argument found[MESSAGE_ARGUMENTS_MAX];
	struct arena *arena = arena_new();
	size_t count = message_arguments(
	    message_parse(arena, "{b} {n, plural, other {{a} {b}}} {n}", NULL, &err), found);
	assert_int_equal(count, 3);
	assert_string_equal(found[0].name, "a");
	assert_string_equal(found[1].name, "b");
	assert_string_equal(found[2].name, "n");
	assert_int_equal(found[2].kind, MESSAGE_NUMBER);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(filled_in),
	    cmocka_unit_test(isolated),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(arguments_once_and_sorted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
