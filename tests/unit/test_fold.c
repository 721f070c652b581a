/* What folding makes equal, and what it keeps apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "with_fold_table.h"

/* The tokens of the text with | between them. */
static const char *tokens(const char *text)
{
	static char joined[4096];
	struct folded folded = {0};
	size_t length = 0;
	fold(table, text, strlen(text), &folded);
	for (size_t i = 0; i < folded.token_count; i++) {
		if (i)
			joined[length++] = '|';
		length += fold_token_text(&folded, &folded.tokens[i], joined + length,
					  sizeof(joined) - length);
	}
	joined[length] = '\0';
	folded_free(&folded);
	return joined;
}

static void equal(void **state)
{
	static const char *const pairs[][2] = {
	    {"The STREET light", "the street light"},
	    {"street   light\n\t ", " street light"},
	    {"street,light!", "street light"},
	    {"Straße", "STRASSE"},
	    {"ﬁre \xEF\xBC\xA1\xEF\xBC\xA2", "fire ab"}, /* ligature, full width */
	    {"e\xCC\x81t\xC3\xA9", "\xC3\xA9t\xC3\xA9"}, /* decomposed */
	    {"ёлка", "елка"},
	    {"ЁЛКА", "елка"},
	    {"أحمد", "احمد"},
	    {"\xEF\xBA\x83ح", "اح"}, /* a form that old programs write */
	    {"น้ำ ไม่ไหล", "น้ำไม่ไหล"}, /* spaces do not part a script without spaces */
	    {"路 灯\n坏了", "路灯坏了"},
	    {"a\xFF\xFE"
	     "b",
	     "a b"}, /* no UTF-8 */
	};
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *first = strdup(tokens(pairs[i][0]));
		assert_string_equal(first, tokens(pairs[i][1]));
		free(first);
	}
	assert_string_equal(tokens("ILIK İZMİR"), "ilik|izmir");
	assert_string_equal(tokens("ılık"), "ilik");
}

/* Of most texts each character is looked up, of others the whole goes through the library: what
 * that makes of them must not differ. The letter with a mark behind it, which is one, needs the
 * library. */
static void looked_up_is_as_normalised(void **state)
{
	static const char *const texts[] = {
	    "น้ำท่วมที่ถนนใหญ่ ไฟดับตั้งแต่เมื่อคืน",
	    "İSTANBUL İl Müdürlüğü",
	    "Nr. № 5 ™ ½ ﷺ ㎡ ﬁne…",
	    "مُحَمَّد شَارِع",
	    "कृपया पानी दें",
	    "ก\u0E49\u0E38", /* marks out of order */
	    "ก\u0E38\u0E49",
	    "İ\u0323 i\u0307\u0323",
	    "가로등 ㅠㅠ",
	};
	static const char composed[] = " e\u0301";
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char both[200], *alone = strdup(tokens(texts[i]));
		snprintf(both, sizeof(both), "%s%s", texts[i], composed);
		const char *all = tokens(both);
		assert_memory_equal(all, alone, strlen(alone));
		assert_string_equal(all + strlen(alone), "|é");
		free(alone);
	}
	char *wrong = strdup(tokens("ก\u0E49\u0E38"));
	assert_string_equal(wrong, tokens("ก\u0E38\u0E49"));
	free(wrong);
}

static void kept_apart(void **state)
{
	(void)state;
	assert_string_equal(tokens("bus 42a"), "bus|42a");
	assert_string_equal(tokens("รถเมล์bus"), "รถเมล์|bus");
	assert_string_equal(tokens(" ,.- "), "");
	assert_string_equal(tokens(""), "");
}

static void kinds(void **state)
{
	static const char text[] = "road 도로 ถนน";
	struct folded folded = {0};
	(void)state;
	fold(table, text, strlen(text), &folded);
	assert_int_equal(folded.token_count, 3);
	assert_int_equal(folded.tokens[0].kind, TOKEN_WORD);
	assert_int_equal(folded.tokens[1].kind, TOKEN_DENSE);
	assert_int_equal(folded.tokens[2].kind, TOKEN_RUN);
	folded_free(&folded);
}

/* Of a text without end the beginning is read, whatever script and whatever the bytes. */
static void is_bounded(void **state)
{
	static const char *const pieces[] = {"a ",           "ab",   "\xC3\x9F",  "路",
					     "\xEF\xB7\xBA", "\xFF", "e\xCC\x81 "};
	enum { TIMES = 60000 };
	struct folded folded = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t piece = strlen(pieces[i]);
		char *text = malloc(piece * TIMES);
		for (size_t k = 0; k < TIMES; k++)
			memcpy(text + k * piece, pieces[i], piece);
		fold(table, text, piece * TIMES, &folded);
		assert_in_range(folded.count, 1, FOLD_POINTS_MAX + 2);
		free(text);
	}
	folded_free(&folded);
}

/* However many there are: before the text, in it, and where the library is needed. */
static void spaces_take_no_room(void **state)
{
	static const char *const texts[] = {"street light", "stre\u0301et light", "路灯"};
	enum { SPACES = 5 * FOLD_POINTS_MAX };
	char *text = malloc(2 * SPACES + 100);
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *alone = strdup(tokens(texts[i]));
		sprintf(text, "%*s%s%*s", SPACES, "", texts[i], SPACES, "");
		assert_string_equal(tokens(text), alone);
		free(alone);
	}
	sprintf(text, "a\u0301%*sb", SPACES, "\n");
	assert_string_equal(tokens(text), "á|b");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal),      cmocka_unit_test(looked_up_is_as_normalised),
	    cmocka_unit_test(kept_apart), cmocka_unit_test(kinds),
	    cmocka_unit_test(is_bounded), cmocka_unit_test(spaces_take_no_room),
	};
	return cmocka_run_group_tests(tests, with_fold_table, drop_fold_table);
}
