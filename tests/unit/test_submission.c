/* What may be submitted: tables/submission.eval; and what checking makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "json_submission.h"
#include "nation.h"
#include "util/buffer.h"

struct bench {
	const struct catalogue *catalogue;
	struct arena *arena;
	int cases, failed;
};

static bool take(struct bench *bench, const char *json, size_t size, struct submission *submission,
		 struct problem *problem)
{
	*problem = (struct problem){0};
	submission_init(submission, "web");
	return json_submission(bench->arena, json, size, submission, NULL, problem) &&
	       submission_check(bench->arena, bench->catalogue, submission, problem);
}

/* <N> becomes N letters, <N TEXT> so many times the text. */
static void expand(struct buffer *out, const char *text)
{
	char *end;
	buffer_clear(out);
	for (; *text; text++) {
		unsigned long count = *text == '<' ? strtoul(text + 1, &end, 10) : 0;
		if (!count || (*end != '>' && *end != ' ')) {
			buffer_add(out, text, 1);
			continue;
		}
		size_t size = *end == ' ' ? strcspn(end + 1, ">") : 1;
		const char *piece = *end == ' ' ? end + 1 : "x";
		while (count--)
			buffer_add(out, piece, size);
		text = *end == ' ' ? end + 1 + size : end;
	}
}

static void try_one(void *self, int line, char *text)
{
	struct bench *bench = self;
	struct buffer json = {0}, wanted = {0};
	struct submission submission;
	struct problem problem;
	char got[300] = "fine", *bar = strrchr(text, '|'), *expected = bar + 2;
	while (bar > text && bar[-1] == ' ')
		bar--;
	*bar = '\0';
	expand(&json, text);
	expand(&wanted, expected);
	if (!take(bench, json.data, json.len, &submission, &problem))
		snprintf(got, sizeof(got), "%d %s%s%s", problem.status, problem.code,
			 problem.field ? " " : "", problem.field ? problem.field : "");
	bench->cases++;
	if (strcmp(got, wanted.data) != 0 || (*got != 'f' && !*problem.detail)) {
		print_error("line %d: got %s\n", line, got);
		bench->failed++;
	}
	buffer_free(&wanted);
	buffer_free(&json);
}

static void what_may_be_submitted(void **state)
{
	struct bench bench = {.catalogue = *state, .arena = arena_new()};
	table_lines("submission.eval", try_one, &bench);
	arena_free(&bench.arena);
	assert_true(bench.cases > 120);
	assert_int_equal(bench.failed, 0);
}

static void it_is_brought_into_one_form(void **state)
{
	static const char json[] =
	    "{\"description\": \" cafe\\u0301\\r\\nsecond\\rthird \", \"service_code\": \"water\","
	    " \"answers\": {\"running\": \"no\", \"remarks\": \"none\"},"
	    " \"contact\": {\"phone\": \"00351 (21) 234-56.78\"}}";
	struct bench bench = {.catalogue = *state, .arena = arena_new()};
	struct submission submission;
	struct problem problem;
	assert_true(take(&bench, json, sizeof(json) - 1, &submission, &problem));
	assert_string_equal(submission.text.description, "caf\u00e9\nsecond\nthird");
	assert_string_equal(submission.contact.phone, "+351212345678");
	assert_int_equal(submission.text.n_answers, 2);
	/* rules may look only at answers out of a list */
	assert_int_equal(submission.routing_answer_count, 1);
	assert_string_equal(submission.routing_answers[0]->code, "running");
	assert_false(submission_is_anonymous(&submission));
	arena_free(&bench.arena);
}

/* Identifiers, which no double would hold, and digits as they were sent. */
static void numbers_keep_their_text(void **state)
{
	static const char *const texts[] = {
	    "1234567890123456", "12345678901234567890", "1e400", "-0", "1.0", "0.10", "1E5"};
	struct bench bench = {.catalogue = *state, .arena = arena_new()};
	struct submission submission;
	struct problem problem;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *json = arena_printf(bench.arena,
						"{\"description\": \"a\", \"service_code\":"
						" \"permits\", \"answers\": {\"office-id\": %s}}",
						texts[i]);
		assert_true(take(&bench, json, strlen(json), &submission, &problem));
		assert_string_equal(submission.text.answers[0]->value, texts[i]);
	}
	arena_free(&bench.arena);
}

