/* routing.rules: rules that decide something about every case, or a complaint with its line. */
#include "fuzz_nation.h"

#include <string.h>

#include "rule.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_nation();
	return 0;
}

static void decide_all(const struct rules *rules)
{
	Redress__Answer answer = REDRESS__ANSWER__INIT, *answers[] = {&answer};
	answer.code = (char *)(uintptr_t) "running";
	answer.value = (char *)(uintptr_t) "no";
	for (size_t i = 0; i <= catalogue->category_count; i++) {
		struct rule_facts facts = {.language = i % 2 ? "" : "de",
					   .channel = "web",
					   .confidence = 0.4f,
					   .answers = answers,
					   .answer_count = 1,
					   .at = {20000, (int)i * 300, (int)i}};
		facts.category = i ? &catalogue->categories[i - 1] : NULL;
		facts.service = facts.category ? facts.category->service : NULL;
		facts.area = i % 3 ? catalogue_area(catalogue, "old-town") : NULL;
		struct rule_outcome outcome = rules_decide(rules, &facts);
		MUST(!outcome.rule || outcome.office || outcome.agency || *outcome.reason);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {""};
	char *text = arena_strndup(arena, (const char *)data, size);
	struct rules *rules = rules_parse(catalogue, text, &err);
	if (rules)
		decide_all(rules);
	else
		MUST(strncmp(err.text, "routing.rules line ", 19) == 0);
	rules_free(&rules);
	arena_reset(arena);
	return 0;
}
