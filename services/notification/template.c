#include "template.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/language_tag.h"
#include "util/alloc.h"
#include "util/buffer.h"
#include "util/text.h"

#define FILE_MAX      65536
#define LANGUAGES_MAX 200
#define KINDS_MAX     32
#define SUBJECT_MAX   200 /* bytes: some 65 characters of any script */
#define BODY_MAX      4000
#define SUFFIX        ".txt"

struct template
{
	const char *subject, *body; /* NULL: not there */
};

struct language {
	char tag[LANGUAGE_TAG_SIZE];
	struct template templates[KINDS_MAX];
};

struct templates {
	struct arena *arena;
	const char *const *kinds;
	struct language *languages;
	size_t count;
};

void templates_free(struct templates **templates)
{
	if (!*templates)
		return;
	arena_free(&(*templates)->arena);
	free(*templates);
	*templates = NULL;
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static bool is_wrapper(const char *kind)
{
	return kind[strlen(kind) - 1] == '*';
}

/* The place of the kind so named; -1: there is none. */
static int find_kind(const char *const *kinds, const char *name)
{
	size_t size = strlen(name);
	for (int i = 0; kinds[i]; i++) {
		if (strncmp(kinds[i], name, size) == 0 &&
		    (!kinds[i][size] || strcmp(kinds[i] + size, "*") == 0))
			return i;
	}
	return -1;
}

/* ---- one text ------------------------------------------------------------------------------- */

static const char *const placeholders[] = {"number", "office",  "due", "link",
					   "url",    "subject", "body"};
#define PLACEHOLDERS (sizeof(placeholders) / sizeof(*placeholders))
#define OF_WRAPPERS  5 /* from here on */

/* How long the placeholder is that begins here, braces and all; 0: it is none. */
static size_t placeholder_at(const char *text, bool wrapper)
{
	for (size_t i = 0; i < (wrapper ? PLACEHOLDERS : OF_WRAPPERS); i++) {
		size_t size = strlen(placeholders[i]);
		if (*text == '{' && strncmp(text + 1, placeholders[i], size) == 0 &&
		    text[1 + size] == '}')
			return size + 2;
	}
	return 0;
}

static int check_text(const char *text, size_t most, bool wrapper, const char *needed,
		      struct err *err)
{
	if (!*text)
		return err_set(err, "is empty");
	if (strlen(text) > most)
		return err_set(err, "is longer than %zu bytes", most);
	if (!strstr(text, needed))
		return err_set(err, "%s is missing", needed);
	for (const char *at = text; *at;) {
		size_t size = placeholder_at(at, wrapper);
		if (!size && (*at == '{' || *at == '}'))
			return err_set(err, "\"%.*s\" is nothing that is filled in",
				       (int)strcspn(at, " \n"), at);
		if ((unsigned char)*at < ' ' && *at != '\n')
			return err_set(err, "has a control character");
		at += size ? size : 1;
	}
	return 0;
}

/* ---- one file ------------------------------------------------------------------------------- */

struct reading {
	struct templates *templates;
	struct language *language;
	int kind; /* whose body is being read; -1: none yet */
	struct buffer body;
};

static int end_body(struct reading *reading, struct err *err)
{
	const char *const *kinds = reading->templates->kinds;
	if (reading->kind < 0)
		return 0;
	while (reading->body.len && strchr(" \n", reading->body.data[reading->body.len - 1]))
		reading->body.data[--reading->body.len] = '\0';
	buffer_add_str(&reading->body, reading->body.len ? "\n" : "");
	const char *body =
	    arena_strdup(reading->templates->arena, reading->body.data ? reading->body.data : "");
	buffer_clear(&reading->body);
	reading->language->templates[reading->kind].body = body;
	bool wrapper = is_wrapper(kinds[reading->kind]);
	if (check_text(body, BODY_MAX, wrapper, wrapper ? "{body}" : "", err))
		return err_context(err, "text of [%s]", kinds[reading->kind]);
	return 0;
}

/* "[kind] subject" */
static int begin_template(struct reading *reading, char *line, struct err *err)
{
	const char *const *kinds = reading->templates->kinds;
	char *end = strchr(line, ']');
	if (!end)
		return err_set(err, "\"]\" is missing");
	*end++ = '\0';
	int kind = find_kind(kinds, line + 1);
	if (kind < 0)
		return err_set(err, "there is no message [%s]", line + 1);
	struct template *template = &reading->language->templates[kind];
	if (template->subject)
		return err_set(err, "[%s] is there twice", line + 1);
	if (end_body(reading, err))
		return -1;
	bool wrapper = is_wrapper(kinds[kind]);
	template->subject = arena_strdup(reading->templates->arena, end + strspn(end, " \t"));
	reading->kind = kind;
	if (check_text(template->subject, SUBJECT_MAX, wrapper, wrapper ? "{subject}" : "{number}",
		       err))
		return err_context(err, "subject of [%s]", line + 1);
	return 0;
}

static int read_line(struct reading *reading, char *line, struct err *err)
{
	size_t size = strlen(line);
	while (size && strchr(" \t\r", line[size - 1]))
		line[--size] = '\0';
	if (*line == '#')
		return 0;
	if (*line == '[')
		return begin_template(reading, line, err);
	if (reading->kind < 0)
		return *line ? err_set(err, "expected [message] subject") : 0;
	buffer_printf(&reading->body, "%s\n", line);
	return 0;
}

static int read_file(struct templates *templates, struct language *language, char *text,
		     struct err *err)
{
	struct reading reading = {templates, language, -1, {0}};
	int number = 1, failed = 0;
	for (char *rest = text, *line; !failed && (line = strsep(&rest, "\n")); number++) {
		failed = read_line(&reading, line, err);
		if (failed)
			err_context(err, "%d", number);
	}
	failed = failed || end_body(&reading, err);
	buffer_free(&reading.body);
	for (int i = 0; !failed && templates->kinds[i]; i++) {
		if (!language->templates[i].subject)
			failed =
			    err_set(err, "[%.*s] is missing",
				    (int)strcspn(templates->kinds[i], "*"), templates->kinds[i]);
	}
	return failed;
}

/* ---- the folder ----------------------------------------------------------------------------- */

static int is_text(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name), suffix = strlen(SUFFIX);
	return size > suffix && strcmp(entry->d_name + size - suffix, SUFFIX) == 0;
}

