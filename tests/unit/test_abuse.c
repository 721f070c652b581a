/* The flag of abuse and spam: set for the plain cases, and not for angry or odd grievances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/abuse.h"
#include "with_fold_table.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct abuse *abuse;

static int load(void **state)
{
	struct err err;
	with_fold_table(state);
	abuse = abuse_load("deploy/classification/abuse.txt", table, &err);
	return abuse ? 0 : -1;
}

static int unload(void **state)
{
	abuse_free(&abuse);
	return drop_fold_table(state);
}

/* clang-format off */
static const struct {
	const char *text, *first; /* reason; NULL: no suspicion */
} cases[] = {
	{"The lamp is broken and nobody cares, this is a scandal!", NULL},
	{"Damn potholes, your office is useless, shame on you idiots", NULL},
	{"See https://example.org/a and https://example.org/b for photos", NULL},
	{"Somebody painted \"buy now\" on our wall", NULL},
	{"They offered my father an instant loan on the street and he signed", NULL},
	{"no no no no, please, not again", NULL},
	{"!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!! help !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", NULL},
	{"", NULL}, {"7", NULL}, {"   \n", NULL}, {" 7   ", NULL},
	{"I will kill you all, I know where you live", "i will kill you"},
	{"Hurensöhne seid ihr", "hurensöhne"},
	{"Я вас убью", "я вас убью"},
	{"开奖网上赌场 点击这里", "网上赌场"},
	{"Best online casino https://example.org", "online casino"},
	{"Click here and buy now", "click here"},
	{"http://a.example http://b.example http://c.example http://d.example", "many links"},
	{"1234 5678 ....", "no letters"},
	{"\u00A01234\u3000", "no letters"},
	{"spam spam spam spam spam spam spam spam spam spam spam spam spam spam spam spam", "one word repeated"},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "one letter repeated"},
};
/* clang-format on */

static void flags_only_the_plain_cases(void **state)
{
	struct folded folded = {0};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct terms found;
		size_t size = strlen(cases[i].text);
		fold(table, cases[i].text, size, &folded);
		abuse_of(abuse, cases[i].text, size, &folded, &found);
		if ((found.count > 0) != (cases[i].first != NULL))
			fail_msg("%s: %s", cases[i].text,
				 found.count ? found.term[0] : "not flagged");
		if (cases[i].first)
			assert_string_equal(found.term[0], cases[i].first);
	}
	folded_free(&folded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(flags_only_the_plain_cases),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
