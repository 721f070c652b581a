/* A body of POST /v1/grievances: whatever it is, it is taken or refused with a reason that names a
 * field. */
#include "fuzz_nation.h"

#include <string.h>

#include "domain/text_form.h"
#include "json_submission.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_nation();
	return 0;
}

/* What was taken is in the form that it says: checking it again changes nothing. */
static void check_taken(struct submission *submission)
{
	struct problem problem;
	size_t size, again_size;
	const void *form = submission_canonical(arena, submission, &size);
	MUST(*submission->text.description);
	MUST(text_characters(submission->text.description) <= 10000);
	MUST(text_is_utf8(submission->text.description, strlen(submission->text.description)));
	MUST(!text_has_control(submission->contact.email, false));
	submission->routing_answer_count = 0;
	MUST(submission_check(arena, catalogue, submission, &problem));
	const void *again = submission_canonical(arena, submission, &again_size);
	MUST(size == again_size && memcmp(form, again, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct submission submission;
	struct problem problem = {0};
	const char *key = NULL;
	submission_init(&submission, "web");
	bool taken = json_submission(arena, (const char *)data, size, &submission, &key, &problem) &&
		     submission_check(arena, catalogue, &submission, &problem);
	if (taken)
		check_taken(&submission);
	else
		MUST((problem.status == 400 || problem.status == 422) && *problem.code &&
		     *problem.detail);
	arena_reset(arena);
	return 0;
}
