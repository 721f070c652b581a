/* Each answer is a line that a JSON library we did not write reads back as it was. */
#include <jansson.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "judging/answer.h"

/* What must be escaped, what must not, and what is more than a byte. */
static char nasty[] = "\"quoted\" back\\slash /\b\f\n\r\t\x01\x1f\x7f \u0e44\u0e1f \U0001F6A8";

static json_t *answer_of(const Redress__Classification *found, const Redress__Why *why)
{
	struct buffer line = {0};
	json_error_t wrong;
	answer_add(&line, found, why);
	assert_ptr_equal(strchr(line.data, '\n'), line.data + line.len - 1);
	json_t *answer = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &wrong);
	if (!answer)
		fail_msg("%s in %s", wrong.text, line.data);
	buffer_free(&line);
	return answer;
}

static void nothing_known(void **state)
{
	const Redress__Classification found = REDRESS__CLASSIFICATION__INIT;
	const Redress__Why why = REDRESS__WHY__INIT;
	static const char *const nulls[] = {"category", "service", "language", "signature"};
	json_t *answer = answer_of(&found, &why);
	(void)state;
	assert_int_equal(json_object_size(answer), 12);
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		assert_true(json_is_null(json_object_get(answer, nulls[i])));
	assert_int_equal(json_array_size(json_object_get(answer, "guesses")), 0);
	assert_true(json_real_value(json_object_get(answer, "confidence")) == 0 &&
		    json_is_number(json_object_get(answer, "confidence")));
	assert_true(json_is_false(json_object_get(answer, "abstained")));
	json_decref(answer);
}

static void all_as_it_was(void **state)
{
	Redress__Classification found = REDRESS__CLASSIFICATION__INIT;
	Redress__Why why = REDRESS__WHY__INIT;
	Redress__Guess guess[] = {REDRESS__GUESS__INIT, REDRESS__GUESS__INIT},
		       *guesses[] = {&guess[0], &guess[1]};
	char *terms[] = {nasty, (char[]){"second"}, (char[]){""}};
	uint8_t signature[] = {0, 0xAB, 0xFF};
	json_t *answer;
	const char *category, *urgency, *hex, *model, *first, *second, *third;
	double confidence, likely, unlikely, sure;
	int abstained, abuse;
	json_t *none, *urgent;
	(void)state;
	guess[0].category = nasty;
	guess[0].confidence = 1;
	guess[1].category = (char[]){"street.lamp"};
	guess[1].confidence = 1.25e-9f;
	found.category = found.service = found.language = found.model_version = nasty;
	found.confidence = 0.123456f;
	found.abstained = found.suspected_abuse = true;
	found.guesses = guesses;
	found.n_guesses = 2;
	found.language_confidence = 0.5f;
	found.urgency = REDRESS__URGENCY__EMERGENCY;
	found.signature = (ProtobufCBinaryData){sizeof(signature), signature};
	why.category_terms = terms;
	why.n_category_terms = 3;
	why.abuse_terms = terms;
	why.n_abuse_terms = 1;
	answer = answer_of(&found, &why);
	assert_int_equal(
	    json_unpack(answer,
			"{s:s, s:F, s:b, s:[{s:s, s:F}, {s:s, s:F}], s:F, s:s, s:b, s:s, s:s,"
			" s:{s:[s, s, s], s:o, s:o}}",
			"category", &category, "confidence", &confidence, "abstained", &abstained,
			"guesses", "category", &first, "confidence", &likely, "category", &second,
			"confidence", &unlikely, "language_confidence", &sure, "urgency", &urgency,
			"suspected_abuse", &abuse, "signature", &hex, "model", &model, "why",
			"category", &third, &third, &third, "urgency", &none, "abuse", &urgent),
	    0);
	assert_string_equal(category, nasty);
	assert_string_equal(first, nasty);
	assert_string_equal(second, "street.lamp");
	assert_string_equal(third, "");
	assert_string_equal(model, nasty);
	assert_string_equal(urgency, "emergency");
	assert_string_equal(hex, "00abff");
	assert_string_equal(json_string_value(json_object_get(answer, "service")), nasty);
	assert_string_equal(json_string_value(json_object_get(answer, "language")), nasty);
	assert_string_equal(json_string_value(json_array_get(urgent, 0)), nasty);
	assert_int_equal(json_array_size(none), 0);
	assert_true(confidence == 0.12346 && likely == 1 && unlikely == 1.25e-9 && sure == 0.5);
	assert_true(abstained && abuse);
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_known),
	    cmocka_unit_test(all_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
