/* Templates: how a file is read, which one is taken, how it is filled in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "template.h"

static char folder[] = "/tmp/redress-template-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void take_away(const char *name)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *const kinds[] = {"assigned", "closed", "office emergency*", NULL};
static const struct fact facts[] = {{"number", "N-1"}, {"office", "Water {number}"},
				    {"due", "D"},      {"link", "https://redress.example/case/N-1"},
				    {"url", "U"},      {NULL, NULL}};

#define EN                                                                                         \
	"# a comment\n[assigned] Case {number}\nIt is with {office}.\n# one more\nBy {due}.\n\n"   \
	"[closed] Closed: {number}\nOver.\n[office emergency] NOW: {subject}\nGo!\n\n{body}"

static void what_is_told_is_filled_in(void **state)
{
	struct err err = {""};
	struct arena *arena = arena_new();
	(void)state;
	put("en.txt", EN);
	put("pt.txt", "\xef\xbb\xbf[assigned] Caso {number}\r\nCom {office}.\r\n[closed] {number} "
		      "fim\r\nFim\r\n"
		      "[office emergency] JA: {subject}\r\n{body}\r\n");
	put("notes.md", "\xff");
	struct templates *templates = templates_load(folder, kinds, &err);
	assert_string_equal(err.text, "");
	assert_string_equal(templates_language(templates, "pt-BR"), "pt");
	assert_string_equal(templates_language(templates, "xx,pt,en"), "pt");
	assert_string_equal(templates_language(templates, "xx"), "en");
	assert_string_equal(templates_language(templates, ""), "en");
	struct rendered rendered = template_render(templates, arena, "pt", "assigned", NULL, facts);
	assert_string_equal(rendered.subject, "Caso N-1");
	/* what is filled in is not looked through again */
	assert_string_equal(rendered.body, "Com Water {number}.\n");
	rendered = template_render(templates, arena, "en", "assigned", "office emergency", facts);
	assert_string_equal(rendered.subject, "NOW: Case N-1");
	assert_string_equal(rendered.body, "Go!\n\nIt is with Water {number}.\nBy D.\n\n");
	templates_free(&templates);
	assert_null(templates);
	arena_free(&arena);
	take_away("pt.txt");
	take_away("notes.md");
	take_away("en.txt");
}

/* Each: the file's name, what is in it, and the complaint. */
static const struct {
	const char *name, *text, *complaint;
} mistakes[] = {
    {"de.txt", "[assigned] {number}\nx {offcie}\n[closed] {number}\ny\n",
     "de.txt: 3: text of [assigned]: \"{offcie}\" is nothing that is filled in"},
    {"de.txt", "[assigned] {numbr}\nx\n", "de.txt: 1: subject of [assigned]: {number} is missing"},
    {"de.txt", "[assigned] {number} }\nx\n", "\"}\" is nothing that is filled in"},
    {"de.txt", "[assigned] {number} {\nx\n", "\"{\" is nothing that is filled in"},
    {"de.txt", "[assigned] {number} {subject}\nx\n", "\"{subject}\" is nothing"},
    {"de.txt", "[assigned]\nx\n", "subject of [assigned]: is empty"},
    {"de.txt", "[assigned] {number}\n\n[closed] {number}\nx\n", "text of [assigned]: is empty"},
    {"de.txt", "[assigned {number}\nx\n", "de.txt: 1: \"]\" is missing"},
    {"de.txt", "[asigned] {number}\nx\n", "de.txt: 1: there is no message [asigned]"},
    {"de.txt", "\n\nHallo\n", "de.txt: 3: expected [message] subject"},
    {"de.txt", "[closed] {number}\nx\n[closed] {number}\ny\n",
     "de.txt: 3: [closed] is there twice"},
    {"de.txt", "[assigned] {number}\nx\n[closed] {number}\ny\n", "[office emergency] is missing"},
    {"de.txt", "[office emergency] {subject}\nno more\n",
     "text of [office emergency*]: {body} is missing"},
    {"de.txt", "[assigned] {number}\x07\nx\n", "has a control character"},
    {"de.txt", "[assigned] \xff\n", "de.txt: is not text in UTF-8"},
    {"de.txt", "", "[assigned] is missing"},
    {"de_AT.txt", "", "\"de_AT\" is no language"},
    {"DE.txt", "", "\"DE\" is no language as BCP 47 writes it"},
};

static void mistakes_are_named(void **state)
{
	struct err err;
	(void)state;
	put("en.txt", EN);
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		put(mistakes[i].name, mistakes[i].text);
		assert_null(templates_load(folder, kinds, &err));
		if (!strstr(err.text, mistakes[i].complaint))
			fail_msg("%zu: \"%s\"", i, err.text);
		take_away(mistakes[i].name);
	}
	take_away("en.txt");
	assert_null(templates_load(folder, kinds, &err));
	assert_non_null(strstr(err.text, "en.txt is missing"));
}

static void too_long_is_refused(void **state)
{
	char text[300];
	struct err err;
	(void)state;
	snprintf(text, sizeof(text), "[assigned] {number}%0200d\nx\n", 0);
	put("en.txt", text);
	assert_null(templates_load(folder, kinds, &err));
	assert_non_null(strstr(err.text, "is longer than 200 bytes"));
	take_away("en.txt");
}

/* Whose reader finds something to read or to do on the case's page. */
static bool is_acted_on(const char *kind)
{
	return strcmp(kind, "asked") == 0 || strcmp(kind, "answered") == 0 ||
	       strcmp(kind, "closed") == 0 || strcmp(kind, "commented") == 0;
}

/* Those that are shipped: complete by being loaded, and no language says what another says. */
static void the_shipped_ones_are_complete(void **state)
{
	static const char *const tags[] = {"ar", "de", "en", "es", "fr", "hu", "id",
					   "ko", "pt", "ru", "th", "tr", "zh"};
	struct err err = {""};
	struct arena *arena = arena_new();
	struct templates *templates = templates_load("deploy/templates", job_templates(), &err);
	(void)state;
	assert_string_equal(err.text, "");
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		assert_string_equal(templates_language(templates, tags[i]), tags[i]);
		for (const char *const *kind = job_templates(); kind[1]; kind++) {
			struct rendered rendered = template_render(templates, arena, tags[i], *kind,
								   "office emergency", facts);
			struct rendered en = template_render(templates, arena, "en", *kind,
							     "office emergency", facts);
			assert_non_null(strstr(rendered.subject, "N-1"));
			if (is_acted_on(*kind))
				assert_non_null(
				    strstr(rendered.body, "\nhttps://redress.example/"));
			assert_true(strcmp(tags[i], "en") == 0 ||
				    (strcmp(rendered.subject, en.subject) != 0 &&
				     strcmp(rendered.body, en.body) != 0));
		}
	}
	templates_free(&templates);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_told_is_filled_in),
	    cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(too_long_is_refused),
	    cmocka_unit_test(the_shipped_ones_are_complete),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
