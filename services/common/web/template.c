#include "web/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/text.h"

#define NAME_MAX_SIZE 80
#define DEPTH_MAX     12

enum tag_kind { TAG_LITERAL, TAG_VALUE, TAG_TEXT, TAG_SECTION, TAG_INVERTED, TAG_END, TAG_PARTIAL };

struct node {
	enum tag_kind kind;
	const char *text; /* the literal, or the tag's name */
	size_t size;
	size_t line;
	struct node *inner;
	const struct template *partial;
	struct node *next;
};

struct template
{
	const char *name, *file;
	struct node *first;
};

struct templates {
	struct arena *arena;
	struct template *list; /* sorted by name */
	size_t count;
};

/* ---- reading -------------------------------------------------------------------------------- */

struct parser {
	struct arena *arena;
	const char *file, *begin, *at, *end;
	size_t line;
	struct err *err;
	bool failed;
};

static void complain(struct parser *parser, const char *what, const char *which)
{
	if (!parser->failed)
		err_set(parser->err, "%s:%zu: %s%.*s", parser->file, parser->line, what,
			NAME_MAX_SIZE, which);
	parser->failed = true;
}

static void count_lines(struct parser *parser, const char *to)
{
	for (; parser->at < to; parser->at++)
		parser->line += *parser->at == '\n';
}

static struct node *add_node(struct parser *parser, struct node ***last, enum tag_kind kind,
			     const char *text, size_t size)
{
	struct node *node = arena_zero(parser->arena, sizeof(*node));
	node->kind = kind;
	node->text = arena_strndup(parser->arena, text, size);
	node->size = size;
	node->line = parser->line;
	**last = node;
	*last = &node->next;
	return node;
}

struct tag {
	enum tag_kind kind;
	bool remark, alone;
	const char *from, *to;           /* {{ and after }} */
	const char *line_from, *line_to; /* of its line, when it stands alone there */
	const char *name;
};

static void find_line(const struct parser *parser, struct tag *tag)
{
	const char *from = tag->from, *to = tag->to;
	while (from > parser->begin && (from[-1] == ' ' || from[-1] == '\t'))
		from--;
	while (to < parser->end && (*to == ' ' || *to == '\t'))
		to++;
	tag->alone = (from == parser->begin || from[-1] == '\n') &&
		     (to == parser->end || *to == '\n') &&
		     (tag->remark || (tag->kind != TAG_VALUE && tag->kind != TAG_TEXT));
	tag->line_from = tag->alone ? from : tag->from;
	tag->line_to = tag->alone ? to + (to < parser->end) : tag->to;
}

static bool is_name(const char *name, const char *also)
{
	size_t allowed =
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
	return *name && (name[allowed] == '\0' || strchr(also, name[allowed]));
}

/* What is between the braces, without white space around it. */
static void name_tag(struct parser *parser, struct tag *tag, const char *from, const char *to)
{
	static const struct {
		char sign;
		enum tag_kind kind;
	} signs[] = {{'#', TAG_SECTION}, {'^', TAG_INVERTED}, {'/', TAG_END}, {'>', TAG_PARTIAL}};
	tag->kind = TAG_VALUE;
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		if (from < to && *from == signs[i].sign) {
			tag->kind = signs[i].kind;
			from++;
			break;
		}
	}
	if (tag->kind == TAG_VALUE && to - from > 2 && from[0] == 't' && from[1] == ' ') {
		tag->kind = TAG_TEXT;
		from += 2;
	}
	while (from < to && *from == ' ')
		from++;
	while (to > from && to[-1] == ' ')
		to--;
	tag->name = arena_strndup(parser->arena, from, (size_t)(to - from));
	if (to - from > NAME_MAX_SIZE || !is_name(tag->name, tag->kind == TAG_TEXT ? "*" : ""))
		complain(parser, "not a tag: ", tag->name);
}

/* The next tag; false: there is none. */
static bool find_tag(struct parser *parser, struct tag *tag)
{
	*tag = (struct tag){.from = strstr(parser->at, "{{")};
	if (!tag->from)
		return false;
	const char *close = strstr(tag->from, "}}");
	if (!close || close[2] == '}' || tag->from[2] == '{') {
		count_lines(parser, tag->from);
		complain(parser, close ? "there are no unescaped values" : "}} is missing", "");
		return false;
	}
	tag->to = close + 2;
	tag->remark = tag->from[2] == '!';
	if (!tag->remark) {
		name_tag(parser, tag, tag->from + 2 + strspn(tag->from + 2, " "), close);
	}
	find_line(parser, tag);
	return true;
}

static struct node *read_nodes(struct parser *parser, const char *section, int depth);

static void read_tag(struct parser *parser, struct node ***last, const struct tag *tag, int depth)
{
	struct node *node = add_node(parser, last, tag->kind, tag->name, strlen(tag->name));
	if (tag->kind == TAG_SECTION || tag->kind == TAG_INVERTED) {
		if (depth >= DEPTH_MAX)
			complain(parser, "nested too deeply: ", tag->name);
		else
			node->inner = read_nodes(parser, node->text, depth + 1);
	}
}

