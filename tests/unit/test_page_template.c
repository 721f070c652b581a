/* Page templates: what is rendered, always escaped, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "web/template.h"

#define ENGLISH                                                                                    \
	"direction: ltr\nhello: Hello {name} & {n, plural, one {# case} other {# cases}}\n"        \
	"status: {open: Open, closed: Closed}\n"

static struct texts *texts_of(void)
{
	struct err err = {""};
	const struct texts_file file = {"en.yaml", ENGLISH, sizeof(ENGLISH) - 1};
	struct texts *texts = texts_parse(&file, 1, &err);
	assert_string_equal(err.text, "");
	return texts;
}

static void check(const char *text, const char *view, const char *expected)
{
	struct err err = {""};
	struct buffer out = {0};
	struct texts *texts = texts_of();
	const struct template_file files[] = {{"page.html", text, strlen(text)},
					      {"part.html", "[{{name}}]\n", 11}};
	struct templates *templates = templates_parse(files, 2, texts, &err);
	if (!templates)
		fail_msg("%s: %s", text, err.text);
	json_t *json = json_loads(view, 0, NULL);
	assert_non_null(json);
	assert_int_equal(
	    templates_render(templates, "page", json, texts_language(texts, "en"), &out), 0);
	assert_string_equal(out.data ? out.data : "", expected);
	assert_int_equal(
	    templates_render(templates, "none", json, texts_language(texts, "en"), &out), -1);
	json_decref(json);
	buffer_free(&out);
	templates_free(&templates);
	texts_free(&texts);
}

static void rendered(void **state)
{
	(void)state;
	check("a {{name}} {{ name }} {{a.b}} {{none}}",
	      "{\"name\":\"<x & 'y\\\">\",\"a\":{\"b\":7}}",
	      "a &lt;x &amp; &#39;y&quot;&gt; &lt;x &amp; &#39;y&quot;&gt; 7 ");
	check("{{#list}}{{name}}{{^last}}, {{/last}}{{/list}}",
	      "{\"list\":[{\"name\":\"a\"},{\"name\":\"b\",\"last\":true}]}", "a, b");
	check("{{#list}}<{{.}}>{{/list}}{{^list}}none{{/list}}", "{\"list\":[\"a\",\"b\"]}",
	      "<a><b>");
	check("{{#list}}x{{/list}}{{^list}}none{{/list}}", "{\"list\":[]}", "none");
	check("{{#a}}{{name}}{{b}}{{/a}}", "{\"name\":\"outer\",\"a\":{\"b\":\"in\"}}", "outerin");
	check("{{#no}}x{{/no}}{{#empty}}x{{/empty}}{{#yes}}y{{/yes}}",
	      "{\"no\":false,\"empty\":\"\",\"yes\":true}", "y");
	check("a\n  {{#yes}}\n b\n  {{/yes}}\n{{! remark }}\nc\n", "{\"yes\":true}", "a\n b\nc\n");
	check("{{#list}}\n{{>part}}\n{{/list}}\n", "{\"list\":[{\"name\":\"1\"},{\"name\":\"2\"}]}",
	      "[1]\n[2]\n");
	check("{{t hello}}", "{\"name\":\"<b>\",\"n\":1}",
	      "Hello \u2068&lt;b&gt;\u2069 &amp; 1 case");
	check("{{t status.*code}}{{t status.*none}}", "{\"code\":\"closed\"}", "Closed");
	check("a } {b {", "{}", "a } {b {");
}

static void refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"a\n{{#x}}", "page.html:2: has no end: x"},
	    {"{{#x}}{{/y}}", "ends what has not begun: y"},
	    {"{{/x}}", "ends what has not begun: x"},
	    {"{{{x}}}", "there are no unescaped values"},
	    {"{{&x}}", "not a tag"},
	    {"\n\n{{x", "page.html:3: }} is missing"},
	    {"{{>none}}", "there is no template none"},
	    {"{{>page}}", "its partials have no end"},
	    {"\n{{t none}}", "page.html:2: there is no text none"},
	    {"{{}}", "not a tag"},
	    {"{{=<% %>=}}", "not a tag"},
	};
	(void)state;
	struct texts *texts = texts_of();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = {""};
		const struct template_file file = {"page.html", cases[i].text,
						   strlen(cases[i].text)};
		assert_null(templates_parse(&file, 1, texts, &err));
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
	texts_free(&texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rendered),
	    cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
