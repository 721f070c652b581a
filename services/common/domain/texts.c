#include "domain/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/language_tag.h"
#include "domain/yaml_tree.h"
#include "util/alloc.h"
#include "util/text.h"

#define DEPTH_MAX 6

struct entry {
	const char *key;
	const struct message *message;
	size_t line;
};

struct texts_language {
	const char *tag;
	struct message_locale *locale;
	struct entry *entries; /* sorted by key */
	size_t count, room;
};

struct texts {
	struct arena *arena;
	struct texts_language *languages; /* sorted by tag */
	size_t count;
	const char **tags;
};

/* ---- reading a file ------------------------------------------------------------------------- */

struct reading {
	struct texts_language *language;
	struct yaml_reader reader;
};

static void add_entry(struct reading *reading, const char *key, struct yaml_at at)
{
	struct texts_language *language = reading->language;
	struct err why;
	const struct message *message =
	    message_parse(reading->reader.arena, yaml_scalar(at), language->locale, &why);
	if (!message)
		yaml_complain(&reading->reader, at, "%s: %.100s", key, why.text);
	if (language->count == language->room) {
		language->room = language->room ? 2 * language->room : 256;
		language->entries =
		    x_realloc(language->entries, language->room, sizeof(*language->entries));
	}
	language->entries[language->count++] = (struct entry){
	    arena_strdup(reading->reader.arena, key), message, at.node->start_mark.line + 1};
}

