/* A refusal is always told whole, whatever it was made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "client/http_private.h"

static char sent[4096];
static int sent_status;

/* In place of the server. */
void http_reply(struct http_request *request, int status, const char *type,
		const struct http_field *fields, const void *body, size_t size)
{
	(void)request;
	(void)fields;
	assert_string_equal(type, "application/problem+json");
	assert_true(size < sizeof(sent));
	memcpy(sent, body, size);
	sent[size] = '\0';
	sent_status = status;
}

bool http_problem_on_page(struct http_request *request, const struct problem_details *problem)
{
	(void)request;
	(void)problem;
	return false;
}

static void check(const char *field, const char *shown, const char *detail, const char *told)
{
	http_problem(NULL, 422, "unknown-field", field, detail);
	json_t *body = json_loads(sent, 0, NULL);
	assert_int_equal(sent_status, 422);
	assert_non_null(body);
	assert_int_equal(json_integer_value(json_object_get(body, "status")), 422);
	assert_string_equal(json_string_value(json_object_get(body, "type")),
			    "urn:redress:problem:unknown-field");
	assert_non_null(json_string_value(json_object_get(body, "title")));
	assert_string_equal(json_string_value(json_object_get(body, "detail")), told);
	const char *got = json_string_value(json_object_get(body, "field"));
	assert_string_equal(got ? got : "none", shown);
	json_decref(body);
}

static void a_bad_text_costs_no_member(void **state)
{
	(void)state;
	check("description", "description", "say what", "say what");
	check(NULL, "none", "caf\xc3\xa9", "caf\xc3\xa9");
	check("a\xe3\x82", "a", "b\xff", "b?");
	check("\xe3\x82\xb5\xe3", "\xe3\x82\xb5", "\xc3", "");
}

/* Whoever is refused reads at least the title. */
static void every_refusal_has_a_title_of_its_own(void **state)
{
	static const int statuses[] = {400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413,
				       414, 415, 417, 422, 429, 431, 500, 501, 503, 505};
	char before[sizeof(statuses) / sizeof(*statuses)][64] = {""};
	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		http_problem(NULL, statuses[i], "x", NULL, "y");
		json_t *body = json_loads(sent, 0, NULL);
		const char *title = json_string_value(json_object_get(body, "title"));
		assert_true(*title);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(before[k], title);
		snprintf(before[i], sizeof(before[i]), "%s", title);
		json_decref(body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_bad_text_costs_no_member),
					   cmocka_unit_test(every_refusal_has_a_title_of_its_own)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
