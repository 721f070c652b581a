/* The catalogue: each kind of mistake is found and named by file and line; look-ups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nation.h"
#include "util/buffer.h"

/* ---- mistakes: tables/catalogue.errors ------------------------------------------------------ */

struct mistakes {
	char *nation;
	char from[400], to[400];
	int cases, failed;
};

static void try_mistake(struct mistakes *mistakes, int line, const char *expected)
{
	struct err err = {"nothing"};
	struct buffer changed = {0};
	const char *at = strstr(mistakes->nation, mistakes->from);
	if (!at)
		fail_msg("line %d: \"%s\" is not in nation.yaml", line, mistakes->from);
	buffer_add(&changed, mistakes->nation, (size_t)(at - mistakes->nation));
	buffer_add_str(&changed, mistakes->to);
	buffer_add_str(&changed, at + strlen(mistakes->from));
	struct catalogue *catalogue = nation_parse(changed.data, &err);
	if (catalogue || strcmp(err.text, expected) != 0) {
		print_error("line %d: got \"%s\"\n", line, catalogue ? "a catalogue" : err.text);
		mistakes->failed++;
	}
	catalogue_free(&catalogue);
	buffer_free(&changed);
	mistakes->cases++;
}

static void take_line(void *self, int line, char *text)
{
	struct mistakes *mistakes = self;
	const char *words = text + 1 + strspn(text + 1, " ");
	if (*text == '-')
		snprintf(mistakes->from, sizeof(mistakes->from), "%s", words);
	else if (*text == '+')
		snprintf(mistakes->to, sizeof(mistakes->to), "%s", words);
	else if (*text == '!')
		try_mistake(mistakes, line, words);
	else
		fail_msg("line %d begins with none of - + !", line);
}

static void every_mistake_is_named(void **state)
{
	struct mistakes mistakes = {.nation = table_text("nation.yaml")};
	(void)state;
	table_lines("catalogue.errors", take_line, &mistakes);
	free(mistakes.nation);
	assert_true(mistakes.cases > 30);
	assert_int_equal(mistakes.failed, 0);
}

static void the_second_file_is_named_too(void **state)
{
	struct err err;
	char *text = table_text("nation.yaml");
	const char more[] = "areas:\n  - {code: north, name: Again}\n";
	const struct catalogue_file files[] = {{"nation.yaml", text, strlen(text)},
					       {"more.yaml", more, sizeof(more) - 1}};
	(void)state;
	assert_null(catalogue_parse(files, 2, &err));
	assert_string_equal(err.text, "more.yaml:2: code \"north\" is there twice");
	free(text);
}

/* ---- look-ups ------------------------------------------------------------------------------- */

static void everything_is_found_by_its_code(void **state)
{
	const struct catalogue *c = *state;
	assert_string_equal(catalogue_office(c, "water-night")->webhook,
			    "https://water.example/night");
	assert_string_equal(catalogue_agency(c, "roads")->head->code, "roads-head");
	assert_string_equal(catalogue_area(c, "old-town")->parent->code, "north");
	assert_string_equal(catalogue_category(c, "water.leak")->level->code, "fast");
	assert_string_equal(catalogue_category(c, "roads.pothole")->service->code, "roads");
	const struct catalogue_question *question =
	    catalogue_question(catalogue_service(c, "water"), "running");
	assert_true(question->required && question->routing);
	assert_non_null(catalogue_value(question, "no"));
	assert_null(catalogue_value(question, "maybe"));
	assert_null(catalogue_question(catalogue_service(c, "roads"), "running"));
	assert_null(catalogue_office(c, "nowhere"));
	assert_null(catalogue_category(c, "water"));
	assert_null(catalogue_agency(c, ""));
	assert_null(catalogue_service(c, "x"));
	assert_null(catalogue_area(c, "x"));
}

static void texts_fall_back(void **state)
{
	const struct catalogue *c = *state;
	const struct catalogue_texts none = {NULL, 0}, *water = &catalogue_agency(c, "water")->name;
	assert_string_equal(catalogue_text(water, "pt"), "Águas");
	assert_string_equal(catalogue_text(water, "pt-BR"), "Águas");
	assert_string_equal(catalogue_text(water, "xx,pt"), "Águas");
	assert_string_equal(catalogue_text(water, "en"), "Water");
	assert_string_equal(catalogue_text(water, "xx"), "Water");
	assert_string_equal(catalogue_text(water, ""), "Water");
	assert_string_equal(catalogue_text(&none, "en"), "");
}

static void places_lie_in_the_deepest_area(void **state)
{
	static const struct {
		double lat, lon;
		const char *area;
	} places[] = {{13, 3, "old-town"},
		      {15, 5, "north"},
		      {5, 5, "south"},
		      {11.9, 3, "north"},
		      {30, 5, ""},
		      {15, -1, ""},
		      {-5, 5, ""},
		      /* borders: shared ones belong to one area, outer ones to theirs */
		      {10, 5, "north"},
		      {20, 5, "north"},
		      {15, 10, "north"},
		      {9.9999999, 5, "south"},
		      {20, 10, "north"},
		      {0, 0, "south"},
		      {20.0000001, 5, ""},
		      {14, 3, "north"},
		      {90, 0, ""},
		      {0, 180, ""},
		      {0, -180, ""}};
	const struct catalogue *c = *state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const struct catalogue_area *area =
		    catalogue_area_at(c, places[i].lat, places[i].lon);
		assert_string_equal(area ? area->code : "", places[i].area);
	}
	const struct catalogue_area *north = catalogue_area(c, "north");
	assert_true(catalogue_area_within(catalogue_area(c, "old-town"), north));
	assert_true(catalogue_area_within(north, north));
	assert_false(catalogue_area_within(north, catalogue_area(c, "old-town")));
	assert_false(catalogue_area_within(NULL, north));
}

static void an_agency_always_has_an_office_for_a_place(void **state)
{
	const struct catalogue *c = *state;
	const struct catalogue_agency *water = catalogue_agency(c, "water");
	static const struct {
		const char *area, *office;
	} expected[] = {{"north", "water-north"},
			{"old-town", "water-north"},
			{"south", "water-head"},
			{"island", "water-head"}};
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		assert_string_equal(
		    catalogue_office_for(c, water, catalogue_area(c, expected[i].area))->code,
		    expected[i].office);
	assert_string_equal(catalogue_office_for(c, water, NULL)->code, "water-head");
	assert_string_equal(
	    catalogue_office_for(c, catalogue_agency(c, "roads"), catalogue_area(c, "north"))->code,
	    "roads-head");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_mistake_is_named),
	    cmocka_unit_test(the_second_file_is_named_too),
	    cmocka_unit_test(everything_is_found_by_its_code),
	    cmocka_unit_test(texts_fall_back),
	    cmocka_unit_test(places_lie_in_the_deepest_area),
	    cmocka_unit_test(an_agency_always_has_an_office_for_a_place),
	};
	return cmocka_run_group_tests(tests, nation_load, nation_drop);
}