static void read_map(struct reading *reading, const char *prefix, struct yaml_at map, int depth)
{
	const char *name;
	struct yaml_at value;
	if (depth > DEPTH_MAX)
		yaml_complain(&reading->reader, map, "nested too deeply");
	for (size_t i = 0; !reading->reader.failed && yaml_pair(map, i, &name, &value); i++) {
		char key[TEXTS_KEY_MAX + 1];
		int size = snprintf(key, sizeof(key), "%s%s%s", prefix, *prefix ? "." : "", name);
		if (size > TEXTS_KEY_MAX || !*name)
			yaml_complain(&reading->reader, value, "the name is empty or too long");
		else if (yaml_scalar(value))
			add_entry(reading, key, value);
		else if (value.node && value.node->type == YAML_MAPPING_NODE)
			read_map(reading, key, value, depth + 1);
		else
			yaml_complain(&reading->reader, value, "%s: expected a text", key);
	}
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static void sort_entries(struct reading *reading, const char *file)
{
	struct texts_language *language = reading->language;
	qsort(language->entries, language->count, sizeof(*language->entries), compare_entries);
	for (size_t i = 1; i < language->count && !reading->reader.failed; i++) {
		if (strcmp(language->entries[i - 1].key, language->entries[i].key) == 0) {
			reading->reader.failed = true;
			err_set(reading->reader.err, "%s:%zu: %s is there twice", file,
				language->entries[i].line, language->entries[i].key);
		}
	}
}

static int check_file(const struct texts_file *file, struct err *err)
{
	size_t length = strlen(file->name);
	if (length < 7 || length > 40 || strcmp(file->name + length - 5, ".yaml") != 0)
		return err_set(err, "%.60s: expected LANGUAGE.yaml", file->name);
	if (!text_is_utf8(file->text, file->size))
		return err_set(err, "%s: not UTF-8", file->name);
	if (text_byte_order_mark(file->text, file->size))
		return err_set(err, "%s:1: begins with a byte order mark", file->name);
	return 0;
}

static int read_file(struct texts *texts, const struct texts_file *file, struct err *err)
{
	struct yaml_tree tree;
	struct texts_language *language = &texts->languages[texts->count++];
	if (check_file(file, err))
		return -1;
	language->tag = arena_strndup(texts->arena, file->name, strlen(file->name) - 5);
	language->locale = message_locale_open(language->tag, err);
	if (!language->locale || yaml_tree_read(&tree, file->name, file->text, file->size, err))
		return -1;
	struct reading reading = {language, {texts->arena, err, false}};
	read_map(&reading, "", yaml_root(&tree), 0);
	if (!reading.reader.failed)
		sort_entries(&reading, file->name);
	yaml_tree_free(&tree);
	return reading.reader.failed ? -1 : 0;
}

/* ---- comparing with the reference ----------------------------------------------------------- */

static const struct entry *find_entry(const struct texts_language *language, const char *key)
{
	const struct entry probe = {.key = key};
	return bsearch(&probe, language->entries, language->count, sizeof(probe), compare_entries);
}

static int compare_arguments(const struct texts_language *language, const struct entry *entry,
			     const struct entry *like, struct err *err)
{
	struct message_argument ours[MESSAGE_ARGUMENTS_MAX], theirs[MESSAGE_ARGUMENTS_MAX];
	size_t count = message_arguments(entry->message, ours);
	size_t wanted = message_arguments(like->message, theirs);
	for (size_t i = 0; i < count || i < wanted; i++) {
		bool missing =
		    i == count || (i < wanted && strcmp(ours[i].name, theirs[i].name) > 0);
		if (!missing && (i >= wanted || strcmp(ours[i].name, theirs[i].name) < 0))
			return err_set(err, "%s.yaml:%zu: %s: there is no argument {%s}",
				       language->tag, entry->line, entry->key, ours[i].name);
		if (missing)
			return err_set(err, "%s.yaml:%zu: %s: {%s} is missing", language->tag,
				       entry->line, entry->key, theirs[i].name);
	}
	return 0;
}

static int compare_languages(const struct texts_language *language,
			     const struct texts_language *reference, struct err *err)
{
	for (size_t i = 0; i < reference->count; i++) {
		const struct entry *like = &reference->entries[i];
		const struct entry *entry = find_entry(language, like->key);
		if (!entry)
			return err_set(err, "%s.yaml: %s is missing", language->tag, like->key);
		if (compare_arguments(language, entry, like, err))
			return -1;
	}
	for (size_t i = 0; i < language->count; i++) {
		const struct entry *entry = &language->entries[i];
		if (!find_entry(reference, entry->key))
			return err_set(err, "%s.yaml:%zu: there is no text %s", language->tag,
				       entry->line, entry->key);
	}
	return find_entry(language, "direction")
		   ? 0
		   : err_set(err, "%s.yaml: direction is missing", language->tag);
}

static int compare_tags(const void *a, const void *b)
{
	return strcmp(((const struct texts_language *)a)->tag,
		      ((const struct texts_language *)b)->tag);
}

static int finish(struct texts *texts, struct err *err)
{
	qsort(texts->languages, texts->count, sizeof(*texts->languages), compare_tags);
	texts->tags = arena_zero(texts->arena, (texts->count + 1) * sizeof(*texts->tags));
	for (size_t i = 0; i < texts->count; i++)
		texts->tags[i] = texts->languages[i].tag;
	const struct texts_language *reference = texts_language(texts, TEXTS_REFERENCE);
	if (!reference)
		return err_set(err, "%s.yaml is missing", TEXTS_REFERENCE);
	for (size_t i = 0; i < texts->count; i++) {
		if (compare_languages(&texts->languages[i], reference, err))
			return -1;
	}
	return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct texts *texts_parse(const struct texts_file *files, size_t count, struct err *err)
{
	if (count > TEXTS_LANGUAGES_MAX) {
		err_set(err, "more than %d languages", TEXTS_LANGUAGES_MAX);
		return NULL;
	}
	struct texts *texts = x_calloc(1, sizeof(*texts));
	texts->arena = arena_new();
	texts->languages = x_calloc(count + 1, sizeof(*texts->languages));
	int failed = 0;
	for (size_t i = 0; i < count && !failed; i++)
		failed = read_file(texts, &files[i], err);
	if (failed || finish(texts, err))
		texts_free(&texts);
	return texts;
}

void texts_free(struct texts **texts)
{
	if (!*texts)
		return;
	for (size_t i = 0; i < (*texts)->count; i++) {
		message_locale_close(&(*texts)->languages[i].locale);
		free((*texts)->languages[i].entries);
	}
	free((*texts)->languages);
	arena_free(&(*texts)->arena);
	free(*texts);
	*texts = NULL;
}

/* ---- looking up ----------------------------------------------------------------------------- */

const char *const *texts_tags(const struct texts *texts)
{
	return texts->tags;
}

const struct texts_language *texts_language(const struct texts *texts, const char *tag)
{
	const struct texts_language probe = {.tag = tag}, reference = {.tag = TEXTS_REFERENCE};
	const struct texts_language *found =
	    bsearch(&probe, texts->languages, texts->count, sizeof(probe), compare_tags);
	return found ? found
		     : bsearch(&reference, texts->languages, texts->count, sizeof(probe),
			       compare_tags);
}

static const char *tag_at(const void *list, size_t i)
{
	return ((const char *const *)list)[i];
}

const struct texts_language *texts_for(const struct texts *texts, const char *preferences)
{
	int found = language_lookup(preferences, tag_at, texts->tags, texts->count);
	return texts_language(texts, found < 0 ? TEXTS_REFERENCE : texts->tags[found]);
}

const char *texts_direction(const struct texts_language *language)
{
	struct buffer out = {0};
	texts_write(language, "direction", &message_no_values, &out);
	bool rtl = strcmp(out.data, "rtl") == 0;
	buffer_free(&out);
	return rtl ? "rtl" : "ltr";
}

bool texts_has(const struct texts_language *language, const char *key)
{
	return find_entry(language, key) != NULL;
}

bool texts_write(const struct texts_language *language, const char *key,
		 const struct message_values *values, struct buffer *out)
{
	const struct entry *entry = find_entry(language, key);
	if (entry)
		message_format(entry->message, language->locale, values, out);
	return entry != NULL;
}
