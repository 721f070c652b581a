#include "in_use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/case_state.h"
#include "util/alloc.h"
#include "util/text.h"

static bool is_gone(const struct in_use *in_use, enum catalogue_codes what, const char *code)
{
	if (!*code || catalogue_name(in_use->now, what, code))
		return false;
	/* one that was unknown before is no worse off now */
	return !in_use->before || catalogue_name(in_use->before, what, code);
}

static bool any_gone(const struct in_use *in_use, enum catalogue_codes what)
{
	const struct catalogue_codes_index *index = &in_use->before->by_code[what];
	for (size_t i = 0; i < index->count; i++) {
		if (is_gone(in_use, what, *(const char *const *)index->sorted[i]))
			return true;
	}
	return false;
}

bool in_use_is_needed(const struct in_use *in_use)
{
	if (!in_use->before)
		return true;
	for (size_t i = 0; i < in_use->before->retired_count; i++) {
		const struct catalogue_retired *retired = &in_use->before->retired[i];
		if (is_gone(in_use, retired->what, retired->code))
			return true;
	}
	return any_gone(in_use, CODES_OFFICES) || any_gone(in_use, CODES_SERVICES) ||
	       any_gone(in_use, CODES_CATEGORIES) || any_gone(in_use, CODES_AREAS);
}

static bool look_at(struct in_use *in_use, enum catalogue_codes what, const char *code)
{
	if (!is_gone(in_use, what, code))
		return false;
	size_t at = 0;
	while (at < in_use->count &&
	       (in_use->codes[at].what != what || strcmp(in_use->codes[at].code, code) != 0))
		at++;
	if (at == IN_USE_MOST)
		return true;
	if (at == in_use->count)
		in_use->codes[in_use->count++] = (struct in_use_code){what, x_strdup(code), 0};
	in_use->codes[at].cases++;
	return true;
}

void in_use_look(struct in_use *in_use, const Redress__CaseState *state)
{
	if (case_is_over(state->status))
		return;
	bool gone = look_at(in_use, CODES_OFFICES, state->office);
	gone |= look_at(in_use, CODES_SERVICES, state->service_code);
	gone |= look_at(in_use, CODES_CATEGORIES, state->category);
	gone |= state->place && look_at(in_use, CODES_AREAS, state->place->area_code);
	in_use->cases += gone;
}

int in_use_tell(const struct in_use *in_use, struct err *err)
{
	static const char *const names[] = {[CODES_AREAS] = "area",
					    [CODES_OFFICES] = "office",
					    [CODES_SERVICES] = "service",
					    [CODES_CATEGORIES] = "category"};
	char list[sizeof(err->text)] = "";
	if (!in_use->count)
		return 0;
	for (size_t i = 0; i < in_use->count; i++) {
		const struct in_use_code *one = &in_use->codes[i];
		size_t used = strlen(list);
		text_format(list + used, sizeof(list) - used, "%s%s %.60s (%zu)", i ? ", " : "",
			    names[one->what], one->code, one->cases);
	}
	return err_set(err, "open cases use what the catalogue has not, also not under retired: %s",
		       list);
}

void in_use_free(struct in_use *in_use)
{
	for (size_t i = 0; i < in_use->count; i++)
		free((void *)(uintptr_t)in_use->codes[i].code);
	in_use->count = 0;
}