static struct node *read_nodes(struct parser *parser, const char *section, int depth)
{
	struct node *first = NULL, **last = &first;
	struct tag tag;
	while (!parser->failed && find_tag(parser, &tag)) {
		if (tag.line_from > parser->at)
			add_node(parser, &last, TAG_LITERAL, parser->at,
				 (size_t)(tag.line_from - parser->at));
		count_lines(parser, tag.line_to);
		if (tag.remark)
			continue;
		if (tag.kind == TAG_END) {
			if (!section || strcmp(section, tag.name) != 0)
				complain(parser, "ends what has not begun: ", tag.name);
			return first;
		}
		read_tag(parser, &last, &tag, depth);
	}
	if (section)
		complain(parser, "has no end: ", section);
	if (!parser->failed && parser->at < parser->end)
		add_node(parser, &last, TAG_LITERAL, parser->at,
			 (size_t)(parser->end - parser->at));
	parser->at = parser->end;
	return first;
}

/* ---- checking ------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct template *)a)->name, ((const struct template *)b)->name);
}

static const struct template *find(const struct templates *templates, const char *name)
{
	const struct template probe = {.name = name};
	return bsearch(&probe, templates->list, templates->count, sizeof(probe), compare_names);
}

static int complain_of(const struct template *template, const struct node *node, const char *what,
		       struct err *err)
{
	return err_set(err, "%s:%zu: %s%.*s", template->file, node->line, what, NAME_MAX_SIZE,
		       node->text);
}

static int link_nodes(const struct templates *templates, const struct template *template,
		      struct node *node, const struct texts_language *language, struct err *err)
{
	for (; node; node = node->next) {
		if (node->kind == TAG_PARTIAL && !(node->partial = find(templates, node->text)))
			return complain_of(template, node, "there is no template ", err);
		if (node->kind == TAG_TEXT && !strchr(node->text, '*') &&
		    !texts_has(language, node->text))
			return complain_of(template, node, "there is no text ", err);
		if (link_nodes(templates, template, node->inner, language, err))
			return -1;
	}
	return 0;
}

static bool is_endless(const struct node *node, int depth)
{
	for (; node && depth <= DEPTH_MAX; node = node->next) {
		if (is_endless(node->inner, depth) ||
		    (node->partial && is_endless(node->partial->first, depth + 1)))
			return true;
	}
	return depth > DEPTH_MAX;
}

static int check_all(struct templates *templates, const struct texts *texts, struct err *err)
{
	const struct texts_language *language = texts_language(texts, TEXTS_REFERENCE);
	for (size_t i = 0; i < templates->count; i++) {
		struct template *one = &templates->list[i];
		if (i && strcmp(one[-1].name, one->name) == 0)
			return err_set(err, "%s: there are two of that name", one->file);
		if (link_nodes(templates, one, one->first, language, err))
			return -1;
	}
	for (size_t i = 0; i < templates->count; i++) {
		if (is_endless(templates->list[i].first, 0))
			return err_set(err, "%s: its partials have no end",
				       templates->list[i].file);
	}
	return 0;
}

static int read_file(struct templates *templates, const struct template_file *file, struct err *err)
{
	struct template *template = &templates->list[templates->count++];
	const char *text = arena_strndup(templates->arena, file->text, file->size);
	template->file = arena_strdup(templates->arena, file->name);
	template->name = arena_strndup(templates->arena, file->name, strcspn(file->name, "."));
	if (!text_is_utf8(file->text, file->size) || strlen(text) != file->size)
		return err_set(err, "%.60s: not UTF-8 text", file->name);
	struct parser parser = {.arena = templates->arena,
				.file = template->file,
				.begin = text,
				.at = text,
				.end = text + file->size,
				.line = 1,
				.err = err};
	template->first = read_nodes(&parser, NULL, 0);
	return parser.failed ? -1 : 0;
}

struct templates *templates_parse(const struct template_file *files, size_t count,
				  const struct texts *texts, struct err *err)
{
	struct templates *templates = x_calloc(1, sizeof(*templates));
	templates->arena = arena_new();
	templates->list = x_calloc(count + 1, sizeof(*templates->list));
	int failed = 0;
	for (size_t i = 0; i < count && !failed; i++)
		failed = read_file(templates, &files[i], err);
	if (!failed)
		qsort(templates->list, templates->count, sizeof(*templates->list), compare_names);
	if (failed || check_all(templates, texts, err))
		templates_free(&templates);
	return templates;
}

void templates_free(struct templates **templates)
{
	if (!*templates)
		return;
	arena_free(&(*templates)->arena);
	free((*templates)->list);
	free(*templates);
	*templates = NULL;
}

/* ---- rendering ------------------------------------------------------------------------------ */

struct frame {
	json_t *value;
	const struct frame *outer;
};

