/*
 * Messages for people with arguments, plurals and choices: the part of ICU MessageFormat that
 * translators use (https://unicode-org.github.io/icu/userguide/format_parse/messages/). ICU's C
 * interface knows arguments by position only, so the pattern is read here; plural rules and numbers
 * are ICU's.
 *
 *   You have {count, plural, =0 {no cases} one {# case} other {# cases}} with {office}.
 *   {who, select, citizen {you} other {the office}}
 *
 * '' is an apostrophe; '{...}' keeps braces as they are. A sole apostrophe is itself. Pure.
 */
#ifndef DOMAIN_MESSAGE_H
#define DOMAIN_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/buffer.h"
#include "util/err.h"

#define MESSAGE_SIZE_MAX      4000 /* bytes of a pattern */
#define MESSAGE_ARGUMENTS_MAX 16
#define MESSAGE_NAME_MAX      32

struct message;

/* What a language adds: its plural rules and how it writes numbers, in Western digits. */
struct message_locale;
/* BCP 47. NULL: ICU cannot. */
struct message_locale *message_locale_open(const char *language, struct err *err) MUST_CHECK;
void message_locale_close(struct message_locale **locale); /* accepts NULL, sets NULL */

/*
 * In the arena. NULL: what is wrong and where, as "character 12: ...". With a locale, every plural
 * must have the forms of the language.
 */
struct message *message_parse(struct arena *arena, const char *pattern,
			      const struct message_locale *locale, struct err *err) MUST_CHECK;

enum message_kind { MESSAGE_TEXT, MESSAGE_NUMBER };

/* The arguments a message has, each once, sorted by name. */
struct message_argument {
	const char *name;
	enum message_kind kind;
};
size_t message_arguments(const struct message *message,
			 struct message_argument found[MESSAGE_ARGUMENTS_MAX]);

struct message_value {
	const char *text; /* NULL: number counts */
	int64_t number;
};

struct message_values {
	/* false: there is no such value; its place shows the name in braces. */
	bool (*find)(void *self, const char *name, struct message_value *value);
	void *self;
	/* Puts U+2068 and U+2069 around texts, so that a number or a name keeps its direction
	 * within a sentence of the other one (UAX 9). */
	bool isolate;
};

/* For a message without arguments. */
extern const struct message_values message_no_values;

void message_format(const struct message *message, const struct message_locale *locale,
		    const struct message_values *values, struct buffer *out);

#endif