/* 0.0003 degrees inside old-town, rounded to outside of it; and what the citizen named. */
static void the_exact_place_finds_the_area(void **state)
{
	static const struct {
		const char *where, *area;
	} cases[] = {
	    {"\"location\": {\"lat\": 12.0004, \"lon\": 2.0004}", "old-town"},
	    {"\"location\": {\"lat\": 11.9996, \"lon\": 2.5}", "north"},
	    {"\"location\": {\"lat\": 9.99996, \"lon\": 5}", "south"},
	    {"\"location\": {\"lat\": 20.0004, \"lon\": 5}", ""},
	    {"\"location\": {\"lat\": 13, \"lon\": 3}, \"area_code\": \"north\"", "old-town"},
	    {"\"location\": {\"lat\": 5, \"lon\": 5}, \"area_code\": \"north\"", "north"},
	    {"\"location\": {\"lat\": 50, \"lon\": 5}, \"area_code\": \"island\"", "island"},
	    {"\"area_code\": \"south\"", "south"},
	    {"\"subject\": \"a\"", ""},
	};
	struct bench bench = {.catalogue = *state, .arena = arena_new()};
	struct submission submission;
	struct problem problem;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *json =
		    arena_printf(bench.arena, "{\"description\": \"a\", %s}", cases[i].where);
		assert_true(take(&bench, json, strlen(json), &submission, &problem));
		assert_string_equal(submission.place_area, cases[i].area);
	}
	arena_free(&bench.arena);
}

/* ---- limits --------------------------------------------------------------------------------- */

/* As many characters as may be, each in twelve bytes, with names that are escaped as well. */
static void the_largest_submission_fits(void **state)
{
	struct buffer json = {0};
	(void)state;
	buffer_add_str(&json, "{\"description\": \"");
	for (size_t i = 0; i < submission_field_count; i++) {
		for (size_t k = 0; k < submission_fields[i].most; k++)
			buffer_add_str(&json, "\\ud83d\\ude00");
		buffer_add_str(&json,
			       "\", \"\\u0064\\u0065\\u0073\\u0063\\u0072\\u0069\\u0070\": \"");
	}
	for (size_t i = 0; i < ANSWERS_TOTAL_MAX; i++)
		buffer_add_str(&json, "\\ud83d\\ude00");
	for (size_t i = 0; i < ANSWERS_MAX; i++) {
		buffer_add_str(&json, "\", \"");
		for (size_t k = 0; k < 64; k++)
			buffer_add_str(&json, "\\u0061");
		buffer_add_str(&json, "\": \"");
	}
	assert_true(json.len < submission_json_max());
	buffer_free(&json);
}

static const json_t *property(const json_t *schema, const char *name)
{
	const char *dot = strchr(name, '.');
	char first[64];
	snprintf(first, sizeof(first), "%.*s", (int)(dot ? dot - name : 63), name);
	const json_t *found = json_object_get(json_object_get(schema, "properties"), first);
	return dot ? property(found, dot + 1) : found;
}

static void openapi_says_the_same_limits(void **state)
{
	json_error_t error;
	json_t *api = json_load_file("docs/openapi.json", 0, &error);
	(void)state;
	assert_non_null(api);
	const json_t *submission = json_object_get(
	    json_object_get(json_object_get(api, "components"), "schemas"), "Submission");
	assert_non_null(submission);
	for (size_t i = 0; i < submission_field_count; i++)
		assert_int_equal(json_integer_value(json_object_get(
				     property(submission, submission_fields[i].name), "maxLength")),
				 submission_fields[i].most);
	const json_t *answers = property(submission, "answers");
	assert_int_equal(json_integer_value(json_object_get(answers, "maxProperties")),
			 ANSWERS_MAX);
	assert_int_equal(
	    json_integer_value(json_object_get(
		json_array_get(
		    json_object_get(json_object_get(answers, "additionalProperties"), "oneOf"), 0),
		"maxLength")),
	    ANSWER_MAX);
	json_decref(api);
}

