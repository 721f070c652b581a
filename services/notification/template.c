#include "template.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/buffer.h"
#include "util/text.h"

#define FILE_MAX 65536

struct template
{
	char language[16], kind[32];
	const char *subject, *body; /* in text */
};

struct templates {
	struct template *list;
	size_t count;
	char **texts; /* the files */
	size_t text_count;
};

void templates_free(struct templates **templates)
{
	if (!*templates)
		return;
	for (size_t i = 0; i < (*templates)->text_count; i++)
		free((*templates)->texts[i]);
	free((*templates)->texts);
	free((*templates)->list);
	free(*templates);
	*templates = NULL;
}

/* "[kind] subject" begins a template; what follows up to the next one, or to a comment, is its
 * body. */
static void parse(struct templates *templates, const char *language, char *text)
{
	char *rest = text, *line, *end;
	while ((line = strsep(&rest, "\n"))) {
		if (*line == '#' && line > text) {
			line[-1] = '\0';
		} else if (*line == '[' && (end = strchr(line, ']'))) {
			*end = '\0';
			templates->list = x_realloc(templates->list, templates->count + 1,
						    sizeof(*templates->list));
			struct template *one = &templates->list[templates->count++];
			snprintf(one->language, sizeof(one->language), "%s", language);
			snprintf(one->kind, sizeof(one->kind), "%s", line + 1);
			one->subject = end + 1 + strspn(end + 1, " ");
			one->body = rest ? rest : "";
			if (line > text) /* ends the body of the one before */
				line[-1] = '\0';
			*line = '\0';
		} else if (rest) {
			rest[-1] = '\n';
		}
	}
}

static int is_text(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > 4 && length < 16 && strcmp(entry->d_name + length - 4, ".txt") == 0;
}

static int load_file(struct templates *templates, const char *folder, const char *name,
		     struct err *err)
{
	char reason[160], language[16];
	size_t size;
	char *path = x_printf("%s/%s", folder, name);
	char *text = text_read_file(path, FILE_MAX, &size, reason);
	free(path);
	if (!text || !text_is_utf8(text, size)) {
		err_set(err, "templates.folder: %s: %s", name, text ? "not UTF-8" : reason);
		free(text);
		return -1;
	}
	templates->texts =
	    x_realloc(templates->texts, templates->text_count + 1, sizeof(*templates->texts));
	templates->texts[templates->text_count++] = text;
	snprintf(language, sizeof(language), "%.*s", (int)strlen(name) - 4, name);
	parse(templates, language, text);
	return 0;
}

static const struct template *find(const struct templates *templates, const char *language,
				   size_t size, const char *kind)
{
	for (size_t i = 0; i < templates->count; i++) {
		const struct template *one = &templates->list[i];
		if (strlen(one->language) == size && strncmp(one->language, language, size) == 0 &&
		    strcmp(one->kind, kind) == 0)
			return one;
	}
	return NULL;
}

struct templates *templates_load(const char *folder, struct err *err)
{
	struct dirent **names;
	struct templates *templates = x_calloc(1, sizeof(*templates));
	int count = scandir(folder, &names, is_text, alphasort), failed = 0;
	for (int i = 0; i < count; i++) {
		failed = failed || load_file(templates, folder, names[i]->d_name, err);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	if (failed)
		templates_free(&templates);
	return templates;
}

bool template_exists(const void *templates, const char *kind)
{
	return find(templates, "en", 2, kind) != NULL;
}

static const char *fill(struct arena *arena, const char *text, const struct fact *facts)
{
	struct buffer out = {0};
	while (*text) {
		const struct fact *fact = facts;
		size_t length = 0;
		for (; *text == '{' && fact->name; fact++) {
			length = strlen(fact->name);
			if (strncmp(text + 1, fact->name, length) == 0 && text[1 + length] == '}')
				break;
		}
		if (*text == '{' && fact->name) {
			buffer_add_str(&out, fact->value);
			text += length + 2;
		} else {
			size_t plain = 1 + strcspn(text + 1, "{");
			buffer_add(&out, text, plain);
			text += plain;
		}
	}
	const char *filled = arena_strndup(arena, out.data ? out.data : "", out.len);
	buffer_free(&out);
	return filled;
}

struct told template_fill(const struct templates *templates, struct arena *arena,
			  const char *language, const char *kind, const struct fact *facts)
{
	const struct template *found = find(templates, language, strlen(language), kind);
	if (!found)
		found = find(templates, language, strcspn(language, "-"), kind);
	if (!found)
		found = find(templates, "en", 2, kind);
	if (!found)
		return (struct told){NULL, NULL};
	return (struct told){fill(arena, found->subject, facts), fill(arena, found->body, facts)};
}
