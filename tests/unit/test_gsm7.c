/* Which texts fit the short alphabet; that receipts fit one message in every language that ships.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client/texts_folder.h"
#include "domain/gsm7.h"
#include "domain/text_form.h"

#define GSM7_MOST 160 /* characters of one message */
#define UCS2_MOST 70

static void the_alphabet_is_known(void **state)
{
	static const char *const fit[] = {"", "Case 7, code A-1.", "Größe: 5 €", "ΔΩ [x] {y} ~|^\\",
					  "é à\n"};
	static const char *const not [] = {"ç", "ê", "ő", "дом", "数", "a\xCC\x81", "“", "😀"};
	(void)state;
	for (size_t i = 0; i < sizeof(fit) / sizeof(*fit); i++)
		assert_true(gsm7_fits(fit[i]));
	for (size_t i = 0; i < sizeof(not ) / sizeof(*not ); i++)
		assert_false(gsm7_fits(not [i]));
}

static bool find(void *self, const char *name, struct message_value *value)
{
	(void)self;
	value->text = strcmp(name, "number") == 0 ? "07154-0V3GM-VDMV" : "Y1DB-WMBK-17CJ-ME27";
	return true;
}

static void a_receipt_is_one_message(void **state)
{
	static const struct setting *const tables[] = {texts_settings, NULL};
	static const struct message_values values = {find, NULL, false};
	struct err err = {""};
	struct settings *settings = settings_load(tables, NULL, &err);
	(void)state;
	struct texts *texts = texts_load(settings, &err);
	assert_string_equal(err.text, "");
	for (const char *const *tag = texts_tags(texts); *tag; tag++) {
		struct buffer text = {0};
		assert_true(texts_write(texts_language(texts, *tag), "sms.taken", &values, &text));
		size_t most = gsm7_fits(text.data) ? GSM7_MOST : UCS2_MOST;
		if (text_characters(text.data) > most)
			fail_msg("%s: %s", *tag, text.data);
		buffer_free(&text);
	}
	texts_free(&texts);
	settings_free(&settings);
}

int main(void)
{
	setenv("REDRESS_TEXTS_FOLDER", TABLES "/../../deploy/texts", 1);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_alphabet_is_known),
	    cmocka_unit_test(a_receipt_is_one_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
