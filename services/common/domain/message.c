#include "domain/message.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/unum.h>
#include <unicode/upluralrules.h>
#include <unicode/ustring.h>

#include "util/alloc.h"
#include "util/text.h"

#define DEPTH_MAX   4
#define KEYWORD_MAX 16

enum part_kind { PART_LITERAL, PART_VALUE, PART_COUNT, PART_PLURAL, PART_SELECT };

struct choice {
	const char *key; /* "one", "=0", "citizen" */
	struct message *message;
	struct choice *next;
};

struct part {
	enum part_kind kind;
	const char *text; /* the literal, or the argument's name */
	size_t size;
	bool number; /* of a value: {n, number} */
	struct choice *choices;
	struct part *next;
};

struct message {
	struct part *first;
};

struct message_locale {
	UPluralRules *plurals;
	UNumberFormat *numbers;
	char forms[6][KEYWORD_MAX]; /* that the language has */
	size_t form_count;
};

/* ---- locale --------------------------------------------------------------------------------- */

static void list_forms(struct message_locale *locale)
{
	UErrorCode status = U_ZERO_ERROR;
	UEnumeration *keywords = uplrules_getKeywords(locale->plurals, &status);
	const char *keyword;
	while (U_SUCCESS(status) && locale->form_count < 6 &&
	       (keyword = uenum_next(keywords, NULL, &status)) && strlen(keyword) < KEYWORD_MAX)
		strcpy(locale->forms[locale->form_count++], keyword);
	uenum_close(keywords);
}

struct message_locale *message_locale_open(const char *language, struct err *err)
{
	UErrorCode status = U_ZERO_ERROR;
	char name[100];
	struct message_locale *locale = x_calloc(1, sizeof(*locale));
	if (strlen(language) > 40)
		status = U_ILLEGAL_ARGUMENT_ERROR;
	else
		strcat(strcpy(name, language), "@numbers=latn");
	if (U_SUCCESS(status))
		locale->plurals = uplrules_open(name, &status);
	if (U_SUCCESS(status))
		locale->numbers = unum_open(UNUM_DECIMAL, NULL, 0, name, NULL, &status);
	if (U_FAILURE(status)) {
		err_set(err, "%.40s: %s", language, u_errorName(status));
		message_locale_close(&locale);
		return NULL;
	}
	list_forms(locale);
	return locale;
}

