#include "domain/reason.h"

#include <stdio.h>
#include <string.h>

#include "util/text.h"

#define CODE_MOST 60

bool reason_is_code(const char *code)
{
	size_t size = strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return size > 0 && size <= CODE_MOST && !code[size];
}

static char *shared(const char *text)
{
	return (char *)(uintptr_t)text;
}

Redress__Reason *reason_pack(struct arena *arena, const struct reason *reason)
{
	if (text_is_empty(reason->code))
		return NULL;
	Redress__Reason *packed = arena_take(arena, sizeof(*packed));
	redress__reason__init(packed);
	packed->code = shared(reason->code);
	if (!reason->name)
		return packed;
	packed->n_arguments = 1;
	packed->arguments = arena_take(arena, sizeof(*packed->arguments));
	*packed->arguments = arena_take(arena, sizeof(**packed->arguments));
	redress__argument__init(*packed->arguments);
	(*packed->arguments)->name = shared(reason->name);
	(*packed->arguments)->value = shared(reason->value);
	return packed;
}

static bool find_argument(void *self, const char *name, struct message_value *value)
{
	const Redress__Reason *reason = self;
	for (size_t i = 0; i < reason->n_arguments; i++) {
		if (strcmp(reason->arguments[i]->name, name) == 0) {
			*value = (struct message_value){reason->arguments[i]->value, 0};
			return true;
		}
	}
	return false;
}

static const char *key_of(char key[TEXTS_KEY_MAX + 1], const char *group, const char *code)
{
	snprintf(key, TEXTS_KEY_MAX + 1, "%s.%.*s", group, CODE_MOST, code);
	return key;
}

bool reason_has_text(const struct texts_language *language, const char *group, const char *code)
{
	char key[TEXTS_KEY_MAX + 1];
	return texts_has(language, key_of(key, group, code));
}

void reason_write(const struct texts_language *language, const char *group,
		  const Redress__Reason *reason, struct buffer *out)
{
	char key[TEXTS_KEY_MAX + 1];
	const struct message_values values = {find_argument, (void *)(uintptr_t)reason, false};
	if (!texts_write(language, key_of(key, group, reason->code), &values, out))
		texts_write(language, key_of(key, group, REASON_OTHER), &values, out);
}
