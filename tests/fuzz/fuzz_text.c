/*
 * A citizen's text, through everything that classification says of it, with the model and the words
 * that ship. The same text has the same answer, and spaces around it change nothing.
 */
#include "fuzz.h"

#include <string.h>

#include "judging/classify.h"

static struct classifier *classifier;
static struct arena *arena;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct setting *const tables[] = {classifier_settings, NULL};
	struct err err = {""};
	(void)argc;
	(void)argv;
	struct settings *settings = settings_load(tables, NULL, &err);
	MUST(settings);
	classifier = classifier_load(settings, &err);
	if (!classifier)
		fprintf(stderr, "%s\n", err.text);
	MUST(classifier);
	settings_free(&settings);
	arena = arena_new();
	return 0;
}

struct answer {
	Redress__Classification found;
	Redress__Why why;
};

static struct answer ask(const char *subject, const char *description)
{
	static const uint8_t key[SIGNATURE_KEY_SIZE];
	struct answer answer;
	Redress__GrievanceText text = REDRESS__GRIEVANCE_TEXT__INIT;
	text.subject = (char *)(uintptr_t)subject;
	text.description = (char *)(uintptr_t)description;
	classify(classifier, arena, &text, "", &answer.found, &answer.why);
	classifier_sign(classifier, arena, key, &answer.found);
	return answer;
}

static void check(const struct answer *answer)
{
	const Redress__Classification *found = &answer->found;
	MUST(found->confidence >= 0 && found->confidence <= 1);
	MUST(found->language_confidence >= 0 && found->language_confidence <= 1);
	for (size_t i = 1; i < found->n_guesses; i++)
		MUST(found->guesses[i]->confidence <= found->guesses[i - 1]->confidence);
	MUST((*found->category == 0) == (found->abstained != 0));
	MUST((found->urgency != REDRESS__URGENCY__ROUTINE) == (answer->why.n_urgency_terms > 0));
	MUST(found->suspected_abuse == (answer->why.n_abuse_terms > 0));
	MUST(redress__why__get_packed_size(&answer->why) < 4096);
}

static void must_be_equal(const struct answer *a, const struct answer *b)
{
	MUST(strcmp(a->found.category, b->found.category) == 0);
	MUST(strcmp(a->found.language, b->found.language) == 0);
	MUST(a->found.urgency == b->found.urgency);
	MUST(a->found.confidence == b->found.confidence);
	MUST(a->found.suspected_abuse == b->found.suspected_abuse);
	MUST(a->found.signature.len == b->found.signature.len);
	MUST(!a->found.signature.len ||
	     memcmp(a->found.signature.data, b->found.signature.data, SIGNATURE_SIZE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = arena_strndup(arena, (const char *)data, size);
	struct answer first = ask("", text), second = ask("", text);
	struct answer spaced = ask("", arena_printf(arena, " \t %s\n ", text));
	check(&first);
	must_be_equal(&first, &second);
	must_be_equal(&first, &spaced);
	arena_reset(arena);
	return 0;
}