static void raw_bytes_that_are_no_text(void **state)
{
	static const struct {
		const char *json;
		size_t size;
		const char *code;
	} cases[] = {{"{\"description\":\"\xff\"}", 19, "invalid-utf8"},
		     {"{\"description\":\"\xed\xa0\x80\"}", 21, "invalid-utf8"},
		     {"{\"description\":\"a\0b\"}", 21, "invalid-json"},
		     {"", 0, "invalid-json"},
		     {"{\"description\":\"a\\u0000b\"}", 27, "invalid-json"}};
	struct bench bench = {.catalogue = *state, .arena = arena_new()};
	struct submission submission;
	struct problem problem;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_false(take(&bench, cases[i].json, cases[i].size, &submission, &problem));
		assert_string_equal(problem.code, cases[i].code);
		assert_int_equal(problem.status, 400);
	}
	arena_free(&bench.arena);
}

/* The fingerprint tells an Idempotency-Key used again for something else: every field must count.
 */
static void every_field_makes_another_submission(void **state)
{
	static const char *const bodies[] = {
	    "{\"description\": \"a\"}",
	    "{\"description\": \"b\"}",
	    "{\"description\": \"a\", \"subject\": \"a\"}",
	    "{\"description\": \"a\", \"address\": \"a\"}",
	    "{\"description\": \"a\", \"language\": \"en\"}",
	    "{\"description\": \"a\", \"area_code\": \"north\"}",
	    "{\"description\": \"a\", \"service_code\": \"roads\"}",
	    "{\"description\": \"a\", \"location\": {\"lat\": 0, \"lon\": 0}}",
	    "{\"description\": \"a\", \"location\": {\"lat\": 0, \"lon\": 1}}",
	    "{\"description\": \"a\", \"contact\": {\"name\": \"en\"}}",
	    "{\"description\": \"a\", \"contact\": {\"language\": \"en\"}}",
	    "{\"description\": \"a\", \"service_code\": \"water\", \"answers\": {\"running\": "
	    "\"no\"}}",
	    "{\"description\": \"a\", \"service_code\": \"water\", \"answers\": {\"running\": "
	    "\"yes\"}}",
	};
	enum { COUNT = sizeof(bodies) / sizeof(*bodies) };
	struct bench bench = {.catalogue = *state, .arena = arena_new()};
	const void *forms[COUNT], *again;
	size_t sizes[COUNT], size;
	struct submission submission;
	struct problem problem;
	for (size_t i = 0; i < COUNT; i++) {
		assert_true(take(&bench, bodies[i], strlen(bodies[i]), &submission, &problem));
		forms[i] = submission_canonical(bench.arena, &submission, &sizes[i]);
		for (size_t k = 0; k < i; k++)
			assert_true(sizes[i] != sizes[k] ||
				    memcmp(forms[i], forms[k], sizes[i]) != 0);
	}
	assert_true(take(&bench, " { \"description\" : \"a\\n\" } ", 27, &submission, &problem));
	again = submission_canonical(bench.arena, &submission, &size);
	assert_int_equal(size, sizes[0]);
	assert_memory_equal(again, forms[0], size);
	assert_true(submission_is_anonymous(&submission));
	arena_free(&bench.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_may_be_submitted),
	    cmocka_unit_test(it_is_brought_into_one_form),
	    cmocka_unit_test(numbers_keep_their_text),
	    cmocka_unit_test(the_exact_place_finds_the_area),
	    cmocka_unit_test(the_largest_submission_fits),
	    cmocka_unit_test(openapi_says_the_same_limits),
	    cmocka_unit_test(raw_bytes_that_are_no_text),
	    cmocka_unit_test(every_field_makes_another_submission),
	};
	return cmocka_run_group_tests(tests, nation_load, nation_drop);
}
