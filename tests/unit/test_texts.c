/* Texts: what is loaded, compared with the reference, and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "domain/texts.h"

#define FILE(name, text) ((struct texts_file){name, text, strlen(text)})
#define ENGLISH                                                                                    \
	FILE("en.yaml", "direction: ltr\n"                                                         \
			"case:\n  with: With {office}.\n  count: \"{n, plural, one {#} other "     \
			"{#}}\"\n")

static bool office(void *self, const char *name, struct message_value *value)
{
	(void)self;
	value->text = "Water";
	return strcmp(name, "office") == 0;
}

static void told_in_each_language(void **state)
{
	struct err err = {""};
	struct buffer out = {0};
	const struct message_values values = {office, NULL, false};
	const struct texts_file files[] = {
	    FILE("ar.yaml",
		 "direction: rtl\ncase: {with: '{office}:', count: '{n, plural, zero {#} one {#} "
		 "two {#} few {#} many {#} other {#}}'}\n"),
	    ENGLISH,
	};
	(void)state;
	struct texts *texts = texts_parse(files, 2, &err);
	assert_string_equal(err.text, "");
	assert_string_equal(texts_tags(texts)[0], "ar");
	assert_string_equal(texts_tags(texts)[1], "en");
	assert_null(texts_tags(texts)[2]);
	const struct texts_language *arabic = texts_language(texts, "ar");
	assert_string_equal(texts_direction(arabic), "rtl");
	assert_true(texts_write(arabic, "case.with", &values, &out));
	assert_string_equal(out.data, "Water:");
	assert_false(texts_write(arabic, "case", &values, &out));
	assert_ptr_equal(texts_language(texts, "xx"), texts_language(texts, "en"));
	assert_string_equal(texts_direction(texts_language(texts, "xx")), "ltr");
	buffer_free(&out);
	texts_free(&texts);
}

static void refused(void **state)
{
	static const struct {
		const char *name, *text, *why;
	} cases[] = {
	    {"de.yaml", "direction: ltr\n", "de.yaml: case.count is missing"},
	    {"de.yaml",
	     "direction: ltr\ncase:\n  with: Bei {ofice}.\n  count: '{n, plural, one {#} other "
	     "{#}}'",
	     "de.yaml:3: case.with: {office} is missing"},
	    {"de.yaml",
	     "direction: ltr\ncase:\n  with: Da.\n  count: '{n, plural, one {#} other {#}}'",
	     "de.yaml:3: case.with: {office} is missing"},
	    {"de.yaml",
	     "direction: ltr\ncase:\n  with: '{office}'\n  count: '{n, plural, other {#}}'",
	     "de.yaml:4: case.count: character"},
	    {"de.yaml",
	     "direction: ltr\nmore: x\ncase:\n  with: '{office}'\n  count: '{n, plural, one {#} "
	     "other {#}}'",
	     "de.yaml:2: there is no text more"},
	    {"de.yaml", "direction: ltr\ndirection: ltr\n", "direction is there twice"},
	    {"de.yaml",
	     "direction: ltr\ncase:\n  with: '{office} {at}'\n  count: '{n, plural, one {#} other "
	     "{#}}'",
	     "de.yaml:3: case.with: there is no argument {at}"},
	    {"de.yaml", "direction: [a]\n", "direction: expected a text"},
	    {"de.yaml", "direction: \xff\n", "not UTF-8"},
	    {"de.yaml",
	     "\xef\xbb\xbf"
	     "direction: ltr\n",
	     "byte order mark"},
	    {"de.yml", "direction: ltr\n", "expected LANGUAGE.yaml"},
	    {"de.yaml", "a: b: c\n", "de.yaml:1"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = {""};
		const struct texts_file files[] = {ENGLISH, FILE(cases[i].name, cases[i].text)};
		assert_null(texts_parse(files, 2, &err));
		if (!strstr(err.text, cases[i].why))
			fail_msg("expected \"%s\": %s", cases[i].why, err.text);
	}
	struct err err;
	const struct texts_file files[] = {FILE("de.yaml", "direction: ltr\n")};
	assert_null(texts_parse(files, 1, &err));
	assert_string_equal(err.text, "en.yaml is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(told_in_each_language),
	    cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
