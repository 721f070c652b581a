#include "domain/catalogue_load.h"
#include "domain/message_fault.h"

#include <string.h>

#include "domain/language_tag.h"

struct items load_items(struct load *load, const char *name)
{
	struct items items = {NULL, 0};
	for (size_t i = 0; i < load->count; i++) {
		struct yaml_at root = {&load->trees[i],
				       yaml_document_get_root_node(&load->trees[i].document)};
		struct yaml_at list = yaml_member(root, name);
		size_t more = yaml_count(&load->reader, list);
		struct yaml_at *grown =
		    arena_take(load->reader.arena, (items.count + more) * sizeof(*grown));
		if (items.count)
			memcpy(grown, items.list, items.count * sizeof(*grown));
		for (size_t k = 0; k < more; k++)
			grown[items.count++] = yaml_item(list, k);
		items.list = grown;
	}
	return items;
}

struct catalogue_texts load_texts(struct load *load, struct yaml_at map, const char *name,
				  bool required)
{
	struct catalogue_texts texts = {NULL, 0};
	struct yaml_at at = yaml_member(map, name), value;
	const char *language;
	size_t count = 0;
	while (yaml_pair(at, count, &language, &value))
		count++;
	struct catalogue_text *list = arena_take(load->reader.arena, (count + 1) * sizeof(*list));
	texts.texts = list;
	if (yaml_scalar(at))
		list[texts.count++] =
		    (struct catalogue_text){load->catalogue->default_language,
					    arena_strdup(load->reader.arena, yaml_scalar(at))};
	for (size_t i = 0; yaml_pair(at, i, &language, &value); i++) {
		char tag[LANGUAGE_TAG_SIZE];
		if (!yaml_scalar(value))
			yaml_complain(&load->reader, value, "%s: expected a text", name);
		else if (!language_tag_read(language, tag))
			yaml_complain(&load->reader, value, "%s: \"%s\" is no language", name,
				      language);
		else
			list[texts.count++] = (struct catalogue_text){
			    arena_strdup(load->reader.arena, tag),
			    arena_strdup(load->reader.arena, yaml_scalar(value))};
	}
	if (required && !texts.count)
		yaml_complain(&load->reader, map, "%s is missing", name);
	return texts;
}

/* The element of an array of structs that begin with their code. */
void *load_find(const void *array, size_t count, size_t size, const char *code)
{
	const char *at = array;
	for (size_t i = 0; i < count; i++, at += size) {
		if (strcmp(*(const char *const *)at, code) == 0)
			return (void *)(uintptr_t)at;
	}
	return NULL;
}

const char *load_code(struct load *load, struct yaml_at map, const void *before, size_t count,
		      size_t size)
{
	const char *code = yaml_text(&load->reader, map, "code", true);
	if (strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(code))
		yaml_complain(&load->reader, map,
			      "code \"%.40s\": only small letters, digits, . _ -", code);
	if (strlen(code) > MESSAGE_CODE_MOST)
		yaml_complain(&load->reader, map, "code \"%.40s...\": at most %d letters", code,
			      MESSAGE_CODE_MOST);
	if (load_find(before, count, size, code))
		yaml_complain(&load->reader, map, "code \"%.40s\" is there twice", code);
	return code;
}

/* What the member names, or a complaint. */
void *load_ref(struct load *load, struct yaml_at map, const char *name, const void *array,
	       size_t count, size_t size, bool required)
{
	const char *code = yaml_text(&load->reader, map, name, required);
	void *found = *code ? load_find(array, count, size, code) : NULL;
	if (*code && !found)
		yaml_complain(&load->reader, yaml_member(map, name), "there is no %s \"%.40s\"",
			      name, code);
	return found;
}

struct calendar_span load_span(struct load *load, struct yaml_at map, const char *name)
{
	struct calendar_span span = {UNIT_DAYS, 1};
	struct err why;
	const char *text = yaml_text(&load->reader, map, name, true);
	if (!load->reader.failed && calendar_span_parse(text, &span, &why))
		yaml_complain(&load->reader, yaml_member(map, name), "%s", why.text);
	return span;
}