struct page {
	const struct texts_language *language;
	struct buffer *out;
};

void template_escape(struct buffer *out, const char *text, size_t size)
{
	for (const char *end = text + size; text < end;) {
		const char *plain = text;
		while (text < end && !memchr("&<>\"'", *text, 5))
			text++;
		buffer_add(out, plain, (size_t)(text - plain));
		if (text < end) {
			buffer_add_str(out, *text == '&'   ? "&amp;"
					    : *text == '<' ? "&lt;"
					    : *text == '>' ? "&gt;"
					    : *text == '"' ? "&quot;"
							   : "&#39;");
			text++;
		}
	}
}

/* The innermost one that has the first part of the name, then inwards; NULL: there is none. */
static json_t *look_up(const struct frame *frame, const char *name)
{
	char part[NAME_MAX_SIZE + 1];
	json_t *found = NULL;
	if (strcmp(name, ".") == 0)
		return frame->value;
	size_t size = strcspn(name, ".");
	memcpy(part, name, size);
	part[size] = '\0';
	for (; frame && !found; frame = frame->outer)
		found = json_object_get(frame->value, part);
	while (found && name[size]) {
		name += size + 1;
		size = strcspn(name, ".");
		memcpy(part, name, size);
		part[size] = '\0';
		found = json_object_get(found, part);
	}
	return found;
}

static bool is_true(json_t *value)
{
	if (!value || json_is_null(value) || json_is_false(value))
		return false;
	if (json_is_array(value))
		return json_array_size(value) > 0;
	return !json_is_string(value) || json_string_length(value) > 0;
}

static void write_value(struct page *page, json_t *value)
{
	char number[40];
	if (json_is_string(value)) {
		template_escape(page->out, json_string_value(value), json_string_length(value));
	} else if (json_is_integer(value)) {
		buffer_add(page->out, number, text_decimal(number, json_integer_value(value)));
	} else if (json_is_real(value)) {
		snprintf(number, sizeof(number), "%.10g", json_real_value(value));
		buffer_add_str(page->out, number);
	}
}

static bool find_argument(void *self, const char *name, struct message_value *value)
{
	json_t *found = look_up(self, name);
	if (json_is_string(found))
		value->text = json_string_value(found);
	else if (json_is_integer(found))
		value->number = json_integer_value(found);
	else if (json_is_boolean(found))
		value->text = json_is_true(found) ? "true" : "false";
	else
		return false;
	return true;
}

/* "none": the value is no name of a text. */
static const char *key_ending(json_t *value, char number[40])
{
	if (json_is_integer(value))
		text_decimal(number, json_integer_value(value));
	return json_is_integer(value)  ? number
	       : json_is_string(value) ? json_string_value(value)
				       : "none";
}

/* A literal key, or one that ends in a value. */
static void write_text(struct page *page, const struct frame *frame, const char *key)
{
	char made[2 * TEXTS_KEY_MAX];
	struct buffer text = {0};
	const char *star = strchr(key, '*');
	const struct message_values values = {find_argument, (void *)(uintptr_t)frame, true};
	if (star) {
		char number[40];
		const char *ending = key_ending(look_up(frame, star + 1), number);
		snprintf(made, sizeof(made), "%.*s%.80s", (int)(star - key), key, ending);
		key = made;
	}
	if (texts_write(page->language, key, &values, &text))
		template_escape(page->out, text.data ? text.data : "", text.len);
	buffer_free(&text);
}

static void render(struct page *page, const struct frame *frame, const struct node *node);

static void render_section(struct page *page, const struct frame *frame, const struct node *node)
{
	json_t *value = look_up(frame, node->text), *item;
	size_t i;
	if (is_true(value) != (node->kind == TAG_SECTION))
		return;
	if (node->kind == TAG_INVERTED || !(json_is_array(value) || json_is_object(value))) {
		render(page, frame, node->inner);
	} else if (json_is_object(value)) {
		const struct frame inner = {value, frame};
		render(page, &inner, node->inner);
	} else {
		json_array_foreach(value, i, item)
		{
			const struct frame inner = {item, frame};
			render(page, &inner, node->inner);
		}
	}
}

static void render(struct page *page, const struct frame *frame, const struct node *node)
{
	for (; node; node = node->next) {
		if (node->kind == TAG_LITERAL)
			buffer_add(page->out, node->text, node->size);
		else if (node->kind == TAG_VALUE)
			write_value(page, look_up(frame, node->text));
		else if (node->kind == TAG_TEXT)
			write_text(page, frame, node->text);
		else if (node->kind == TAG_PARTIAL)
			render(page, frame, node->partial->first);
		else
			render_section(page, frame, node);
	}
}

int templates_render(const struct templates *templates, const char *name, json_t *view,
		     const struct texts_language *language, struct buffer *out)
{
	const struct template *template = find(templates, name);
	const struct frame frame = {view, NULL};
	struct page page = {language, out};
	if (!template)
		return -1;
	render(&page, &frame, template->first);
	return 0;
}
