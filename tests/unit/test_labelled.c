/* Labelled lines and maps of labels: what is read, and what each wrong line is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "training/labelled.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char seen[400];

static int take(void *context, const char *text, size_t size, const char *label,
		const char *language, struct err *err)
{
	size_t used = strlen(seen);
	(void)context;
	(void)err;
	assert_int_equal(size, strlen(text));
	snprintf(seen + used, sizeof(seen) - used, "%s=%s(%s);", label, text,
		 language ? language : "-");
	return 0;
}

static void put(const char *file, const char *content)
{
	FILE *out = fopen(file, "w");
	assert_non_null(out);
	fputs(content, out);
	fclose(out);
}

/* What was read, or the error. */
static const char *read_all(const char *file, const char *content, const struct label_map *map)
{
	static struct err err;
	put(file, content);
	seen[0] = '\0';
	int failed = labelled_read(file, map, take, NULL, &err);
	unlink(file);
	return failed ? err.text : seen;
}

static void good_lines(void **state)
{
	(void)state;
	assert_string_equal(read_all("t.jsonl",
				     "{\"text\":\"no light\",\"label\":\"a\",\"lang\":\"en\"}\n"
				     "{\"label\":\"b\",\"text\":\"x\",\"more\":1}",
				     NULL),
			    "a=no light(en);b=x(-);");
	assert_string_equal(read_all("t.tsv", "a\tno light\r\n\nb\tx\ty\n", NULL),
			    "a=no light(-);b=x\ty(-);");
	assert_string_equal(read_all("t.tsv",
				     "\xEF\xBB\xBF"
				     "a\tx\na\ty\n",
				     NULL),
			    "a=x(-);a=y(-);");
}

static void wrong_lines_are_named(void **state)
{
	static const struct {
		const char *file, *content, *says;
	} cases[] = {
	    {"t.jsonl", "{\"text\":\"x\",\"label\":\"a\"}\n{\"text\":\"x\"}\n",
	     "line 2: label: is missing"},
	    {"t.jsonl", "{\"label\":\"a\"}\n", "line 1: text: is missing"},
	    {"t.jsonl", "{\"text\":3,\"label\":\"a\"}\n", "line 1: text: must be a string"},
	    {"t.jsonl", "{\"text\":\"x\",\"label\":\"\"}\n", "line 1: label: 1 to"},
	    {"t.jsonl", "[]\n", "line 1: is no JSON object"},
	    {"t.jsonl", "{\"text\":\"x\",\n", "line 1: "},
	    {"t.tsv", "a\tx\nno tab\n", "line 2: label, tab, text"},
	    {"t.tsv", "\tx\n", "line 1: label: 1 to"},
	    {"t.tsv", "a\t\xFF\n", "line 1: label, tab, text"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *said = read_all(cases[i].file, cases[i].content, NULL);
		if (!strstr(said, cases[i].says) || !strstr(said, cases[i].file))
			fail_msg("case %zu: %s", i, said);
	}
}

static void no_file_is_named(void **state)
{
	struct err err;
	(void)state;
	assert_int_equal(labelled_read("there-is-none.jsonl", NULL, take, NULL, &err), -1);
	assert_non_null(strstr(err.text, "there-is-none.jsonl"));
}

static void labels_are_mapped(void **state)
{
	struct err err;
	(void)state;
	put("t.map",
	    "\xEF\xBB\xBFpothole\troads.pothole\n# foreign\tours\n\nlamp\tlighting.street\n");
	struct label_map *map = label_map_load("t.map", &err);
	unlink("t.map");
	assert_non_null(map);
	assert_string_equal(read_all("t.tsv", "lamp\tx\nother\ty\npothole\tz\n", map),
			    "lighting.street=x(-);roads.pothole=z(-);");
	label_map_free(&map);
	assert_null(map);
}

static void wrong_maps_are_refused(void **state)
{
	static const char *const maps[] = {"a\tb\nc\n", "a\tb\n\tc\n", "a\tb\nc\t\n",
					   "a\tb\na\tc\n", "a\tb\nc\td\te\n"};
	struct err err;
	(void)state;
	for (size_t i = 0; i < COUNT(maps); i++) {
		put("t.map", maps[i]);
		assert_null(label_map_load("t.map", &err));
		assert_non_null(strstr(err.text, "t.map line 2"));
	}
	unlink("t.map");
	assert_null(label_map_load("t.map", &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_lines),
	    cmocka_unit_test(wrong_lines_are_named),
	    cmocka_unit_test(no_file_is_named),
	    cmocka_unit_test(labels_are_mapped),
	    cmocka_unit_test(wrong_maps_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