void message_locale_close(struct message_locale **locale)
{
	if (!*locale)
		return;
	uplrules_close((*locale)->plurals);
	if ((*locale)->numbers)
		unum_close((*locale)->numbers);
	free(*locale);
	*locale = NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

struct parser {
	struct arena *arena;
	const char *pattern, *at;
	const struct message_locale *locale;
	struct err *err;
	bool failed;
	size_t arguments;
};

static void complain(struct parser *parser, const char *what)
{
	if (!parser->failed)
		err_set(parser->err, "character %zu: %s",
			(size_t)(parser->at - parser->pattern) + 1, what);
	parser->failed = true;
}

static void skip_space(struct parser *parser)
{
	parser->at += strspn(parser->at, " \t\r\n");
}

static bool expect(struct parser *parser, char c)
{
	skip_space(parser);
	if (*parser->at == c) {
		parser->at++;
		return true;
	}
	complain(parser, c == '}' ? "} is missing" : c == '{' ? "{ is missing" : ", is missing");
	return false;
}

/* A name or a keyword: letters, digits, _ and - . */
static const char *read_word(struct parser *parser)
{
	skip_space(parser);
	size_t size = 0;
	while (isalnum((unsigned char)parser->at[size]) || parser->at[size] == '_' ||
	       parser->at[size] == '-')
		size++;
	if (!size || size > MESSAGE_NAME_MAX) {
		complain(parser, size ? "the name is too long" : "a name is missing");
		return "";
	}
	parser->at += size;
	return arena_strndup(parser->arena, parser->at - size, size);
}

static struct part *add_part(struct parser *parser, struct part ***last, enum part_kind kind)
{
	struct part *part = arena_zero(parser->arena, sizeof(*part));
	part->kind = kind;
	**last = part;
	*last = &part->next;
	return part;
}

/* After an apostrophe: '' is one, '{ or '} (and '# in a plural) begins what ends at the next one.
 */
static void read_quoted(struct parser *parser, struct buffer *text, bool in_plural)
{
	const char *at = parser->at;
	bool quotes = at[1] == '{' || at[1] == '}' || (in_plural && at[1] == '#');
	if (at[1] == '\'' || !quotes) {
		buffer_add_str(text, "'");
		parser->at += at[1] == '\'' ? 2 : 1;
		return;
	}
	for (at++; *at && !(at[0] == '\'' && at[1] != '\''); at++) {
		buffer_add(text, at, 1);
		at += at[0] == '\''; /* '' within */
	}
	if (!*at)
		complain(parser, "the quote has no end");
	parser->at = *at ? at + 1 : at;
}

static void read_literal(struct parser *parser, struct part ***last, bool in_plural)
{
	struct buffer text = {0};
	while (*parser->at && !strchr(in_plural ? "{}#" : "{}", *parser->at)) {
		if (*parser->at == '\'')
			read_quoted(parser, &text, in_plural);
		else
			buffer_add(&text, parser->at++, 1);
	}
	struct part *part = add_part(parser, last, PART_LITERAL);
	part->text = arena_strndup(parser->arena, text.data ? text.data : "", text.len);
	part->size = text.len;
	buffer_free(&text);
}

static struct message *read_message(struct parser *parser, bool in_plural, int depth);

/* "=12" or a word. */
static const char *read_key(struct parser *parser, bool plural)
{
	skip_space(parser);
	if (!plural || *parser->at != '=')
		return read_word(parser);
	size_t digits = strspn(parser->at + 1, "0123456789");
	if (!digits || digits > 9)
		complain(parser, "= wants a number");
	parser->at += 1 + digits;
	return arena_strndup(parser->arena, parser->at - digits - 1, digits + 1);
}

static bool has_choice(const struct choice *choices, const char *key)
{
	for (; choices; choices = choices->next) {
		if (strcmp(choices->key, key) == 0)
			return true;
	}
	return false;
}

static void check_forms(struct parser *parser, const struct part *part)
{
	if (!has_choice(part->choices, "other"))
		complain(parser, "there is no \"other\"");
	for (size_t i = 0; part->kind == PART_PLURAL && parser->locale && !parser->failed &&
			   i < parser->locale->form_count;
	     i++) {
		if (!has_choice(part->choices, parser->locale->forms[i])) {
			char what[60];
			strcat(strcat(strcpy(what, "the plural form \""), parser->locale->forms[i]),
			       "\" is missing");
			complain(parser, what);
		}
	}
}

/* A plural's key that the language has not is a misspelling, or another language's. */
static bool is_form(const struct parser *parser, const char *key)
{
	if (*key == '=' || !parser->locale)
		return true;
	for (size_t i = 0; i < parser->locale->form_count; i++) {
		if (strcmp(parser->locale->forms[i], key) == 0)
			return true;
	}
	return false;
}

static void read_choices(struct parser *parser, struct part *part, bool in_plural, int depth)
{
	struct choice **last = &part->choices;
	bool plural = part->kind == PART_PLURAL;
	for (skip_space(parser); !parser->failed && *parser->at && *parser->at != '}';
	     skip_space(parser)) {
		struct choice *choice = arena_zero(parser->arena, sizeof(*choice));
		choice->key = read_key(parser, plural);
		if (has_choice(part->choices, choice->key))
			complain(parser, "the same choice twice");
		if (plural && !is_form(parser, choice->key))
			complain(parser, "the language has no such plural form");
		if (!expect(parser, '{'))
			return;
		choice->message = read_message(parser, plural || in_plural, depth + 1);
		expect(parser, '}');
		*last = choice;
		last = &choice->next;
	}
	check_forms(parser, part);
}

/* After "{". */
static void read_argument(struct parser *parser, struct part ***last, bool in_plural, int depth)
{
	struct part *part = add_part(parser, last, PART_VALUE);
	part->text = read_word(parser);
	if (++parser->arguments > MESSAGE_ARGUMENTS_MAX)
		complain(parser, "too many arguments");
	skip_space(parser);
	if (*parser->at == ',' && !parser->failed) {
		parser->at++;
		const char *kind = read_word(parser);
		if (strcmp(kind, "number") == 0) {
			part->number = true;
		} else if (strcmp(kind, "plural") == 0 || strcmp(kind, "select") == 0) {
			part->kind = *kind == 'p' ? PART_PLURAL : PART_SELECT;
			if (expect(parser, ','))
				read_choices(parser, part, in_plural, depth);
		} else {
			complain(parser, "neither number, plural nor select");
		}
	}
	expect(parser, '}');
}

static struct message *read_message(struct parser *parser, bool in_plural, int depth)
{
	struct message *message = arena_zero(parser->arena, sizeof(*message));
	struct part **last = &message->first;
	if (depth > DEPTH_MAX)
		complain(parser, "nested too deeply");
	while (!parser->failed && *parser->at && *parser->at != '}') {
		if (*parser->at == '{') {
			parser->at++;
			read_argument(parser, &last, in_plural, depth);
		} else if (*parser->at == '#' && in_plural) {
			parser->at++;
			add_part(parser, &last, PART_COUNT);
		} else {
			read_literal(parser, &last, in_plural);
		}
	}
	return message;
}

struct message *message_parse(struct arena *arena, const char *pattern,
			      const struct message_locale *locale, struct err *err)
{
	struct parser parser = {
	    .arena = arena, .pattern = pattern, .at = pattern, .locale = locale, .err = err};
	if (strlen(pattern) > MESSAGE_SIZE_MAX)
		complain(&parser, "the text is too long");
	struct message *message = read_message(&parser, false, 0);
	if (!parser.failed && *parser.at)
		complain(&parser, "} without {");
	return parser.failed ? NULL : message;
}

/* ---- what it is made of --------------------------------------------------------------------- */

static void add_argument(struct message_argument *found, size_t *count, const struct part *part)
{
	enum message_kind kind =
	    part->number || part->kind == PART_PLURAL ? MESSAGE_NUMBER : MESSAGE_TEXT;
	size_t i = 0;
	while (i < *count && strcmp(found[i].name, part->text) < 0)
		i++;
	if (i < *count && strcmp(found[i].name, part->text) == 0) {
		if (kind == MESSAGE_NUMBER)
			found[i].kind = kind;
		return;
	}
	memmove(&found[i + 1], &found[i], (*count - i) * sizeof(*found));
	found[i] = (struct message_argument){part->text, kind};
	++*count;
}

static void collect(const struct message *message, struct message_argument *found, size_t *count)
{
	for (const struct part *part = message->first; part; part = part->next) {
		if (part->kind != PART_LITERAL && part->kind != PART_COUNT)
			add_argument(found, count, part);
		for (const struct choice *c = part->choices; c; c = c->next)
			collect(c->message, found, count);
	}
}

size_t message_arguments(const struct message *message,
			 struct message_argument found[MESSAGE_ARGUMENTS_MAX])
{
	size_t count = 0;
	collect(message, found, &count);
	return count;
}

/* ---- filling in ----------------------------------------------------------------------------- */

struct writer {
	const struct message_locale *locale;
	const struct message_values *values;
	struct buffer *out;
};

static void write_number(const struct writer *writer, int64_t number)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar wide[40];
	char text[120];
	int32_t size = 0;
	unum_formatInt64(writer->locale->numbers, number, wide, 40, NULL, &status);
	u_strToUTF8(text, sizeof(text), &size, wide, -1, &status);
	if (U_FAILURE(status) || size >= (int32_t)sizeof(text))
		size = (int32_t)text_decimal(text, number);
	buffer_add(writer->out, text, (size_t)size);
}

