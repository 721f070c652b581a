/* Templates: how a file is read, which one is taken, how it is filled in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const struct fact facts[] = {{"number", "N-1"}, {"office", "Water {number}"}, {NULL, NULL}};

static void the_language_else_its_base_else_english(void **state)
{
	struct err err = {""};
	struct arena *arena = arena_new();
	(void)state;
	put("en.txt", "# a comment\n[assigned] Case {number}\nIt is with {office}.\n\n[closed] "
		      "Closed\nOver.\n");
	put("pt.txt", "[assigned] Caso {number}\nEst\xc3\xa1 com {office}.\n");
	put("notes.md", "\xff");
	struct templates *templates = templates_load(folder, &err);
	assert_string_equal(err.text, "");
	struct told told = template_fill(templates, arena, "pt-BR", "assigned", facts);
	assert_string_equal(told.subject, "Caso N-1");
	/* what is filled in is not looked through again */
	assert_string_equal(told.body, "Est\xc3\xa1 com Water {number}.\n");
	assert_string_equal(template_fill(templates, arena, "pt", "closed", facts).subject,
			    "Closed");
	assert_string_equal(template_fill(templates, arena, "xx", "assigned", facts).subject,
			    "Case N-1");
	assert_string_equal(template_fill(templates, arena, "", "assigned", facts).subject,
			    "Case N-1");
	assert_string_equal(template_fill(templates, arena, "en", "assigned", facts).body,
			    "It is with Water {number}.\n");
	assert_null(template_fill(templates, arena, "en", "opened", facts).subject);
	assert_true(template_exists(templates, "closed"));
	assert_false(template_exists(templates, "opened"));
	templates_free(&templates);
	assert_null(templates);
	arena_free(&arena);
	take_away("pt.txt");
	take_away("notes.md");
	take_away("en.txt");
}

static void braces_that_name_nothing_stay(void **state)
{
	struct err err;
	struct arena *arena = arena_new();
	(void)state;
	put("en.txt", "[assigned] {} {numbe} {number {number}} {{number}\n{");
	struct templates *templates = templates_load(folder, &err);
	struct told told = template_fill(templates, arena, "en", "assigned", facts);
	assert_string_equal(told.subject, "{} {numbe} {number N-1} {N-1");
	assert_string_equal(told.body, "{");
	templates_free(&templates);
	arena_free(&arena);
	take_away("en.txt");
}

static void what_cannot_be_used_is_refused(void **state)
{
	struct err err;
	(void)state;
	/* English is what everybody can be told in: whether it is there is asked for each kind */
	put("de.txt", "[assigned] Nur Deutsch\nx\n");
	struct templates *templates = templates_load(folder, &err);
	assert_non_null(templates);
	assert_false(template_exists(templates, "assigned"));
	templates_free(&templates);
	put("en.txt", "[assigned] \xff\n");
	assert_null(templates_load(folder, &err));
	assert_non_null(strstr(err.text, "en.txt: not UTF-8"));
	take_away("de.txt");
	take_away("en.txt");
}

/* Those that are shipped: everything that is told in English is told in every language. */
static void the_shipped_ones_are_complete(void **state)
{
	static const char *const kinds[] = {"assigned", "asked", "answered", "closed", "reopened"};
	static const struct fact all[] = {
	    {"number", "N"}, {"office", "O"}, {"due", "D"}, {"url", "U"}, {NULL, NULL}};
	struct err err = {""};
	struct arena *arena = arena_new();
	struct templates *templates = templates_load("deploy/templates", &err);
	struct dirent *entry;
	DIR *list = opendir("deploy/templates");
	(void)state;
	assert_string_equal(err.text, "");
	while ((entry = readdir(list))) {
		char language[16] = "";
		if (!strstr(entry->d_name, ".txt"))
			continue;
		snprintf(language, sizeof(language), "%.*s", (int)strlen(entry->d_name) - 4,
			 entry->d_name);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
			struct told told = template_fill(templates, arena, language, kinds[i], all);
			assert_non_null(told.subject);
			assert_non_null(strchr(told.subject, 'N'));
			assert_null(strpbrk(told.subject, "{}\n"));
			assert_null(strpbrk(told.body, "{}"));
			if (strcmp(language, "en") != 0)
				assert_string_not_equal(
				    told.subject,
				    template_fill(templates, arena, "en", kinds[i], all).subject);
		}
	}
	closedir(list);
	templates_free(&templates);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_language_else_its_base_else_english),
	    cmocka_unit_test(braces_that_name_nothing_stay),
	    cmocka_unit_test(what_cannot_be_used_is_refused),
	    cmocka_unit_test(the_shipped_ones_are_complete),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
