/* Urgency by the words that ship: found in every language, and not where it is denied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "table.h"
#include "text/urgency.h"
#include "with_fold_table.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define EMERGENCY REDRESS__URGENCY__EMERGENCY
#define HIGH      REDRESS__URGENCY__HIGH
#define ROUTINE   REDRESS__URGENCY__ROUTINE

static struct urgency *urgency;

static int load(void **state)
{
	struct err err;
	with_fold_table(state);
	urgency = urgency_load("deploy/classification/urgency.txt", table, &err);
	return urgency ? 0 : -1;
}

static int unload(void **state)
{
	urgency_free(&urgency);
	return drop_fold_table(state);
}

static struct urgency_finding of(const char *text)
{
	struct urgency_finding finding;
	struct folded folded = {0};
	fold(table, text, strlen(text), &folded);
	urgency_of(urgency, &folded, &finding);
	folded_free(&folded);
	return finding;
}

/* clang-format off */
static const struct {
	const char *text;
	Redress__Urgency level;
	const char *first; /* term, NULL: none */
} cases[] = {
	{"There is a smell of gas in our staircase", EMERGENCY, "smell of gas"},
	{"SMELL   OF\nGAS!!!", EMERGENCY, "smell of gas"},
	{"My neighbour was electrocuted by a live wire", EMERGENCY, "electrocut"},
	{"There is no smell of gas any more", ROUTINE, NULL},
	{"No gas leak was found, but we have no heating", HIGH, "no heating"},
	{"My mother is bedridden and there is a gas leak", EMERGENCY, "gas leak"},
	{"The lift is out of order and I am in a wheelchair", HIGH, "wheelchair"},
	{"The road has potholes", ROUTINE, NULL},
	{"The wheel of a chair lies in the park", ROUTINE, NULL},
	{"smells of gasoline", ROUTINE, NULL},
	{"Im Keller riecht nach Gas", EMERGENCY, "riecht nach gas"},
	{"Es besteht keine Lebensgefahr", ROUTINE, NULL},
	{"Lebensgefährliche Kreuzung vor der Schule", EMERGENCY, "lebensgefährlich"},
	{"Odeur de gaz dans l'immeuble", EMERGENCY, "odeur de gaz"},
	{"Pas de fuite de gaz", ROUTINE, NULL},
	{"Llevamos tres días sin agua", HIGH, "sin agua"},
	{"Há um vazamento de gás na rua", EMERGENCY, "vazamento de gás"},
	{"Gázszivárgást érzünk a lépcsőházban", EMERGENCY, "gázszivárgás"},
	{"Apartmanda gaz kokusu var", EMERGENCY, "gaz kokusu"},
	{"Gaz kaçağı yok", ROUTINE, NULL},
	{"Üç gündür su kesintisi var", HIGH, "su kesintisi"},
	{"В подъезде запах газа", EMERGENCY, "запах газа"},
	{"Запаха нет, утечки газа нет, но ребёнок-инвалид без отопления", HIGH, "инвалид"},
	{"Ada kebocoran gas di rumah", EMERGENCY, "kebocoran gas"},
	{"يوجد تسرب غاز في المبنى", EMERGENCY, "تسرب غاز"},
	{"لا يوجد تسرب غاز", ROUTINE, NULL},
	{"小区煤气泄漏，请快来", EMERGENCY, "煤气泄漏"},
	{"没有煤气泄漏", ROUTINE, NULL},
	{"我奶奶坐轮椅", HIGH, "轮椅"},
	{"ガス漏れの臭いがします", EMERGENCY, "ガス漏れ"},
	{"아파트에서 가스 누출이 있어요", EMERGENCY, "가스 누출"},
	{"가스 누출 없음", ROUTINE, NULL},
	{"มีแก๊สรั่วในอาคาร", EMERGENCY, "แก๊สรั่ว"},
	{"ไม่มีแก๊สรั่ว", ROUTINE, NULL},
	{"paani nahi aa raha teen din se", HIGH, "paani nahi aa"},
	{"", ROUTINE, NULL},
};
/* clang-format on */

static void words_decide(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct urgency_finding found = of(cases[i].text);
		if (found.level != cases[i].level)
			fail_msg("%s: %d, not %d", cases[i].text, (int)found.level,
				 (int)cases[i].level);
		if (cases[i].first)
			assert_string_equal(found.why.term[0], cases[i].first);
		else
			assert_int_equal(found.why.count, 0);
	}
}

static const char *const dangers[] = {"none", "danger",   "gas",   "power",
				      "fire", "violence", "health"};

static void tell_danger(void *self, int line, char *text)
{
	size_t *failed = self;
	char *rest = text, *words = table_part(&rest, '|'), *wanted = table_part(&rest, '\n');
	struct urgency_finding found = of(words);
	bool urgent = found.level == EMERGENCY;
	if (strcmp(dangers[found.danger], wanted) == 0 && urgent == (found.danger != 0))
		return;
	print_error("line %d: %s is %s\n", line, words, dangers[found.danger]);
	(*failed)++;
}

static void the_kind_of_danger_is_told(void **state)
{
	size_t failed = 0;
	(void)state;
	table_lines("danger.eval", tell_danger, &failed);
	assert_int_equal(failed, 0);
}

/* However much harmless text is around it, and however often it is said. */
static void a_long_text_hides_nothing(void **state)
{
	char *text = malloc(20000);
	size_t size = 0;
	(void)state;
	for (int i = 0; i < 400; i++)
		size += (size_t)sprintf(text + size, "the lamp does not work ");
	sprintf(text + size, "and there is a gas leak, a gas leak, a gas leak");
	struct urgency_finding found = of(text);
	assert_int_equal(found.level, EMERGENCY);
	assert_int_equal(found.why.count, 1);
	free(text);
}

static void a_wrong_file_is_named_with_its_line(void **state)
{
	static const char *const lines[] = {"urgent\tfire", "high", "high\t", "high\t...",
					    "high\tgas* leak"};
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		char path[] = "/tmp/urgency-XXXXXX", wanted[80];
		struct err err;
		int file = mkstemp(path);
		dprintf(file, "# words\nhigh\twheelchair\n%s\n", lines[i]);
		close(file);
		assert_null(urgency_load(path, table, &err));
		snprintf(wanted, sizeof(wanted), "urgency.file: %s line 3: kind, tab, words", path);
		assert_string_equal(err.text, wanted);
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_decide),
	    cmocka_unit_test(the_kind_of_danger_is_told),
	    cmocka_unit_test(a_long_text_hides_nothing),
	    cmocka_unit_test(a_wrong_file_is_named_with_its_line),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