static struct message_value value_of(const struct writer *writer, const struct part *part,
				     bool *there)
{
	struct message_value value = {NULL, 0};
	*there = writer->values->find(writer->values->self, part->text, &value);
	return value;
}

static void write_value(const struct writer *writer, const struct part *part)
{
	bool there, isolate = writer->values->isolate;
	struct message_value value = value_of(writer, part, &there);
	if (!there) {
		buffer_printf(writer->out, "{%s}", part->text);
		return;
	}
	if (!value.text) {
		write_number(writer, value.number);
		return;
	}
	buffer_add_str(writer->out, isolate ? "\u2068" : "");
	buffer_add_str(writer->out, value.text);
	buffer_add_str(writer->out, isolate ? "\u2069" : "");
}

static const struct choice *find_choice(const struct choice *choices, const char *key)
{
	const struct choice *other = NULL;
	for (; choices; choices = choices->next) {
		if (strcmp(choices->key, key) == 0)
			return choices;
		if (strcmp(choices->key, "other") == 0)
			other = choices;
	}
	return other;
}

static const struct choice *pick_plural(const struct writer *writer, const struct part *part,
					int64_t number)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar wide[KEYWORD_MAX];
	char exact[24] = "=", form[KEYWORD_MAX] = "other";
	text_decimal(exact + 1, number);
	for (const struct choice *c = part->choices; c; c = c->next) {
		if (strcmp(c->key, exact) == 0)
			return c;
	}
	int32_t size =
	    uplrules_select(writer->locale->plurals, (double)number, wide, KEYWORD_MAX, &status);
	if (U_SUCCESS(status) && size < KEYWORD_MAX) {
		u_UCharsToChars(wide, form, size);
		form[size] = '\0';
	}
	return find_choice(part->choices, form);
}

static void write_message(const struct writer *writer, const struct message *message,
			  int64_t count);

static void write_choice(const struct writer *writer, const struct part *part, int64_t count)
{
	bool there;
	struct message_value value = value_of(writer, part, &there);
	const struct choice *choice;
	if (part->kind == PART_PLURAL) {
		count = value.number;
		choice = pick_plural(writer, part, count);
	} else {
		choice = find_choice(part->choices, value.text ? value.text : "other");
	}
	if (choice)
		write_message(writer, choice->message, count);
}

static void write_message(const struct writer *writer, const struct message *message, int64_t count)
{
	for (const struct part *part = message->first; part; part = part->next) {
		if (part->kind == PART_LITERAL)
			buffer_add(writer->out, part->text, part->size);
		else if (part->kind == PART_COUNT)
			write_number(writer, count);
		else if (part->kind == PART_VALUE)
			write_value(writer, part);
		else
			write_choice(writer, part, count);
	}
}

static bool find_nothing(void *self, const char *name, struct message_value *value)
{
	(void)self;
	(void)name;
	(void)value;
	return false;
}

const struct message_values message_no_values = {find_nothing, NULL, false};

void message_format(const struct message *message, const struct message_locale *locale,
		    const struct message_values *values, struct buffer *out)
{
	const struct writer writer = {locale, values, out};
	write_message(&writer, message, 0);
}