static int load_language(struct templates *templates, const char *folder, const char *name,
			 struct err *err)
{
	char reason[160];
	size_t size;
	struct language *language = &templates->languages[templates->count];
	char *stem = arena_strndup(templates->arena, name, strlen(name) - strlen(SUFFIX));
	if (templates->count == LANGUAGES_MAX)
		return err_set(err, "more than %d languages", LANGUAGES_MAX);
	if (!language_tag_read(stem, language->tag) || strcmp(stem, language->tag) != 0)
		return err_set(err, "\"%.40s\" is no language as BCP 47 writes it", stem);
	char *path = x_printf("%s/%s", folder, name);
	char *text = text_read_file(path, FILE_MAX, &size, reason);
	free(path);
	if (!text)
		return err_set(err, "%s", reason);
	int failed =
	    !text_is_utf8(text, size) || strlen(text) != size
		? err_set(err, "is not text in UTF-8")
		: read_file(templates, language, text + text_byte_order_mark(text, size), err);
	free(text);
	templates->count += !failed;
	return failed;
}

static const char *tag_at(const void *list, size_t i)
{
	return ((const struct language *)list)[i].tag;
}

struct templates *templates_load(const char *folder, const char *const *kinds, struct err *err)
{
	struct dirent **names;
	struct templates *templates = x_calloc(1, sizeof(*templates));
	int count = scandir(folder, &names, is_text, alphasort), failed = 0;
	templates->arena = arena_new();
	templates->kinds = kinds;
	templates->languages =
	    arena_zero(templates->arena, (LANGUAGES_MAX + 1) * sizeof(*templates->languages));
	for (int i = 0; i < count; i++) {
		if (!failed && load_language(templates, folder, names[i]->d_name, err))
			failed = err_context(err, "%s", names[i]->d_name);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	if (!failed && language_lookup("en", tag_at, templates->languages, templates->count) < 0)
		failed = err_set(err, "%s/en.txt is missing, in which everybody can be told", folder);
	if (failed) {
		err_context(err, "templates.folder");
		templates_free(&templates);
	}
	return templates;
}

/* ---- filling in ----------------------------------------------------------------------------- */

const char *templates_language(const struct templates *templates, const char *preferences)
{
	int found = language_lookup(preferences, tag_at, templates->languages, templates->count);
	return found < 0 ? "en" : templates->languages[found].tag;
}

static const char *fill(struct arena *arena, const char *text, const struct fact *facts)
{
	struct buffer out = {0};
	while (*text) {
		const struct fact *fact = facts;
		size_t plain = strcspn(text, "{"), size = 0;
		buffer_add(&out, text, plain);
		text += plain;
		if (!*text)
			break;
		for (; fact->name; fact++) {
			size = strlen(fact->name);
			if (strncmp(text + 1, fact->name, size) == 0 && text[1 + size] == '}')
				break;
		}
		buffer_add_str(&out, fact->name ? fact->value : "");
		text += fact->name ? size + 2 : strcspn(text, "}") + 1;
	}
	const char *filled = arena_strndup(arena, out.data ? out.data : "", out.len);
	buffer_free(&out);
	return filled;
}

static struct rendered render_kind(const struct templates *templates, struct arena *arena,
				   const char *language, const char *kind, const struct fact *facts)
{
	int found = language_lookup(language, tag_at, templates->languages, templates->count);
	const struct template *template =
	    &templates->languages[found].templates[find_kind(templates->kinds, kind)];
	return (struct rendered){fill(arena, template->subject, facts),
				 fill(arena, template->body, facts)};
}

struct rendered template_render(const struct templates *templates, struct arena *arena,
				const char *language, const char *kind, const char *wrapper,
				const struct fact *facts)
{
	struct fact all[PLACEHOLDERS + 1] = {{NULL, NULL}};
	size_t count = 0;
	struct rendered rendered = render_kind(templates, arena, language, kind, facts);
	if (!wrapper)
		return rendered;
	for (; facts[count].name && count < OF_WRAPPERS; count++)
		all[count] = facts[count];
	all[count++] = (struct fact){"subject", rendered.subject};
	all[count] = (struct fact){"body", rendered.body};
	return render_kind(templates, arena, language, wrapper, all);
}
